library(survival)
coef(summary(coxph(Surv(time, status) ~ x, aml)))
summary(survfit(Surv(time, status) ~ 1, aml, conf.type = "log-log"), times = 24)
survdiff(Surv(time, status) ~ x, aml)
