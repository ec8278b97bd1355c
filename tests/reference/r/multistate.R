# Rscript tests/reference/r/multistate.R
# R's survival (3.5-3): pbcseq through states of bilirubin, occupancy and sojourn, with weights. R 3.5-3 takes no notice of
# cluster= beside id= here.
suppressMessages({library(survival); library(jsonlite)})
times <- c(365, 1095, 1825, 3650)
level <- cut(pbcseq$bili, c(0, 1, 2, 4, 100), c("normal", "1-2x", "2-4x", ">4x"))
first <- pbcseq[!duplicated(pbcseq$id), ]
d <- tmerge(first[, c("id", "futime", "status")], first, id = id, tstop = futime, death = event(futime, as.numeric(status == 2)))
d <- tmerge(d, pbcseq, id = id, here = tdc(day, level), found = event(day, level))
entered <- with(d, ifelse(death == 1, "death", ifelse(tstop < futime, as.character(found), "censored")))
d$state <- factor(entered, c("censored", "normal", "1-2x", "2-4x", ">4x", "death"))
read <- function(fit) { s <- summary(fit, times = times, extend = TRUE); list(pstate = s$pstate, se = s$std.err) }
fit <- survfit(Surv(tstart, tstop, state) ~ 1, data = d, id = id, istate = here)
d$w <- 1 + (d$id %% 3) / 2
weighted <- survfit(Surv(tstart, tstop, state) ~ 1, data = d, id = id, istate = here, weights = w)
spent <- summary(fit, rmean = 3650)$table
out <- list(survival = as.character(packageVersion("survival")),
  pbcseq = list(id = d$id, start = d$tstart, stop = d$tstop, here = as.character(d$here), state = entered),
  states = fit$states, times = times, plain = read(fit), weighted = read(weighted),
  transitions = unclass(table(d$here, d$state)), sojourn = spent[, "rmean"])
arms <- survfit(Surv(tstart, tstop, status) ~ treat, data = cgd, id = id)
at <- summary(arms, times = c(90, 180, 270, 360))
out$cgd <- list(mean = matrix(at$cumhaz, 2, byrow = TRUE), se = matrix(at$std.chaz, 2, byrow = TRUE))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), "tests/reference/r/multistate.json")
