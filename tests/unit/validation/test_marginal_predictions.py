"""`marginal_predictions`: R's delta method, the Poisson likelihood of a Cox model, refits, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lbp_prognosis import CoxPH, LBPError, Measured, Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.fusion import MultipleImputation, OneHot, RiskPipeline, from_formula
from lbp_prognosis.models import (
    CauseSpecificCox,
    DynamicRisk,
    FineGray,
    LinearOutcome,
    LogisticRisk,
    OrdinalRegression,
    ParametricAFT,
    RoystonParmar,
)
from lbp_prognosis.validation import marginal_predictions, update_model

ROW = np.arange(120)
S = np.mod(ROW * 53, 97) / 10
D = pd.DataFrame({"x": np.mod(ROW * 37, 101) / 10, "g": ROW % 3})
D["y"] = (S < 3 + 0.4 * D["x"]).astype(int)
D["score"] = np.minimum(10, np.round(S * 0.6 + 0.3 * D["x"] + D["g"]))
D["months"], D["status"] = 1 + np.mod(ROW * 29, 31), (np.mod(ROW * 7, 5) > 0).astype(int)
GLM = [0.40870515469, 0.59597132003, 0.06419076464, 0.06535113301, 0.18726616534, 0.09349991881]
LM = [4.2342572207, 6.4411674501, 0.2266350150, 0.2316608524, 2.2069102294, 0.3286507236]

# survreg and clm: numDeriv::jacobian of the mean prediction, and vcov
AFT = {
    "weibull": [0.3153725214, 0.2879088840, 0.0450261987, 0.0443469802, -0.0274636374, 0.0541285790],
    "lognormal": [0.4030149486, 0.3619250831, 0.0522959001, 0.0530127965, -0.0410898655, 0.0758722258],
    "loglogistic": [0.3303747918, 0.2997544311, 0.0497899640, 0.0522861616, -0.0306203606, 0.0697532290],
    "exponential": [0.4587042000, 0.4281533738, 0.0474229320, 0.0482918198, -0.0305508262, 0.0689296622],
}
CLM = {
    ("logit", "mean"): [4.2422981975, 6.3794034544, 0.2389543068, 0.2321979624, 2.1371052569, 0.3392759693],
    ("logit", "risk"): [0.5930807333, 0.1812242287, 0.0563450705, 0.0412347553, -0.4118565046, 0.0654200713],
    ("probit", "mean"): [4.2169591432, 6.4557682068, 0.2233194174, 0.2196369818, 2.2388090636, 0.3182454767],
    ("probit", "risk"): [0.5944779273, 0.1712617325, 0.0545598090, 0.0398924336, -0.4232161948, 0.0611711477],
    ("cloglog", "mean"): [4.3133300136, 6.3299995283, 0.2157937371, 0.2419280479, 2.0166695148, 0.3177592309],
    ("cloglog", "risk"): [0.5650255571, 0.2115004580, 0.0550171050, 0.0399617583, -0.3535250991, 0.0564381531],
}


def fitted(model, formula):
    pipeline, X, y = from_formula(model, formula, D)
    return pipeline.fit(X, y), X, y


def numbers(result) -> list[float]:
    """Two means, their standard errors, the difference and its standard error."""
    table = result.to_frame()
    order = [("estimate", 0), ("estimate", 1), ("se", 0), ("se", 1), ("estimate", 2), ("se", 2)]
    return [float(table[name][row]) for name, row in order]


def test_means_and_differences_are_those_of_r() -> None:
    """R 4.2: numerical gradients of the mean fitted value and vcov of glm and lm."""
    model, X, _ = fitted(LogisticRisk(), "Status(y, 12) ~ x * C(g)")
    found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, horizons=12))
    assert found == pytest.approx(GLM, abs=1e-8)
    model, X, _ = fitted(LinearOutcome(), "Measured(score, 12, 0, 10) ~ x * C(g)")
    found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, quantity="mean"))
    assert found == pytest.approx(LM, abs=1e-8)


@pytest.mark.parametrize("distribution", AFT)
def test_risks_of_accelerated_times_are_those_of_r(distribution) -> None:
    model, X, _ = fitted(ParametricAFT(distribution), "Surv(months, status) ~ x * C(g)")
    found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, horizons=12))
    assert found == pytest.approx(AFT[distribution], abs=1e-8)


@pytest.mark.parametrize(("link", "quantity"), CLM)
def test_means_and_risks_of_ordinal_models_are_those_of_r(link, quantity) -> None:
    model, X, _ = fitted(OrdinalRegression(link=link), "Measured(score, 12, 0, 10) ~ x * C(g)")
    model.fit(X, Measured.at(12, D["score"], lower=0, upper=10, at_most=4))
    found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, quantity=quantity))
    assert found == pytest.approx(CLM[link, quantity], abs=1e-8)


def by_hand(model, X, names, place, horizon=12.0):
    """Means of two settings and their covariance: central differences in the attributes that ``place`` sets."""

    def means(values):
        place(model, values)
        return np.array([float(np.mean(model.predict_risk(X.assign(x=at), horizon))) for at in (2.0, 8.0)])

    start = np.concatenate([np.ravel(getattr(model, name)) for name in names])
    steps = 1e-5 * np.eye(start.size)
    slopes = np.stack([(means(start + step) - means(start - step)) / 2e-5 for step in steps], axis=1)
    mean = means(start)
    spread, turn = slopes @ model.covariance_ @ slopes.T, np.array([-1.0, 1.0])
    return [*mean, *np.sqrt(np.diag(spread)), mean[1] - mean[0], np.sqrt(turn @ spread @ turn)]


def test_risks_of_spline_models_and_generalised_gamma_times_have_the_errors_of_differences_in_every_parameter() -> None:
    X, y = D[["x", "g"]].astype(float), Surv.right(D["months"] + ROW / 1e3, D["status"])

    def in_spline(model, values):
        model.gamma_, model.coef_ = values[: model.gamma_.size].reshape(model.gamma_.shape), values[model.gamma_.size :]

    for scale in ("hazard", "odds", "normal"):
        model = RoystonParmar(scale=scale, strata="g").fit(X, y)
        found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, horizons=12))
        assert found == pytest.approx(by_hand(model, X, ["gamma_", "coef_"], in_spline), rel=1e-7)

    def in_gamma(model, values):
        model.intercept_, model.coef_, model.scale_, model.shape_ = values[0], values[1:3], np.exp(values[3]), values[4]

    times = np.exp(1 + 0.1 * D["x"] + norm.ppf((np.mod(ROW * 53, 121) + 0.5) / 121))
    model = ParametricAFT("generalised_gamma").fit(X, Surv.right(np.minimum(times, 30), times < 30))
    found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, horizons=12))
    model.log_scale = np.log(model.scale_)
    assert found == pytest.approx(by_hand(model, X, ["intercept_", "coef_", "log_scale", "shape_"], in_gamma), rel=1e-6)


def jackknife(model, X, y, weights, groups, predict):
    """Covariance of means of groups: each row's weight times the derivative in it, by refits."""
    moved = []
    for i in range(len(X)):
        ends = []
        for sign in (1, -1):
            changed = weights.copy()
            changed[i] += sign * 1e-5
            ends.append(predict(model.fit(X, y, sample_weight=changed)))
        moved.append([(ends[0] - ends[1])[groups == g].mean() / 2e-5 * weights[i] for g in (0, 1)])
    return np.array(moved).T @ np.array(moved)


def test_robust_errors_of_ordinal_models_are_the_infinitesimal_jackknife() -> None:
    few = D.iloc[:40]
    X, y = few[["x"]], Measured.at(12, np.minimum(few["score"], 6), lower=0, upper=10, at_most=4)
    weights, groups = 0.5 + np.mod(np.arange(40) * 7, 11) / 8, few["g"].to_numpy() % 2
    model = OrdinalRegression()
    wanted = jackknife(model, X, y, weights, groups, lambda one: one.predict_mean(X))
    _, found = model.fit(X, y, sample_weight=weights).average_prediction(X, groups=groups, quantity="mean")
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    model.fit(X, y, sample_weight=weights, clusters=np.arange(40) // 2)
    assert model.average_prediction(X, groups=groups)[1].shape == (1, 2, 2)


AALEN = {
    1: (
        [0.085239041342, 0.183993290507, 0.403009936232],
        [0.025794343527, 0.036334147528, 0.048006071585],
    ),
    2: (
        [0.051062691567, 0.122707411431, 0.281544040135],
        [0.020313976367, 0.030754059616, 0.043889234602],
    ),
}
CAUSES = np.where(D["status"] == 0, 0, 1 + (np.mod(ROW * 11, 7) > 3))


def test_without_predictors_the_incidence_has_the_errors_of_aalen_and_johansen() -> None:
    """R 4.2: survfit(Surv(months, factor(cause)) ~ 1), with ties of both causes."""
    empty, y = pd.DataFrame(index=range(120)), Surv.right(D["months"], CAUSES)
    model = CauseSpecificCox().fit(empty, y)
    for cause, (mean, se) in AALEN.items():
        found = model.average_prediction(empty, [6, 12, 24], cause, groups=np.zeros(120))
        np.testing.assert_allclose(found[0][0], mean, rtol=1e-9)
        np.testing.assert_allclose(np.sqrt(found[1][:, 0, 0]), se, rtol=1e-8)


@pytest.mark.parametrize("incidence", ["product_limit", "product_limit_efron", "exponential", "exponential_efron"])
def test_gradients_of_incidences_are_those_of_differences(incidence) -> None:
    """Against the whole covariance of increments and coefficients, by differences in each of them."""
    X, y = D[["x", "g"]].astype(float), Surv.right(D["months"], CAUSES)
    model = CauseSpecificCox(incidence=incidence, strata="g").fit(X, y)
    groups, held, fitted_ = (D["x"] > 5).to_numpy() * 1, model._delta, incidence == "product_limit"

    def means():
        risk = model.predict_risk(X, 9.0, 2)[:, 0]
        return np.array([risk[groups == g].mean() for g in (0, 1)])

    def slope(values, at):
        kept, ends = values.copy(), []
        for sign in (1, -1):
            values[at] += sign * 1e-6
            ends.append(means())
            values[:] = kept
        return (ends[0] - ends[1]) / 2e-6

    wanted = np.zeros((2, 2))
    of_coef = {code: np.stack([slope(one.coef_, j) for j in range(1)], axis=1) for code, one in model.models_.items()}
    for stratum in range(3):
        grid = np.unique(np.concatenate([one.baseline_times_[stratum] for one in model.models_.values()]))
        of_steps = np.zeros((grid.size, 2, 2))
        for a, (code, one) in enumerate(model.models_.items()):
            for u, time in enumerate(one.baseline_times_[stratum]):
                if time <= 9:
                    values, at = (model.increments_[code], u) if fitted_ else (one.baseline_hazard_, slice(u, None))
                    of_steps[np.searchsorted(grid, time), :, a] = slope(values[stratum], at)
            of_coef[code] += np.einsum("ug,up->gp", of_steps[:, :, a], held["slopes"][stratum][:, a])
        wanted += np.einsum("uga,uab,uhb->gh", of_steps, held["covariance"][stratum], of_steps)
    wanted += sum(of_coef[code] @ one.covariance_ @ of_coef[code].T for code, one in model.models_.items())
    found = model.average_prediction(X, [9.0, 99.0], 2, groups=groups)[1]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    assert np.isnan(found[1]).all()
    with pytest.raises(ArgumentError, match="unpenalised"):
        CauseSpecificCox(penalty=1.0).fit(X, y).average_prediction(X, 9.0, groups=groups)


def influence_of_fine_and_gray(x, t, e, w, beta, tau, groups):
    """Covariance of means of groups at tau, term by term: Breslow's baseline, the estimated censoring curve."""
    n, grid, ev, r = t.size, np.unique(t), np.unique(t[e == 1]), np.exp(x @ beta)
    open_ = [(t > u) | ((t == u) & (e == 0)) for u in grid]
    pi = np.array([w[rows].sum() for rows in open_])
    lam = np.array([w[(t == u) & (e == 0)].sum() for u in grid]) / np.maximum(pi, 1e-300)
    curve = [np.prod(1 - lam[grid < s]) for s in ev]
    own = [np.prod(1 - lam[grid < s]) for s in t]
    W = np.array([[1.0 if t[i] >= s else (e[i] == 2) * g / own[i] for s, g in zip(ev, curve)] for i in range(n)])
    S0 = (w * r) @ W
    xbar = (((w * r)[:, None] * x).T @ W / S0).T
    dH = np.array([w[(t == s) & (e == 1)].sum() for s in ev]) / S0
    parts = [(w * r * W[:, k])[:, None] * (x - xbar[k]) for k in range(ev.size)]
    information = sum(dH[k] * parts[k].T @ (x - xbar[k]) for k in range(ev.size))
    dM = ((t[:, None] == ev) & (e[:, None] == 1)) - W * r[:, None] * dH
    now = ev <= tau
    score, level = dM.sum(axis=1)[:, None] * x - dM @ xbar, dM[:, now] @ (1 / S0[now])
    for g, u in enumerate(grid):
        dMc = ((t == u) & (e == 0)) - lam[g] * open_[g]
        for j in np.flatnonzero((e == 2) & (t <= u)):
            part = w[j] * r[j] * W[j] * dH * (ev > u) / max(pi[g], 1e-300)
            score += dMc[:, None] * ((x[j] - xbar) * part[:, None]).sum(axis=0)
            level += dMc * (part / S0)[now].sum()
    slope = score @ np.linalg.inv(information)
    level, H = level - slope @ (dH[now] @ xbar[now]), dH[now].sum()
    each = (level[:, None] + H * slope @ x.T) * np.exp(-H * r) * r
    moved = w[:, None] * np.stack([each[:, groups == g].mean(axis=1) for g in (0, 1)], axis=1)
    return moved.T @ moved


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_fine_and_gray_are_the_influence_functions_of_baseline_coefficients_and_censoring(weighted) -> None:
    few, groups = D.iloc[:40], (D["x"] > 5).to_numpy()[:40] * 1
    x, t, e = few[["x", "g"]].to_numpy(float), few["months"].to_numpy(float), CAUSES[:40]
    w = 0.5 + np.mod(np.arange(40) * 7, 11) / 8 if weighted else np.ones(40)
    y = Surv.right(t, e)
    model = FineGray(ties="breslow", tol=1e-12).fit(x, y, sample_weight=w if weighted else None)
    found = model.average_prediction(x, [7.0, 20.0], groups=groups)[1]
    for k, tau in enumerate((7.0, 20.0)):
        wanted = influence_of_fine_and_gray(x, t, e, w, model.coef_, tau, groups)
        np.testing.assert_allclose(found[k], wanted, rtol=1e-7)
    one = model.average_prediction(x[[3]], [7.0, 20.0], groups=[0])[1]
    np.testing.assert_allclose(np.sqrt(one[:, 0, 0]), model.risk_se(x[[3]], [7.0, 20.0])[0], rtol=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_without_competing_events_the_errors_of_fine_and_gray_are_the_infinitesimal_jackknife(ties) -> None:
    few, groups = D.iloc[:40], (D["x"] > 5).to_numpy()[:40] * 1
    x, y = few[["x", "g"]].astype(float), Surv.right(few["months"], few["status"])
    weights, model = 0.5 + np.mod(np.arange(40) * 7, 11) / 8, FineGray(ties=ties, tol=1e-12)
    wanted = jackknife(model, x, y, weights, groups, lambda one: one.predict_risk(x, 12.0)[:, 0])
    found = model.fit(x, y, sample_weight=weights).average_prediction(x, 12.0, groups=groups)[1]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    with pytest.raises(ArgumentError, match="without strata, clusters and delayed entry"):
        model.fit(x, y, clusters=np.arange(40) // 2).average_prediction(x, 12.0, groups=groups)


def test_risks_of_cox_have_the_errors_of_the_poisson_likelihood_with_a_step_for_each_time() -> None:
    """Breslow's estimates maximise the likelihood with free hazards at event times: its information gives V."""
    x = np.column_stack([D["x"], D["g"] == 1])
    y = Surv.right(D["months"], D["status"])
    model = CoxPH(ties="breslow").fit(x, y)
    times = np.unique(D["months"][D["status"] == 1])
    at_risk = D["months"].to_numpy()[:, None] >= times
    relative = np.exp(x @ model.coef_)
    deaths = np.array([((D["months"] == t) & (D["status"] == 1)).sum() for t in times])
    step = deaths / (relative @ at_risk)
    k, p = times.size, x.shape[1]
    information = np.zeros((k + p, k + p))  # of the steps (not logged) and the coefficients
    information[:k, :k] = np.diag(deaths / step**2)
    information[:k, k:] = (relative[:, None] * at_risk).T @ x
    information[k:, :k] = information[:k, k:].T
    information[k:, k:] = x.T @ ((relative * (at_risk @ step))[:, None] * x)
    covariance, horizon, gradients, means = np.linalg.inv(information), 12, [], []
    for value in (2.0, 8.0):
        z = x.copy()
        z[:, 0] = value
        r, hazard = np.exp(z @ model.coef_), step[times <= horizon].sum()
        slope = np.exp(-hazard * r) * r
        gradients.append(np.r_[slope.mean() * (times <= horizon), (slope * hazard) @ z / len(z)])
        means.append(float(1 - np.exp(-hazard * r).mean()))
    spread = np.array(gradients) @ covariance @ np.array(gradients).T
    turn = np.array([-1.0, 1.0])
    wanted = [*means, *np.sqrt(np.diag(spread)), means[1] - means[0], np.sqrt(turn @ spread @ turn)]
    found = numbers(marginal_predictions(model, x, {"x0": [2, 8]}, horizons=horizon))
    assert found == pytest.approx(wanted, rel=1e-8)


def test_of_one_patient_the_error_is_that_of_the_risk_and_strata_keep_their_baselines() -> None:
    model, X, _ = fitted(CoxPH(), "Surv(months, status) ~ x + strata(g)")
    one = X.iloc[[5]]
    found = marginal_predictions(model, one, {"x": [3.0]}, horizons=[6, 12]).to_frame()
    inner, design = model.seen_by_model(one.assign(x=3.0))
    np.testing.assert_allclose(found["se"], inner.risk_se(design, [6, 12])[0], rtol=1e-12)
    both = marginal_predictions(model, X, {"g": [0, 1]}, horizons=6).to_frame()
    assert both["kind"].tolist() == ["mean", "mean", "difference"]
    by_hand = [float(model.predict_risk(X.assign(g=g), 6).mean()) for g in (0, 1)]
    np.testing.assert_allclose(both["estimate"][:2], by_hand, rtol=1e-12)


def test_refits_resample_rows_and_rows_stand_by_horizon() -> None:
    X, y = D[["x", "g"]], Status.at(12, D["y"])
    model = LogisticRisk().fit(X, y)
    options = {"horizons": 12, "interval": "bootstrap", "y": y}
    table = marginal_predictions(model, X, {"x": [2, 8]}, n_resamples=40, **options).to_frame()
    few, again = (
        marginal_predictions(model, X, {"x": 2}, n_resamples=3, random_state=4, **options).to_frame() for _ in range(2)
    )
    delta = marginal_predictions(model, X, {"x": [2, 8]}, horizons=12).to_frame()
    pd.testing.assert_frame_equal(few, again)
    np.testing.assert_allclose(table["estimate"], delta["estimate"], rtol=1e-12)
    np.testing.assert_allclose(table["se"], delta["se"], rtol=0.4)  # of 40 refits, an SE has an SE of 11 %
    assert (table["low"] < table["estimate"]).all()


def test_scores_of_ordinal_models_are_averaged_by_refits() -> None:
    X, y = D[["x"]], Measured.at(12, D["score"], lower=0, upper=10, at_most=4)
    model = OrdinalRegression().fit(X, y)
    options = {"interval": "bootstrap", "y": y, "n_resamples": 5}
    mean = marginal_predictions(model, X, {"x": 3}, quantity="mean", **options).to_frame()
    risk = marginal_predictions(model, X, {"x": 3}, **options).to_frame()
    assert mean["estimate"][0] == pytest.approx(float(model.predict_mean([[3.0]])[0]), rel=1e-12)
    assert risk["estimate"][0] == pytest.approx(float(np.ravel(model.predict_risk([[3.0]]))[0]), rel=1e-12)


def test_imputed_tables_are_pooled() -> None:
    X, y = D[["x", "g"]].assign(g=D["g"].map({0: "a", 1: "b", 2: "c"})), Status.at(12, D["y"])
    holed = X.copy()
    holed.loc[::9, "x"] = np.nan
    pipeline = RiskPipeline([MultipleImputation(m=3, iterations=2), OneHot(["g"])], LogisticRisk()).fit(holed, y)
    found = marginal_predictions(pipeline, X, {"x": [2, 8]}, horizons=12)
    means = [
        model.average_prediction(design, [12.0], groups=np.zeros(len(X)))[0][0, 0]
        for model, design in pipeline.seen_by_models(X.assign(x=2.0))
    ]
    with pytest.raises(ArgumentError, match=r"`X` must be a table without missing values .* \['x'\]"):
        marginal_predictions(pipeline, holed, {"g": "a"}, horizons=12)
    assert found.m == 3
    assert found.to_frame()["estimate"][0] == pytest.approx(np.mean(means), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"at": {"z": 1}}, "`at` must be columns"),
        ({"at": {"x": [1, 2], "g": [0, 1, 2]}}, "one length"),
        ({"at": {"x": [1, np.inf]}}, "`at` must be numeric and finite"),
        ({"horizons": None}, "`horizons`"),
        ({"horizons": None, "interval": "bootstrap", "y": Status.at(12, D["y"])}, "`horizons`"),
        ({"horizons": [6, 12]}, r"at which the model has a risk; got \[6.0\]"),
        ({"quantity": "mean", "fitted": LinearOutcome()}, "`horizons` must be left out"),
        ({"groups": D["g"]}, "`groups` must be left out"),
        ({"at": {"kind": [0, 1]}}, "`at` must be columns that are not named"),
        ({"X": D.assign(g=np.nan)}, "`X` must be a table without missing values"),
        ({"X": D.iloc[:0]}, "`X` must be a table with at least one patient"),
        ({"interval": "bootstrap"}, "`y` must be the outcome"),
        ({"horizons": None, "fitted": LinearOutcome()}, "`interval` must be 'bootstrap'"),
        ({"quantity": "mean", "horizons": None}, "`interval` must be 'bootstrap'"),
        ({"fitted": LogisticRisk(penalty=1.0)}, "unpenalised"),
    ],
)
def test_refusals_name_the_argument(change, match) -> None:
    given = {"fitted": LogisticRisk(), "at": {"x": [1, 2]}, "horizons": 12, "X": D, **change}
    columns = ["x", "kind" if "kind" in given["at"] else "g"]
    X, rows = (part.rename(columns={"g": columns[1]})[columns] for part in (D, given.pop("X")))
    of_score = given.get("quantity") == "mean" or isinstance(given["fitted"], LinearOutcome)
    y = Measured.at(12, D["score"], lower=0, upper=10) if of_score else Status.at(12, D["y"])
    if isinstance(given["fitted"], LogisticRisk):
        y = Status.at(12, D["y"])
    with pytest.raises(LBPError, match=match):
        marginal_predictions(given.pop("fitted").fit(X, y), rows, given.pop("at"), **given)


def test_refits_without_a_risk_at_a_horizon_or_without_a_category_have_failed() -> None:
    y = Surv.right(D["months"] + ROW / 1e3, D["status"])  # one patient is followed longest
    last = float(y["time"].max())
    model = CoxPH().fit(D[["x"]], y)
    with pytest.raises(EstimationError, match="refits failed in 9 .* beyond the follow-up of the sample"):
        marginal_predictions(model, D[["x"]], {"x": 1}, horizons=last, interval="bootstrap", y=y, n_resamples=9)
    X, y = D[["x"]].assign(g=np.where(ROW == 7, "rare", "b")), Status.at(12, D["y"])
    pipeline = RiskPipeline([OneHot(["g"])], LogisticRisk(penalty=1.0)).fit(X, y)
    options = {"horizons": 12, "interval": "bootstrap", "n_resamples": 9, "random_state": 1}
    with pytest.raises(EstimationError, match="refits failed in 9 .* categories of the fit in 'g'"):
        marginal_predictions(pipeline, X, {"x": 1}, y=y, **options)
    with pytest.raises(OutcomeError, match="made by Status.at"):
        marginal_predictions(pipeline, X, {"x": 1}, y=Surv.right(D["months"], D["status"]), **options)


def test_wrapped_models_are_refitted_whole_and_not_by_the_delta_of_what_they_wrap() -> None:
    X, y = D[["x", "g"]], Surv.right(D["months"], D["status"])
    options = {"horizons": 12, "interval": "bootstrap", "y": y, "n_resamples": 3}
    bare, piped = (
        marginal_predictions(model.fit(X, y), X, {"x": [2, 8]}, **options).to_frame()
        for model in (CoxPH(), make_pipeline(StandardScaler(), CoxPH()))
    )
    pd.testing.assert_frame_equal(piped, bare, rtol=1e-9)
    dynamic = DynamicRisk([0.0, 6.0], 12.0).fit(X, y)
    found = marginal_predictions(dynamic, X, {"x": [2, 8]}, **options).to_frame()
    assert found["estimate"][0] == pytest.approx(float(dynamic.predict_risk(X.assign(x=2.0), 12).mean()), rel=1e-12)
    with pytest.raises(ArgumentError, match="'delta' for the risk of DynamicRisk"):
        marginal_predictions(dynamic, X, {"x": [2, 8]}, horizons=12)
    with pytest.raises(ArgumentError, match="`fitted` must be a model that can be fitted again"):
        marginal_predictions(update_model(CoxPH().fit(X, y), X, y, horizon=12).model, X, {"x": 2}, **options)


def test_imputations_without_the_outcome_are_doubted() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=120), "b": rng.normal(size=120)})
    y = Status.at(12, (rng.random(120) < 0.5).astype(int))
    holes = X.mask(rng.random(X.shape) < 0.2)
    for step, codes in (
        (MultipleImputation(m=2, iterations=1, use_outcome=False), ["imputed-without-outcome"]),
        (MultipleImputation(m=1, iterations=1), ["single-imputation"]),
        (MultipleImputation(m=2, iterations=1), []),
    ):
        fitted = RiskPipeline([step], LogisticRisk()).fit(holes, y)
        assert [o.code for o in marginal_predictions(fitted, X, {"a": [0, 1]}, horizons=12).objections] == codes
        refits = {"interval": "bootstrap", "y": y, "n_resamples": 2}
        found = marginal_predictions(fitted, holes, {"a": [0, 1]}, horizons=12, **refits).objections
        asked = [code for code in codes if code == "imputed-without-outcome"]
        assert [o.code for o in found] == [*asked, "few-resamples"]
