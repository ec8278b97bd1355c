# Q-profile interval of tau^2 for six log observed/expected ratios, metafor.
library(metafor)
y <- c(-.292797067, -.073644327, -.195320137, .215398595, -.019631769, .230562425)
s <- c(.140230997, .127337266, .136082763, .105021006, .124245499, .089893315)
fit <- rma(y, sei = s, method = "REML", test = "knha", control = list(threshold = 1e-12))
print(confint(fit, control = list(tol = 1e-12)), digits = 9)
