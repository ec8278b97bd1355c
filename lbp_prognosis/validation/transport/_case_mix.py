"""Decomposition of a change in performance into case mix and coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit

from lbp_prognosis._base import Result, argument_error, as_numbers, metric_frame, read_matrix, takes_rows
from lbp_prognosis.evaluation import concordance, time_dependent_auc
from lbp_prognosis.models import CoxPH, LogisticRisk
from lbp_prognosis.survival import Status, check_outcome, outcome_kind, status_horizon
from lbp_prognosis.validation.transport._model_based_concordance import model_based_concordance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CaseMix", "case_mix"]


@dataclass(frozen=True, repr=False)
class CaseMix(Result):
    """Development and validation samples compared.

    Attributes
    ----------
    membership, membership_se : float
        AUC of a model that discriminates the samples by predictors and outcome: near 0.5 the validation tests
        reproducibility, higher ones transportability.
    membership_lp : float
        The same from the linear predictor alone (0.5 or below means nothing to tell).
    mbc_development, mbc_validation, mbc_recalibrated : float
        Model-based concordance in the two samples, and with the slope recalibrated in validation.
    c_development, c_validation : float
        Observed concordance (AUC for a state).
    lp_mean, lp_sd : tuple of float
        Of the linear predictor in development and validation.
    """

    membership: float
    membership_se: float
    membership_lp: float
    mbc_development: float
    mbc_validation: float
    mbc_recalibrated: float
    c_development: float
    c_validation: float
    lp_mean: tuple[float, float]
    lp_sd: tuple[float, float]
    n: tuple[int, int]

    @property
    def case_mix_effect(self) -> float:
        """Change of concordance that the validation case-mix alone explains."""
        return self.mbc_validation - self.mbc_development

    @property
    def coefficient_effect(self) -> float:
        """Change that case-mix does not explain: observed minus expected in validation."""
        return self.c_validation - self.mbc_validation

    def to_frame(self) -> pd.DataFrame:
        """Return one row per quantity; ``group`` is the sample."""
        rows: list[dict[str, Any]] = [
            {"metric": "membership_auc", "value": self.membership, "se": self.membership_se, "group": "both"},
            {"metric": "membership_auc_linear_predictor", "value": self.membership_lp, "group": "both"},
            {"metric": "model_based_concordance", "value": self.mbc_development, "group": "development"},
            {"metric": "model_based_concordance", "value": self.mbc_validation, "group": "validation"},
            {"metric": "model_based_concordance_recalibrated", "value": self.mbc_recalibrated, "group": "validation"},
            {"metric": "concordance", "value": self.c_development, "group": "development"},
            {"metric": "concordance", "value": self.c_validation, "group": "validation"},
            {"metric": "case_mix_effect", "value": self.case_mix_effect, "group": "validation"},
            {"metric": "coefficient_effect", "value": self.coefficient_effect, "group": "validation"},
        ]
        rows += [
            {"metric": name, "value": values[k], "group": sample, "n": self.n[k]}
            for name, values in (("linear_predictor_mean", self.lp_mean), ("linear_predictor_sd", self.lp_sd))
            for k, sample in enumerate(("development", "validation"))
        ]
        return metric_frame({"tier": "prognostic", **row} for row in rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw observed concordance, and the concordance expected from case mix.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = pd.DataFrame(
            [
                ("observed in development", self.c_development),
                ("by case mix, development", self.mbc_development),
                ("by case mix, validation", self.mbc_validation),
                ("… with the slope recalibrated", self.mbc_recalibrated),
                ("observed in validation", self.c_validation),
            ],
            columns=["label", "value"],
        )
        return draw_estimates(rows, axis="concordance", neutral=0.5, ax=ax)

    def _summary(self) -> str:
        return (
            f"membership AUC {self.membership:.3f}; concordance {self.c_development:.3f} → {self.c_validation:.3f}, "
            f"case-mix {self.case_mix_effect:+.3f}, coefficients {self.coefficient_effect:+.3f}"
        )


@takes_rows(X_development="matrix", y_development="outcome", lp_development="numbers")
@takes_rows(X_validation="matrix", y_validation="outcome", lp_validation="numbers")
def case_mix(
    X_development: Any,
    y_development: np.ndarray,
    lp_development: Any,
    X_validation: Any,
    y_validation: np.ndarray,
    lp_validation: Any,
) -> CaseMix:
    """Compare two samples in case mix and in discrimination of the model.

    Parameters
    ----------
    X_development, X_validation : DataFrame or array of shape (n, p)
        Predictors of the model.
    y_development, y_validation : ndarray
        Outcomes of one kind: `Surv.right` or `Status.at`.
    lp_development, lp_validation : array-like of shape (n,)
        Linear predictor (log odds or log hazard) of the model in each sample.

    Returns
    -------
    CaseMix
        Membership model and concordance decomposed into case-mix and coefficients.

    Notes
    -----
    The membership model is a logistic regression of the sample on predictors and outcome (for times: the event
    indicator and the log time).

    References
    ----------
    Debray et al. (2015), https://doi.org/10.1016/j.jclinepi.2014.06.018.
    """
    kind = outcome_kind(y_development)
    for y in (y_development, y_validation):
        check_outcome(y, ("right", "status"), caller="case_mix")
    if outcome_kind(y_validation) != kind:
        raise argument_error("y_validation", f"of the kind of `y_development` ({kind})", outcome_kind(y_validation))
    samples = (("development", X_development, lp_development), ("validation", X_validation, lp_validation))
    lps = [as_numbers(f"lp_{name}", lp) for name, _, lp in samples]
    if all(isinstance(X, pd.DataFrame) for _, X, _ in samples) and set(X_development) == set(X_validation):
        samples = (samples[0], ("validation", X_validation[list(X_development)], lp_validation))
    frames = [pd.DataFrame(read_matrix(X, allow_missing=True)) for _, X, _ in samples]
    seen = []
    for y in (y_development, y_validation):
        if kind == "status":
            seen.append(np.flatnonzero(y["status"] >= 0))
        else:
            seen.append(np.arange(y.shape[0]))
    ys = [y[rows] for y, rows in zip((y_development, y_validation), seen)]
    lps = [lp[rows] for lp, rows in zip(lps, seen)]
    parts = [_with_outcome(X.iloc[rows], y, kind) for X, rows, y in zip(frames, seen, ys)]
    sample = np.r_[np.zeros(len(parts[0])), np.ones(len(parts[1]))].astype(int)
    both = np.vstack(parts)
    member = Status.at(1.0, sample)
    fitted = LogisticRisk(collinear="drop").fit(both, member)
    told = time_dependent_auc(member, fitted.predict_risk(both, 1.0)[:, 0], 1.0)
    by_lp = time_dependent_auc(member, _rank(np.r_[lps[0], lps[1]]), 1.0)
    slope, scale = _recalibrated(lps[1], ys[1], kind)
    observed = [_observed(lp, y, kind) for lp, y in zip(lps, ys)]
    expected = [model_based_concordance(_as_prediction(lp, kind), outcome=scale) for lp in lps]
    return CaseMix(
        membership=float(told.value),
        membership_se=float(told.se),
        membership_lp=float(by_lp.value),
        mbc_development=expected[0],
        mbc_validation=expected[1],
        mbc_recalibrated=model_based_concordance(slope, outcome=scale),
        c_development=observed[0],
        c_validation=observed[1],
        lp_mean=(float(lps[0].mean()), float(lps[1].mean())),
        lp_sd=(float(lps[0].std(ddof=1)), float(lps[1].std(ddof=1))),
        n=(lps[0].size, lps[1].size),
    )


def _with_outcome(X: pd.DataFrame, y: np.ndarray, kind: str) -> np.ndarray:
    if kind == "status":
        return np.column_stack([X, y["status"]])
    return np.column_stack([X, y["event"] > 0, np.log(np.maximum(y["time"], 1e-8))])


def _rank(values: np.ndarray) -> np.ndarray:
    """Ranks scaled into (0, 1), equal for equal values: an AUC needs only the order, and its argument is a risk."""
    from scipy.stats import rankdata

    return (rankdata(values) - 0.5) / values.size


def _as_prediction(lp: np.ndarray, kind: str) -> np.ndarray:
    return expit(lp) if kind == "status" else lp


def _recalibrated(lp: np.ndarray, y: np.ndarray, kind: str) -> tuple[np.ndarray, str]:
    if kind == "status":
        horizon = status_horizon(y) or 1.0
        model = LogisticRisk(horizon=horizon).fit(lp[:, None], y)
        return model.predict_risk(lp[:, None], horizon)[:, 0], "binary"
    return CoxPH().fit(lp[:, None], y).coef_[0] * lp, "survival"


def _observed(lp: np.ndarray, y: np.ndarray, kind: str) -> float:
    if kind == "status":
        return float(time_dependent_auc(y, _rank(lp), status_horizon(y) or 1.0).value)
    return float(concordance(y, lp).value)
