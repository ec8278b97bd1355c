# Reference values of curves and their tests on the deterministic cohort of tests/syn.py; writes curves.json beside it.
# Rscript tests/reference/r/curves.R
library(survival); library(cmprsk); library(prodlim); library(jsonlite)

park_miller <- function(seed, count) {
  out <- numeric(count); s <- seed
  for (k in seq_len(count)) { s <- (16807 * s) %% 2147483647; out[k] <- s / 2147483647 }
  out
}
syn <- function(n = 600, seed = 20240501, sites = 6) {
  u <- matrix(park_miller(seed, 15 * n), ncol = 15, byrow = TRUE); z <- qnorm(u[, 1:10])
  c1 <- z[, 1]; c2 <- z[, 2]; p1 <- .4 * c1 + sqrt(.84) * z[, 4]; m1 <- .3 * c2 + sqrt(.91) * z[, 6]
  g1 <- .3 * c1 + .2 * p1 + .9 * z[, 9]; site <- 1 + floor(sites * u[, 11])
  lp <- .5 * c1 + .3 * c2 + .35 * p1 + .2 * m1 + .15 * g1 + .12 * (site - (sites + 1) / 2)
  first <- (-log(u[, 12]) / (.025 * exp(lp)))^(1 / 1.2); second <- -log(u[, 13]) / .008; leave <- 6 + 30 * u[, 14]
  time <- pmax(.1, round(10 * pmin(first, second, leave)) / 10)
  status <- ifelse(leave <= pmin(first, second), 0, ifelse(first <= second, 1, 2))
  data.frame(c1, c2, site, time, status, u15 = u[, 15])
}
d <- syn()
d$month <- pmax(1, round(d$time)); d$stratum <- d$c1 > 0; d$entry <- 3 * d$u15; d$w <- 0.5 + d$u15; d$f <- 1 + d$site %% 3
any <- as.integer(d$status > 0); at <- c(2, 6, 12, 24)
read <- function(fit, times = at) {
  s <- summary(fit, times = times)
  list(value = s$surv, se = s$std.err, low = s$lower, high = s$upper)
}
multi <- function(fit) {
  s <- summary(fit, times = at)
  list(value = s$pstate[, 2:3], se = s$std.err[, 2:3])
}
gray <- function(time, rho, strata) {
  t <- cuminc(time, d$status, d$site, strata, rho = rho)$Tests
  lapply(1:2, function(k) list(statistic = t[k, "stat"], df = t[k, "df"]))
}
lr <- function(s) list(statistic = s$chisq, observed = if (is.matrix(s$obs)) rowSums(s$obs) else s$obs,
                       expected = if (is.matrix(s$exp)) rowSums(s$exp) else s$exp)
one <- rep(1, nrow(d)); late <- d$time > d$entry
out <- list(
  gray_site = gray(d$time, 0, one), gray_site_rho1 = gray(d$time, 1, one),
  gray_site_strata = gray(d$time, 0, d$stratum), gray_site_months = gray(d$month, 0, one),
  logrank_site_strata = lr(survdiff(Surv(time, any) ~ site + strata(stratum), d)),
  logrank_site_strata_rho1 = lr(survdiff(Surv(time, any) ~ site + strata(stratum), d, rho = 1)),
  logrank_site_months = lr(survdiff(Surv(month, any) ~ site, d)),
  km_arcsin = read(survfit(Surv(time, any) ~ 1, d, conf.type = "arcsin")),
  km_sampling = read(survfit(Surv(time, any) ~ 1, d, weights = w, conf.type = "log-log")),
  km_entry = read(survfit(Surv(entry, time, status > 0) ~ 1, d[late, ], conf.type = "log-log")),
  km_strata = lapply(split(d, d$stratum), function(x) read(survfit(Surv(time, status > 0) ~ 1, x, conf.type = "log-log"))),
  aj_sampling = multi(survfit(Surv(time, factor(status)) ~ 1, d, weights = w, id = seq_len(nrow(d)))),
  aj_entry = multi(survfit(Surv(entry, time, factor(status)) ~ 1, d[late, ], id = seq_len(sum(late)))),
  nelson_aalen_cause = with(summary(survfit(Surv(time, status == 1) ~ 1, d), times = at),
                            list(value = cumhaz, se = std.chaz)),
  quantile_months = lapply(quantile(survfit(Surv(month, any) ~ 1, d, conf.type = "log-log"), c(.1, .25, .5, .6)), unname),
  reverse = as.list(predict(prodlim(Hist(month, any) ~ 1, d, reverse = TRUE), times = at)),
  turnbull = local({
    visits <- c(0, 1.5, 3, 6, 12, 24, 36)
    k <- findInterval(d$time, visits, left.open = TRUE)
    left <- ifelse(d$status == 1, visits[k], visits[findInterval(d$time, visits)])
    right <- ifelse(d$status == 1, visits[k + 1], NA)
    s <- survfit(Surv(left, right, type = "interval2") ~ 1)
    list(left = left, right = right, time = s$time, surv = s$surv)
  }),
  censoring_cox = lapply(c(efron = "efron", breslow = "breslow"), function(ties) {
    # censorings a moment later than events at the same time
    d$late <- d$month + 1e-4 * (d$status == 0)
    fit <- coxph(Surv(late, status == 0) ~ c1 + c2, d, ties = ties, control = coxph.control(timefix = FALSE, eps = 1e-12))
    s <- survfit(fit, newdata = d[1:5, ], censor = TRUE)
    list(coef = unname(coef(fit)), at_12 = unname(summary(s, times = 12 + 5e-4)$surv[1, ]),
         before = sapply(1:5, function(i) summary(s[i], times = d$month[i] - 5e-4, extend = TRUE)$surv))
  }),
  rmst_strata = lapply(split(d, d$stratum), function(x) {
    m <- summary(survfit(Surv(time, status > 0) ~ 1, x), rmean = 12)$table
    list(value = unname(m["rmean"]), se = unname(m[grep("se", names(m))]))
  })
)
here <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
write_json(out, file.path(dirname(here), "curves.json"), digits = NA, auto_unbox = TRUE, na = "null")
