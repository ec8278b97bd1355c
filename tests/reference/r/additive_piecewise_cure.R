# Rscript tests/reference/r/additive_piecewise_cure.R
# Aalen's additive model (survival::aareg), piecewise exponential regression (glm of the Poisson family on survSplit rows)
# on the cohort of tests/syn.py (n = 300), and a Weibull mixture cure model (likelihood written out, nlm) on 400 patients
# of the same generator. R 4.2, survival 3.5-3. Writes additive_piecewise_cure.json beside it.
suppressPackageStartupMessages({library(survival); library(jsonlite)})

park_miller <- function(seed, count) {
  out <- numeric(count); state <- seed
  for (k in seq_len(count)) { state <- (16807 * state) %% 2147483647; out[k] <- state / 2147483647 }
  out
}
n <- 300; u <- matrix(park_miller(20240501, 15 * n), ncol = 15, byrow = TRUE); z <- qnorm(u[, 1:10])
c1 <- z[, 1]; c2 <- z[, 2]
p1 <- .4 * c1 + sqrt(.84) * z[, 4]; p2 <- .5 * p1 + sqrt(.75) * z[, 5]
m1 <- .3 * c2 + sqrt(.91) * z[, 6]
g1 <- .3 * c1 + .2 * p1 + .9 * z[, 9]; site <- 1 + floor(6 * u[, 11])
lp <- .5 * c1 + .3 * c2 + .35 * p1 + .2 * m1 + .15 * g1 + .12 * (site - 3.5)
T1 <- (-log(u[, 12]) / (.025 * exp(lp)))^(1 / 1.2); T2 <- -log(u[, 13]) / .008; C <- 6 + 30 * u[, 14]
first <- pmin(T1, T2); time <- pmax(.1, round(pmin(first, C) * 10) / 10)
status <- ifelse(C <= first, 0, ifelse(T1 <= T2, 1, 2)); event <- as.integer(status == 1)
data <- data.frame(time, event, c1 = c1 - mean(c1), p1 = p1 - mean(p1))
w <- 1 + (seq_len(n) %% 3)

cumulative <- function(fit) { # aareg has a row a death; tied deaths add up
  sums <- apply(fit$coefficient, 2, cumsum)
  last <- !duplicated(fit$times, fromLast = TRUE)
  list(times = fit$times[last], baseline = sums[last, 1], c1 = sums[last, 2], p1 = sums[last, 3])
}
out <- list(version = as.character(packageVersion("survival")))
out$additive <- cumulative(aareg(Surv(time, event) ~ c1 + p1, data))
out$additive_weighted <- cumulative(aareg(Surv(time, event) ~ c1 + p1, data, weights = w))

cuts <- c(6, 14)
pieces <- function(frame) {
  frame$id <- seq_len(nrow(frame)); frame$w <- w
  long <- survSplit(Surv(start, time, event) ~ ., frame, cut = cuts, episode = "k")
  long$k <- factor(long$k); long$at_risk <- long$time - long$start
  fit <- glm(event ~ 0 + k + k:c1 + k:p1 + offset(log(at_risk)), poisson, long, weights = long$weight,
             control = glm.control(epsilon = 1e-15, maxit = 100))
  list(coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))),
       loglik = sum(long$weight * long$event * predict(fit)) - sum(long$weight * fitted(fit)) -
         sum(long$weight * long$event * log(long$at_risk)))
}
plain <- transform(data, start = 0, weight = 1)
out$piecewise <- pieces(plain)
out$piecewise_weighted <- pieces(transform(plain, weight = w))
out$piecewise_late <- pieces(transform(plain, start = ifelse(time > 3, 2.5, 0)))

m <- 400; v <- matrix(park_miller(77, 4 * m), ncol = 4, byrow = TRUE)
x <- qnorm(v[, 1]); never <- v[, 2] < plogis(-.4 + .8 * x)
t0 <- 5 * exp(.3 * x) * (-log(v[, 3]))^(1 / 1.5); end <- 20 + 20 * v[, 4]
T <- ifelse(never, end, pmin(t0, end)); d <- as.integer(!never & t0 <= end)
negative <- function(b) {
  cured <- plogis(b[1] + b[2] * x); loc <- b[3] + b[4] * x; shape <- exp(-b[5])
  H <- (T / exp(loc))^shape
  -sum(ifelse(d == 1, log1p(-cured) + log(shape) - log(T) + shape * (log(T) - loc) - H, log(cured + (1 - cured) * exp(-H))))
}
fit <- list(estimate = c(-.4, .8, log(5), .3, -log(1.5)))
for (k in 1:5) fit <- nlm(negative, fit$estimate, hessian = TRUE, gradtol = 1e-12, steptol = 1e-14, iterlim = 1000)
out$cure <- list(estimate = fit$estimate, se = sqrt(diag(solve(fit$hessian))), loglik = -fit$minimum)
here <- sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), file.path(dirname(here), "additive_piecewise_cure.json"))
