use examples/registry.dta, clear
python:
import pandas as pd
from sfi import Data, Macro
import lbp_prognosis as lbp
from lbp_prognosis.survival import aalen_johansen

table = pd.DataFrame(Data.get(["months", "status"]), columns=["months", "status"])
y = lbp.Surv.right(table["months"], table["status"], causes={"recovery": 1, "surgery": 2})
at = aalen_johansen(y, cause=1).at(12)
Macro.setLocal("recovery", f"{at.value:.3f} ({at.low:.3f} to {at.high:.3f})")
end
display "recovery by month 12: `recovery'"
