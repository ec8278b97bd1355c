# Chained equations by mice on low-back-pain patients with real missing values, pooled logistic model.
# Rscript tests/reference/r/imputation.R <folder with lbp_chronic_missing.csv> tests/reference/r/imputation.json
library(mice); library(jsonlite)
a <- commandArgs(TRUE)
d <- read.csv(file.path(a[1], "lbp_chronic_missing.csv"))
v <- c("Chronic", "Pain", "Tampascale", "Function", "Radiation", "Age", "Smoking", "JobDemands")
d <- d[, v]
for (b in c("Chronic", "Radiation", "Smoking")) d[[b]] <- factor(d[[b]])
m <- 200
imp <- mice(d, m = m, maxit = 10, seed = 1, printFlag = FALSE)
fit <- with(imp, glm(Chronic ~ Pain + Tampascale + Function + Radiation + Age + Smoking + JobDemands, family = binomial))
s <- summary(pool(fit)); q <- pool(fit)$pooled
out <- list(what = "mice 3.15 (pmm, logreg), m = 200, maxit = 10; pooled glm", mice = as.character(packageVersion("mice")),
            m = m, term = as.character(s$term), estimate = s$estimate, se = s$std.error, between = q$b)
write(toJSON(out, digits = 15, auto_unbox = TRUE, pretty = TRUE), a[2])
