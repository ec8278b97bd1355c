# Score, information and log partial likelihood by site, and the stratified fit of all sites: survival 3.5.
# Rscript federated_cox.R > federated_cox.json
library(survival); library(jsonlite)
park_miller <- function(seed, count) {
  state <- seed; out <- numeric(count)
  for (k in seq_len(count)) { state <- (16807 * state) %% 2147483647; out[k] <- state / 2147483647 }
  out
}
u <- matrix(park_miller(20240501, 15 * 600), ncol = 15, byrow = TRUE)
z <- qnorm(u[, 1:10])
c1 <- z[, 1]; c2 <- z[, 2]
p1 <- .4 * c1 + sqrt(1 - .16) * z[, 4]
m1 <- .3 * c2 + sqrt(1 - .09) * z[, 6]
g1 <- .3 * c1 + .2 * p1 + .9 * z[, 9]
site <- 1 + floor(6 * u[, 11])
lp <- .5 * c1 + .3 * c2 + .35 * p1 + .2 * m1 + .15 * g1 + .12 * (site - 3.5)
t1 <- (-log(u[, 12]) / (.025 * exp(lp)))^(1 / 1.2); t2 <- -log(u[, 13]) / .008; cens <- 6 + 30 * u[, 14]
end <- pmin(t1, t2)
d <- data.frame(c1, c2, p1, m1, g1, site,
                time = pmax(.1, round(10 * pmin(end, cens)) / 10), event = as.integer(cens > end & t1 <= t2))
# monthly times (many ties), late entry and weights
d$month <- ceiling(d$time); d$entry <- floor(pmin(d$month - 1, 6 * u[, 15])); d$w <- 1 + (seq_len(600) %% 3)
control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)
parts <- function(part) {
  fit <- coxph(Surv(time, event) ~ c1 + c2 + p1 + m1 + g1, part, init = rep(0, 5), control = coxph.control(iter.max = 0))
  list(n = nrow(part), events = sum(part$event), loglik = fit$loglik[1],
       score = unname(colSums(residuals(fit, type = "score"))), information = unname(solve(fit$var)))
}
pooled <- function(fit) list(coef = unname(coef(fit)), se = unname(sqrt(diag(fit$var))), loglik = fit$loglik)
plain <- coxph(Surv(time, event) ~ c1 + c2 + p1 + m1 + g1 + strata(site), d, control = control)
ridged <- coxph(Surv(time, event) ~ ridge(c1, c2, p1, m1, g1, theta = 10, scale = FALSE) + strata(site), d,
                control = control)
hard <- coxph(Surv(entry, month, event) ~ c1 + c2 + p1 + m1 + g1 + strata(site), d, weights = w, control = control)
base <- lapply(split(d, d$site), function(part) {
  curve <- basehaz(plain, centered = FALSE)
  curve <- curve[curve$strata == levels(curve$strata)[part$site[1]], ]
  sapply(c(6, 12, 24), function(t) max(curve$hazard[curve$time <= t]))
})
out <- list(sites = lapply(split(d, d$site), parts), pooled = pooled(plain), ridge = unname(coef(ridged)),
            hard = list(coef = unname(coef(hard)), se = unname(sqrt(diag(hard$var))),
                        loglik = hard$loglik), baseline = base)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE))
