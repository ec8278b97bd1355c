# Values for test_models_against_r.py: Rscript tests/reference/r/other_models.R > tests/reference/r/other_models.json
suppressMessages({library(survival); library(nnet); library(jsonlite)})

uniforms <- function(seed, n) { s <- seed; u <- numeric(n); for (i in seq_len(n)) { s <- (16807 * s) %% 2147483647; u[i] <- s / 2147483647 }; u }
cohort <- function(n = 600, seed = 20240501) {
  u <- matrix(uniforms(seed, 15 * n), n, 15, byrow = TRUE); z <- qnorm(u[, 1:10])
  c1 <- z[, 1]; c2 <- z[, 2]; p1 <- .4 * c1 + sqrt(.84) * z[, 4]; p2 <- .5 * p1 + sqrt(.75) * z[, 5]
  m1 <- .3 * c2 + sqrt(.91) * z[, 6]; g1 <- .3 * c1 + .2 * p1 + .9 * z[, 9]; site <- 1 + floor(6 * u[, 11])
  lp <- .5 * c1 + .3 * c2 + .35 * p1 + .2 * m1 + .15 * g1 + .12 * (site - 3.5)
  t1 <- (-log(u[, 12]) / (.025 * exp(lp)))^(1 / 1.2); t2 <- -log(u[, 13]) / .008; cens <- 6 + 30 * u[, 14]
  time <- pmax(.1, round(10 * pmin(t1, t2, cens)) / 10)
  status <- ifelse(cens <= pmin(t1, t2), 0, ifelse(t1 <= t2, 1, 2))
  data.frame(c1, c2, p1, site, time, status, event = as.integer(status == 1), u15 = u[, 15])
}
d <- cohort(); stopifnot(abs(sum(d$time) - 7123.4) < 1e-6)
maximise <- function(f, start) { o <- optim(start, f, method = "BFGS", control = list(reltol = 1e-16, maxit = 5000)); for (k in 1:4) o <- optim(o$par, f, method = "BFGS", control = list(reltol = 1e-17, maxit = 5000, ndeps = rep(1e-5, length(start)))); list(par = o$par, loglik = -o$value) }
out <- list()

# delayed entry
late <- d[d$time > 3 * d$u15, ]; late$entry <- 3 * late$u15
out$left_truncated_cox <- unname(coef(coxph(Surv(entry, time, event) ~ c1 + c2 + p1, late)))

# weights and clusters: the sandwich of survreg
d$w <- rep(c(.5, 1, 1.5, 2), 150)
# (robust = TRUE of survreg 3.x leaves the weights out of the dfbeta residuals it squares; here they are in)
f <- survreg(Surv(time, event) ~ c1 + p1, d, weights = w, dist = "loglogistic")
out$weighted_loglogistic <- list(coef = unname(coef(f)), log_scale = log(f$scale), vcov = unname(crossprod(residuals(f, "dfbeta", weighted = TRUE))))
f <- survreg(Surv(time, event) ~ c1 + p1, d, cluster = site, dist = "weibull")
out$clustered_weibull <- list(coef = unname(coef(f)), log_scale = log(f$scale), vcov = unname(vcov(f)))
f <- survreg(Surv(time, event) ~ c1 + offset(0.2 * p1), d, dist = "lognormal")
out$offset_lognormal <- list(coef = unname(coef(f)), log_scale = log(f$scale), loglik = f$loglik[2])

# Weibull with delayed entry, every third time known to a month only
lo <- ifelse(late$event == 1 & seq_len(nrow(late)) %% 3 == 0, pmax(late$time - .5, late$entry), late$time)
hi <- ifelse(lo < late$time, late$time + .5, late$time); X <- as.matrix(late[, c("c1", "p1")])
H <- function(t, th) exp(th[1] + th[2] * log(t) + X %*% th[3:4])
nll <- function(th) { if (th[2] <= 0) return(1e10); part <- ifelse(late$event == 0, -H(late$time, th), ifelse(lo < hi, log(exp(-H(lo, th)) - exp(-H(hi, th))), log(H(late$time, th) * th[2] / late$time) - H(late$time, th))); -sum(part + ifelse(late$entry > 0, H(late$entry, th), 0)) }
out$truncated_interval_weibull <- maximise(nll, c(-4, 1.2, .5, .4))

# splines of log time on the odds and normal scale
x <- log(d$time); kn <- quantile(x[d$event == 1], c(0, 1/3, 2/3, 1)); lam <- (kn[4] - kn[2:3]) / (kn[4] - kn[1]); pos <- function(z) pmax(z, 0)
B <- cbind(1, x, sapply(1:2, function(j) pos(x - kn[j + 1])^3 - lam[j] * pos(x - kn[1])^3 - (1 - lam[j]) * pos(x - kn[4])^3))
D <- cbind(0, 1, sapply(1:2, function(j) 3 * (pos(x - kn[j + 1])^2 - lam[j] * pos(x - kn[1])^2 - (1 - lam[j]) * pos(x - kn[4])^2)))
X3 <- as.matrix(d[, c("c1", "c2", "p1")]); S <- diag(apply(B, 2, function(v) 1 / max(abs(v))))
spline <- function(logS, logf) function(th) { g <- S %*% th[1:4]; z <- B %*% g + X3 %*% th[5:7]; s <- D %*% g; if (any(s[d$event == 1] <= 0)) return(1e10); -sum(ifelse(d$event == 1, logf(z) + log(pmax(s, 1e-300)) - x, logS(z))) }
odds <- maximise(spline(function(z) plogis(-z, log.p = TRUE), function(z) dlogis(z, log = TRUE)), c(-4, 4, 0, 0, 0, 0, 0))
norm <- maximise(spline(function(z) pnorm(-z, log.p = TRUE), function(z) dnorm(z, log = TRUE)), c(-2, 2, 0, 0, 0, 0, 0))
out$spline_odds <- list(coef = odds$par[5:7], loglik = odds$loglik)
out$spline_normal <- list(coef = norm$par[5:7], loglik = norm$loglik)

# generalised gamma, Prentice's parametrisation
gg <- function(th) { sg <- exp(th[4]); q <- th[5]; w <- (x - th[1] - X3[, c(1, 3)] %*% th[2:3]) / sg; k <- q^-2; logf <- log(abs(q)) + k * log(k) - lgamma(k) + k * (q * w - exp(q * w)) - log(sg) - x; logS <- pgamma(k * exp(q * w), k, lower.tail = q < 0, log.p = TRUE); -sum(ifelse(d$event == 1, logf, logS)) }
out$generalised_gamma <- maximise(gg, c(3, -.4, -.3, -.3, .8))

# competing causes at visits: multinomial logit of person-periods
v <- c(3, 6, 12, 24); rows <- do.call(rbind, lapply(seq_len(600), function(i) { k <- findInterval(d$time[i], v, left.open = d$status[i] > 0) + (d$status[i] > 0); k <- min(k, 4); if (k < 1) return(NULL); hit <- d$status[i] > 0 && d$time[i] <= 24; data.frame(y = ifelse(hit & (1:k) == k, d$status[i], 0), k = factor(1:k, 1:4), c1 = d$c1[i], p1 = d$p1[i]) }))
m <- multinom(y ~ k - 1 + c1 + p1, rows, trace = FALSE, maxit = 2000, reltol = 1e-16, abstol = 1e-12)
out$multinomial <- list(coef = unname(coef(m)), loglik = as.numeric(logLik(m)), rows = nrow(rows))
cat(toJSON(out, digits = 15, auto_unbox = TRUE, pretty = TRUE), "\n")
