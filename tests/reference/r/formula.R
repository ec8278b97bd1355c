# Rscript tests/reference/r/formula.R
# Formulas with splines, factors, interactions, polynomials, strata and offsets: survival, rms (for rcs) and stats.
suppressMessages({library(survival); library(rms); library(jsonlite)})
d <- veteran
d$celltype <- factor(as.character(d$celltype), levels = sort(unique(as.character(d$celltype)), method = "radix"))
d$trt <- factor(d$trt)
d$early <- as.numeric(d$time <= 60 & d$status == 1)
d$off <- d$age / 100
cox <- list(
  "Surv(time, status) ~ rcs(age, 4) + celltype" = Surv(time, status) ~ rcs(age, 4) + celltype,
  "Surv(time, status) ~ rcs(karno, 3) * C(trt)" = Surv(time, status) ~ rcs(karno, 3) * trt,
  "Surv(time, status) ~ celltype * prior + age" = Surv(time, status) ~ celltype * prior + age,
  "Surv(time, status) ~ log(diagtime) + sqrt(karno) + C(trt)" = Surv(time, status) ~ log(diagtime) + sqrt(karno) + trt,
  "Surv(time, status) ~ poly(age, 3) + karno + strata(celltype)" =
    Surv(time, status) ~ poly(age, 3) + karno + strata(celltype),
  "Surv(time, status) ~ rcs(age, c(40, 55, 65)):C(trt)" = Surv(time, status) ~ rcs(age, c(40, 55, 65)):trt,
  "Surv(time, status) ~ celltype:prior + karno" = Surv(time, status) ~ celltype:prior + karno,
  "Surv(time, status) ~ I(karno / 10) + I((age - 50) * (age - 50) / 100) + log1p(diagtime)" =
    Surv(time, status) ~ I(karno / 10) + I((age - 50) * (age - 50) / 100) + log1p(diagtime),
  "Surv(time, status) ~ age * karno * prior - age:karno:prior" = Surv(time, status) ~ age * karno * prior - age:karno:prior,
  "Surv(time, status) ~ karno + C(celltype, ref = \"large\") + offset(off)" =
    Surv(time, status) ~ karno + relevel(celltype, "large") + offset(off))
control <- coxph.control(eps = 1e-13, iter.max = 50)
out <- lapply(cox, function(f) { m <- coxph(f, data = d, control = control); list(coef = unname(coef(m)), loglik = m$loglik[2]) })
g <- glm(early ~ rcs(age, 3) + trt * karno, family = binomial, data = d, control = list(epsilon = 1e-14, maxit = 50))
out[["Status(early, 60) ~ rcs(age, 3) + C(trt) * karno"]] <- list(coef = unname(coef(g))[-1], loglik = as.numeric(logLik(g)))
l <- lm(karno ~ poly(age, 2) * celltype, data = d)
out[["Measured(karno, 1, 0, 100) ~ poly(age, 2) * celltype"]] <- list(coef = unname(coef(l))[-1], loglik = NA)
d$celltype <- as.character(d$celltype)
d$trt <- as.numeric(as.character(d$trt))
writeLines(toJSON(list(data = as.list(d), models = out, version = as.character(packageVersion("rms"))), digits = NA,
  auto_unbox = TRUE), "tests/reference/r/formula.json")
