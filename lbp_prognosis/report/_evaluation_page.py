"""``evaluation_page``: the page of an evaluation of given predictions, without a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_choice, time_words
from lbp_prognosis.evaluation import Evaluation, RiskGroups
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_states import PageStates, is_of_state

__all__ = ["SAMPLE_WORDS", "evaluation_page"]

SAMPLE_WORDS = {
    "apparent": "as given",
    "internal": "out of fold",
    "internal-external": "sites left out",
    "external": "external",
}
_LEVEL = 0.95
_HEADLINES = (("crps", "CRPS"), ("auc", "AUC"), ("ipa", "IPA"), ("observed_expected", "O/E"))
_HOW = {
    "apparent": "The predictions were evaluated as supplied. No model was fitted, and it is not known whether the "
    "models had seen these patients.",
    "internal": "According to their author, the predictions come from models that had not seen these patients.",
    "internal-external": "According to their author, the predictions come from models fitted without the "
    "patients' site.",
    "external": "According to their author, the predictions come from models developed on other patients.",
}


def evaluation_page(
    evaluation: Evaluation,
    *,
    title: str = "Evaluation of predictions",
    horizon: float | None = None,
    unit: str = "",
    sample: str = "apparent",
    setting: str = "",
    models: Mapping[str, Any] | None = None,
    groups: RiskGroups | None = None,
    states: PageStates | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Page:
    """Return the page of an evaluation, as input of `write_page`.

    Parameters
    ----------
    evaluation : Evaluation
        Made by `evaluate`, or by the ``evaluate`` of a cross-validation, with 95% intervals. With several models, the
        last is compared with the first.
    title : str, default "Evaluation of predictions"
        Of the page.
    horizon : float, optional
        The main horizon; the last by default.
    unit : str, default ""
        Of time.
    sample : {"apparent", "internal", "internal-external", "external"}, default "apparent"
        Kind of validation, as the caller states it.
    setting : {"", "temporal", "geographic", "setting"}, default ""
        Difference between external and development patients.
    models : mapping of str to iterable of str, optional
        Predictors of each model, so that the comparator can be judged.
    groups : RiskGroups, optional
        Observed against predicted in groups.
    states : PageStates, optional
        Who was in which state over time, for an evaluation by `evaluate_state` at the same horizon.
    provenance : mapping, optional
        Versions, hashes, notes.

    Raises
    ------
    ArgumentError
        If the horizon was not evaluated, ``states`` are of other patients, of another state or horizon, or the
        confidence of intervals is not 95%: the page labels all intervals as 95%, and claims are judged by them.

    See Also
    --------
    lbp_prognosis.report.write_page : How is the page written?
    lbp_prognosis.evaluation.evaluate : How good are these predictions?

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv, evaluate
    >>> from lbp_prognosis.report import evaluation_page
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=300)
    >>> t, c = rng.exponential(12 * np.exp(-x)), rng.uniform(6, 24, 300)
    >>> y = Surv.right(np.minimum(t, c), t <= c)
    >>> found = evaluate(y, {"score": 1 - np.exp(-np.exp(x) * 6 / 12)}, 6, [0.2, 0.3, 0.4])
    >>> page = evaluation_page(found, title="A score", unit="months", sample="external", setting="temporal")
    >>> page.title
    'A score'
    """
    check_choice("sample", sample, tuple(SAMPLE_WORDS))
    main = float(evaluation.horizons[-1] if horizon is None else horizon)
    if not np.isclose(evaluation.horizons, main).any():
        raise argument_error("horizon", f"one of {evaluation.horizons.tolist()}", main)
    if states is not None:
        _check_states(states, evaluation, main)
    _check_level(evaluation, *(() if states is None else states.earlier))
    names = list(evaluation.models)
    evidence = Evidence(models=dict(models or {})).with_result(evaluation, sample=sample, setting=setting)
    strength = "validated" if sample == "external" else "development"
    claims = [Claim.predicts(name, main, strength, unit=unit) for name in names]
    if len(names) > 1:
        claims.append(Claim.adds_value(names[-1], names[0], main, strength, unit=unit))
    return Page(
        title=title,
        evaluation=evaluation,
        horizon=main,
        evidence=evidence,
        claims=tuple(claims),
        sample=SAMPLE_WORDS[sample],
        how=_HOW[sample],
        unit=unit,
        comparison=(names[0], names[-1]) if len(names) > 1 else (),
        addition=names[-1],
        headline=_headline(evaluation, main, unit),
        groups=groups,
        states=states,
        provenance=dict(provenance or {}),
        objections=evaluation.objections,
        synthetic=evaluation.synthetic,
    )


def _check_states(states: PageStates, evaluation: Evaluation, main: float) -> None:
    """Refuse states of another horizon, of other patients, or of another state than the evaluation."""
    if not isinstance(states, PageStates):
        raise argument_error("states", "made by PageStates.of", states)
    if not np.isclose(states.horizon, main):
        raise argument_error("states", f"of the horizon {main:g}", f"those of {states.horizon:g}")
    last = states.curve[(states.curve["time"] == states.horizon) & (states.curve["state"] == states.state)]
    if states.n is None or not is_of_state(evaluation, states.n, float(last["value"].iloc[0])):
        raise argument_error(
            "states",
            "of the courses and of the state that `evaluation` judged by evaluate_state",
            f"{states.state!r} of {states.n} patients, with another probability at {main:g}",
        )


def _check_level(*evaluations: Evaluation) -> None:
    """Refuse evaluations whose intervals do not have the level that the page states."""
    results = [found for one in evaluations for by_name in one.metrics.values() for found in by_name.values()]
    levels = {found.confidence for found in (*results, *(one.decision for one in evaluations)) if found is not None}
    if other := sorted(level for level in levels if not np.isclose(level, _LEVEL)):
        raise argument_error(
            "evaluation",
            f"one with {_LEVEL:.0%} intervals, as the page labels them",
            f"intervals of {other[0]:.4g}",
            f"Evaluate with confidence={_LEVEL}.",
        )


def _headline(found: Evaluation, main: float, unit: str) -> pd.DataFrame:
    rows = []
    for name in found.models:
        for metric, words in _HEADLINES:
            for row in found.metrics[name][metric].rows() if metric in found.metrics[name] else ():
                if np.isclose(row["horizon"], main) or np.isnan(row["horizon"]):
                    label = f"{words} at {time_words(main, unit)}, {name}"
                    rows.append((label, row["value"], row["low"], row["high"], row["reason"]))
    return pd.DataFrame(rows, columns=["label", "value", "low", "high", "reason"])
