"""The diagnostic tier: worked cases with discs in patients, readers, imperfect and partial references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from syn import park_miller

from lbp_prognosis import Reference, Surv
from lbp_prognosis._base import METRIC_COLUMNS, ArgumentError, OutcomeError
from lbp_prognosis.evaluation.diagnostic import accuracy, begg_greenes, imperfect_reference, reader_study, roc


@pytest.fixture(scope="module")
def discs():
    """Forty patients with five discs each, made with the portable generator."""
    draws = norm.ppf(park_miller(31, 40 + 40 + 200 + 200))
    patient, place = np.repeat(np.arange(40), 5), np.tile(np.arange(1, 6), 40)
    own, other = draws[:40], draws[40:80]
    truth = (0.8 * own[patient] + draws[80:280] + 0.3 * (place - 3) > 0.4).astype(int)
    score = 1.3 * truth + 0.9 * other[patient] + 0.5 * own[patient] + draws[280:]
    return {"y": Reference.now(truth), "score": score, "patient": patient, "level": place, "truth": truth}


def test_clustered_sensitivity_and_specificity(discs):
    frame = accuracy(discs["y"], discs["score"] > 1, clusters=discs["patient"]).to_frame().set_index("metric")
    assert frame.loc["sensitivity", "value"] == pytest.approx(0.56)
    assert frame.loc["sensitivity", "se"] == pytest.approx(0.066343308, abs=5e-10)
    assert frame.loc["specificity", "value"] == pytest.approx(0.864)
    assert frame.loc["specificity", "se"] == pytest.approx(0.033302435, abs=5e-10)
    naive = accuracy(discs["y"], discs["score"] > 1).to_frame().set_index("metric")
    assert naive.loc["sensitivity", "se"] == pytest.approx(0.05731783, abs=5e-9)
    assert naive.loc["specificity", "se"] == pytest.approx(0.03065994, abs=5e-9)


def test_clustered_auc(discs):
    clustered = roc(discs["y"], discs["score"], clusters=discs["patient"])
    assert clustered.value == pytest.approx(0.83573333, abs=5e-9)
    assert clustered.se == pytest.approx(0.029664, abs=5e-7)
    assert roc(discs["y"], discs["score"]).se == pytest.approx(0.02814557, abs=5e-9)


def test_any_disc_positive_raises_sensitivity_and_lowers_specificity(discs):
    per_disc = accuracy(discs["y"], discs["score"] > 1, clusters=discs["patient"])
    per_patient = accuracy(discs["y"], discs["score"] > 1, clusters=discs["patient"], unit="patient")
    assert per_patient.sensitivity > per_disc.sensitivity
    assert per_patient.specificity < per_disc.specificity
    assert per_patient.counts.iloc[0][["tp", "fp", "fn", "tn"]].sum() == 40


def test_levels_stand_beside_the_whole(discs):
    result = accuracy(discs["y"], discs["score"] > 1, clusters=discs["patient"], unit="level", levels=discs["level"])
    frame = result.to_frame()
    assert set(frame["group"]) == {"", "1", "2", "3", "4", "5"}
    assert tuple(frame.columns) == (*METRIC_COLUMNS, "unit")
    assert result.counts.loc[result.counts["group"] != "", ["tp", "fp", "fn", "tn"]].to_numpy().sum() == 200


def test_difference_of_two_tests_is_the_variance_of_a_difference(discs):
    first = roc(discs["y"], discs["score"], clusters=discs["patient"])
    second = roc(discs["y"], discs["score"] + np.sin(np.arange(200)), clusters=discs["patient"])
    difference = first.minus(second)
    assert difference["difference"] == pytest.approx(first.value - second.value)
    assert first.minus(first)["se"] == pytest.approx(0, abs=1e-12)
    assert second.minus(first)["difference"] == pytest.approx(-difference["difference"])


def test_likelihood_ratio_by_hand():
    """90/100 positive among the diseased, 20/100 among the others: LR+ 4.5, ln-variance 1/900 + 1/25."""
    y = Reference.now([1] * 100 + [0] * 100)
    test = [1] * 90 + [0] * 10 + [1] * 20 + [0] * 80
    row = accuracy(y, test).to_frame().set_index("metric").loc["lr_positive"]
    assert row["value"] == pytest.approx(4.5)
    half = norm.ppf(0.975) * np.sqrt(0.1 / 90 + 0.8 / 20)
    assert (row["low"], row["high"]) == pytest.approx((4.5 * np.exp(-half), 4.5 * np.exp(half)))


def test_reader_study_worked_case():
    draws = park_miller(77, 140 + 8 * 140)
    shared, noise = norm.ppf(draws[:140]), norm.ppf(draws[140:]).reshape(8, 140)
    truth = np.r_[np.ones(60), np.zeros(80)]
    scores = {
        name: {
            f"reader {r + 1}": truth * (mean + 0.15 * (r + 1 - 2.5)) + 0.6 * shared + noise[4 * m + r] for r in range(4)
        }
        for m, (name, mean) in enumerate((("alone", 1.2), ("with aid", 1.5)))
    }
    study = reader_study(Reference.now(truth.astype(int)), scores)
    stacked = np.array([list(by_reader.values()) for by_reader in scores.values()])
    assert reader_study(Reference.now(truth.astype(int)), stacked).p == study.p
    assert study.auc.loc["alone"].to_numpy() == pytest.approx([0.72729167, 0.72375, 0.7875, 0.778125], abs=5e-9)
    assert study.auc.loc["with aid"].to_numpy() == pytest.approx([0.680625, 0.70416667, 0.73875, 0.84041667], abs=5e-9)
    want = {
        "variance": 0.0017367436,
        "cov1": 0.00041115522,
        "cov2": 0.00041641201,
        "cov3": 0.00041090428,
        "ms_modality": 0.00034727105,
        "ms_interaction": 0.0013539261,
    }
    assert study.components == pytest.approx(want, rel=5e-8)
    assert study.f == pytest.approx(0.25238509, abs=5e-9)
    assert study.df == pytest.approx(3.0984255, abs=5e-8)
    assert study.p == pytest.approx(0.6489, abs=5e-5)
    row = study.differences.iloc[0]
    assert row["difference"] == pytest.approx(0.013177083, abs=5e-10)  # alone − with aid
    assert row["se"] == pytest.approx(0.026229345, abs=5e-10)
    assert (row["low"], row["high"]) == pytest.approx((-0.06882, 0.09517), abs=5e-6)


def _cells(n, *, prevalence, se, sp, se_r, sp_r):
    cells = {
        (1, 1): prevalence * se * se_r + (1 - prevalence) * (1 - sp) * (1 - sp_r),
        (1, 0): prevalence * se * (1 - se_r) + (1 - prevalence) * (1 - sp) * sp_r,
        (0, 1): prevalence * (1 - se) * se_r + (1 - prevalence) * sp * (1 - sp_r),
        (0, 0): prevalence * (1 - se) * (1 - se_r) + (1 - prevalence) * sp * sp_r,
    }
    counts = {key: round(n * share) for key, share in cells.items()}
    test = np.concatenate([np.full(count, t) for (t, _), count in counts.items()])
    reference = np.concatenate([np.full(count, r) for (_, r), count in counts.items()])
    return test, Reference.now(reference)


def test_imperfect_reference_recovers_the_truth_under_independence():
    test, y = _cells(200_000, prevalence=0.3, se=0.85, sp=0.80, se_r=0.90, sp_r=0.95)
    apparent = accuracy(y, test)
    assert apparent.sensitivity == pytest.approx(0.77540984, abs=2e-5)
    assert apparent.specificity == pytest.approx(0.77194245, abs=2e-5)
    table = imperfect_reference(y, test, reference_sensitivity=0.90, reference_specificity=0.95)
    assert table.loc[0, "sensitivity"] == pytest.approx(0.85, abs=2e-5)
    assert table.loc[0, "specificity"] == pytest.approx(0.80, abs=2e-5)
    # shared errors make the same table compatible with a worse test
    assert (np.diff(table["sensitivity"]) < 0).all()
    assert (table["sensitivity_low"] < table["sensitivity"]).all()


def test_imperfect_reference_says_when_the_assumption_contradicts_the_data():
    test, y = _cells(2000, prevalence=0.05, se=0.9, sp=0.9, se_r=1.0, sp_r=1.0)
    table = imperfect_reference(y, test, reference_sensitivity=0.9, reference_specificity=0.9, dependence=[0.0])
    assert np.isnan(table.loc[0, "sensitivity"])
    assert "contradict" in table.loc[0, "reason"]


def test_verification_bias_worked_case():
    positive = np.r_[np.ones(350), np.zeros(650)]
    reference = np.full(1000, np.nan)
    reference[:315] = np.r_[np.ones(200), np.zeros(115)]
    reference[350:480] = np.r_[np.ones(13), np.zeros(117)]
    table = begg_greenes(positive, reference).set_index("metric")
    assert table.loc["sensitivity", "naive"] == pytest.approx(0.93896714, abs=5e-9)
    assert table.loc["specificity", "naive"] == pytest.approx(0.50431034, abs=5e-9)
    assert table.loc["sensitivity", "value"] == pytest.approx(0.77369439, abs=5e-9)
    assert table.loc["specificity", "value"] == pytest.approx(0.82073266, abs=5e-9)
    assert (table.loc["sensitivity", "low"], table.loc["sensitivity", "high"]) == pytest.approx(
        (0.666, 0.854), abs=5e-4
    )


def test_a_later_outcome_is_refused():
    with pytest.raises(OutcomeError, match="An outcome later is judged by the prognostic functions"):
        roc(Surv.right([1.0, 2.0], [0, 1]), [0.1, 0.2])


def test_reader_reference_says_agreement():
    y = Reference.now([1, 1, 0, 0, 1, 0])
    assert "agreement with readers" in roc(y, [3, 2, 1, 2, 4, 0], standard="readers").objections[0].sentence


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda y: accuracy(y, [0.2, 0.9, 0.1, 0.4]), "Name the threshold"),
        (lambda y: accuracy(y, [1, 0, 1, 0], unit="patient"), "Pass the patient"),
        (lambda y: roc(y, [1, np.nan, 2, 3]), "finite"),
        (lambda y: reader_study(y, {"a": {"r1": [1, 2, 3, 4]}}), "two modalities"),
        (lambda y: begg_greenes([1, 1, 0, 0], [1, 0, -1, -1]), "Verify a random sample"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ArgumentError, match=words):
        call(Reference.now([1, 0, 1, 0]))


def test_predictive_values_elsewhere(discs):
    """Se 0.9, Sp 0.8 at a prevalence of 10 %: PPV 0.09 / 0.27, NPV 0.72 / 0.73; limits by the delta method."""
    y = Reference.now([1] * 100 + [0] * 100)
    found = accuracy(y, [1] * 90 + [0] * 10 + [1] * 20 + [0] * 80).predictive_values(0.1).set_index("metric")
    assert found.loc["ppv", "value"] == pytest.approx(0.09 / 0.27)
    assert found.loc["npv", "value"] == pytest.approx(0.72 / 0.73)
    # logit PPV = logit 0.1 + ln Se − ln(1 − Sp), logit NPV = −logit 0.1 + ln Sp − ln(1 − Se)
    for metric, variance in (("ppv", 0.1 / 90 + 0.8 / 20), ("npv", 0.2 / 80 + 0.9 / 10)):
        row = found.loc[metric]
        centre, half = np.log(row["value"] / (1 - row["value"])), norm.ppf(0.975) * np.sqrt(variance)
        assert [row["low"], row["high"]] == pytest.approx([1 / (1 + np.exp(-centre + s * half)) for s in (1, -1)])
    sample = accuracy(discs["y"], discs["score"] > 1, clusters=discs["patient"])
    back = sample.predictive_values(75 / 200).set_index("metric")["value"]
    assert back.to_dict() == pytest.approx({"ppv": sample.ppv, "npv": sample.npv})
    naive = accuracy(discs["y"], discs["score"] > 1).predictive_values(0.2)
    clustered = sample.predictive_values(0.2)
    assert (clustered["high"] - clustered["low"]).gt(naive["high"] - naive["low"]).all()
    with pytest.raises(ArgumentError, match="prevalence"):
        sample.predictive_values(1.0)


def test_a_perfect_test_has_newcombes_interval_and_no_spread():
    y, patient = Reference.now([1, 1, 0, 0, 1, 0]), [1, 1, 2, 2, 3, 3]
    whole = roc(y, [3, 4, 1, 0, 5, 2]).to_frame().iloc[0]
    assert (whole["value"], whole["se"], whole["high"]) == (1, 0, 1)
    # (1 − θ) mn = z² θ [1 + N((1 − θ)/(2 − θ) + θ/(1 + θ))] with three of each: N = 2
    low = whole["low"]
    spread = 1 + 2 * ((1 - low) / (2 - low) + low / (1 + low))
    assert (1 - low) * 9 == pytest.approx(norm.ppf(0.975) ** 2 * low * spread)
    assert low == pytest.approx(0.50101876070, abs=1e-10)
    assert "Newcombe" in whole["method"]
    result = accuracy(y, [1, 1, 0, 0, 1, 0], clusters=patient)
    elsewhere = result.predictive_values(0.2)
    assert elsewhere["value"].tolist() == [1, 1]
    assert elsewhere["low"].isna().all()
    assert set(elsewhere["reason"]) == {"a cell of the two-by-two table is empty"}


def test_all_positives_in_one_patient():
    """The area is there, its spread over patients is not."""
    found = roc(Reference.now([1, 1, 0, 0, 0]), [3, 1, 2, 0, 0], clusters=[1, 1, 2, 3, 3])
    assert found.value == pytest.approx(5 / 6)
    assert np.isnan([found.se, found.low, found.high]).all()
    assert "of one patient" in found.reason
    two = {"a": {"r1": [3, 1, 2, 0, 0], "r2": [3, 2, 2, 1, 0]}, "b": {"r1": [1, 1, 2, 0, 0], "r2": [3, 1, 2, 0, 1]}}
    with pytest.raises(ArgumentError, match="two patients or more"):
        reader_study(Reference.now([1, 1, 0, 0, 0]), two, clusters=[1, 1, 2, 3, 3])
    with pytest.raises(ArgumentError, match="two positives"):
        reader_study(Reference.now([1, 0, 0, 0, 0]), two)


def test_verification_bias_with_an_empty_cell():
    """No disease among 100 verified negatives: Se 1 without limits; Sp is defined, with its interval."""
    positive = np.r_[np.ones(200), np.zeros(400)]
    reference = np.r_[np.ones(60), np.zeros(90), np.full(50, -1), np.zeros(100), np.full(300, -1)]
    table = begg_greenes(positive, reference).set_index("metric")
    assert table.loc["sensitivity", "value"] == 1
    assert np.isnan(table.loc["sensitivity", "low"])
    assert table.loc["sensitivity", "reason"] == "no patient diseased among the verified test negatives"
    # P(T−, healthy) = 2/3, P(T+, healthy) = 1/3 · 90/150
    assert table.loc["specificity", "value"] == pytest.approx((2 / 3) / (2 / 3 + 0.2))
    variance = 1 / (600 * (1 / 3) * (2 / 3)) + 0.4 / (0.6 * 150)
    centre = np.log((2 / 3) / 0.2)
    assert table.loc["specificity", "high"] == pytest.approx(
        1 / (1 + np.exp(-centre - norm.ppf(0.975) * np.sqrt(variance)))
    )


@pytest.mark.filterwarnings("error")
def test_a_reference_rarer_than_its_own_errors_has_no_correction():
    """Three of sixty called positive by a reference that errs in ten per cent of the healthy."""
    y = Reference.now([1] * 3 + [0] * 57)
    table = imperfect_reference(y, [1] * 10 + [0] * 50, reference_sensitivity=0.9, reference_specificity=0.9)
    assert table["sensitivity"].isna().all()
    assert table["reason"].str.contains("contradict").all()
    same = imperfect_reference(
        Reference.now([1] * 6 + [0] * 54), [1] * 10 + [0] * 50, reference_sensitivity=0.9, reference_specificity=0.9
    )
    assert same["prevalence"].to_numpy() == pytest.approx(0, abs=1e-12)
    assert same["specificity"].isna().all()
