# Ridge of each cause's hazard by cv.glmnet: Rscript fusion_peer.R FOLDER (train.csv with time, event; fresh.csv).
# Writes the linear predictors of both causes (margin_<cause>.csv, rows of train, then of fresh) and processor seconds.
suppressPackageStartupMessages({ library(glmnet); library(survival) })
folder <- commandArgs(TRUE)[1]
train <- read.csv(file.path(folder, "train.csv"))
fresh <- as.matrix(read.csv(file.path(folder, "fresh.csv")))
x <- as.matrix(train[, setdiff(names(train), c("time", "event"))])
set.seed(1)
started <- sum(proc.time()[1:2])
for (cause in 1:2) {
  y <- Surv(train$time, train$event == cause)
  fit <- cv.glmnet(x, y, family = "cox", alpha = 0)
  margin <- predict(fit, rbind(x, fresh), s = "lambda.min")
  write.csv(data.frame(margin = as.numeric(margin)), file.path(folder, paste0("margin_", cause, ".csv")), row.names = FALSE)
}
cat(sum(proc.time()[1:2]) - started, file = file.path(folder, "seconds.txt"))
