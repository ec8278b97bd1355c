"""Both conventions for events and censorings that share a time (values by r/fine_gray_ties.R on mgus2)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lbp_prognosis.models import FineGray
from lbp_prognosis.survival import Surv


def test_both_conventions_of_tied_censorings():
    r = json.loads((Path(__file__).parent / "r" / "fine_gray_ties.json").read_text(encoding="utf-8"))
    X = np.column_stack([r["age"], r["male"], r["mspike"]]).astype(float)
    y = Surv.right(r["time"], r["code"])
    crr = FineGray(ties="breslow", censoring_ties="at_risk").fit(X, y)
    np.testing.assert_allclose(crr.coef_, r["crr"], rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(crr.covariance_)), r["crr_se"], rtol=1e-6)
    first = FineGray(ties="breslow", variance="robust_fixed").fit(X, y)
    np.testing.assert_allclose(first.coef_, r["finegray_breslow"], rtol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(first.covariance_)), r["finegray_breslow_se"], rtol=1e-6)
    np.testing.assert_allclose(FineGray().fit(X, y).coef_, r["finegray_efron"], rtol=1e-7)
    assert np.abs(crr.coef_ - first.coef_).max() > 1e-5
