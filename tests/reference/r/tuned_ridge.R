# Rscript tests/reference/r/tuned_ridge.R
# Cross-validated ridge and elastic-net penalties of glmnet 4.1-6 on the cohort of tests/syn.py (n = 300), whose rows are
# dealt to folds in turn. Penalties in glmnet's unit; writes tuned_ridge.json beside it.
suppressPackageStartupMessages({library(glmnet); library(survival); library(jsonlite)})

park_miller <- function(seed, count) {
  out <- numeric(count); state <- seed
  for (k in seq_len(count)) { state <- (16807 * state) %% 2147483647; out[k] <- state / 2147483647 }
  out
}
n <- 300; u <- matrix(park_miller(20240501, 15 * n), ncol = 15, byrow = TRUE); z <- qnorm(u[, 1:10])
c1 <- z[, 1]; c2 <- z[, 2]; c3 <- z[, 3]
p1 <- .4 * c1 + sqrt(.84) * z[, 4]; p2 <- .5 * p1 + sqrt(.75) * z[, 5]
m1 <- .3 * c2 + sqrt(.91) * z[, 6]; m2 <- .6 * m1 + .8 * z[, 7]; m3 <- z[, 8]
g1 <- .3 * c1 + .2 * p1 + .9 * z[, 9]; g2 <- z[, 10]; site <- 1 + floor(6 * u[, 11])
lp <- .5 * c1 + .3 * c2 + .35 * p1 + .2 * m1 + .15 * g1 + .12 * (site - 3.5)
T1 <- (-log(u[, 12]) / (.025 * exp(lp)))^(1 / 1.2); T2 <- -log(u[, 13]) / .008; C <- 6 + 30 * u[, 14]
first <- pmin(T1, T2); time <- pmax(.1, round(pmin(first, C) * 10) / 10)
status <- ifelse(C <= first, 0, ifelse(T1 <= T2, 1, 2)); y <- as.integer(T1 <= 12)
X <- cbind(c1, c2, c3, p1, p2, m1, m2, m3, g1, g2)
fold <- (seq_len(n) - 1) %% 5 + 1
tight <- function(...) cv.glmnet(X, ..., foldid = fold, thresh = 1e-14)

out <- list(version = as.character(packageVersion("glmnet")))
for (cause in 1:2) {
  event <- as.integer(status == cause)
  lambda <- sum(event) * 10^seq(1.5, -3, length.out = 13) / (n - 1) # the penalty over n - 1, as scales differ
  cv <- tight(Surv(time, event), family = "cox", alpha = 0, lambda = lambda)
  out[[paste0("cox_", cause)]] <- list(
    lambda = cv$lambda, cvm = cv$cvm, cvsd = cv$cvsd, lambda_min = cv$lambda.min, lambda_1se = cv$lambda.1se,
    coef = as.numeric(coef(cv, s = "lambda.min")))
  net <- tight(Surv(time, event), family = "cox", alpha = .5)
  out[[paste0("net_", cause)]] <- list(lambda_min = net$lambda.min, lambda_1se = net$lambda.1se,
    coef = as.numeric(coef(net, s = "lambda.min")), coef_1se = as.numeric(coef(net, s = "lambda.1se")))
}
lambda <- min(sum(y), n - sum(y)) * 10^seq(1.5, -3, length.out = 13) / (n - 1)
cv <- tight(y, family = "binomial", alpha = 0, lambda = lambda, type.measure = "deviance")
out$logistic <- list(lambda = cv$lambda, cvm = cv$cvm, cvsd = cv$cvsd, lambda_min = cv$lambda.min,
  lambda_1se = cv$lambda.1se, coef = as.numeric(coef(cv, s = "lambda.min")))
here <- sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(dirname(here), "tuned_ridge.json"))
