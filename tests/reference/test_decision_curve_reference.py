"""Net benefit against R and against the worked values."""

import numpy as np
import pytest
from exact_tables import read_exact
from syn import syn

from lbp_prognosis.evaluation.utility import decision_curve, finding_to_outcome_ceiling
from lbp_prognosis.survival import Status, Surv

CENSORED = [
    "nb_colon_1825",
    "nb_comprisk_rdata",
    "nb_comprisk_vdata",
    "nb_dca_surv",
    "nb_dca_surv_competing",
    "nb_gbsg5",
    "nb_lbp_a_90",
    "nb_rott5",
]
EDGE = ["edge_constant_prediction", "edge_no_censoring", "edge_tied_predictions", "edge_tied_predictions_end"]


@pytest.mark.parametrize("name", CENSORED)
def test_censored_and_competing(name, reference_case, reference_csv):
    case = reference_case(name)
    given, want = case["inputs"], case["expected"]
    table = reference_csv(case["data"]["csv"])
    y = Surv.right(table[given["time"]], table[given["event"]], censored=0)
    order = np.argsort(given["thresholds"])
    thresholds = np.array(given["thresholds"])[order]
    curve = decision_curve(
        y,
        {r: table[r].to_numpy() for r in given["risks"]},
        float(given["horizon"]),
        thresholds,
        at_threshold="spare",
        n_resamples=0,
    )

    def same(got, wanted):
        np.testing.assert_allclose(got, np.array(wanted, dtype=float)[order], rtol=1e-9, atol=1e-9)

    assert curve.observed[0] == pytest.approx(want["event_risk_all"], rel=1e-9)
    same(curve.value[-1, 0], want["treat_all"])
    standardised, avoided = curve.standardised(), curve.interventions_avoided()
    for m, risk in enumerate(given["risks"]):
        same(curve.value[m, 0], want[risk]["net_benefit"])
        same(curve.treated[m, 0], want[risk]["proportion_high"])
        same(curve.true_positive[m, 0], want[risk]["true_positive_rate"])
        same(standardised.value[m, 0], want[risk]["standardised_net_benefit"])
        same(avoided.value[m, 0], want[risk]["interventions_avoided_per_100"])
        reaches = np.array([v is not False for v in want[risk]["followup_in_high_reaches_horizon"]])[order]
        assert not (curve.carried_forward[m, 0] & reaches).any()


@pytest.mark.parametrize("name", ["nb_dca_binary", "nb_ipd_afib", "nb_lbp_chronic_split"])
def test_binary(name, reference_case, reference_csv):
    case = reference_case(name)
    given, want = case["inputs"], case["expected"]
    table = reference_csv(case["data"]["csv"])
    y = Status.at(12, table[given["outcome"]])
    risks = {p: table[p].to_numpy() for p in given["probabilities"]}
    curve = decision_curve(y, risks, 12, given["thresholds"], n_resamples=0)
    np.testing.assert_allclose(curve.value[-1, 0], want["treat_all"], rtol=1e-10, atol=1e-9)
    for m, name_ in enumerate(risks):
        np.testing.assert_allclose(curve.value[m, 0], want[name_]["net_benefit"], rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(curve.true_positive[m, 0], want[name_]["tp_rate"], rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(curve.false_positive[m, 0], want[name_]["fp_rate"], rtol=1e-10, atol=1e-9)
        avoided = curve.interventions_avoided().value[m, 0]
        np.testing.assert_allclose(avoided, want[name_]["interventions_avoided_per_100"], rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("name", EDGE)
def test_risks_at_the_threshold(name, reference_case, reference_csv):
    case = reference_case(name)
    given, want = case["inputs"], case["expected"]
    table = reference_csv(case["data"]["csv"])
    y = Surv.right(table["time"], table["event"], censored=0)
    curve = decision_curve(
        y,
        table["risk"].to_numpy(),
        given["horizon"],
        given["thresholds"],
        at_threshold="spare",
        min_at_risk=0,
        n_resamples=0,
    )
    np.testing.assert_allclose(curve.value[0, 0], want["net_benefit"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(curve.value[1, 0], want["net_benefit_all"], rtol=1e-9, atol=1e-9)


def test_worked_values_of_both_estimators(stored_file, golden):
    table = read_exact(stored_file("methods_examples", "te300.csv"))
    want = golden["net_benefit_survival"]
    one, two = Surv.right(table["time"], table["event"]), Surv.right(table["time"], table["status"])
    for y, risk, estimator, value, se in (
        (one, "r", "km", "KM_conditional", None),
        (one, "r", "ipcw", "IPCW", "IPCW_se"),
        (two, "rc", "km", "AJ_conditional", None),
        (two, "rc", "ipcw", "IPCW_CR", "IPCW_CR_se"),
    ):
        curve = decision_curve(y, table[risk].to_numpy(), 12, want["t"], estimator=estimator, n_resamples=0)
        np.testing.assert_allclose(curve.value[0, 0], want[value], rtol=5e-9)  # printed to nine digits
        if se:
            np.testing.assert_allclose(curve.se[0, 0], want[se], rtol=2e-8)  # printed to eight digits
    # leaving rows out one by one gives .0355262, which carries a factor of about n / (n − 1)
    curve = decision_curve(one, table["r"].to_numpy(), 12, [0.3], n_resamples=0)
    assert curve.se[0, 0, 0] == pytest.approx(0.0355262, rel=5e-3)
    # treating the competing event as censoring flatters the model
    naive = decision_curve(one, table["rc"].to_numpy(), 12, want["t"], n_resamples=0).value[0, 0]
    right = decision_curve(two, table["rc"].to_numpy(), 12, want["t"], n_resamples=0).value[0, 0]
    np.testing.assert_allclose(naive, [0.341221259, 0.281051884, 0.234878317, 0.126648584], rtol=5e-9)
    assert (naive > right).all()


def test_worked_values_of_a_fully_observed_outcome(golden):
    import statsmodels.api as sm

    cohort = syn()
    y, fold, want = cohort["y"].to_numpy(), cohort["id"].to_numpy() % 5, golden["net_benefit_binary"]
    risks = {}
    for name, columns in (
        ("clinical", ["c1", "c2", "c3", "p1", "p2"]),
        ("imaging", ["c1", "c2", "c3", "p1", "p2", "m1", "m2", "m3"]),
    ):
        design, risks[name] = sm.add_constant(cohort[columns].to_numpy()), np.empty(600)
        for k in range(5):
            fit = sm.GLM(y[fold != k], design[fold != k], family=sm.families.Binomial()).fit(tol=1e-12)
            risks[name][fold == k] = fit.predict(design[fold == k])
    curve = decision_curve(Status.at(12, y), risks, 12, np.arange(20, 51) / 100, n_resamples=0)
    places = [0, 10, 20, 30]
    np.testing.assert_allclose(curve.value[0, 0, places], want["NB"], rtol=1e-7)
    np.testing.assert_allclose(curve.value[2, 0, places], want["NB_all"], rtol=1e-7)
    # the worked standard errors divide by n − 1, and are printed to six decimals
    np.testing.assert_allclose(curve.se[0, 0, places] * np.sqrt(600 / 599), want["se"], atol=6e-7)
    difference = curve.difference("imaging", "clinical")
    np.testing.assert_allclose(
        difference.value[0, places], [-0.002917, -0.002381, -0.015556, 0.001667], atol=6e-7
    )  # printed to six decimals
    np.testing.assert_allclose(
        difference.se[0, places] * np.sqrt(600 / 599), [0.005420, 0.006612, 0.008768, 0.012143], atol=6e-7
    )
    np.testing.assert_allclose(curve.standardised().value[0, 0, 0], 0.674699, atol=6e-7)
    from lbp_prognosis.evaluation.utility import ThresholdRange

    span = ThresholdRange(0.2, 0.5, 0.3, "a worked example")
    flat = curve.weighted_area(span, model="imaging", reference="clinical")
    middle = curve.weighted_area(span, weight="beta22", model="imaging", reference="clinical")
    assert flat.value == pytest.approx(-0.0022529543, abs=6e-11)
    assert middle.value == pytest.approx(-0.0031695547, abs=6e-11)


def test_finding_to_outcome_ceiling(golden):
    want = golden["finding_vs_outcome"]
    thresholds = [float(t) for t in want["gain"]]
    ceiling = finding_to_outcome_ceiling(*want["in"], thresholds=thresholds)
    assert ceiling.auc_outcome == pytest.approx(want["auc_Y"], abs=6e-7)
    np.testing.assert_allclose(ceiling.gain, list(want["gain"].values()), atol=6e-7)  # printed to six decimals
    stronger = finding_to_outcome_ceiling(0.40, 0.45, 0.20, 0.95, thresholds=[0.20, 0.28, 0.30])
    assert stronger.auc_outcome == pytest.approx(0.628571, abs=6e-7)
    np.testing.assert_allclose(stronger.gain, [0, 0.0473, 0.0647], atol=7e-5)  # printed to four decimals
    assert (finding_to_outcome_ceiling(0.4, 0.32, 0.28, 1.0).gain_perfect >= ceiling.gain.max() * 0).all()
