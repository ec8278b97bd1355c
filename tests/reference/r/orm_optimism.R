# Rscript tests/reference/r/orm_optimism.R
# rms (6.4): optimism of a proportional-odds model of Karnofsky's score in veteran (the data of ordinal_fits.json), by
# 4,000 resamples; no step of it is adjusted.
suppressMessages({library(survival); library(rms); library(jsonlite)})
d <- veteran
d$trt <- as.numeric(d$trt)
d$logtime <- log(d$time)
d$y <- cut(d$karno, c(0, 35, 55, 75, 100), labels = FALSE)
dd <- datadist(d); options(datadist = "dd")
f <- orm(y ~ age + trt + logtime + prior + diagtime, d, x = TRUE, y = TRUE, eps = 1e-9)
set.seed(1)
v <- unclass(rms::validate(f, B = 4000))
writeLines(toJSON(list(rms = as.character(packageVersion("rms")), resamples = 4000, index = rownames(v), apparent = unname(v[, "index.orig"]),
  training = unname(v[, "training"]), test = unname(v[, "test"]), optimism = unname(v[, "optimism"])), digits = NA), "tests/reference/r/orm_optimism.json")
print(v)
