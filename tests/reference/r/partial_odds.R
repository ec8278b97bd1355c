# Rscript tests/reference/r/partial_odds.R
# Partial proportional odds by ordinal::clm (nominal effects) on veteran: Karnofsky in five classes.
suppressMessages({library(survival); library(ordinal); library(jsonlite)})
d <- veteran
d$y <- cut(d$karno, c(0, 30, 50, 60, 75, 100), labels = FALSE)
d$trt <- as.numeric(d$trt)
tight <- clm.control(gradTol = 1e-11, maxIter = 200)
part <- function(link) {
  m <- clm(factor(y) ~ age + diagtime, nominal = ~ trt, data = d, link = link, control = tight)
  both <- clm(factor(y) ~ age, nominal = ~ trt + diagtime, data = d, link = link, control = tight)
  list(coef = as.list(coef(m)), se = as.list(sqrt(diag(vcov(m)))), loglik = as.numeric(logLik(m)),
    both = as.list(coef(both)), loglik_both = as.numeric(logLik(both)))
}
out <- list(data = list(y = d$y, age = d$age, diagtime = d$diagtime, trt = d$trt), logit = part("logit"),
  probit = part("probit"), cloglog = part("cloglog"))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), "tests/reference/r/partial_odds.json")
