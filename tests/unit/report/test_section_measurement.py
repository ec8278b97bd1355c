"""Rows on readings: in the order in which they were judged, in the units of the measure, with a reason for each gap."""

import pandas as pd

from lbp_prognosis.report._section_measurement import _repeats, _tests


def row(model, compared, group, metric, value, *, unit="", reason="", n=40, clusters=30):
    low, high = (float("nan"),) * 2 if reason else (value - 0.1, value + 0.1)
    return {"model": model, "compared": compared, "group": group, "metric": metric, "value": value, "low": low} | {
        "high": high,
        "unit": unit,
        "reason": reason,
        "n": n,
        "clusters": clusters,
    }


def test_repeatability_by_measure_and_level_in_the_order_of_the_readings():
    rows = [
        row("Pfirrmann grade", "two_readers", "l5s1", "icc", 0.8, unit="grade"),
        row("Pfirrmann grade", "two_readers", "l5s1", "sdc_agreement", 1.25, unit="grade"),
        row("Pfirrmann grade", "two_readers", "l5s1", "kappa_quadratic", 0.7),
        row("Pfirrmann grade", "two_readers", "l4l5", "icc", 0.6, n=41),
        row("fat fraction", "same_reader", "l4l5", "icc", 0.9, unit="ratio"),
        row("fat fraction", "same_reader", "l4l5", "sdc_agreement", 0.045, unit="ratio"),
        row("Modic change", "two_readers", "l4l5", "kappa", 0.5),
    ]
    shown = pd.DataFrame(_repeats(pd.DataFrame(rows)))
    assert shown["measure"].tolist() == ["Pfirrmann grade: two readers"] * 2 + [
        "fat fraction: same reader",
        "Modic change: two readers",
    ]
    assert shown["level"].tolist() == ["L5–S1", "L4–L5", "L4–L5", "L4–L5"]
    assert shown["patients"].tolist() == ["40", "41", "40", "40"]
    assert shown["ICC"].tolist()[:3] == ["0.80 (0.70 to 0.90)", "0.60 (0.50 to 0.70)", "0.90 (0.80 to 1.00)"]
    assert shown["smallest detectable change"][[0, 2]].tolist() == ["1.25 grades", "0.04"]
    assert shown["kappa"][[0, 3]].tolist() == ["0.70 (0.60 to 0.80), quadratic", "0.50 (0.40 to 0.60)"]
    gaps = [*shown["smallest detectable change"][[1, 3]], *shown["kappa"][[1, 2]], shown["ICC"][3]]
    assert all("not defined for this measure" in str(cell) for cell in gaps)


def test_a_kappa_without_a_value_says_why_and_not_which():
    rows = [row("grade", "two_readers", "l4l5", "kappa_quadratic", float("nan"), reason="one grade only")]
    (cell,) = (made["kappa"] for made in _repeats(pd.DataFrame(rows)))
    assert "one grade only" in str(cell)
    assert "quadratic" not in str(cell)


def test_agreement_with_a_reference_by_measure():
    rows = [
        row("wedge", "two_experts", "", "auc", 0.8, n=120, clusters=60),
        row("wedge", "two_experts", "", "sensitivity", 0.7, n=120, clusters=60),
        row("bone density", "dxa", "", "auc", 0.75, n=59, clusters=58),
    ]
    shown = pd.DataFrame(_tests(pd.DataFrame(rows)))
    assert shown["measure"].tolist() == ["wedge", "bone density"]
    assert shown["compared"].tolist() == ["two experts", "dxa"]
    assert shown[["findings", "patients"]].to_numpy().tolist() == [["120", "60"], ["59", "58"]]
    assert shown["AUC"].tolist() == ["0.80 (0.70 to 0.90)", "0.75 (0.65 to 0.85)"]
    assert shown["sensitivity"][0] == "0.70 (0.60 to 0.80)"
    assert "not defined for this measure" in str(shown["specificity"][0])
