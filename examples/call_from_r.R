library(reticulate)
library(survival)
lbp <- import("lbp_prognosis", convert = FALSE)

# Results: a table of Python as a data frame, an array as a matrix
table_of <- function(frame) read.csv(text = py_to_r(frame$to_csv(index = FALSE)))
matrix_of <- function(array) do.call(rbind, lapply(py_to_r(array$tolist()), unlist))

# Data: a data frame is taken as it is; NA is missing, a factor is a category
set.seed(1)
n <- 200
patients <- data.frame(age = rnorm(n, 50, 12), pain = rnorm(n))
time <- rexp(n, exp(-0.5 * patients$pain) / 10)
lost <- runif(n, 6, 24)
months <- pmin(time, lost)
recovered <- time <= lost
y <- lbp$Surv$right(months, recovered)

# A model fitted here
model <- lbp$CoxPH()$fit(patients, y)
print(table_of(model$to_frame())[, c("term", "coef", "se")], digits = 4)
risk <- matrix_of(model$predict_risk(patients, c(6, 12)))

# A model fitted in R, judged here: its risks in a data frame with one column per horizon
fit <- coxph(Surv(months, recovered) ~ age + pain, patients)
theirs <- 1 - t(summary(survfit(fit, patients), times = c(6, 12))$surv)
cat("equal risks:", isTRUE(all.equal(unname(theirs), risk)), "\n")
found <- lbp$evaluate(y, dict(R = as.data.frame(theirs)), c(6, 12), n_resamples = 50L)
numbers <- table_of(found$to_frame())
print(subset(numbers, metric %in% c("auc", "brier"), c(metric, horizon, value, low, high)), digits = 3, row.names = FALSE)
