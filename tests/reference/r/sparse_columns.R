# Rscript tests/reference/r/sparse_columns.R
# Lasso path of a Cox model and a ridge logistic regression on a sparse matrix (dgCMatrix) of 400 rows and 60 columns of
# Park-Miller numbers, 8 % filled, tied days. R 4.2.2, glmnet 4.1-6. Writes sparse_columns.json beside it.
suppressPackageStartupMessages({library(glmnet); library(survival); library(Matrix); library(jsonlite)})
park_miller <- function(seed, count) {
  out <- numeric(count); state <- seed
  for (k in seq_len(count)) { state <- (16807 * state) %% 2147483647; out[k] <- state / 2147483647 }
  out
}
n <- 400; p <- 60
u <- matrix(park_miller(16, n * p), ncol = p, byrow = TRUE)
dense <- ifelse(u < .08, 1 + floor(u / .02), 0)
v <- matrix(park_miller(61, 2 * n), ncol = 2, byrow = TRUE)
eta <- .5 * dense[, 1] - .4 * dense[, 2] + .3 * dense[, 3]
time <- ceiling(-log(v[, 1]) * 40 / exp(eta)); leave <- ceiling(60 * v[, 2])
event <- as.integer(time <= leave); time <- pmin(time, leave)
x <- Matrix(dense, sparse = TRUE)
stopifnot(is(x, "dgCMatrix"))
glmnet.control(epsnr = 1e-15, mxitnr = 1000)  # a sparse Cox path is iterated in R, to 1e-6 of the deviance by default
lambdas <- c(.06, .03, .015)
path <- glmnet(x, Surv(time, event), family = "cox", lambda = lambdas, thresh = 1e-15, maxit = 1e7)
ridge <- glmnet(x, event, family = "binomial", alpha = 0, lambda = c(.5, .05), thresh = 1e-15, maxit = 1e7)
out <- list(version = as.character(packageVersion("glmnet")), events = sum(event), lambdas = lambdas,
            cox = as.matrix(path$beta), ridge_lambda = .05, ridge = as.numeric(ridge$beta[, 2]), intercept = unname(ridge$a0[2]))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), "tests/reference/r/sparse_columns.json")
