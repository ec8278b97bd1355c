# Twelve patients a table at every time that occurs in it, by the definitions: Kaplan-Meier, inverse probability of
# censoring weights (events leave before the censorings of their time), Brier, AUC, concordance, net benefit (risk above
# the threshold). Rscript edges.R FOLDER, where the edge_*.csv lie; writes edges.json beside this file.
suppressMessages({library(survival); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
thresholds <- c(.1, .2, .3, .4, .5)
odds <- thresholds / (1 - thresholds)
risk_by <- function(t, s, h) 1 - summary(survfit(Surv(t, s) ~ 1), times = h, extend = TRUE)$surv
free <- function(t, s, u, before) {
  g <- 1
  for (v in sort(unique(t[s == 0]))) if (if (before) v < u else v <= u) {
    leave <- sum(t == v & s == 0)
    g <- g * (1 - leave / (sum(t > v) + leave))
  }
  g
}
one <- function(d, h) {
  t <- d$time; s <- d$event; r <- d$risk
  km <- summary(survfit(Surv(t, s) ~ 1), times = h, extend = TRUE)
  case <- s == 1 & t <= h
  w <- mapply(function(time, is_case) if (is_case) 1 / free(t, s, time, TRUE) else if (time > h) 1 / free(t, s, h, FALSE)
              else 0, t, case)
  incidence <- 1 - km$surv
  later <- which(t > h); first <- which(case)
  pairs <- outer(w[first], w[later])
  order <- outer(r[first], r[later], ">") + outer(r[first], r[later], "==") / 2
  benefit <- sapply(seq_along(thresholds), function(j) {
    treat <- r > thresholds[j]
    if (!any(treat)) return(0)
    f <- risk_by(t[treat], s[treat], h)
    mean(treat) * (f - odds[j] * (1 - f))
  })
  list(horizon = h, km = c(km$surv, km$std.err), weights = w, brier = mean(w * (case - r)^2),
       null = mean(w * (case - incidence)^2), auc = if (length(pairs)) sum(pairs * order) / sum(pairs) else NULL,
       net_benefit = benefit, treat_all = incidence - odds * (1 - incidence))
}
names <- c("constant_risk", "events_one_time", "no_censoring", "no_events_after", "single_cens_last", "tied_risk",
           "ties_mixed")
out <- lapply(setNames(names, names), function(name) {
  d <- read.csv(file.path(folder, paste0("edge_", name, ".csv")))
  c <- concordance(Surv(time, event) ~ risk, d, reverse = TRUE)
  list(concordance = c(c$concordance, sqrt(c$var), c$count[1:3]), at = lapply(sort(unique(d$time)), function(h) one(d, h)))
})
write_json(out, "edges.json", digits = 15, auto_unbox = TRUE, null = "null")
