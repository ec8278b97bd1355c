# One small table in the files of SAS, SPSS and Stata, as other programs than ours write them:
#   Rscript write.R FOLDER
# Needs the R package haven (2.5.1 wrote the files that lie here). Everything in it is made up.
library(haven)
folder <- commandArgs(TRUE)[1]

told <- function(x, label) {
  attr(x, "label") <- label
  x
}
first <- as.Date(c("2020-01-10", "1899-12-31", NA, "2024-02-29", "2021-07-01"))
hour <- as.POSIXct(c("2020-01-10 08:30:00", "1999-12-31 23:59:59", NA, "2024-02-29 00:00:00", "2021-07-01 12:00:00"),
                   tz = "UTC")
plain <- data.frame(
  patient = told(c("a1", "b2", "c3", "d4", "e5"), "Patient"),
  seen = told(first, "First visit"),
  asked = told(hour, "Questionnaire filled in"),
  months = told(c(3, 12.25, 0.5, NA, 7), "Months to recovery or last contact"),
  status = told(c(1, 0, 2, 0, 1), "How follow-up ended"),
  nrs = told(c(7, NA, 4, 6.5, 10), "Back pain, 0\u201310"),
  clinic = told(c("Z\u00fcrich", "\u0141\u00f3d\u017a", "", "Montr\u00e9al", NA), "Clinic")
)
coded <- plain
coded$status <- labelled(plain$status, c(censored = 0, recovery = 1, surgery = 2), label = "How follow-up ended")

# SAS: missing values of several kinds; words for codes lie in a catalog, which catalog.c writes.
sas <- plain
attr(sas$status, "format.sas") <- "ENDED"
sas$nrs <- told(c(7, tagged_na("A"), 4, NA, tagged_na("Z")), "Back pain, 0\u201310")
write_sas(sas, file.path(folder, "recovery.sas7bdat"))
# Transport files hold ASCII only by contract, and no words for codes; version 5 names have at most eight letters.
latin <- plain
latin$nrs <- told(plain$nrs, "Back pain, 0-10")
write_xpt(latin, file.path(folder, "recovery.xpt"), version = 8, name = "RECOVERY")
write_xpt(latin[c("patient", "months", "status")], file.path(folder, "recovery_v5.xpt"), version = 5, name = "RECOVERY")

# SPSS: codes that mean missing stand among the values until they are declared.
spss <- coded
spss$nrs <- labelled_spss(c(7, 98, 4, 6.5, 99), c(refused = 98, "not asked" = 99), na_values = c(98, 99),
                          label = "Back pain, 0\u201310")
spss$odi <- labelled_spss(c(40, -2, 18, -9, 55), c(refused = -9), na_range = c(-9, -1), label = "Disability")
write_sav(spss, file.path(folder, "recovery.sav"))
write_sav(spss, file.path(folder, "recovery.zsav"), compress = "zsav")

# Stata: missing values of 27 kinds, some with a word.
stata <- coded
stata$nrs <- labelled(c(7, tagged_na("a"), 4, NA, tagged_na("b")), c(refused = tagged_na("a"), worst = 10),
                      label = "Back pain, 0\u201310")
write_dta(stata, file.path(folder, "recovery.dta"), version = 14)
write_dta(stata, file.path(folder, "recovery_v13.dta"), version = 13)
