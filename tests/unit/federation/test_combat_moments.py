"""ComBat of moments is ComBat of rows."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import LBPError
from lbp_prognosis._kernels import combat_adjust, combat_fit
from lbp_prognosis.federation import Policy, combat_moments, pool_combat

D = syn(360, sites=3)
FEATURES, COVARIATES = ["m1", "m2", "m3"], ["c1", "c2"]
EXACT = Policy(release_budget=1.0, digits=17)
SITES = [(f"s{site}", part) for site, part in D.groupby("site")]


@pytest.mark.parametrize("prior", ["parametric", "nonparametric", "none"])
@pytest.mark.parametrize("covariates", [[], COVARIATES])
@pytest.mark.parametrize("reference", [None, "s2"])
@pytest.mark.parametrize("mean_only", [False, True])
def test_same_as_on_rows(prior: str, covariates: list[str], reference: str | None, mean_only: bool) -> None:
    sent = [combat_moments(part, FEATURES, covariates, site=site, policy=EXACT) for site, part in SITES]
    found = pool_combat(sent, prior=prior, reference_site=reference, mean_only=mean_only)
    Y, X, batch = D[FEATURES].to_numpy(), D[covariates].to_numpy(), D["site"].to_numpy() - 1
    code = None if reference is None else 1
    rows = combat_fit(Y, batch, X, prior=prior, reference=code, mean_only=mean_only)
    np.testing.assert_allclose(found.estimates.gamma, rows.gamma, atol=1e-9)
    np.testing.assert_allclose(found.estimates.delta, rows.delta, rtol=1e-8)
    wanted = combat_adjust(Y, batch, X, rows, rows.gamma, rows.delta)
    for site, part in SITES:
        np.testing.assert_allclose(found.adjust(part, site=site), wanted[D["site"] == int(site[1])], atol=1e-8)


def test_what_is_withheld() -> None:
    small = combat_moments(D.iloc[:49], FEATURES, site="a")
    assert small.withheld.startswith("insufficient")
    assert small.numbers == 0
    assert combat_moments(D.iloc[:60], FEATURES, COVARIATES, site="a", policy=Policy(release_budget=0.2)).withheld
    marked = D.iloc[:120].assign(m1=np.r_[1.0, np.zeros(119)])
    assert "m1" in combat_moments(marked, FEATURES, site="a").withheld
    with pytest.raises(LBPError, match="two sites"):
        pool_combat([small, combat_moments(D, FEATURES, site="b")])


def test_flat_features_and_other_names() -> None:
    sent = [combat_moments(part.assign(m1=1.0), FEATURES, site=site, policy=EXACT) for site, part in SITES]
    with pytest.raises(LBPError, match="do not vary"):
        pool_combat(sent)
    mixed = [combat_moments(SITES[0][1], FEATURES, site="a"), combat_moments(SITES[1][1], FEATURES[:2], site="b")]
    with pytest.raises(LBPError, match="same features"):
        pool_combat(mixed)
