# Table 1 by hand: means, SDs, skewness (type 2), quartiles (type 7) and standardised differences of known values.
# Rscript tests/reference/r/table_one.R
options(digits = 15)
g <- c(1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2)
age <- c(31, 45, 52, 60, NA, 38, 71, 29, 33, 47, NA, 55, 62, 40, 44)
days <- c(1, 2, 2, 3, 5, 8, 90, 1, 1, 2, 4, 4, 6, 7, 120)
sex <- c(1, 2, 2, 1, NA, 1, 1, 2, 2, 2, 1, NA, 2, 1, 2)
grade <- c("a", "b", "b", "c", "c", NA, "a", "b", "c", "c", "c", "a", NA, "c", "b")
by <- function(x, k) x[g == k & !is.na(x)]

smd_number <- function(x) {
  a <- by(x, 1); b <- by(x, 2)
  (mean(b) - mean(a)) / sqrt((var(a) + var(b)) / 2)
}
smd_category <- function(x) {  # Yang and Dalton 2012, as stddiff::stddiff.category and tableone do
  levels <- sort(unique(x[!is.na(x)]))
  p <- as.vector(table(factor(by(x, 1), levels))) / length(by(x, 1))
  q <- as.vector(table(factor(by(x, 2), levels))) / length(by(x, 2))
  p <- p[-1]; q <- q[-1]
  s <- (diag(p, length(p)) - p %*% t(p) + diag(q, length(q)) - q %*% t(q)) / 2
  sqrt(as.numeric(t(q - p) %*% solve(s) %*% (q - p)))
}
skew2 <- function(x) {
  x <- x[!is.na(x)]; n <- length(x); m <- mean(x)
  g1 <- mean((x - m)^3) / mean((x - m)^2)^1.5
  g1 * sqrt(n * (n - 1)) / (n - 2)
}
cat("age", smd_number(age), mean(age, na.rm = TRUE), sd(age, na.rm = TRUE), skew2(age), "\n")
cat("days", smd_number(days), skew2(days), quantile(days, c(.25, .5, .75)), "\n")
p <- mean(by(sex, 1) == 2); q <- mean(by(sex, 2) == 2)
cat("sex", (q - p) / sqrt((p * (1 - p) + q * (1 - q)) / 2), smd_category(sex), "\n")
cat("grade", smd_category(grade), "\n")
