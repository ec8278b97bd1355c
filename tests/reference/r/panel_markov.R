# Rscript tests/reference/r/panel_markov.R
# R's msm (1.7): part of its data of heart transplants (cav), as well, ill and dead; visits see the first two, death is
# dated. Plain, with the donor's age, and of the living with intensities that change at 6.5 years. msm stops on the likelihood.
suppressMessages({library(msm); library(jsonlite)})
few <- cav[cav$PTNUM <= 100140, ]
few$seen <- c(1, 2, 2, 3)[few$state]
Q <- rbind(c(0, .25, .1), c(.2, 0, .2), c(0, 0, 0))
control <- list(fnscale = 1000, reltol = 1e-15, maxit = 5000)
fit <- function(...) msm(seen ~ years, subject = PTNUM, data = few, qmatrix = Q, deathexact = 3, control = control, ...)
read <- function(fit) list(minus2loglik = fit$minus2loglik, estimates = unname(fit$estimates), covariance = unname(fit$covmat))
plain <- fit(); age <- fit(covariates = ~ dage, center = FALSE)
alive <- few[few$seen < 3, ]  # without the dead: well and ill alone
pieces <- msm(seen ~ years, subject = PTNUM, data = alive, qmatrix = Q[1:2, 1:2], pci = 6.5, center = FALSE, control = control)
out <- list(msm = as.character(packageVersion("msm")), id = few$PTNUM, years = few$years, state = few$seen, dage = few$dage,
  plain = read(plain), age = read(age), pieces = read(pieces),
  at = c(1, 3, 8), occupancy = lapply(c(1, 3, 8), function(t) unname(pmatrix.msm(plain, t = t)[1, ])))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), "tests/reference/r/panel_markov.json")
