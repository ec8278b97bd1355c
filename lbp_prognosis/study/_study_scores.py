"""``study_scores``: observed and predicted scores of a study, for its page."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis.evaluation import Evaluation, evaluate, score_tenths
from lbp_prognosis.report import PageScores
from lbp_prognosis.study._score_plan import ScorePlan
from lbp_prognosis.study._study_findings import StudyFindings
from lbp_prognosis.survival import measured_to_status

__all__ = ["study_scores"]


def study_scores(result: StudyFindings) -> PageScores | None:
    """Return scores by tenth of the out-of-fold prediction of the larger model, and predicted responses.

    Parameters
    ----------
    result : StudyFindings
        Results of the study.
    """
    score, study, data = result.study.score, result.study, result.data
    if score is None:
        return None
    model = study.comparison[1] if study.comparison else study.main_model
    forecast = result.cross_validation.forecasts[model]
    given: dict[str, Any] = {}
    rows = np.arange(len(data.X))
    if data.baseline is not None:
        rows = np.flatnonzero(~np.isnan(data.baseline))  # a change needs both scores
        given = {
            "baseline": data.baseline[rows],
            "smallest_detectable": score.smallest_detectable,
            "important": score.important,
        }
    return PageScores(
        model=model,
        words=score.words,
        tenths=score_tenths(data.y[rows], forecast.take(rows), **given),
        smallest_detectable=score.smallest_detectable,
        important=score.important,
        response=_response(result, score),
        y=data.y,
        forecast=forecast,
        visits=result.visits,
    )


def _response(result: StudyFindings, score: ScorePlan) -> Evaluation | None:
    """Evaluate predicted responses of patients whose baseline allows a response; None if no response is declared."""
    before, study = result.data.baseline, result.study
    if before is None or score.important is None:
        return None
    goal = before - score.important
    y = result.data.y
    rows = np.flatnonzero((goal >= score.lower) & ~np.isnan(y["value"]))  # also leaves out patients without a baseline
    status = measured_to_status(y[rows], at_most=goal[rows])
    if min((status["status"] == state).sum() for state in (0, 1)) == 0:
        return None
    risks = {name: f.take(rows).at_most(goal[rows]) for name, f in result.cross_validation.forecasts.items()}
    t = study.thresholds
    cuts = None if t is None else np.unique([t.low, t.primary, t.high])
    return evaluate(status, risks, [result.horizon], cuts, target="no_event", n_resamples=0)
