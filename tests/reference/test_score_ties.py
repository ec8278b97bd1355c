"""AUC, Brier score and IPA of riskRegression::Score with and without ties (values by r/score_ties.R)."""

import json
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis import Surv
from lbp_prognosis.evaluation import brier, time_dependent_auc

R = json.loads((Path(__file__).parent / "r" / "score_ties.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("table", R["tables"], ids=range(1, len(R["tables"]) + 1))
def test_values_are_those_of_score_and_errors_where_it_has_no_ties(table):
    y = Surv.right(table["time"], table["event"])
    factor = np.sqrt(len(y) / (len(y) - 1))  # Score divides by n − 1
    for found in table["score"]:
        for k, model in enumerate("ab"):
            area = time_dependent_auc(y, np.array(table[model]), found["horizon"], min_at_risk=1)
            error = brier(y, np.array(table[model]), found["horizon"], min_at_risk=1)
            got = [area.value, error.value, error.ipa.value]
            np.testing.assert_allclose(got, [found[name][k] for name in ("auc", "brier", "ipa")], atol=1e-12)
            if not table["tied"]:
                # equal where no time is censored, elsewhere within 0.2 %
                pairs = [(area.se, found["auc_se"][k]), (error.se, found["brier_se"][k])]
                for ours, theirs in pairs:
                    assert ours * factor == pytest.approx(theirs, rel=2e-3)


def test_errors_with_ties_are_near_the_jackknife():
    """Score orders tied censorings in its influence function; leaving each patient out tells which error is right."""
    table = R["tables"][6]  # visits every three months, two causes
    found, risk = table["score"][2], np.array(table["b"])
    y = Surv.right(table["time"], table["event"])
    rows = np.arange(len(y))
    left_out = [brier(y[rows != i], risk[rows != i], 12.0, min_at_risk=1).value for i in rows]
    jackknife = np.sqrt((len(y) - 1) * np.var(left_out))
    ours = brier(y, risk, 12.0, min_at_risk=1).se * np.sqrt(len(y) / (len(y) - 1))
    assert ours == pytest.approx(jackknife, rel=0.06)
    assert abs(ours - jackknife) < 0.5 * abs(found["brier_se"][1] - jackknife)
