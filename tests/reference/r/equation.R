# Rscript tests/reference/r/equation.R FOLDER_OF_GBSG_CSV          (rms 6.5, survival 3.5)
# cph stops at 1e-4 in the likelihood by default, which is 1e-5 in a coefficient: `eps` lets it go on.
suppressMessages(library(rms)); library(jsonlite); options(digits = 12)
folder <- commandArgs(TRUE)[1]
d <- read.csv(file.path(folder, "gbsg.csv"))
d$gr <- factor(d$grade)
dd <- datadist(d); options(datadist = "dd")
fit <- cph(Surv(rfs_days / 365.25, rfs) ~ rcs(age, 4) + gr + rcs(nodes, c(1, 3, 9)) + hormon, d,
           x = TRUE, y = TRUE, surv = TRUE, time.inc = 3, eps = 1e-12, tol = 1e-14, iter.max = 50)
new <- data.frame(age = c(35, 53, 70), grade = 1:3, nodes = c(1, 3, 12), hormon = c(0, 1, 0))
at <- transform(new, gr = factor(grade, levels = 1:3))
times <- c(1, 3, 5)
lp <- predict(fit, at)
s0 <- sapply(times, function(t) survest(fit, at[1, ], times = t)$surv^exp(-lp[1]))
nom <- nomogram(fit, fun = function(x) 1 - s0[2]^exp(x), fun.at = seq(.1, .9, .1), funlabel = "risk3",
                age = seq(20, 80, 5), nodes = seq(0, 55, 5), hormon = c(0, 1))
take <- function(v) list(value = as.character(nom[[v]][[1]]), points = nom[[v]]$points)
info <- attr(nom, "info")
writeLines(toJSON(list(
  equation = list(coef = as.list(coef(fit)), knots = fit$Design$parms[c("age", "nodes")], center = fit$center,
                  surv0_time = times, S0_at_center = s0, new = new, lp_centred = unname(lp),
                  survival = t(sapply(lp, function(l) s0^exp(l))), risk3 = unname(1 - s0[2]^exp(lp))),
  nomogram = list(points = sapply(c("age", "gr", "nodes", "hormon"), take, simplify = FALSE),
                  lp_per_point = 1 / info$sc, info = list(sc = info$sc, Intercept = unname(info$Intercept)),
                  total = list(x = nom$total.points$x), lp = nom$lp[c("x", "x.real")], risk3 = nom$risk3[c("x", "x.real")]),
  text = paste(deparse(Function(fit)), collapse = "\n")), digits = NA, auto_unbox = TRUE, pretty = TRUE),
  "tests/reference/r/equation.json")
