# glmnet's Cox path on a sparse matrix that benchmarks/sparse.py wrote; prints processor seconds.
suppressPackageStartupMessages({library(glmnet); library(survival); library(Matrix)})
folder <- commandArgs(TRUE)[1]
shape <- scan(file.path(folder, "shape.txt"), quiet = TRUE)
read <- function(name, size) readBin(file.path(folder, name), "double", size)
x <- new("dgCMatrix", i = as.integer(read("i", shape[3])), p = as.integer(read("p", shape[2] + 1)),
         x = read("x", shape[3]), Dim = as.integer(shape[1:2]))
y <- Surv(read("time", shape[1]), read("event", shape[1])); lambdas <- read("lambdas", shape[4])
used <- system.time(fit <- glmnet(x, y, family = "cox", alpha = as.numeric(commandArgs(TRUE)[2]), lambda = lambdas))
cat(used[["user.self"]] + used[["sys.self"]], "s,", length(fit$lambda), "penalties,", fit$df[length(fit$df)], "nonzero\n")
