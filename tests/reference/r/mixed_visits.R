# Rscript tests/reference/r/mixed_visits.R
# Mixed models for scores at three visits (nlme 3.1-162, REML) on the cohort of tests/syn.py (n = 240), with visits that are
# missed after a high score. Writes mixed_visits.json beside it.
suppressPackageStartupMessages({library(nlme); library(jsonlite)})

park_miller <- function(seed, count) {
  out <- numeric(count); state <- seed
  for (k in seq_len(count)) { state <- (16807 * state) %% 2147483647; out[k] <- state / 2147483647 }
  out
}
n <- 240; u <- matrix(park_miller(20240501, 15 * n), ncol = 15, byrow = TRUE); z <- qnorm(u[, 1:10])
c1 <- z[, 1]; p1 <- .4 * c1 + sqrt(.84) * z[, 4]
own <- z[, 8]; visits <- c(1.5, 3, 6)
scores <- cbind(5 + .8 * c1 + .5 * p1 + 1.2 * own + z[, 2], 4.5 + .7 * c1 + .6 * p1 + 1.4 * own + 1.1 * z[, 3],
                4 + .5 * c1 + .9 * p1 + 1.1 * own + 1.5 * z[, 10])
gone <- seq_len(n) %% 2 == 0 & scores[, 1] > 6
scores[gone, 2] <- NA; scores[gone & seq_len(n) %% 4 == 0, 3] <- NA; scores[seq_len(n) %% 17 == 0, 1] <- NA
long <- data.frame(id = rep(seq_len(n), 3), k = rep(1:3, each = n), y = c(scores), c1 = c1, p1 = p1)
long <- long[!is.na(long$y), ]; long <- long[order(long$id, long$k), ]
long$v <- factor(long$k); long$t <- visits[long$k] / 6

out <- list(version = as.character(packageVersion("nlme")))
told <- function(fit, covariance) {
  list(coef = unname(if (inherits(fit, "lme")) fixef(fit) else coef(fit)), se = unname(sqrt(diag(vcov(fit)))),
       covariance = covariance, loglik = as.numeric(logLik(fit)))
}
tight <- lmeControl(tolerance = 1e-13, msTol = 1e-13, maxIter = 500, msMaxIter = 500)
of_lme <- function(fit) {
  Z <- if (ncol(ranef(fit)) == 1) matrix(1, 3) else cbind(1, visits / 6)
  Z %*% getVarCov(fit) %*% t(Z) + diag(fit$sigma^2, 3)
}
full <- y ~ 0 + v + v:c1 + v:p1
g <- gls(full, long, correlation = corSymm(form = ~ k | id), weights = varIdent(form = ~ 1 | v),
         control = glsControl(tolerance = 1e-13, msTol = 1e-13, maxIter = 500, msMaxIter = 500))
whole <- names(which(tapply(long$k, long$id, length) == 3))[1]
out$unstructured <- told(g, unclass(getVarCov(g, individual = whole))[1:3, 1:3])
e <- lme(full, long, random = ~ 1 | id, control = tight); out$exchangeable <- told(e, of_lme(e))
s <- lme(full, long, random = ~ t | id, control = tight); out$slope <- told(s, of_lme(s))
o <- lme(y ~ 0 + v + v:c1 + p1, long, random = ~ 1 | id, control = tight); out$common <- told(o, of_lme(o))
here <- sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), file.path(dirname(here), "mixed_visits.json"))
