# Values where ties or late entry decide: equal linear predictors, exact ties, piled values under a spline, events that
# share a time with a censoring, and the subdistribution with late entry. Writes further_cases.json beside this file;
# the patients of mgus2 are those of fine_gray_ties.json, entering at (row mod 12) months.
suppressMessages({library(survival); library(cmprsk); library(pec); library(prodlim); library(Hmisc); library(jsonlite)})
tight <- coxph.control(eps = 1e-12, iter.max = 50)
out <- list()

g <- transform(gbsg, heavy = as.numeric(grade == 3))
fit <- coxph(Surv(rfstime, status) ~ hormon + nodes + heavy, g, ties = "breslow", control = tight)
z <- concordance(fit)
out$tied_scores <- list(time = g$rfstime, status = g$status, hormon = g$hormon, nodes = g$nodes, heavy = g$heavy,
                        c = z$concordance, se = sqrt(z$var), counts = unname(z$count[1:3]))

v <- transform(veteran, month = ceiling(time / 30))
fit <- coxph(Surv(month, status) ~ karno + age, v, ties = "exact", control = tight)
out$exact <- list(month = v$month, status = v$status, karno = v$karno, age = v$age, coef = unname(coef(fit)),
                  martingale = unname(residuals(fit)), deviance = unname(residuals(fit, "deviance")))

piles <- list(low = c(rep(0, 20), (1:180)^2 / 10), high = c(sqrt(1:180), rep(50, 20)),
              both = c(rep(0, 20), sqrt(1:160), rep(50, 20)), few = c(rep(-3, 5), sqrt(1:60)),
              common = rep(c(0, 1, 1, 2, 2, 2, 3, 4, 5, 6), 20), levels = rep(1:5, 30))
out$knots <- lapply(piles, function(x) lapply(setNames(3:7, 3:7), function(k) tryCatch(
  rcspline.eval(x, nk = k, knots.only = TRUE), error = function(e) NULL)))

d <- as.data.frame(fromJSON("fine_gray_ties.json")[c("time", "code", "age", "male", "mspike")])
score <- d$age / 100
d$score <- score
out$pec <- lapply(setNames(1:2, 1:2), function(k) lapply(setNames(c(60, 240), c(60, 240)), function(t) unlist(
  pec::cindex(list(m = cbind(score)), Hist(time, code) ~ 1, d, cause = k, eval.times = t, cens.model = "marginal",
              verbose = FALSE)$AppCindex)[[1]]))
n <- nrow(d)
blom <- ave(qnorm((rank(score, ties.method = "first") - 3 / 8) / (n + 1 / 4)) / sqrt(8 / pi), score)
out$royston <- lapply(setNames(1:2, 1:2), function(k) {
  fit <- crr(d$time, d$code, cbind(blom), failcode = k, gtol = 1e-10, maxiter = 50)
  list(d = unname(fit$coef), se = sqrt(fit$var[1]))
})

late <- subset(transform(d, entry = seq_len(n) %% 12, id = seq_len(n)), time > entry)
out$late <- list()
for (k in 1:2) {
  long <- finegray(Surv(entry, time, factor(code, 0:2)) ~ ., late, etype = k, id = id)
  for (ties in c("breslow", "efron")) {
    fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ age + male + mspike, long, weights = fgwt, ties = ties,
                 cluster = id, control = tight)
    base <- basehaz(fit, centered = FALSE)
    out$late[[paste0(ties, k)]] <- list(coef = unname(coef(fit)), se = unname(sqrt(diag(fit$var))), loglik = fit$loglik[2],
                                        hazard = base$hazard[sum(base$time <= 120)])
  }
}
write_json(out, "further_cases.json", digits = 15, auto_unbox = TRUE, null = "null")
