# riskRegression::Score on simulated tables with and without tied times, one cause and two: AUC, Brier score and IPA with
# standard errors. Rscript score_ties.R; writes score_ties.json beside this file, data included.
suppressMessages({library(survival); library(riskRegression); library(prodlim); library(jsonlite)})
set.seed(20261130)
one <- function(k) {
  n <- 60
  x <- rnorm(n); z <- rnorm(n)
  first <- rexp(n, exp(0.6 * x) / 12); other <- if (k %% 2) rexp(n, exp(0.3 * z) / 30) else rep(Inf, n)
  censored <- if (k %% 3) rexp(n, 1 / 15) else rep(15, n)
  time <- pmin(first, other, censored)
  event <- ifelse(time == censored, 0, ifelse(time == first, 1, 2))
  width <- c(0, 0.5, 1, 3)[k %% 4 + 1]
  time <- if (width > 0) ceiling(time / width) * width else round(time, 6)
  risk <- list(a = round(plogis(x), 6), b = pmin(pmax(round(plogis(0.5 * x + z), 1), 0.05), 0.95))
  d <- data.frame(time, event)
  outcome <- if (any(event == 2)) Hist(time, event) ~ 1 else Surv(time, event) ~ 1
  horizons <- c(3, 6, 12)
  found <- lapply(horizons, function(h) {
    s <- suppressMessages(Score(lapply(risk, matrix, ncol = 1), formula = outcome, data = d, times = h, cause = 1,
                                metrics = c("auc", "brier"), summary = "ipa", se.fit = TRUE, null.model = TRUE))
    b <- s$Brier$score[s$Brier$score$model != "Null model", ]
    list(horizon = h, auc = s$AUC$score$AUC, auc_se = s$AUC$score$se, brier = b$Brier, brier_se = b$se, ipa = b$IPA)
  })
  list(tied = width > 0, time = time, event = event, a = risk$a, b = risk$b, score = found)
}
write(toJSON(list(versions = list(R = as.character(getRversion()),
                                  riskRegression = as.character(packageVersion("riskRegression"))),
                  tables = lapply(1:12, one)), digits = 15, auto_unbox = TRUE), "score_ties.json")
