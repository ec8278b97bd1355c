# Brier score, its null model, IPA and AUC under a Cox model of the censoring (riskRegression). Writes censoring_model.json
# beside this file; the patients of gbsg are those of further_cases.json, with times told apart by a thousandth a row.
suppressMessages({library(survival); library(riskRegression); library(prodlim); library(jsonlite)})
g <- transform(gbsg, time = rfstime + seq_len(nrow(gbsg)) / 1000, heavy = as.numeric(grade == 3))
times <- c(730, 1461)
risk <- sapply(times, function(t) 1 - exp(-t / 3000 * exp(0.4 * g$heavy + log(1 + g$nodes) / 2 - 0.3 * g$hormon)))
score <- Score(list(m = risk), Surv(time, status) ~ nodes + hormon, g, times = times, cens.model = "cox",
               metrics = c("auc", "brier"), summary = "ipa", se.fit = FALSE, conf.int = FALSE)
b <- as.data.frame(score$Brier$score)
write_json(list(auc = score$AUC$score$AUC, brier = b$Brier[b$model == "m"], null = b$Brier[b$model == "Null model"],
                ipa = b$IPA[b$model == "m"]), "censoring_model.json", digits = 15)
