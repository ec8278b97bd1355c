"""Validation on its boundaries: some patients torn, weights of .632, the last horizon, three to five sites."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Surv, evaluate
from lbp_prognosis._base import LeakageError
from lbp_prognosis.evaluation import concordance
from lbp_prognosis.validation import bootstrap_validate, cross_validate_risk, meta_analysis
from lbp_prognosis.validation.resampling._bootstrap_validation import p632_plus


@pytest.fixture(scope="module")
def cohort():
    d = syn(n=120)
    return d[["c1", "p1"]], Surv.right(d["time"], d["event"])


# ---- folds given by hand -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [0, 1, 2, 60])
@pytest.mark.parametrize("repeat", [0, 1])
def test_one_torn_patient_is_one_too_many(cohort, torn: int, repeat: int) -> None:
    """Two rows per patient; the first ``torn`` patients of one of two repeats lie on both sides."""
    X, y = cohort
    patient = np.arange(120) // 2
    folds = np.stack([patient % 2, (patient // 2) % 2])
    folds[repeat, 0 : 2 * torn : 2] = 1 - folds[repeat, 0 : 2 * torn : 2]
    if torn:
        with pytest.raises(LeakageError, match="keep groups whole"):
            cross_validate_risk(CoxPH(), X, y, 12.0, groups=patient, folds=folds)
        assert np.isfinite(cross_validate_risk(CoxPH(), X, y, 12.0, folds=folds).risks["CoxPH"]).all()
    else:
        found = cross_validate_risk(CoxPH(), X, y, 12.0, groups=patient, folds=folds)
        np.testing.assert_array_equal(found.folds, folds)


# ---- .632 --------------------------------------------------------------------------------------------------------


def test_632_leans_to_the_rows_left_out(cohort) -> None:
    X, y = cohort
    options = {"n_resamples": 12, "random_state": 3}
    found = bootstrap_validate(CoxPH(), X, y, 12.0, method=".632", **options)
    outside = np.nanmean(found.out_of_bag, axis=0)
    assert np.abs(found.apparent - outside).max() > 0.01
    np.testing.assert_allclose(found.corrected, 0.368 * found.apparent + 0.632 * outside, rtol=1e-12)
    row = found.at("auc", 12.0)
    assert (
        row["corrected"] == row["p632"] != pytest.approx(0.632 * row["apparent"] + 0.368 * row["out_of_bag"], abs=1e-4)
    )
    assert abs(row["corrected"] - row["out_of_bag"]) < abs(row["corrected"] - row["apparent"])
    plus = bootstrap_validate(CoxPH(), X, y, 12.0, method=".632+", **options)
    known = np.isfinite(plus.no_information)
    assert known.any()
    np.testing.assert_allclose(plus.corrected[~known], found.corrected[~known], rtol=1e-12)


@pytest.mark.parametrize(
    ("outside", "want"),
    [
        (0.9, 0.9),  # as apparent: no overfitting, any weights
        (0.6, 0.9 + (0.6 - 0.9) * 0.632 / (1 - 0.368 * 0.75)),  # relative overfitting 0.75
        (0.5, 0.5),  # that of no information: its own weight is 1
        (0.4, 0.5),  # worse than no information counts as none
        (0.95, 0.9 + 0.05 * 0.632),  # better than apparent: no overfitting
    ],
)
def test_632_plus_by_hand(outside: float, want: float) -> None:
    """Apparent 0.9, no information 0.5."""
    found = p632_plus(np.array([0.9]), np.array([outside]), np.array([0.5]))
    assert found[0] == pytest.approx(want, abs=1e-12)
    # of a loss, where less is better, the mirror image
    loss = p632_plus(np.array([0.1]), np.array([1 - outside]), np.array([0.5]))
    assert loss[0] == pytest.approx(1 - want, abs=1e-12)


# ---- the last horizon --------------------------------------------------------------------------------------------


def test_concordance_is_that_of_the_last_horizon_with_risks(cohort) -> None:
    X, y = cohort
    model = CoxPH().fit(X, y)
    last = model.predict_risk(X, 12.0)[:, 0]
    turned = 0.5 * (1 - last)  # at the first horizon patients are ranked the other way
    both = evaluate(y, np.column_stack([turned, last]), [6.0, 12.0], n_resamples=0).metrics["model"]
    first = evaluate(y, np.column_stack([turned, np.full(120, np.nan)]), [6.0, 12.0], n_resamples=0).metrics["model"]
    alone = concordance(y, last).value
    assert both["concordance"].value == alone
    assert first["concordance"].value == pytest.approx(1 - alone)
    assert both["uno_concordance"].value == concordance(y, last, weighting="uno", tau=12.0).value
    assert first["uno_concordance"].value == concordance(y, turned, weighting="uno", tau=6.0).value


# ---- few sites ---------------------------------------------------------------------------------------------------

SITES = {
    3: ([0.77, 0.75, 0.66], [0.06, 0.05, 0.01]),
    4: ([0.69, 0.77, 0.67, 0.72], [0.04, 0.03, 0.06, 0.06]),
    5: ([0.73, 0.59, 0.7, 0.73, 0.75], [0.06, 0.03, 0.03, 0.04, 0.06]),
    6: ([0.73, 0.75, 0.69, 0.65, 0.74, 0.64], [0.01, 0.05, 0.04, 0.01, 0.05, 0.01]),
}


@pytest.mark.parametrize("count", SITES)
def test_hartung_knapp_never_narrows_below_five_sites(count: int) -> None:
    """All have heterogeneity and q < 1, where the plain error is smaller than Wald's."""
    found = meta_analysis(*SITES[count])
    assert found.tau2 > 1e-4
    assert found.q < 0.9
    assert found.modified == (count < 5)
    factor = 1.0 if count < 5 else np.sqrt(found.q)
    assert found.se_hksj == pytest.approx(found.se_wald * factor, rel=1e-12)


@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_without_heterogeneity_it_never_narrows_at_all(count: int) -> None:
    found = meta_analysis(0.7 + 0.001 * np.arange(count), np.full(count, 0.05))
    assert (found.tau2, found.modified) == (0.0, True)
    assert found.q < 1
    assert found.se_hksj == pytest.approx(found.se_wald, rel=1e-12)


@pytest.mark.parametrize("count", [3, 4])
def test_it_widens_where_sites_differ_more_than_tau_says(count: int) -> None:
    """q > 1 widens, modified or not."""
    values = np.array([0.55, 0.8, 0.7, 0.62])[:count]
    found = meta_analysis(values, np.full(count, 0.02))
    assert found.se_hksj == pytest.approx(found.se_wald * np.sqrt(max(1.0, found.q)), rel=1e-12)
