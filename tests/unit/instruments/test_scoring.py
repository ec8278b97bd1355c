"""Every missing-item rule, worked by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.instruments import (
    EQ5D_DIMENSIONS,
    ValueSet,
    instruments,
    response,
    score,
    score_eq5d,
    score_prom,
    score_totals,
)
from lbp_prognosis.schema import instrument_ranges, table_schemas

NAN = np.nan
STARTBACK = ["leg", "comorbid_pain", "walk", "dress", "fear", "anxiety", "catastrophising", "depression", "bother"]


def one(name, items, **options):
    result = score(name, items, **options)
    return result.scores.iloc[0].tolist()


def test_oswestry_denominator_drops_five_a_missing_section():
    answers = [2, 2, 1, 0, 3, 2, 1, 2, 1, 2]
    assert one("odi", answers) == [100 * 16 / 50]
    assert one("odi", [*answers[:9], NAN]) == [pytest.approx(100 * 14 / 45)]
    assert one("odi", [NAN, *answers[1:9], NAN]) == [pytest.approx(100 * 12 / 40)]
    assert np.isnan(one("odi", [NAN, NAN, *answers[2:9], NAN])).all()  # three are too many
    assert one("odi", [NAN, NAN, *answers[2:9], NAN], allowed_missing=3) == [pytest.approx(100 * 10 / 35)]
    assert np.isnan(one("odi", [NAN, *answers[1:]], allowed_missing=0)).all()


def test_oswestry_bands_and_out_of_range_answers():
    result = score("odi", [[1] * 10, [5] * 10, [6, *[1] * 9], [1.5, *[1] * 9]])
    assert result.scores["odi"].tolist() == [20.0, 100.0, pytest.approx(20.0), pytest.approx(20.0)]
    assert result.bands["odi"].tolist() == ["minimal", "bed-bound", "minimal", "minimal"]
    assert result.failures[["row", "field", "reason", "value"]].values.tolist() == [
        [3, "odi_1", "range", "6"],
        [4, "odi_1", "range", "1.5"],
    ]
    assert result.n_answered["odi"].tolist() == [10, 10, 9, 9]


def test_items_without_names_are_taken_in_order():
    answers = [[2, 2, 1, 0, 3, 2, 1, 2, 1, 5], [0] * 10]
    nameless = pd.DataFrame(answers, index=["a", "b"])
    assert score("odi", nameless).score.tolist() == score("odi", answers).score.tolist()
    assert score("odi", nameless).scores.index.tolist() == ["a", "b"]


@pytest.mark.parametrize("n", [24, 23])
def test_roland_counts_unanswered_as_no(n):
    answers = [1] * 7 + [NAN] * 4 + [0] * (n - 11)
    result = score(f"rmdq{n}", answers)
    assert result.score.tolist() == [7.0]
    assert result.n_answered.iloc[0, 0] == n - 4
    assert np.isnan(one(f"rmdq{n}", [NAN] * n)).all()


def test_versions_must_be_named():
    for name, hint in (("rmdq", "rmdq24"), ("tsk", "tsk11"), ("pcs", "pain_cat")):
        with pytest.raises(ArgumentError, match=hint):
            score(name, [[0]])
    with pytest.raises(ArgumentError, match="shape"):
        score("rmdq24", [[0] * 23])


def startback(**answers):
    return {name: answers.get(name, 0) for name in STARTBACK}


@pytest.mark.parametrize(
    ("yes", "total", "mind", "group"),
    [
        ([], 0, 0, "low"),
        (["leg", "walk", "bother"], 3, 1, "low"),
        (["fear", "anxiety", "depression"], 3, 3, "low"),
        (["leg", "comorbid_pain", "walk", "dress"], 4, 0, "medium"),
        (["leg", "fear", "anxiety", "depression"], 4, 3, "medium"),
        (["fear", "anxiety", "catastrophising", "depression"], 4, 4, "high"),
        (STARTBACK, 9, 5, "high"),
    ],
)
def test_startback_groups(yes, total, mind, group):
    result = score("start_back", startback(**dict.fromkeys(yes, 1)))
    assert result.scores.iloc[0].tolist() == [total, mind]
    assert result.bands["start_back"].tolist() == [group]


def test_startback_is_known_by_construct_and_needs_every_item():
    with pytest.raises(ArgumentError, match="order"):
        score("start_back", [[0] * 9])
    with pytest.raises(ArgumentError, match="columns"):
        score("start_back", pd.DataFrame([[0] * 9], columns=[f"sbt_{i}" for i in range(1, 10)]))
    result = score("start_back", startback(leg=NAN, fear=1))
    assert np.isnan(result.scores.iloc[0, 0])
    assert result.scores.iloc[0, 1] == 1  # its own five items are all answered
    assert result.bands["start_back"].tolist() == [""]
    levels = {name: [0] * 5 for name in STARTBACK[:8]} | {"bother_level": [1, 2, 3, 4, 5]}
    assert score("start_back", levels).score.tolist() == [0, 0, 0, 1, 1]
    with pytest.raises(ArgumentError, match="bother_level"):
        score("start_back", {**levels, "bother_level": [0, 1, 2, 3, 4]})


def test_tampa_half_rule_and_reversal():
    assert one("tsk11", [2] * 11) == [22]
    assert one("tsk11", [1, 2, 3, 4, 1, 2] + [NAN] * 5) == [pytest.approx(13 / 6 * 11)]  # 6 of 11 answered
    assert np.isnan(one("tsk11", [1] * 5 + [NAN] * 6)).all()
    assert one("tsk17", [1] * 17) == [13 + 4 * 4]  # items 4, 8, 12, 16 turned round: 1 becomes 4
    assert one("tsk17", [1, 1, 1, NAN] + [1] * 13) == [pytest.approx((13 + 3 * 4) / 16 * 17)]
    assert np.isnan(one("tsk17", [1] * 8 + [NAN] * 9)).all()


def test_catastrophizing_allows_one_missing():
    assert one("pain_cat", [4] * 13) == [52]
    assert one("pain_cat", [2] * 12 + [NAN]) == [26]
    assert np.isnan(one("pain_cat", [2] * 11 + [NAN] * 2)).all()


def test_fear_avoidance_uses_its_own_items_only():
    answers = {f"fabq_{n}": [n % 7] for n in range(1, 17)}
    activity = sum(n % 7 for n in (2, 3, 4, 5))
    work = sum(n % 7 for n in (6, 7, 9, 10, 11, 12, 15))
    assert one("fabq", answers) == [activity, work]
    unscored = {key: value for key, value in answers.items() if key not in ("fabq_1", "fabq_8", "fabq_13")}
    assert one("fabq", unscored) == [activity, work]
    assert np.isnan(one("fabq", {**answers, "fabq_3": [NAN]})[0])


def test_depression_questionnaire():
    assert one("phq9", [3] * 9) == [27]
    assert one("phq9", [1] * 7 + [NAN] * 2) == [9]
    assert np.isnan(one("phq9", [1] * 6 + [NAN] * 3)).all()
    bands = score_totals("phq9", [0, 4, 5, 10, 15, 20, 27]).bands["phq9"].tolist()
    assert bands == ["minimal", "minimal", "mild", "moderate", "moderately severe", "severe", "severe"]


def test_hospital_scales_prorate_from_five_of_seven():
    answers = [2] * 5 + [NAN] * 2 + [1] * 4 + [NAN] * 3
    result = score("hads", answers)
    assert result.scores["hads_a"].tolist() == [14]
    assert np.isnan(result.scores["hads_d"]).all()
    assert result.bands["hads_a"].tolist() == ["case"]


def test_orebro_reverses_three_and_imputes_two():
    names = instruments()["orebro_short"].items
    low = {name: [1 if name == "orebro_duration" else 0] for name in names}
    best = {**low, "orebro_light_work": [10], "orebro_sleep": [10], "orebro_work_expectation": [10]}
    assert one("orebro_short", best) == [1]
    assert one("orebro_short", low) == [31]
    gap = {**best, "orebro_pain": [NAN], "orebro_tension": [NAN]}
    assert one("orebro_short", gap) == [pytest.approx(1 / 8 * 10)]
    assert np.isnan(one("orebro_short", {**gap, "orebro_depression": [NAN]})).all()


def test_paindetect_range_and_completeness():
    full = {**{f"paindetect_{n}": [5] for n in range(1, 8)}, "paindetect_pattern": [1], "paindetect_radiation": [2]}
    least = {**{f"paindetect_{n}": [0] for n in range(1, 8)}, "paindetect_pattern": [-1], "paindetect_radiation": [0]}
    assert (one("paindetect", full), one("paindetect", least)) == ([38], [-1])
    assert np.isnan(one("paindetect", {**full, "paindetect_4": [NAN]})).all()
    assert len(score("paindetect", {**full, "paindetect_radiation": [1]}).failures) == 1  # 0 or 2, never 1


def test_impact_score_turns_function_round_and_needs_all_nine():
    answers = {
        "impact_pain": [0],
        **{f"impact_interference_{n}": [1] for n in range(1, 5)},
        **{f"impact_function_{n}": [5] for n in range(1, 5)},
    }
    assert one("impact_score", answers) == [8]
    worst = {
        "impact_pain": [10],
        **{f"impact_interference_{n}": [5] for n in range(1, 5)},
        **{f"impact_function_{n}": [1] for n in range(1, 5)},
    }
    assert one("impact_score", worst) == [50]
    assert np.isnan(one("impact_score", {**worst, "impact_pain": [NAN]})).all()
    given = score("impact_score", worst, bands={"impact_score": [("mild", 8, 27), ("severe", 28, 50)]})
    assert given.bands["impact_score"].tolist() == ["severe"]


def test_ratings_are_range_checked_and_vas_is_not_nrs():
    result = score("nrs_back", [0, 7, 11, NAN])
    assert result.score.tolist()[:2] == [0, 7]
    assert np.isnan(result.score[2:]).all()
    assert len(result.failures) == 1
    assert score("vas_back", [70]).score.tolist() == [70]
    assert score_totals("nrs_back", [70]).failures["reason"].tolist() == ["range"]


def test_columns_are_found_by_number_or_by_name_and_never_guessed():
    frame = pd.DataFrame([[2] * 11], columns=[f"Q{i}" for i in range(1, 12)])
    assert score("tsk11", frame).score.tolist() == [22]
    shuffled = frame.assign(Q4=1)[[f"Q{i}" for i in (4, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11)]]
    assert score("tsk11", shuffled).score.tolist() == [21]
    named = score("nrs_back", pd.DataFrame({"pain": [3]}), columns={"nrs_back": "pain"})
    assert named.score.tolist() == [3]
    with pytest.raises(ArgumentError, match="without"):
        score("tsk11", frame.rename(columns={"Q3": "Q13"}))
    with pytest.raises(ArgumentError, match="numbers"):
        score("nrs_back", pd.DataFrame({"nrs_back": ["much"]}))


def decrements(levels):
    return {(name, level): 0.05 * (level - 1) for name in EQ5D_DIMENSIONS for level in range(2, levels + 1)}


def test_eq5d_needs_a_named_value_set_and_every_dimension():
    items = pd.DataFrame(
        [[1, 1, 1, 1, 1], [2, 1, 3, 5, 1], [1, 1, 1, 1, NAN], [6, 1, 1, 1, 1]], columns=list(EQ5D_DIMENSIONS)
    )
    result = score_eq5d(items, ValueSet("Nowhere 2020", "5L", decrements=decrements(5)))
    assert result.scores["eq5d5l"].tolist()[:2] == [1.0, pytest.approx(1 - 0.05 - 0.10 - 0.20)]
    assert np.isnan(result.score[2:]).all()
    assert "Nowhere 2020" in result.missing_rule["eq5d5l"]
    assert result.failures["row"].tolist() == [4]
    with pytest.raises(ArgumentError, match="value_set"):
        score_eq5d(items, None)
    with pytest.raises(ArgumentError, match="name"):
        ValueSet("", "5L", decrements=decrements(5))
    with pytest.raises(ArgumentError, match="complete"):
        ValueSet("x", "5L", decrements=decrements(3))
    three = score_eq5d(items.iloc[:1], ValueSet("x", "3L", profiles={"11111": 1.0}))
    assert three.scores.columns.tolist() == ["eq5d3l"]
    with pytest.raises(ArgumentError, match="21351"):
        score_eq5d(items.iloc[:2], ValueSet("x", "5L", profiles={"11111": 1.0}))


def test_important_change_needs_room():
    found = response("odi", [40, 40, 6, NAN], [30, 31, 0, 10])
    assert found.improved[:2].tolist() == [1.0, 0.0]
    assert np.isnan(found.improved[2:]).all()
    assert found.amount == 10
    assert "Ostelo" in found.source
    assert response("odi", [40], [28], kind="relative").improved.tolist() == [1.0]
    better = response("promis_pf", [40, 40], [46, 44], amount=5)
    assert better.improved.tolist() == [1.0, 0.0]
    with pytest.raises(ArgumentError, match="amount"):
        response("tsk11", [30], [20])


def test_registry_agrees_with_the_data_schemas():
    ranges = instrument_ranges()
    for known in instruments().values():
        for scale in known.scales:
            entry = ranges[scale.name]
            bounds = np.array([known.item_range[item] for item in scale.items])
            if scale.how == "percent":
                assert (entry["minimum"], entry["maximum"]) == (0, 100)
            else:
                assert (bounds[:, 0].sum(), bounds[:, 1].sum()) == (entry["minimum"], entry["maximum"]), scale.name
        for bands in known.bands.values():
            assert all(first.high + 1 == second.low for first, second in itertools.pairwise(bands))


def test_every_instrument_and_score_may_stand_in_a_table():
    listed = table_schemas()["prom"].fields["instrument"].enum
    for known in instruments().values():
        assert {known.name, *(scale.name for scale in known.scales)} <= set(listed)


def test_trial_totals_are_in_range_and_banded(shared):
    table = pd.read_csv(shared / "data" / "ashar2022_prt_trial" / "Ashar2022_outcomes_demographics.csv")
    for column, name in (("odi", "odi"), ("tsk11", "tsk11"), ("pcs", "pain_cat")):
        result = score_totals(name, table[column])
        assert result.failures.empty
        np.testing.assert_array_equal(result.score, table[column].to_numpy())
    bands = score_totals("odi", table["odi"]).bands["odi"]
    counts = pd.cut(table["odi"], [-1, 20, 40, 60, 80, 100]).value_counts(sort=False).tolist()
    words = ["minimal", "moderate", "severe", "crippled", "bed-bound"]
    assert [int((bands == word).sum()) for word in words] == counts


def test_items_of_a_table_become_totals_and_given_totals_stay():
    def rows(patient, instrument, values, names):
        return [(patient, "v0", instrument, name, value) for name, value in zip(names, values)]

    tampa = [f"tsk11_{n}" for n in range(1, 12)]
    table = pd.DataFrame(
        rows("a", "odi", [2.0] * 9, range(1, 10))
        + rows("b", "odi", [1.0] * 10, range(1, 11))
        + rows("b", "odi", [60.0], ["total"])
        + rows("a", "tsk11", [2.0] * 10 + [9.0], tampa)
        + rows("a", "nrs_back", [6.0], ["total"]),
        columns=["patient_id", "visit_id", "instrument", "item", "value"],
    ).astype({"item": str})
    scored = score_prom(table)
    made = scored.made.set_index(["patient_id", "instrument"])["value"]
    assert made["a", "odi"] == 100 * 18 / 45
    assert made["a", "tsk11"] == 22  # the answer of 9 counts as missing: ten twos give 22 of eleven
    assert ("b", "odi") not in made.index
    totals = scored.prom[scored.prom["item"].eq("total")]
    assert sorted(zip(totals["patient_id"], totals["instrument"], totals["value"])) == [
        ("a", "nrs_back", 6.0),
        ("a", "odi", 40.0),
        ("a", "tsk11", 22.0),
        ("b", "odi", 60.0),
    ]
    assert scored.failures["field"].tolist() == ["tsk11_11", "odi"]  # b's items say 20, its total 60
    with pytest.raises(ArgumentError, match="items of odi"):
        score_prom(table.replace({"item": {"3": "33"}}))
    assert score_prom(totals).made.empty


def test_the_rule_for_unanswered_items_is_that_of_the_scale_or_the_one_requested() -> None:
    items = pd.DataFrame({f"odi_{k}": [1] for k in range(1, 11)})
    own, asked = score("odi", items), score("odi", items, allowed_missing=1)
    assert "as requested" not in own.missing_rule["odi"]
    assert asked.missing_rule["odi"].endswith("if at most 1 are unanswered (as requested)")
