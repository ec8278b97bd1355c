# Regressions without predictors, and likelihood ratios of cause-specific models, for test_without_predictors.py.
# Rscript tests/reference/r/without_predictors.R > tests/reference/r/without_predictors.json      (survival 3.5-3)
suppressMessages({library(survival); library(MASS); library(jsonlite)})
uniforms <- function(seed, n) { s <- seed; u <- numeric(n); for (i in seq_len(n)) { s <- (16807 * s) %% 2147483647; u[i] <- s / 2147483647 }; u }
n <- 240; u <- matrix(uniforms(20240501, 15 * n), n, 15, byrow = TRUE); z <- qnorm(u[, 1:10])
c1 <- z[, 1]; c2 <- z[, 2]; p1 <- .4 * c1 + sqrt(.84) * z[, 4]; m1 <- .3 * c2 + sqrt(.91) * z[, 6]; g1 <- .3 * c1 + .2 * p1 + .9 * z[, 9]
site <- 1 + floor(6 * u[, 11]); lp <- .5 * c1 + .3 * c2 + .35 * p1 + .2 * m1 + .15 * g1 + .12 * (site - 3.5)
t1 <- (-log(u[, 12]) / (.025 * exp(lp)))^(1 / 1.2); t2 <- -log(u[, 13]) / .008; cens <- 6 + 30 * u[, 14]
d <- data.frame(c1, c2, p1, m1, time = pmax(.1, round(10 * pmin(t1, t2, cens)) / 10), status = ifelse(cens <= pmin(t1, t2), 0, ifelse(t1 <= t2, 1, 2)), y = as.integer(t1 <= 12))
d$event <- as.integer(d$status == 1); out <- list()
for (dist in c("weibull", "exponential", "lognormal", "loglogistic")) {
  f <- survreg(Surv(time, event) ~ 1, d, dist = dist, control = survreg.control(rel.tolerance = 1e-15, maxiter = 100))
  out[[dist]] <- list(intercept = unname(coef(f)), scale = f$scale, loglik = f$loglik[1], vcov = unname(vcov(f)))
}
s <- summary(survfit(coxph(Surv(time, event) ~ 1, d), stype = 2, ctype = 2), times = c(6, 12))  # Efron's increments
out$cox <- list(risk = 1 - s$surv, loglik = coxph(Surv(time, event) ~ 1, d)$loglik[1])
g <- glm(y ~ 1, binomial, d, epsilon = 1e-15); out$logistic <- list(intercept = unname(coef(g)), se = sqrt(vcov(g)[1]), loglik = as.numeric(logLik(g)))
score <- pmin(pmax(round(10 - d$time / 4), 0), 10); o <- table(score); out$ordinal <- list(risk = mean(score <= 5), loglik = sum(o * log(o / n)))
l <- lm(score ~ 1); out$linear <- list(intercept = unname(coef(l)), se = sqrt(vcov(l)[1]), sigma = sigma(l))
fits <- function(cols) lapply(1:2, function(k) coxph(reformulate(cols, paste0("Surv(time, status == ", k, ")")), d, control = coxph.control(eps = 1e-14)))
lr <- function(f) sum(sapply(f, function(m) 2 * diff(m$loglik))); small <- fits(c("c1", "c2")); large <- fits(c("c1", "c2", "p1", "m1"))
stat <- lr(large) - lr(small)
out$cause_specific <- list(lr_without = lr(small), lr_with = lr(large), statistic = stat, p = pchisq(stat, 4, lower.tail = FALSE), against_nothing = pchisq(lr(large), 8, lower.tail = FALSE),
  spread = sapply(1:2, function(k) 1 - var(predict(small[[k]], type = "lp")) / var(predict(large[[k]], type = "lp"))))
cat(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "\n")
