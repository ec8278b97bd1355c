# The models of the stored cases on further tables. Rscript more_tables.R FOLDER, where the tables lie; writes
# more_tables.json beside this file, each entry with the call that it answers.
suppressMessages({library(survival); library(riskRegression); library(cmprsk); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
table <- function(name) read.csv(file.path(folder, paste0(name, ".csv")), check.names = FALSE)
tight <- coxph.control(eps = 1e-11, iter.max = 50, toler.chol = 1e-12)
cox <- list(
  list("cgd_num", "tstop", "status", c("treat_ifn", "age"), c(100, 300), entry = "tstart", cluster = "id"),
  list("cgd_num", "tstop", "status", c("treat_ifn", "age"), c(100, 300), entry = "tstart", strata = "enum", ties = "breslow"),
  list("gbsg", "ryear", "rfs", c("age", "meno", "size", "grade", "nodes", "pgr", "er", "hormon"), c(1, 3, 5)),
  list("gbsg", "rfs_days", "rfs", c("hormon", "nodes", "grade3"), c(365, 1000), ties = "exact"),
  list("heart", "stop", "event", c("age", "year", "surgery", "transplant"), c(30, 100, 500), entry = "start"),
  list("heart", "stop", "event", c("age", "surgery"), c(30, 100), entry = "start", strata = "transplant", ties = "breslow"),
  list("myeloma_lt", "futime", "death", "year_c", c(365, 1000, 3000), entry = "entry"),
  list("pbc_weighted", "time", "death", c("age", "edema", "bili", "albumin"), c(365, 1825), weights = "w"),
  list("pbc_weighted", "time", "death", c("age", "bili", "albumin"), c(365, 1825), weights = "w", strata = "stage"),
  list("lung_weighted", "time", "event", c("age", "ph.ecog"), c(90, 365), weights = "w", strata = "sex"),
  list("lung_offset", "time", "event", c("ph.karno", "wt.loss"), 180, offset = "off", strata = "sex"),
  list("rats_num", "time", "status", "rx", c(80, 104), strata = "litter"),
  list("retinopathy", "futime", "status", c("trt", "risk"), c(12, 36), cluster = "id"),
  list("veteran_months", "month", "status", c("karno", "age"), c(1, 3, 6), ties = "exact"),
  list("edge_all_events_one_time", "time", "status", "x", c(4, 5, 10)),
  list("edge_last_censored", "time", "status", "x", c(1, 3, 5)),
  list("edge_ties_mixed", "time", "event", "risk", c(3, 4, 6), ties = "breslow"))
fit_cox <- function(s) {
  names(s)[1:5] <- c("table", "time", "event", "columns", "times")
  d <- table(s$table)
  get <- function(key) if (is.null(s[[key]])) NULL else d[[s[[key]]]]
  outcome <- if (is.null(s$entry)) Surv(get("time"), get("event")) else Surv(get("entry"), get("time"), get("event"))
  X <- as.matrix(d[s$columns])
  ties <- if (is.null(s$ties)) "efron" else s$ties
  frame <- list(outcome = outcome, X = X, off = if (is.null(s$offset)) rep(0, nrow(d)) else get("offset"),
                stratum = if (is.null(s$strata)) rep(1, nrow(d)) else get("strata"))
  form <- outcome ~ X + strata(stratum) + offset(off)
  arguments <- list(form, data = frame, ties = ties, control = tight)
  arguments$weights <- get("weights")
  arguments$cluster <- get("cluster")
  fit <- do.call(coxph, arguments)
  model <- if (is.null(fit$naive.var)) fit$var else fit$naive.var
  c(s, list(coef = I(unname(coef(fit))), se = I(sqrt(diag(model))), loglik = fit$loglik, score = fit$score,
            robust = if (is.null(s$cluster)) NULL else I(sqrt(diag(fit$var)))))
}
curves <- list(list("cgd_num", "tstop", "status", c(50, 100, 300), entry = "tstart"),
               list("flchain_every8", "futime", "death", c(365, 1825, 3650)), list("gbsg", "ryear", "rfs", c(1, 3, 5, 7)),
               list("kidney", "time", "status", c(2, 30, 120, 500)), list("mgus2", "futime", "death", c(12, 60, 240)),
               list("myeloma_lt", "futime", "death", c(100, 1000, 3000), entry = "entry"),
               list("rats_num", "time", "status", c(50, 80, 104)), list("retinopathy", "futime", "status", c(6, 36, 60)),
               list("lbp_cox_interval", "time_month", "Status", c(1, 3, 6, 12)))
fit_curve <- function(s) {
  names(s)[1:4] <- c("table", "time", "event", "times")
  d <- table(s$table)
  y <- if (is.null(s$entry)) Surv(d[[s$time]], d[[s$event]]) else Surv(d[[s$entry]], d[[s$time]], d[[s$event]])
  fit <- survfit(y ~ 1, conf.type = "log-log")
  at <- summary(fit, times = s$times, extend = TRUE)
  c(s, list(surv = at$surv, se = at$std.err, low = at$lower, high = at$upper, hazard = at$cumhaz,
            median = unname(quantile(fit, .5)$quantile)))
}
parametric <- list(list("gbsg", "ryear", "rfs", c("hormon", "nodes", "age")), list("kidney", "time", "status", c("age", "sex")),
                   list("mgus2_complete", "futime", "death", c("age", "sex_m", "hgb")), list("ir_diabetes_num", "left", "right", "male"))
fit_parametric <- function(s, law) {
  names(s) <- c("table", "time", "event", "columns")
  d <- table(s$table)
  left <- if (s$table == "ir_diabetes_num") ifelse(d[[s$time]] == 0, NA, d[[s$time]])
  y <- if (is.null(left)) Surv(d[[s$time]], d[[s$event]]) else Surv(left, d[[s$event]], type = "interval2")
  fit <- survreg(y ~ as.matrix(d[s$columns]), dist = law, control = survreg.control(rel.tolerance = 1e-13, maxiter = 100))
  c(s, list(law = law, coef = unname(coef(fit)), scale = fit$scale, loglik = fit$loglik, se = sqrt(diag(fit$var))))
}
competing <- list(list("mgus2_complete", "etime", "event", c("age", "sex_m", "hgb"), c(60, 120, 240)),
                  list("pbc_complete", "time", "status", c("age", "bili", "albumin"), c(365, 1825)),
                  list("comprisk_vdata", "time", "status_num", c("age", "size", "ncat_pos", "hr_neg"), c(1, 3, 5)))
fit_competing <- function(s) {
  names(s) <- c("table", "time", "event", "columns", "times")
  d <- table(s$table)
  frame <- data.frame(t = d[[s$time]], s = d[[s$event]], d[s$columns])
  specific <- CSC(as.formula(paste("Hist(t, s) ~", paste(s$columns, collapse = "+"))), frame, control = tight)
  X <- as.matrix(d[s$columns])
  c(s, list(causes = lapply(1:2, function(k) {
    fg <- crr(frame$t, frame$s, X, failcode = k, gtol = 1e-12, maxiter = 50)
    list(coef = unname(coef(specific$models[[k]])),
         risk = predict(specific, frame[1:5, ], times = s$times, cause = k, product.limit = TRUE)$absRisk,
         crr = unname(fg$coef), crr_se = sqrt(diag(fg$var)), crr_loglik = fg$loglik)
  })))
}
write_json(list(cox = lapply(cox, fit_cox), curves = lapply(curves, fit_curve),
                parametric = do.call(c, lapply(c("weibull", "lognormal", "loglogistic", "exponential"), function(law)
                  lapply(parametric, fit_parametric, law))),
                competing = lapply(competing, fit_competing)),
           "more_tables.json", digits = 15, auto_unbox = TRUE, null = "null", matrix = "rowmajor")
