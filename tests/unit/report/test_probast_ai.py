"""PROBAST+AI from a run: facts with their numbers, answers only by arithmetic, never a judgement of the whole."""

from __future__ import annotations

import dataclasses
import os
import re

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Surv, evaluate
from lbp_prognosis._base import ArgumentError, objection
from lbp_prognosis.deployment import published_model, published_models
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.report import evaluation_page, probast_ai
from lbp_prognosis.report._probast_checks import alarm, enough_events, events_per_parameter, measures
from lbp_prognosis.report._probast_form import SUGGESTED
from lbp_prognosis.validation import external_validate


@pytest.fixture
def found(reported):
    return reported


def of(form, part, item):
    row = form.to_frame().set_index(["part", "item"]).loc[(part, item)]
    return row["fact"], row["suggested"]


def test_facts_of_a_study_are_its_numbers(found) -> None:
    form = probast_ai(found)
    events = found.evaluation.n_events
    assert of(form, "development", "4.1") == (
        f"{events} events, 5 candidate parameters of 'with imaging': {events / 5:.1f} events per parameter.",
        "probably yes",
    )
    assert of(probast_ai(found, model="clinical"), "development", "4.1")[0].startswith(f"{events} events, 2 candidate")
    auc = [found.apparent.metric("auc", "with imaging"), found.evaluation.metric("auc", "with imaging")]
    inside, outside = (float(m.value[1]) for m in auc)
    text, answer = of(form, "development", "4.5")
    assert f"AUC {inside:.3f} apparent, {outside:.3f} out of fold: optimism {inside - outside:.3f}" in text
    assert answer == "needs a reviewer"  # nothing is penalised, and the slope's interval reaches 1
    assert of(form, "development", "1.3")[0] == "Patients: 400 at the start, 400 analysed. Left out: none."
    missing = of(form, "development", "4.3")[0]
    assert missing.startswith("1 of 3 predictors have missing values, most: pain (1 %). Imputation: 2 completed tables")
    assert of(form, "development", "4.2")[0] == "3 numeric predictors, 0 categorical; splines of age (4 knots)."
    assert of(form, "evaluation", "4.1") == ("Evaluations: out of fold.", "yes")
    assert of(form, "evaluation", "4.2") == (f"400 patients, {events} events.", "probably yes")
    assert of(form, "evaluation", "4.5")[1] == "probably yes"
    assert of(form, "evaluation", "4.6")[1] == "yes"
    low, high = (
        found.evaluation.metric("auc", "with imaging").low[1],
        found.evaluation.metric("auc", "with imaging").high[1],
    )
    assert f"AUC {outside:.3f} ({low:.3f} to {high:.3f})" in of(form, "evaluation", "4.7")[0]
    assert of(form, "evaluation", "4.7")[1] == "yes"
    assert of(form, "development", "2.3") == ("", "needs a reviewer")


def test_a_leak_answers(found) -> None:
    page = found.page()
    doubt = objection("imputed-outside-resampling")
    form = probast_ai(dataclasses.replace(page, objections=(doubt,)))
    for item in ("2.2", "4.5", "4.6"):
        assert of(form, "evaluation", item) == (doubt.sentence, "probably no")


def test_never_a_judgement_of_a_domain_or_of_the_whole(found) -> None:
    judged = re.compile(r"\b(overall|verdict|ratings?|rated|(low|high) (risk|concern)|unclear|score)\b", re.I)
    for form in (probast_ai(found), probast_ai(published_model("verwoerd_2024"))):
        frame = form.to_frame()
        assert list(frame.columns) == ["part", "domain", "item", "kind", "question", "fact", "suggested"]
        assert set(frame["suggested"]) <= set(SUGGESTED)
        assert frame.loc[frame["kind"] == "applicability", "suggested"].eq("needs a reviewer").all()
        assert not [name for name in dir(form) if judged.search(name)]
        assert not judged.search(form.to_markdown())
        assert not judged.search(repr(form))


def test_a_form_that_leaves_says_no_more_than_its_page(found) -> None:
    kept = probast_ai(found)
    assert "Not for release" in kept.to_html()
    page = dataclasses.replace(found.page(), gate=Gate(5))
    form = probast_ai(page)
    assert form.released
    assert "Not for release" not in form.to_html()
    text, answer = of(form, "development", "4.3")
    assert "pain" not in text  # three patients have no value of it
    assert answer == "needs a reviewer"
    few = dataclasses.replace(found.page(), gate=Gate(min_n=1000))
    assert (probast_ai(few).to_frame()["fact"] == "").all()


def test_net_benefit_without_an_interval_is_not_given_with_one(found) -> None:
    whole = found.evaluation
    assert measures(whole, "clinical", 12.0, "Out of fold").suggested == "yes"
    bare = dataclasses.replace(whole.decision, low=np.full_like(whole.decision.low, np.nan))
    told = measures(dataclasses.replace(whole, decision=bare), "clinical", 12.0, "Out of fold")
    assert told.text.endswith("Not given with an interval: net benefit.")
    assert told.suggested == "probably no"


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_text_files(found, tmp_path) -> None:
    pytest.importorskip("docx")
    form = probast_ai(found)
    made = [form.to_word(tmp_path / f"{name}.docx") for name in "ab"]
    assert made[0].read_bytes() == made[1].read_bytes()
    if os.name == "posix":  # one that is not for release shows counts of single patients
        assert made[0].stat().st_mode & 0o777 == 0o600
        free = dataclasses.replace(form, released=True).to_word(tmp_path / "c.docx")
        assert free.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert form.to_html().count("<tr>") == 40 + 8  # questions, and a header per domain
    open_ = (form.to_frame().query("kind == 'signalling'")["suggested"] == "needs a reviewer").sum()
    assert repr(form).endswith(f"34 signalling questions, {open_} need a reviewer>")


@pytest.mark.parametrize(
    ("events", "parameters", "answer"),
    [(99, 10, "probably no"), (100, 10, "needs a reviewer"), (199, 10, "needs a reviewer"), (200, 10, "probably yes")],
)
def test_bounds_of_events_per_parameter(events, parameters, answer) -> None:
    assert events_per_parameter(events, parameters, "parameters").suggested == answer


def test_an_upper_bound_only_answers_no() -> None:
    assert events_per_parameter(99, 10, "p", at_most=True).suggested == "probably no"
    assert events_per_parameter(1000, 10, "p", at_most=True).suggested == "needs a reviewer"
    assert events_per_parameter(None, 10, "p").text == "The number of events is not known."
    assert events_per_parameter(40, None, "p").text == "The number of parameters is not known; 40 events."


@pytest.mark.parametrize(("events", "answer"), [(99, "probably no"), (100, "probably yes"), (None, "needs a reviewer")])
def test_bounds_of_events_in_an_evaluation(events, answer) -> None:
    assert enough_events(500, events).suggested == answer


def test_alarm_says_each_sentence_once() -> None:
    doubt = objection("imputed-outside-resampling")
    assert alarm((doubt, doubt), ("imputed-outside-resampling",), "fine").text == doubt.sentence
    assert alarm((doubt,), ("patients-copied",), "fine", "yes") == ("fine", "yes")


def test_every_published_model_has_the_form() -> None:
    for name in published_models()["name"]:
        form = probast_ai(published_model(name))
        assert len(form.to_frame()) == 40
        assert of(form, "evaluation", "4.1") == ("No evaluation was given.", "needs a reviewer")


def test_a_published_model_with_an_external_validation() -> None:
    d = syn(300)
    rng = np.random.default_rng(0)
    model = published_model("swespine_disc_satisfaction")
    X = d.assign(**{name: rng.integers(0, 2, 300).astype(float) for name in model.feature_names_in_})
    y = Surv.right(d["time"], d["event"])
    done = external_validate({"swespine": model}, X, y, 12.0, [0.5], kind="geographic", description="one clinic")
    form = probast_ai(model, validation=done)
    assert probast_ai(model).released
    assert not form.released  # no gate saw the numbers of the validation
    assert "Not for release" in form.to_html()
    assert of(form, "evaluation", "1.2")[0] == "The evaluated patients are external, geographic."
    assert of(form, "evaluation", "2.4")[0] == "Dates of predictors are not checked in an external validation."
    assert of(form, "evaluation", "4.2")[0] == f"300 patients, {done.n_events} events."
    auc = done.evaluation.metric("auc")
    assert f"AUC {float(auc.value):.3f}" in of(form, "evaluation", "4.7")[0]
    few = dataclasses.replace(done, n=done.n_events + 3)
    assert "number of events not given" in of(probast_ai(model, validation=few), "evaluation", "4.2")[0]
    with pytest.raises(ArgumentError, match="model"):
        probast_ai(model, model="other", validation=done)
    split = external_validate({"swespine": model}, X, y, 12.0, kind="random_split")
    text, answer = of(probast_ai(model, validation=split), "evaluation", "4.7")
    assert answer == "probably no"
    assert "net benefit" in text


def test_predictions_alone_say_little() -> None:
    d = syn(300)
    risk = 1 / (1 + np.exp(-d["c1"]))
    form = probast_ai(evaluation_page(evaluate(Surv.right(d["time"], d["event"]), {"m": risk}, 12.0)))
    assert of(form, "evaluation", "4.1") == ("Apparent performance only.", "no")
    assert of(form, "evaluation", "4.6")[1] == "needs a reviewer"


def test_what_is_refused(found) -> None:
    with pytest.raises(ArgumentError, match="study"):
        probast_ai(found.evaluation)
    with pytest.raises(ArgumentError, match="model"):
        probast_ai(found, model="nobody")
    with pytest.raises(ArgumentError, match="validation"):
        probast_ai(published_model("verwoerd_2024"), validation=found)
