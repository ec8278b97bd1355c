# Values of survival and riskRegression on survival::veteran, in days and in 30-day months (heavy ties): Rscript veteran.R
suppressMessages({library(survival); library(riskRegression); library(jsonlite)})
v <- veteran
v$month <- ceiling(v$time / 30)
v$w <- 1 + (seq_len(nrow(v)) %% 3)
v$risk <- plogis((60 - v$karno) / 20)
zph <- function(fit) sapply(c("km", "rank", "log", "identity"),
                            function(t) tryCatch(unname(cox.zph(fit, t)$table[, "chisq"]),
                                                 error = function(e) NULL), simplify = FALSE)  # solve() may refuse
model <- function(fit) list(coef = unname(coef(fit)), var = unname(vcov(fit)), loglik = fit$loglik,
                            iter = fit$iter)
days <- coxph(Surv(time, status) ~ karno + age + prior, v)
months <- coxph(Surv(month, status) ~ karno + age + prior + strata(celltype), v)
late <- coxph(Surv(pmin(diagtime, time - 0.5), time, status) ~ karno + age, v)
exact <- coxph(Surv(month, status) ~ karno + age, v, ties = "exact")
exact_strata <- coxph(Surv(month, status) ~ karno + age + strata(trt), v, ties = "exact")
moment <- function(x) { x <- as.matrix(x); list(sum = unname(colSums(x)), squares = unname(colSums(x^2))) }
aft <- function(f) list(coef = unname(coef(f)), scale = f$scale, loglik = f$loglik, var = unname(vcov(f)))
dists <- c("weibull", "exponential", "lognormal", "loglogistic")
score <- Score(list(m = as.matrix(v$risk)), Surv(month, status) ~ 1, data = v, times = 4, cens.model = "km",
               metrics = c("AUC", "Brier"), se.fit = TRUE)
out <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival")),
                  riskRegression = as.character(packageVersion("riskRegression"))),
  data = as.list(data.frame(time = v$time, month = v$month, status = v$status, karno = v$karno, age = v$age,
                            prior = v$prior, diagtime = v$diagtime, trt = v$trt,
                            celltype = as.integer(v$celltype), w = v$w, risk = v$risk)),
  zph_days = zph(days), zph_months_strata = zph(months), zph_late = zph(late),
  exact = model(exact), exact_strata = model(exact_strata),
  dfbeta = moment(residuals(days, "dfbeta")), score = moment(residuals(days, "score")),
  schoenfeld = moment(residuals(days, "schoenfeld")),
  scaled_schoenfeld = moment(residuals(days, "scaledsch")),
  aft_weighted = sapply(dists, function(d) aft(survreg(Surv(time, status) ~ karno + age, v, dist = d, weights = w)), simplify = FALSE),
  aft_visits = sapply(dists, function(d) aft(survreg(Surv(ifelse(month == 1, NA, 30 * (month - 1)),
      ifelse(status == 1, 30 * month, NA), type = "interval2") ~ karno + age, subset(v, status == 1 | month > 1),
      dist = d)), simplify = FALSE),
  logrank_strata = { s <- survdiff(Surv(month, status) ~ celltype + strata(trt), v); list(chisq = s$chisq) },
  quantiles = { q <- quantile(survfit(Surv(month, status) ~ 1, v, conf.type = "log-log"), c(.1, .25, .5, .75, .9))
    list(time = unname(q$quantile), low = unname(q$lower), high = unname(q$upper)) },
  tied_score = list(auc = score$AUC$score$AUC, brier = score$Brier$score$Brier[2], se_brier = score$Brier$score$se[2])
)
write_json(out, "veteran.json", digits = 15, auto_unbox = TRUE, pretty = FALSE, na = "null", null = "null")
