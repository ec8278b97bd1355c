# Fine-Gray on mgus2 in months, where events and censorings share times: crr keeps tied events at risk of being
# censored, finegray lets them leave first. Writes fine_gray_ties.json beside this file.
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
d <- subset(mgus2, !is.na(mspike))
d$time <- with(d, ifelse(pstat == 0, futime, ptime))
d$code <- with(d, ifelse(pstat == 0, 2 * death, 1))
X <- cbind(age = d$age, male = as.numeric(d$sex == "M"), mspike = d$mspike)
crr_fit <- crr(d$time, d$code, X, failcode = 1, cencode = 0, gtol = 1e-10, maxiter = 50)
long <- finegray(Surv(time, factor(code, 0:2)) ~ ., data = data.frame(X, time = d$time, code = d$code, id = seq_len(nrow(d))),
                 etype = "1")
fits <- lapply(c(breslow = "breslow", efron = "efron"), function(ties)
  coxph(Surv(fgstart, fgstop, fgstatus) ~ age + male + mspike, long, weights = fgwt, ties = ties, id = id,
        control = coxph.control(eps = 1e-12, iter.max = 50)))
write_json(list(time = d$time, code = d$code, age = d$age, male = X[, "male"], mspike = d$mspike,
                crr = unname(crr_fit$coef), crr_se = unname(sqrt(diag(crr_fit$var))),
                finegray_breslow = unname(coef(fits$breslow)), finegray_efron = unname(coef(fits$efron)),
                finegray_breslow_se = unname(sqrt(diag(vcov(fits$breslow))))),
           "fine_gray_ties.json", digits = 15, auto_unbox = TRUE)
