# Rscript tests/reference/r/anova.R
# Tests by predictor and contrasts of settings: anova() and contrast() of rms, on the rows of formula.json.
suppressMessages({library(survival); library(rms); library(jsonlite)})
d <- fromJSON("tests/reference/r/formula.json")$data
d <- as.data.frame(d)
d$celltype <- factor(d$celltype, levels = sort(unique(d$celltype), method = "radix"))
d$trt <- factor(d$trt)
dd <- datadist(d); options(datadist = "dd")
anovas <- function(m) {
  a <- anova(m)
  list(row = rownames(a), chisq = unname(a[, "Chi-Square"]), df = unname(a[, "d.f."]), p = unname(a[, "P"]))
}
fit <- function(f) cph(f, data = d, eps = 1e-12, iter.max = 100)
models <- list(
  "Surv(time, status) ~ rcs(age, 4) + celltype" = fit(Surv(time, status) ~ rcs(age, 4) + celltype),
  "Surv(time, status) ~ rcs(karno, 3) * C(trt) + prior" = fit(Surv(time, status) ~ rcs(karno, 3) * trt + prior),
  "Surv(time, status) ~ rcs(age, 3) * karno + celltype * prior" =
    fit(Surv(time, status) ~ rcs(age, 3) * karno + celltype * prior),
  "Status(early, 60) ~ rcs(age, 3) + C(trt) * karno" =
    lrm(early ~ rcs(age, 3) + trt * karno, data = d, eps = 1e-12, maxit = 100, tol = 1e-14))
out <- lapply(models, anovas)
told <- function(k) list(contrast = unname(k$Contrast), se = unname(k$SE), low = unname(k$Lower), high = unname(k$Upper),
  p = unname(k$Pvalue))
contrasts <- list(
  spline = told(contrast(models[[1]], list(age = c(40, 70)), list(age = 55))),
  product = told(contrast(models[[2]], list(karno = 80, trt = c("1", "2")), list(karno = 40, trt = c("1", "2")))),
  usual = told(contrast(models[[3]], list(age = 70), list(age = 50))),
  odds = told(contrast(models[[4]], list(trt = "2", karno = c(30, 90)), list(trt = "1", karno = c(30, 90)))))
writeLines(toJSON(list(anova = out, contrast = contrasts, version = as.character(packageVersion("rms"))), digits = NA,
  auto_unbox = TRUE), "tests/reference/r/anova.json")
