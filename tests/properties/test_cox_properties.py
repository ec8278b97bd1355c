"""What must not change a Cox model, and what must change it in a known way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis._base import EstimationError
from lbp_prognosis.models import CauseSpecificCox, CoxPH, ElasticNetCox, FineGray, NullModel
from lbp_prognosis.survival import CensoringCox, Surv, Weights

MODELS = {
    "cox": CoxPH,
    "breslow": lambda: CoxPH(ties="breslow"),
    "robust": lambda: CoxPH(variance="robust"),
    "ridge": lambda: CoxPH(penalty=3.0),
    "causes": CauseSpecificCox,
    "fine_gray": FineGray,
    "crr": lambda: FineGray(ties="breslow", censoring_ties="at_risk"),
    "lasso": lambda: ElasticNetCox(choose=0.05, n_lambdas=5, tol=1e-10),
}
TIES = st.sampled_from([1.0, 4.0])


def draw(seed: int, coarse: float, n: int = 70):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    time = np.ceil(coarse * rng.exponential(5, n) * np.exp(-0.4 * X[:, 0])) / coarse
    return X, time, rng.choice([0, 1, 2], n, p=[0.3, 0.5, 0.2]), rng


def outcome(name: str, time, code, **extra):
    return Surv.right(time, code if name in ("causes", "fine_gray", "crr") else code == 1, **extra)


def parts(model):
    """Coefficients and covariances as one vector."""
    if isinstance(model.coef_, dict):
        return np.concatenate([np.r_[model.coef_[k], model.covariance_[k].ravel()] for k in model.coef_])
    return np.r_[model.coef_, getattr(model, "covariance_", np.empty(0)).ravel()]


def fit(name, *args, **kwargs):
    try:
        return MODELS[name]().fit(*args, **kwargs)
    except EstimationError:
        return None


@pytest.mark.parametrize("name", sorted(MODELS))
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), coarse=TIES)
def test_frequency_weights_equal_copies(name, seed, coarse):
    X, time, code, rng = draw(seed, coarse)
    count = rng.integers(0, 4, time.size)
    rows = np.repeat(np.arange(time.size), count)
    weighted = fit(name, X, outcome(name, time, code), sample_weight=Weights(count, "frequency"))
    copied = fit(name, X[rows], outcome(name, time[rows], code[rows]))
    if copied is None or weighted is None:
        assert copied is None
        assert weighted is None
        return
    # the covariance is that of the coefficients before the last step, which is below 1e-7
    np.testing.assert_allclose(parts(weighted), parts(copied), rtol=1e-6, atol=1e-8)
    at = [2.0, 5.0]
    np.testing.assert_allclose(weighted.predict_risk(X, at), copied.predict_risk(X, at), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", sorted(MODELS))
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), coarse=TIES)
def test_unit_of_time_and_order_of_rows(name, seed, coarse):
    X, time, code, rng = draw(seed, coarse)
    base = fit(name, X, outcome(name, time, code))
    if base is None:
        return
    horizon = float(np.median(time))
    days = fit(name, X, outcome(name, time * 30.4375, code))
    np.testing.assert_allclose(parts(days), parts(base), rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(days.predict_risk(X, horizon * 30.4375), base.predict_risk(X, horizon), rtol=1e-8)
    order = rng.permutation(time.size)
    mixed = fit(name, X[order], outcome(name, time[order], code[order]))
    np.testing.assert_allclose(parts(mixed), parts(base), rtol=1e-7, atol=1e-10)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(0.1, 30))
def test_incidences_and_survival_sum_to_one_however_large_the_hazards(seed, size):
    X, time, code, rng = draw(seed, 1.0)
    for kind in ("product_limit", "exponential"):
        model = CauseSpecificCox(incidence=kind, penalty=0.1).fit(X, Surv.right(time, code, censored=0))
        new, at = size * rng.normal(size=(40, 2)), np.unique(time)
        risks = [model.predict_risk(new, at, int(cause)) for cause in model.causes_]
        assert all(((risk >= 0) & (risk <= 1)).all() for risk in risks)
        np.testing.assert_allclose(sum(risks) + model.predict_survival(new, at), 1.0, rtol=1e-10)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.floats(-50, 50), scale=st.floats(0.01, 100))
def test_shifted_and_scaled_columns(seed, shift, scale):
    X, time, code, _ = draw(seed, 4.0)
    y = Surv.right(time, code == 1)
    base, moved = CoxPH().fit(X, y), CoxPH().fit(X * scale + shift, y)
    np.testing.assert_allclose(moved.coef_ * scale, base.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        moved.predict_risk(X * scale + shift, 3.0), base.predict_risk(X, 3.0), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(moved.log_likelihood_, base.log_likelihood_, rtol=1e-10)


def test_strata_are_separate_problems_that_share_coefficients():
    X, time, code, rng = draw(5, 4.0)
    strata = rng.choice(["a", "b"], time.size)
    y = Surv.right(time, code == 1)
    model = CoxPH().fit(X, y, strata=strata)
    offset = X @ model.coef_
    for label in "ab":
        rows = strata == label
        alone = CoxPH(collinear="drop").fit(np.ones((rows.sum(), 1)), y[rows], offset=offset[rows])
        at = [1.0, 3.0]
        np.testing.assert_allclose(
            alone.baseline_cumulative_hazard(at), model.baseline_cumulative_hazard(at, stratum=label), rtol=1e-9
        )


def test_delayed_entry_at_zero_is_none_and_split_rows_are_one():
    X, time, code, _ = draw(9, 4.0)
    event = code == 1
    plain = CoxPH().fit(X, Surv.right(time, event))
    entry = np.zeros(time.size)
    np.testing.assert_allclose(CoxPH().fit(X, Surv.right(time, event, entry=entry)).coef_, plain.coef_, rtol=1e-12)
    half = time / 2
    split = Surv.right(np.r_[half, time], np.r_[np.zeros(time.size), event], entry=np.r_[entry, half])
    twice = CoxPH().fit(np.r_[X, X], split)
    np.testing.assert_allclose(twice.coef_, plain.coef_, rtol=1e-9)
    np.testing.assert_allclose(twice.covariance_, plain.covariance_, rtol=1e-8)


def wide(spread: float, late: bool, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X, offset = rng.normal(size=(300, 3)), rng.normal(size=300) * spread
    time = np.ceil(rng.exponential(size=300) * 20)
    entry = np.floor(time * rng.uniform(0, 0.95, size=300))
    event = rng.uniform(size=300) < 0.6
    return (
        np.column_stack([X, rng.normal(size=(300, 5))]),
        Surv.right(time, event, entry=entry if late else None),
        offset,
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_trial_step_in_which_hazards_vanish_is_halved(seed):
    """Newton's method meets linear predictors whose exponentials are 0 in double precision on its way here."""
    X, y, offset = wide(30.0, False, seed)
    model = CoxPH().fit(X, y, offset=offset)
    eta = X @ model.coef_ + offset
    gradient = np.zeros(8)
    for time in np.unique(y["time"][y["event"] == 1]):
        risk, tied = y["time"] >= time, (y["time"] == time) & (y["event"] == 1)
        hazard = np.exp(eta - eta[risk].max()) * risk
        for term in range(int(tied.sum())):
            weight = hazard * (1 - term / tied.sum() * tied)
            gradient -= weight @ X / weight.sum()
        gradient += X[tied].sum(axis=0)
    assert np.abs(gradient * np.sqrt(np.diag(model.covariance_))).max() < 1e-7


def test_late_entry_with_sums_lost_in_rounding_is_refused():
    X, y, offset = wide(20.0, True, 1)
    with pytest.raises(EstimationError, match="lost in rounding"):
        CoxPH().fit(X[:, :3], y, offset=offset)
    X, y, offset = wide(10.0, True, 1)
    assert np.isfinite(CoxPH().fit(X[:, :3], y, offset=offset).coef_).all()


@pytest.mark.parametrize("model", [CoxPH(), CoxPH(penalty=1.0), ElasticNetCox(choose=0.05), FineGray()])
def test_an_offset_that_no_hazard_can_follow_is_refused(model):
    X, y, offset = wide(1000.0, False, 1)
    with pytest.raises(EstimationError):
        model.fit(X, y, offset=offset)


def test_a_baseline_that_no_number_can_hold_is_refused():
    """One value of a million moves the mean so far that the hazard there is exp(−5000) of anybody's."""
    rng = np.random.default_rng(4)
    X = np.column_stack([rng.normal(size=60), rng.normal(size=60)])
    time, event = np.ceil(rng.exponential(size=60) * 10), rng.uniform(size=60) < 0.6
    X[3, 0] = 1e6
    for ties in ("efron", "exact"):
        with pytest.raises(EstimationError, match="range over|separates"):
            CoxPH(ties=ties).fit(X, Surv.right(time, event))
    X[3, 0] = 1e4  # that much it can hold: the row has no hazard left, the others are as without it
    model = CoxPH().fit(X, Surv.right(time, event))
    others = np.arange(60) != 3
    alone = CoxPH().fit(X[others], Surv.right(time[others], event[others]))
    np.testing.assert_allclose(model.coef_, alone.coef_, rtol=1e-7)
    np.testing.assert_allclose(model.predict_risk(X[others], [10.0]), alone.predict_risk(X[others], [10.0]), rtol=1e-7)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_all_with_the_event_at_once_say_nothing(l1_ratio):
    X = np.random.default_rng(3).normal(size=(40, 3))
    model = ElasticNetCox(choose=0.05, l1_ratio=l1_ratio).fit(X, Surv.right(np.full(40, 5.0), np.ones(40, dtype=int)))
    np.testing.assert_allclose(model.coef_, 0.0, atol=1e-12)


@pytest.mark.parametrize("kind", ["frequency", "sampling"])
@pytest.mark.parametrize("model", [CauseSpecificCox(), FineGray(), CoxPH(), NullModel()])
def test_a_row_of_weight_zero_takes_no_part(model, kind):
    """Neither with a cause that nobody else had, nor with a follow-up longer than anybody else's."""
    X, time, code, _ = draw(11, 1.0)
    time[0], code[0] = 2 * time.max(), 0
    code[1] = 3
    if isinstance(model, CoxPH) and not isinstance(model, FineGray):
        code[2:] = np.minimum(code[2:], 1)
    weights = np.ones(time.size)
    weights[:2] = 0.0
    y = Surv.right(time, code)
    weighted = model.fit(X, y, sample_weight=Weights(weights, kind))
    causes, end, risk = weighted.causes_, weighted.max_time_, weighted.predict_risk(X, [2.0, 5.0])
    without = model.fit(X[2:], y[2:])
    assert causes.tolist() == without.causes_.tolist()
    assert end == without.max_time_
    np.testing.assert_allclose(risk, without.predict_risk(X, [2.0, 5.0]), rtol=1e-9)


def test_frequency_weights_equal_copies_in_the_model_of_censoring():
    X, time, code, rng = draw(12, 1.0)
    count = rng.integers(0, 4, time.size)
    rows = np.repeat(np.arange(time.size), count)
    y = Surv.right(np.ceil(time), code)
    weighted = CensoringCox().fit(y, X, sample_weight=Weights(count, "frequency"))
    copied = CensoringCox().fit(y[rows], X[rows])
    np.testing.assert_allclose(weighted.coef_, copied.coef_, rtol=1e-8)
    np.testing.assert_allclose(weighted.survival_at(5.0, X), copied.survival_at(5.0, X), rtol=1e-9)


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_frequency_weights_equal_copies_in_the_test_of_proportional_hazards(transform):
    X, time, code, rng = draw(13, 1.0)
    count = rng.integers(0, 4, time.size)
    rows = np.repeat(np.arange(time.size), count)
    y = Surv.right(time, code == 1, entry=np.where(np.arange(time.size) % 2, 0.5 * time, 0.0))
    weights = Weights(count, "frequency")
    weighted = CoxPH().fit(X, y, sample_weight=weights)
    copied = CoxPH().fit(X[rows], y[rows])
    one = weighted.proportional_hazards_test(X, y, transform, sample_weight=weights)
    two = copied.proportional_hazards_test(X[rows], y[rows], transform)
    np.testing.assert_allclose(one.statistic, two.statistic, rtol=1e-8)
    scaled = weighted.schoenfeld_residuals(X, y, scaled=True, sample_weight=weights)
    again = copied.schoenfeld_residuals(X[rows], y[rows], scaled=True)
    np.testing.assert_allclose(
        np.sort(np.repeat(scaled["x0"].to_numpy(), count[scaled["row"]])), np.sort(again["x0"].to_numpy()), rtol=1e-7
    )
