# Values of survival::concordance for late entry, weights, strata and clusters: Rscript discrimination.R
suppressMessages({library(survival); library(jsonlite)})
keep <- function(fit) list(c = unname(fit$concordance), se = unname(sqrt(fit$var)),
                           counts = unname(if (is.matrix(fit$count)) colSums(fit$count) else fit$count))
m <- subset(myeloma, futime > entry); m$score <- m$year - (m$id %% 7)
l <- subset(lung, !is.na(ph.karno) & !is.na(inst)); l$event <- l$status - 1; l$w <- 1 + (seq_len(nrow(l)) %% 3)
k <- kidney; k$score <- k$age - 20 * k$sex
out <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  late_entry = keep(concordance(Surv(entry, futime, death) ~ score, m, reverse = TRUE)),
  late_entry_strata = keep(concordance(Surv(entry, futime, death) ~ score + strata(year > 70), m, reverse = TRUE)),
  weights = keep(concordance(Surv(time, event) ~ ph.karno, l, weights = w)),
  weights_uno = keep(concordance(Surv(time, event) ~ ph.karno, l, weights = w, timewt = "n/G2")),
  strata = keep(concordance(Surv(time, event) ~ ph.karno + strata(inst), l)),
  strata_uno = keep(concordance(Surv(time, event) ~ ph.karno + strata(sex), l, timewt = "n/G2", ymax = 500)),
  cluster = keep(concordance(Surv(time, status) ~ score, k, cluster = id))
)
write_json(out, "discrimination.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
