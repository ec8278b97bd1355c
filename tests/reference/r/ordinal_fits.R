# Rscript tests/reference/r/ordinal_fits.R
# Forty-eight cumulative link models by ordinal::clm on veteran: classes of Karnofsky, links, predictors, weights.
suppressMessages({library(survival); library(ordinal); library(jsonlite)})
d <- veteran
d$trt <- as.numeric(d$trt)
d$logtime <- log(d$time)
d$w <- 1 + (seq_len(nrow(d)) %% 3)
cuts <- list(three = c(0, 45, 65, 100), four = c(0, 35, 55, 75, 100), six = c(0, 25, 40, 55, 65, 75, 100), all = NULL)
sets <- list(c("age"), c("age", "trt"), c("age", "diagtime", "prior"), c("age", "trt", "logtime", "prior"))
tight <- clm.control(gradTol = 1e-11, maxIter = 200)
out <- list()
for (classes in names(cuts)) for (link in c("logit", "probit", "cloglog")) for (k in seq_along(sets)) {
  d$y <- if (is.null(cuts[[classes]])) d$karno else cut(d$karno, cuts[[classes]], labels = FALSE)
  weighted <- k %% 2 == 0
  f <- as.formula(paste("factor(y) ~", paste(sets[[k]], collapse = "+")))
  m <- if (weighted) clm(f, data = d, link = link, control = tight, weights = w) else
    clm(f, data = d, link = link, control = tight)
  v <- sqrt(diag(vcov(m)))
  out[[length(out) + 1]] <- list(classes = classes, link = link, columns = as.list(sets[[k]]), weighted = weighted,
    alpha = unname(m$alpha), beta = as.list(unname(m$beta)), se = unname(v), loglik = as.numeric(logLik(m)))
}
writeLines(toJSON(list(data = as.list(d[, c("karno", "age", "trt", "diagtime", "prior", "logtime", "w")]), cuts = cuts,
  fits = out), digits = NA, auto_unbox = TRUE, null = "null"), "tests/reference/r/ordinal_fits.json")
