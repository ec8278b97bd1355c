* Data in: the table as Stata stores it, with labels and missing codes
use examples/registry.dta, clear
generate long row = _n
save patients.dta, replace

python:
import lbp_prognosis as lbp
from lbp_prognosis.schema import read_table

table = read_table("patients.dta").frame
clinical = ["age", "nrs_back", "odi"]
known = table[clinical].notna().all(axis=1)
X, months, status = table.loc[known, clinical], table.loc[known, "months"], table.loc[known, "status"]
y = lbp.Surv.right(months, status, causes={"recovery": 1, "surgery": 2})
model = lbp.models.CauseSpecificCox().fit(X, y)
risk = model.predict_risk(X, 12)[:, 0]
found = lbp.evaluate(y, {"clinical": risk}, 12, n_resamples=50)
for metric in ("auc", "ipa", "observed_expected"):
    number = found.metric(metric, "clinical")
    print(f"{metric}: {number.value:.3f} ({number.low:.3f} to {number.high:.3f})")
table.loc[known, ["row"]].assign(risk12=risk).to_stata("risks.dta", write_index=False)
end

* Results back: one risk per patient, missing where a predictor is missing
merge 1:1 row using risks.dta, nogenerate
summarize risk12
