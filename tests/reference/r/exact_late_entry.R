# Exact ties with late entry. survival's coxph does not come to an end with them, so each distinct event time becomes a
# stratum of those at risk there and clogit maximises the same conditional likelihood. Writes exact_late_entry.json
# beside this file; the patients of veteran are those of further_cases.json, entering at (row mod 3) months.
suppressMessages({library(survival); library(jsonlite)})
v <- transform(veteran, month = ceiling(time / 30))
v$entry <- seq_len(nrow(v)) %% 3
v <- v[v$month > v$entry, ]
sets <- do.call(rbind, lapply(sort(unique(v$month[v$status == 1])), function(t) {
  at_risk <- v[v$entry < t & v$month >= t, ]
  data.frame(at_risk[c("karno", "age")], set = t, case = as.integer(at_risk$month == t & at_risk$status == 1))
}))
fit <- clogit(case ~ karno + age + strata(set), sets, method = "exact", control = coxph.control(eps = 1e-12))
write_json(list(coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))), loglik = fit$loglik),
           "exact_late_entry.json", digits = 15, auto_unbox = TRUE)
