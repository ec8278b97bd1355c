# Robust errors of calibration in tied months, with row weights and clusters: the slope over the follow-up (coxph), the
# regression of pseudo-values (geese), a state at a visit under weights and clusters (glm with a sandwich) and loess under
# weights. Writes calibration_errors.json beside this file; the patients of veteran are those of further_cases.json.
suppressMessages({library(survival); library(geepack); library(sandwich); library(jsonlite)})
v <- transform(veteran, month = ceiling(time / 30))
n <- nrow(v)
v$risk <- 1 - exp(-exp((60 - v$karno) / 25 - 0.5))
v$x <- log(-log(1 - v$risk))
v$weight <- 1 + seq_len(n) %% 5 / 2
v$cluster <- seq_len(n) %% 20
tight <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 100)
both <- function(coef, vcov) list(coef = unname(coef), se = unname(sqrt(diag(as.matrix(vcov)))))
cox <- function(weight, cluster) {
  f <- do.call(coxph, list(Surv(month, status) ~ x, v, weights = weight, cluster = cluster, control = tight))
  both(coef(f), vcov(f))
}
incidence <- function(d) 1 - summary(survfit(Surv(month, status) ~ 1, d), times = 4, extend = TRUE)$surv
v$pseudo <- sapply(seq_len(n), function(i) n * incidence(v) - (n - 1) * incidence(v[-i, ]))
gee <- function(d, formula = pseudo ~ x) {
  f <- geese(formula, id = id, data = d, mean.link = "cloglog", variance = "gaussian", corstr = "independence",
             control = geese.control(epsilon = 1e-13))
  both(f$beta, f$vbeta)
}
v$id <- seq_len(n)
sorted <- transform(v, id = cluster)[order(v$cluster), ]
v$state <- as.integer(v$month <= 4)
logit <- qlogis(v$risk)
weighted <- suppressWarnings(glm(state ~ logit, binomial, v, weights = weight, epsilon = 1e-14))
plain <- glm(state ~ logit, binomial, v, epsilon = 1e-14)
local <- loess(state ~ risk, v, weights = weight)
gap <- abs(fitted(local) - v$risk)
write_json(list(
  slope_clusters = cox(rep(1, n), v$cluster), slope_weights = cox(v$weight, seq_len(n)),
  slope_both = cox(v$weight, v$cluster),
  pseudo = gee(v), pseudo_clusters = gee(sorted), pseudo_large = gee(v, pseudo ~ offset(x)),
  state_weights = both(coef(weighted), sandwich(weighted)),
  state_clusters = both(coef(plain), vcovCL(plain, v$cluster, type = "HC0", cadjust = TRUE)),
  loess = list(ici = weighted.mean(gap, v$weight), emax = max(gap))
), "calibration_errors.json", digits = 15, auto_unbox = TRUE)
