# External validation in five imputed tables: Rscript external_imputed.R FOLDER
# FOLDER holds lbp_chronic_dev.csv (108 patients) and lbp_chronic_extval.csv (80 patients, five imputations).
suppressMessages(library(pROC))
folder <- commandArgs(trailingOnly = TRUE)[1]; exact <- glm.control(epsilon = 1e-14, maxit = 100)
dev <- read.csv(file.path(folder, "lbp_chronic_dev.csv")); ext <- read.csv(file.path(folder, "lbp_chronic_extval.csv"))
fit <- glm(Chronic ~ Gender + factor(Carrying) + Function + Tampascale + Age, binomial, dev, control = exact)
found <- sapply(split(ext, ext$Impnr), function(x) {
  lp <- predict(fit, x); line <- glm(x$Chronic ~ lp, binomial, control = exact)
  level <- glm(x$Chronic ~ offset(lp), family = binomial, control = exact)
  area <- roc(x$Chronic, lp, quiet = TRUE, direction = "<")
  c(coef(line), diag(vcov(line)), coef(level), vcov(level), area$auc, var(area), mean((plogis(lp) - x$Chronic)^2)) })
pool <- function(q, u, dfcom) { m <- length(q); b <- var(q); total <- mean(u) + (1 + 1 / m) * b; l <- (1 + 1 / m) * b / total
  old <- (m - 1) / l^2; seen <- (dfcom + 1) / (dfcom + 3) * dfcom * (1 - l)
  df <- if (is.infinite(dfcom)) old else old * seen / (old + seen); half <- qt(.975, df) * sqrt(total)
  c(estimate = mean(q), se = sqrt(total), df = df, low = mean(q) - half, high = mean(q) + half) }
a <- found[7, ]
print(rbind(intercept = pool(found[1, ], found[3, ], 79), slope = pool(found[2, ], found[4, ], 79),
            citl = pool(found[5, ], found[6, ], 79), logit_auc = pool(qlogis(a), found[8, ] / (a * (1 - a))^2, Inf)), digits = 10)
print(mean(found[9, ]), digits = 10)
