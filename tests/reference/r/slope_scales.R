# Calibration slopes of accelerated-failure models in new data: coxph(Surv ~ cloglog(risk)) of survreg's risks.
# Rscript slope_scales.R > slope_scales.json
library(survival)
park_miller <- function(seed, count) {
  state <- seed; out <- numeric(count)
  for (k in seq_len(count)) { state <- (16807 * state) %% 2147483647; out[k] <- state / 2147483647 }
  out
}
u <- matrix(park_miller(77, 4 * 600), ncol = 4, byrow = TRUE)
x <- qnorm(u[, 1]); z <- qnorm(u[, 2])
rows <- c()
for (shape in c(0.5, 1, 2, 3, 4)) {
  t <- 10 * (-log(u[, 3]) / (0.25 * exp(0.8 * x - 0.5 * z)))^(1 / shape)
  end <- 10 * (1 + 5 * u[, 4])^(1 / shape)
  d <- data.frame(time = pmin(t, end), event = as.integer(t <= end), x = x, z = z)
  dev <- d[1:300, ]; val <- d[301:600, ]
  for (dist in c("weibull", "lognormal", "loglogistic")) {
    fit <- survreg(Surv(time, event) ~ x + z, dev, dist = dist, control = survreg.control(rel.tolerance = 1e-14, maxiter = 100))
    risk <- psurvreg(10, predict(fit, val, type = "lp"), fit$scale, dist)
    cll <- log(-log(1 - risk))
    slope <- coef(coxph(Surv(time, event) ~ cll, val, control = coxph.control(eps = 1e-14)))
    rows <- c(rows, sprintf('{"shape": %g, "distribution": "%s", "slope": %.10f}', shape, dist, slope))
  }
}
cat("[\n", paste(rows, collapse = ",\n"), "\n]\n", sep = "")
