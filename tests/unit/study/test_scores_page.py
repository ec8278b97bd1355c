"""The page of a study of a score: its numbers are those of the doors, and what leaves passes the gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from unit.study.test_scores import FRAME, N, changed

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.disclosure import Gate, Patients, ReleaseLedger
from lbp_prognosis.evaluation import crps, evaluate, pit, score_tenths
from lbp_prognosis.report import (
    Page,
    PageScores,
    methods_sentences,
    released_page,
    results_sentences,
    tripod_ai_answers,
)
from lbp_prognosis.report._blocks import Picture, Table
from lbp_prognosis.report._released_scores import released_scores
from lbp_prognosis.report._render_page import _ORDER
from lbp_prognosis.report._section_decisions import section_decisions
from lbp_prognosis.report._section_performance import section_calibration, section_discrimination
from lbp_prognosis.report._section_scores import section_scores
from lbp_prognosis.report._write_page import _all_numbers
from lbp_prognosis.study import Study, StudyResult, analysis_plan, evaluate_table, run_study
from lbp_prognosis.survival import Measured, ScoreForecast, measured_to_status

K = 5


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    folder: Path = tmp_path_factory.mktemp("scores")
    frame = FRAME.assign(pain=FRAME["pain"].where(FRAME["id"] != 7))  # one patient without a baseline
    frame.to_csv(folder / "w.csv", index=False)
    table = changed()
    for model in table["model"]:
        model |= {"imputations": 2, "iterations": 2}
    return run_study(Study.from_dict(table, folder=folder, home=folder), n_jobs=1)


@pytest.fixture(scope="module")
def page(result: StudyResult) -> Page:
    return result.page()


def tables(page: Page) -> dict[str, pd.DataFrame]:
    """Return the tables of the section without drawing its figures."""
    found = page.evaluation
    undrawn = {model: replace(fitted, curve=fitted.curve.iloc[:0]) for model, fitted in found.mean_calibrations.items()}
    bare = replace(page, evaluation=replace(found, mean_calibrations=undrawn, pits={}))
    section = section_scores(bare)
    assert section is not None
    return {block.name: block.frame for block in section.blocks if isinstance(block, Table)}


def test_the_numbers_are_those_of_the_forecasts(result: StudyResult) -> None:
    y, forecast = result.data.y, result.cross_validation.forecasts["both"]
    found = result.evaluation
    assert found.metric("crps", "both").value == pytest.approx(crps(y, forecast).value, abs=1e-12)
    assert found.pits["both"].bias.value == pytest.approx(pit(y, forecast).bias.value, abs=1e-12)
    status = measured_to_status(y)
    for model in ("clinical", "both"):
        risk = result.cross_validation.forecasts[model].at_most(3)
        alone = evaluate(status, risk, 12, target="no_event", n_resamples=0)
        for name in ("auc", "observed_expected", "calibration_slope"):
            assert found.metric(name, model).value == pytest.approx(alone.metric(name).value, abs=1e-12)
    frame = result.to_frame()
    rows = frame[(frame["metric"] == "crps") & (frame["sample"] == "internal")]
    assert set(rows["model"]) == {"clinical", "both"}
    assert set(rows["n"]) == {int((~np.isnan(y["value"])).sum())}
    labels = result.headline()["label"].tolist()
    assert any(label.startswith("ΔCRPS at 12 months") for label in labels)


def test_groups_and_responses_by_hand(result: StudyResult, page: Page) -> None:
    y, before = result.data.y, result.data.baseline
    forecast = result.cross_validation.forecasts["both"]
    rows = np.flatnonzero(~np.isnan(before))
    assert rows.size == N - 1
    expected = score_tenths(y[rows], forecast.take(rows), baseline=before[rows], smallest_detectable=2, important=2)
    pd.testing.assert_frame_equal(page.scores.tenths, expected)
    room = np.flatnonzero(before >= 2)
    seen = room[~np.isnan(y["value"][room])]
    response = page.scores.response
    assert response.n == seen.size
    assert response.n_events == int((before[seen] - y["value"][seen] >= 2).sum())
    risk = np.array([forecast.probability[i][forecast.levels <= before[i] - 2].sum() for i in seen])
    expected_count = (1 - risk).sum()
    observed = (before[seen] - y["value"][seen] < 2).sum()
    ratio = response.metric("observed_expected", "both").value
    assert ratio == pytest.approx(observed / expected_count, rel=1e-9)


def test_the_page_shows_the_score(page: Page) -> None:
    order = [build.__name__ for build in _ORDER]
    assert order.index("section_outcome") < order.index("section_scores") < order.index("section_discrimination")
    section = section_scores(page)
    assert section is not None
    pictures = [block for block in section.blocks if isinstance(block, Picture)]
    assert [picture.caption.split(":")[0] for picture in pictures] == ["clinical", "both"] * 2
    words = " ".join(str(getattr(block, name, "")) for block in section.blocks for name in ("text", "caption", "note"))
    for expected in ("CRPS", "PIT spread", "smallest detectable change", "at least 2 points", "0 to 10 (ordinal)"):
        assert expected in words
    assert "before the data were seen" not in words  # the protocol does not say so
    assert set(tables(page)) == {"scores", "score_calibration", "score_tenths", "score_change", "score_response"}
    assert page.provenance["study"]["score"]["at_most"] == 3


def test_texts_for_manuscript_forms_and_plan_speak_of_the_score(result: StudyResult) -> None:
    methods = methods_sentences(result).text
    assert "A score from 0 to 10 was recorded at one visit" in methods
    assert "continuous ranked probability score" in methods
    assert "ordinal regression model" in methods
    assert "At 12 months the out-of-fold CRPS in points was" in results_sentences(result).text
    answers = tripod_ai_answers([result.evaluation], outcome=result.data.spec)
    assert answers["answer"].str.contains("crps").any()
    plan = analysis_plan(result.study).to_markdown()
    assert "a score at one visit, column nrs: 0 to 10 (ordinal); the event is a score of at most 3" in plan
    assert "probability integral transform" in plan


def test_the_tenths_are_among_the_numbers(page: Page) -> None:
    rows = _all_numbers(page)
    rows = rows[rows["metric"].astype(str).str.startswith("score_") & (rows["group"].astype(str) != "")]
    tenths = page.scores.tenths
    observed = rows[rows["metric"] == "score_observed"]
    np.testing.assert_allclose(observed["value"].astype(float), tenths["observed"], atol=0)
    assert observed["n"].tolist() == tenths["n"].tolist()
    assert set(rows["metric"]) == {f"score_{name}" for name in tenths.columns if name not in ("group", "n")}
    shown = released_page(replace(page, gate=Gate(share=1.0, smallest_cell=K)))
    kept = shown.numbers[shown.numbers["metric"].isin(["score_observed", "score_predicted"])]
    assert len(kept) == 2 * len(shown.scores.tenths)
    assert not shown.numbers["metric"].isin(["score_median", "score_observed_response"]).any()
    assert kept["n"].isna().all()


def test_a_page_for_release_keeps_large_groups_alone(page: Page) -> None:
    shown = released_page(replace(page, gate=Gate(share=1.0, smallest_cell=K)))
    assert shown.release is not None
    scores = shown.scores
    assert (scores.y, scores.forecast, scores.response) == (None, None, None)
    assert list(scores.tenths.columns) == ["group", "n", "predicted", "observed"]
    assert (scores.tenths["n"] >= 50).all()
    assert 1 < len(scores.tenths) <= 4  # of 200 observed scores
    assert shown.evaluation.pits == {}
    for model, fitted in shown.evaluation.mean_calibrations.items():
        assert fitted.groups.empty
        assert fitted.curve.empty == (model != "both")
        assert {result.influence is None for result in fitted.metrics} == {True}
    curve = shown.evaluation.mean_calibrations["both"].curve
    assert set(curve["predicted"]) <= set(range(11))
    assert set(tables(shown)) == {"scores", "score_calibration", "score_tenths"}
    numbers = shown.numbers
    assert {"crps", "mean_error"} <= set(numbers["metric"])
    assert not {"pit_bias", "pit_spread"} & set(numbers["metric"])
    assert numbers[["n", "n_events", "se"]].isna().all().all()


@pytest.mark.parametrize(("away", "kept"), [(0, False), (4, False), (5, True)])
def test_scores_of_which_few_differ_are_not_released(page: Page, away: int, kept: bool) -> None:
    value = np.zeros(200)
    value[:away] = np.resize([1.0, 2.0, 3.0], away)
    y = Measured.at(12, value, lower=0, upper=10, at_most=3)
    forecast = ScoreForecast([0, 5], np.column_stack([np.linspace(0.9, 0.1, 200), np.linspace(0.1, 0.9, 200)]))
    few = PageScores("both", "", score_tenths(y, forecast), y=y, forecast=forecast)
    shown = released_page(replace(page, scores=few, gate=Gate(share=1.0, smallest_cell=K)))
    assert (shown.scores is not None) == kept
    assert ("crps" in set(shown.numbers["metric"])) == kept
    assert any("CRPS" in label for label in shown.headline["label"]) == kept


@pytest.mark.parametrize(("unseen", "kept"), [(0, True), (1, False), (4, False), (5, True)])
def test_groups_of_scores_do_not_tell_how_few_have_none(page: Page, unseen: int, kept: bool) -> None:
    """Groups of 64, 65 and 67 of a cohort of 200 would tell that four patients have no score."""
    n = len(page.ids)
    value = np.resize([1.0, 4.0, 2.0, 6.0], n)
    value[:unseen] = np.nan
    y = Measured.at(12, value, lower=0, upper=10, at_most=3)
    share = np.linspace(0.1, 0.9, n)
    forecast = ScoreForecast([0, 5], np.column_stack([1 - share, share]))
    scores = PageScores("both", "", score_tenths(y, forecast), y=y, forecast=forecast)
    shown = released_page(replace(page, scores=scores, gate=Gate(share=1.0, smallest_cell=K)))
    assert shown.scores.tenths.empty != kept
    assert shown.release.to_frame()["reason"].str.contains("without a score").any() != kept


@pytest.mark.parametrize(("below", "kept"), [(100, 4), (104, 3), (96, 3), (105, 4), (95, 4), (46, 3)])
def test_limits_of_groups_are_not_near_a_threshold(page: Page, below: int, kept: int) -> None:
    """Two kinds of groups of the same patients: 104 below a threshold and 100 in two groups would tell of four."""
    n = 200
    y = Measured.at(12, np.resize([1.0, 4.0, 2.0, 6.0], n), lower=0, upper=10, at_most=3)
    share = np.linspace(0.1, 0.9, n)
    forecast = ScoreForecast([0, 5], np.column_stack([1 - share, share]))
    scores = PageScores("both", "", score_tenths(y, forecast), y=y, forecast=forecast)
    release = Gate(share=1.0, smallest_cell=K).open(Patients(np.tile([1, 0], n // 2), {"both": share}))
    for counted in (np.array([below, n - below]), np.array([n - below, below])):
        assert len(released_scores(scores, release, counted).tenths) == kept


def test_a_group_in_which_few_differ_is_merged_with_others_or_dropped(page: Page) -> None:
    # all patients of the lower half have no pain, but for three: four groups, three and two would tell
    value = np.r_[np.zeros(97), 1.0, 2.0, 1.0, np.tile([2.0, 4.0, 6.0, 8.0], 25)]
    y = Measured.at(12, value, lower=0, upper=10, at_most=3)
    share = np.linspace(0.05, 0.95, 200)
    forecast = ScoreForecast([0, 8], np.column_stack([1 - share, share]))
    few = PageScores("both", "", score_tenths(y, forecast), y=y, forecast=forecast)
    shown = released_page(replace(page, scores=few, gate=Gate(share=1.0, smallest_cell=K)))
    assert shown.scores.tenths.empty
    assert "crps" in set(shown.numbers["metric"])


@pytest.mark.parametrize(("away", "kept"), [(4, False), (5, True)])
def test_scores_of_patients_added_to_an_earlier_release_are_kept_like_all(
    page: Page, tmp_path: Path, away: int, kept: bool
) -> None:
    """Means over all subtract to those over the added half; means of groups, whose limits moved, do not leave."""
    ids = page.ids
    assert ids is not None
    half = len(ids) // 2
    ledger = ReleaseLedger(tmp_path / "ledger.json")
    ledger.add("earlier", ids[:half], K)
    value = np.resize([1.0, 4.0, 2.0, 6.0], len(ids))
    value[half + away :] = 0.0  # of those added few have another score
    y = Measured.at(12, value, lower=0, upper=10, at_most=3)
    share = np.linspace(0.1, 0.9, len(ids))
    forecast = ScoreForecast([0, 5], np.column_stack([1 - share, share]))
    scores = PageScores("both", "", score_tenths(y, forecast), y=y, forecast=forecast)
    shown = released_page(replace(page, scores=scores, gate=Gate(share=1.0, smallest_cell=K), ledger=ledger))
    assert ("crps" in set(shown.numbers["metric"])) == kept
    assert (shown.scores is not None) == kept
    assert shown.scores is None or shown.scores.tenths.empty


def test_without_a_baseline_and_thresholds_the_page_stands(result: StudyResult) -> None:
    study = replace(
        result.study,
        thresholds=None,
        score=replace(result.study.score, baseline="", smallest_detectable=None, important=None),
    )
    bare = replace(result, study=study, data=replace(result.data, baseline=None))
    assert set(tables(bare.page())) == {"scores", "score_calibration", "score_tenths"}


def distributions(rng: np.random.Generator, n: int = 200) -> pd.DataFrame:
    """Return a table of two models' distributions of a score from 0 to 4, and the scores."""
    shift = rng.normal(size=n)
    frame = pd.DataFrame({"id": np.arange(n), "nrs": np.clip(np.round(2 + shift + rng.normal(size=n)), 0, 4)})
    for name, slope in (("orm", 1.0), ("flat", 0.3)):
        weight = np.exp(-((np.arange(5) - 2 - slope * shift[:, None]) ** 2) / 2)
        frame[[f"{name}_{k}" for k in range(5)]] = (weight / weight.sum(axis=1, keepdims=True)).round(4)
    frame.loc[::9, "nrs"] = np.nan
    return frame


def test_distributions_from_elsewhere_are_judged(tmp_path: Path) -> None:
    frame = distributions(np.random.default_rng(5), 120)
    frame.to_csv(tmp_path / "p.csv", index=False)
    given = {"risks": ["flat", "orm"], "horizon": 12, "score": "nrs", "score_range": "0:4"}
    page = evaluate_table(tmp_path / "p.csv", **given, at_most=1, thresholds="0.2:0.5", sample="internal")
    y = Measured.at(12, frame["nrs"], lower=0, upper=4, at_most=1)
    table = frame[[f"orm_{k}" for k in range(5)]].to_numpy()
    forecast = ScoreForecast(np.arange(5), table / table.sum(axis=1, keepdims=True))
    assert page.evaluation.metric("crps", "orm").value == pytest.approx(crps(y, forecast).value, abs=1e-12)
    assert page.evaluation.decision is not None
    assert page.groups is not None
    assert any("rounded" in note for note in page.provenance["notes"])
    assert "scores" in tables(page)
    bare = evaluate_table(tmp_path / "p.csv", **given)  # no cut: no event, no decisions
    assert bare.evaluation.mean_calibrations
    assert [build(bare) for build in (section_discrimination, section_calibration, section_decisions)] == [None] * 3
    assert bare.headline["label"].str.startswith("CRPS").all()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"orm_1": 0.9}, DataError),
        ({"orm_1": np.nan}, DataError),
        ({"nrs": 9}, DataError),
        ({"nrs": "much"}, DataError),
    ],
)
def test_tables_that_hold_no_distributions_are_refused(tmp_path: Path, change: dict, error: type) -> None:
    frame = distributions(np.random.default_rng(5), 40).astype(object)
    for column, value in change.items():
        frame.loc[3, column] = value
    frame.to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(error):
        evaluate_table(tmp_path / "p.csv", risks=["orm"], horizon=12, score="nrs", score_range="0:4")


@pytest.mark.parametrize(
    "given",
    [
        {"score": "nrs"},
        {"score": "nrs", "score_range": "ten"},
        {"score": "nrs", "score_range": "4:0"},
        {"score": "nrs", "score_range": "0:4", "status": "nrs"},
        {"status": "nrs", "at_most": 1},
        {"score": "nrs", "score_range": "0:4", "at_most": 1, "at_least": 2},
        {"score": "nrs", "score_range": "0:4", "risks": ["none"]},
    ],
)
def test_calls_that_say_too_little_of_a_score_are_refused(tmp_path: Path, given: dict) -> None:
    distributions(np.random.default_rng(5), 40).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises((ArgumentError, DataError)):
        evaluate_table(tmp_path / "p.csv", **({"risks": ["orm"], "horizon": 12} | given))


@pytest.mark.parametrize("span", ["ten", "4:0", "2:2", "nan:4", "0:inf"])
def test_a_range_that_is_none_is_the_fault_and_not_the_scores(tmp_path: Path, span: str) -> None:
    distributions(np.random.default_rng(5), 40).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(ArgumentError, match="score_range"):
        evaluate_table(tmp_path / "p.csv", risks=["orm"], horizon=12, score="nrs", score_range=span)
