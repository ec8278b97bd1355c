# Reliability (psych, vcd, epiR), ROC (pROC), random effects (metafor) and Rubin's rules (mice, mitml) on drawn tables.
# Rscript reliability_pooling.R
suppressMessages({library(psych); library(vcd); library(epiR); library(pROC); library(metafor); library(survival)
  library(mice); library(mitml); library(jsonlite)})
lcg <- function(seed, n) { s <- seed; u <- numeric(n); for (k in 1:n) { s <- (16807 * s) %% 2147483647; u[k] <- s / 2147483647 }; u }
z <- function(seed, n) qnorm(lcg(seed, n))

ratings <- list(
  good = round(z(1, 12) * 3 + 20 + matrix(z(2, 36), 12, 3) + rep(c(0, .5, -.4), each = 12), 2),
  poor = round(matrix(z(3, 24), 8, 3), 2),
  opposed = cbind(c(1, 2, 3, 4, 5), c(5, 4, 3, 2.5, 1)),
  many = round(matrix(z(4, 100), 20, 5) + z(5, 20), 2))
icc_of <- function(x) { colnames(x) <- NULL
  keep <- function(alpha) unname(as.matrix(ICC(x, lmer = FALSE, alpha = alpha)$results[, 2:8]))
  list(ratings = x, at_95 = keep(.05), at_90 = keep(.10)) }

tables <- list(binary = matrix(c(40, 9, 6, 45), 2), opposed = matrix(c(2, 8, 9, 1), 2),
  zero = matrix(c(0, 1, 2, 3, 10, 4, 0, 2, 7), 3), five = matrix(c(9, 1, 0, 0, 0, 2, 8, 3, 0, 1, 0, 2, 11, 4, 0, 0, 1, 2, 7, 2, 0, 0, 0, 3, 6), 5))
kappa_of <- function(t) { linear <- Kappa(t, weights = "Equal-Spacing")
  list(table = t, none = unname(linear$Unweighted), linear = unname(linear$Weighted),
       quadratic = unname(Kappa(t, weights = "Fleiss-Cohen")$Weighted)) }

a <- round(z(6, 20) * 4 + 30, 1); b <- round(a * .9 + 2 + z(7, 20), 1)
lin <- epi.ccc(a, b)$rho.c

state <- as.integer(lcg(8, 60) < .4); one <- round(z(9, 60) + state, 1); two <- round(z(10, 60) + .6 * state, 1)
first <- roc(state, one, direction = "<", quiet = TRUE); second <- roc(state, two, direction = "<", quiet = TRUE)
test <- roc.test(first, second, method = "delong", paired = TRUE)

sites <- list(
  alike = list(y = round(.02 * z(11, 6), 3), v = rep(.04, 6)),
  three = list(y = c(.1, .5, 1.2), v = c(.02, .05, .04)),
  many = list(y = round(1 + .5 * z(12, 40), 3), v = round(.01 + .19 * lcg(13, 40), 4)))
pool_of <- function(s) { fit <- rma(s$y, s$v, method = "REML", test = "knha", control = list(threshold = 1e-13, maxiter = 1000))
  wald <- rma(s$y, s$v, method = "REML", control = list(threshold = 1e-13, maxiter = 1000)); p <- predict(fit)
  list(y = s$y, v = s$v, mean = as.numeric(fit$beta), tau2 = fit$tau2, se_wald = wald$se, se_knha = fit$se,
       interval = c(fit$ci.lb, fit$ci.ub), prediction = c(p$pi.lb, p$pi.ub),
       q_profile = unname(confint(fit, control = list(tol = 1e-13))$random[1, 2:3]),
       tau2_dl = rma(s$y, s$v, method = "DL")$tau2, cochran_q = fit$QE, cochran_p = fit$QEp, i2 = fit$I2,
       left_out = leave1out(wald)$estimate) }

# five completed tables of 90 patients: x1 whole, x2 and the group partly drawn anew in each
n <- 90; x1 <- round(z(20, n), 3); hole <- lcg(21, n) < .35
group0 <- 1 + floor(3 * lcg(22, n)); x20 <- round(.5 * x1 + z(23, n), 3)
time <- round(-log(lcg(24, n)) * 10 * exp(-.5 * x1 - .3 * x20), 1) + .1; cut <- 2 + 20 * lcg(25, n)
event <- as.integer(time <= cut); time <- pmin(time, round(cut, 1)); y <- as.integer(z(26, n) < .6 * x1 + .4 * x20)
completed <- lapply(1:5, function(k) data.frame(time, event, y, x1,
  x2 = ifelse(hole, round(.5 * x1 + z(30 + k, n), 3), x20), group = ifelse(hole, 1 + floor(3 * lcg(40 + k, n)), group0)))
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100); sharp <- glm.control(epsilon = 1e-15, maxit = 100)
cox <- function(f) lapply(completed, function(d) coxph(f, d, control = exact))
lr <- function(f) lapply(completed, function(d) glm(f, binomial, d, control = sharp))
rubin_of <- function(full, null) { p <- pool(as.mira(full)); s <- summary(p, conf.int = TRUE)
  joint <- function(m) unname(testModels(full, null, method = m)$test[1, c("F.value", "df1", "df2", "RIV", "P(>F)")])
  list(terms = as.character(s$term), dfcom = p$pooled$dfcom[1], estimate = s$estimate, se = s$std.error, df = s$df,
       p = s$p.value, low = s[["2.5 %"]], high = s[["97.5 %"]], riv = p$pooled$riv, fmi = p$pooled$fmi,
       D1 = joint("D1"), D2 = joint("D2")) }

# D3 of Meng and Rubin, written out: likelihood ratios at each table's estimates, and at the pooled ones
d3_of <- function(full, null, at) { m <- length(full)
  ratio <- function(q1, q0) mapply(function(a, b, i) 2 * (at(a, q1(i), i) - at(b, q0(i), i)), full, null, seq_len(m))
  mean_of <- function(fits) Reduce(`+`, lapply(fits, coef)) / m
  own <- ratio(function(i) coef(full[[i]]), function(i) coef(null[[i]])); q1 <- mean_of(full); q0 <- mean_of(null)
  shared <- mean(ratio(function(i) q1, function(i) q0)); k <- length(q1) - length(q0)
  r <- (m + 1) / (k * (m - 1)) * (mean(own) - shared); f <- shared / (k * (1 + r)); t <- k * (m - 1)
  df2 <- if (t > 4) 4 + (t - 4) * (1 + (1 - 2 / t) / r)^2 else t * (1 + 1 / k) * (1 + 1 / r)^2 / 2
  c(f, k, df2, r, pf(f, k, df2, lower.tail = FALSE)) }
cox_at <- function(fit, q, i) coxph(formula(fit), completed[[i]], init = q, control = coxph.control(iter.max = 0))$loglik[2]
lr_at <- function(fit, q, i) { eta <- as.vector(model.matrix(formula(fit), completed[[i]]) %*% q); sum(y * eta - log1p(exp(eta))) }
cox_fits <- list(cox(Surv(time, event) ~ x1 + x2 + factor(group)), cox(Surv(time, event) ~ x1))
lr_fits <- list(lr(y ~ x1 + x2 + factor(group)), lr(y ~ x1 + factor(group)))

out <- list(
  d3 = list(cox = d3_of(cox_fits[[1]], cox_fits[[2]], cox_at), logistic = d3_of(lr_fits[[1]], lr_fits[[2]], lr_at)),
  versions = sapply(c("psych", "vcd", "epiR", "pROC", "metafor", "mice", "mitml", "survival"), simplify = FALSE, function(p) as.character(packageVersion(p))),
  icc = lapply(ratings, icc_of), kappa = lapply(tables, kappa_of),
  concordance_correlation = list(first = a, second = b, value = lin$est, low = lin$lower, high = lin$upper),
  roc = list(state = state, first = one, second = two, auc = c(as.numeric(first$auc), as.numeric(second$auc)),
             variance = c(var(first), var(second)), z = unname(test$statistic), p = test$p.value),
  meta = lapply(sites, pool_of), completed = completed,
  cox = rubin_of(cox(Surv(time, event) ~ x1 + x2 + factor(group)), cox(Surv(time, event) ~ x1 + x2)),
  logistic = rubin_of(lr(y ~ x1 + x2 + factor(group)), lr(y ~ x1 + factor(group))))
write_json(out, "reliability_pooling.json", digits = 15, auto_unbox = TRUE, dataframe = "columns", matrix = "rowmajor")
