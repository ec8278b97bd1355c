# Rscript tests/reference/r/clock_reset.R
# R's survival (3.5-3): pbcseq as low, high bilirubin and death, Cox models of each transition on the time since the entry
# into the state (gap time), and the occupancy of two patients from R's hazards by convolution over days, in plain loops.
suppressMessages({library(survival); library(jsonlite)})
p <- pbcseq[pbcseq$id <= 150, ]
p$level <- ifelse(p$bili < 2, "low", "high")
first <- p[!duplicated(p$id), ]
d <- tmerge(first[, c("id", "futime", "status")], first, id = id, tstop = futime, death = event(futime, as.numeric(status == 2)))
d <- tmerge(d, p, id = id, here = tdc(day, level), albumin = tdc(day, albumin), age = tdc(day, age), found = event(day, level))
d$state <- with(d, ifelse(death == 1, "death", ifelse(tstop < futime, as.character(found), "censored")))
new_stay <- c(TRUE, d$id[-1] != d$id[-nrow(d)] | d$here[-1] != d$here[-nrow(d)])
since <- d$tstart[new_stay][cumsum(new_stay)]
d$from <- d$tstart - since; d$to <- d$tstop - since
pairs <- list(c("low", "high"), c("low", "death"), c("high", "low"), c("high", "death"))
fits <- lapply(pairs, function(k) {
  own <- d[d$here == k[1], ]
  own$event <- as.numeric(own$state == k[2])
  coxph(Surv(from, to, event) ~ age + albumin, own, cluster = id, control = coxph.control(eps = 1e-11, iter.max = 50))
})
new <- data.frame(age = c(45, 62), albumin = c(3.8, 3.1))
at <- c(365, 1095, 1825)
last <- max(at)
hazards <- function(row) lapply(fits, function(fit) {
  s <- survfit(fit, newdata = new[row, ], se.fit = FALSE)
  steps <- diff(c(0, s$cumhaz)); h <- numeric(last)
  inside <- s$time <= last; h[s$time[inside]] <- steps[inside]
  h
})
stay <- function(h, spent) { # survival and moves of a stay that has lasted `spent`
  total <- Reduce(`+`, h); total[seq_len(last) <= spent] <- 0
  S <- exp(-cumsum(total)); before <- c(1, S[-last])
  list(S = c(1, S), f = lapply(h, function(k) ifelse(total > 0, before * (1 - exp(-total)) * k / total, 0)))
}
occupancy <- function(row, from, spent) {
  h <- hazards(row)
  later <- list(low = stay(h[1:2], 0), high = stay(h[3:4], 0))
  begin <- if (from == "low") stay(h[1:2], spent) else stay(h[3:4], spent)
  E <- list(low = numeric(last), high = numeric(last), death = numeric(last))
  to <- list(low = c("high", "death"), high = c("low", "death"))
  for (k in 1:2) E[[to[[from]][k]]] <- E[[to[[from]][k]]] + begin$f[[k]]
  for (t in 1:(last - 1)) for (j in c("low", "high")) if (E[[j]][t] > 0) for (k in 1:2) {
    later_days <- (t + 1):last
    E[[to[[j]][k]]][later_days] <- E[[to[[j]][k]]][later_days] + E[[j]][t] * later[[j]]$f[[k]][later_days - t]
  }
  sapply(at, function(t) {
    P <- sapply(c("low", "high"), function(j) sum(E[[j]][1:t] * later[[j]]$S[t - (1:t) + 1]))
    P[from] <- P[from] + begin$S[t + 1]
    c(P, death = sum(E$death[1:t]))
  })
}
out <- list(survival = as.character(packageVersion("survival")),
  rows = list(id = d$id, start = d$tstart, stop = d$tstop, here = d$here, state = d$state, age = d$age, albumin = d$albumin),
  pairs = pairs, coef = lapply(fits, coef), model = lapply(fits, function(f) sqrt(diag(f$naive.var))),
  robust = lapply(fits, function(f) sqrt(diag(f$var))), loglik = lapply(fits, function(f) f$loglik),
  new = new, at = at, low = lapply(1:2, function(i) t(occupancy(i, "low", 0))),
  high_200 = lapply(1:2, function(i) t(occupancy(i, "high", 200))))
out$coef <- lapply(out$coef, unname)
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE), "tests/reference/r/clock_reset.json")
