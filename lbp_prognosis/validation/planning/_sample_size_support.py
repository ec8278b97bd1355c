"""Parameters, shrinkage and interval widths supported by a given number of patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import brentq
from scipy.special import expit

from lbp_prognosis._base import (
    Objection,
    RandomState,
    Result,
    argument_error,
    check_number,
    metric_title,
    norm,
    objection,
)
from lbp_prognosis.survival import check_outcome, status_horizon
from lbp_prognosis.validation.planning._sample_size import SampleSize
from lbp_prognosis.validation.planning._sample_size_development import sample_size_development
from lbp_prognosis.validation.planning._sample_size_validation import sample_size_validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SampleSizeSupport", "sample_size_support"]

_TOO_MANY = objection("events-per-parameter")


@dataclass(frozen=True, repr=False)
class SampleSizeSupport(Result):
    """Support by the patients at hand.

    Attributes
    ----------
    n, n_events : int
        Patients with a known outcome (all, for times), and events.
    parameters : dict of str to int
        Candidate parameters by modality.
    max_parameters : int
        Largest number of candidate parameters for which the criteria that depend on it (shrinkage, optimism of R²)
        are met.
    expected_shrinkage : float
        Uniform shrinkage to expect with the parameters and patients at hand.
    development, validation : SampleSize
        Required sample sizes.
    """

    n: int
    n_events: int
    parameters: dict[str, int]
    max_parameters: int
    expected_shrinkage: float
    c_statistic: float
    development: SampleSize = field(repr=False)
    validation: SampleSize = field(repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @property
    def supported(self) -> bool:
        """Whether the patients suffice to develop a model with these parameters."""
        return self.n >= self.development.n

    def to_frame(self) -> pd.DataFrame:
        """Return ``purpose, criterion, target, needed, at_hand, met, expected``: a row per criterion.

        ``expected`` says what the patients at hand give where that is a number: the full width of an interval for
        validation.
        """
        rows = []
        for plan in (self.development, self.validation):
            for row in plan.criteria:
                need = int(row["n"])  # type: ignore[call-overload]
                width = _WIDTH.get(str(row["criterion"])) if plan.purpose == "validation" else None
                expected = np.nan
                if width is not None:
                    ratio = np.sqrt(need / self.n)
                    # O/E is symmetric on the log scale: its width is 2 sinh(z se)
                    expected = (
                        2 * np.sinh(np.arcsinh(width / 2) * ratio)
                        if row["criterion"] == "observed_expected"
                        else width * ratio
                    )
                if row["criterion"] == "shrinkage":
                    expected = self.expected_shrinkage
                rows.append((plan.purpose, row["criterion"], row["target"], need, self.n, self.n >= need, expected))
        return pd.DataFrame(rows, columns=["purpose", "criterion", "target", "needed", "at_hand", "met", "expected"])

    @property
    def sentences(self) -> tuple[str, ...]:
        """Objections for the reader."""
        total = sum(self.parameters.values())
        parts = ", ".join(f"{count} {name}" for name, count in self.parameters.items())
        # of a state the rarer outcome limits the parameters, be it the event or its absence
        rarer, of = self.n_events, "events"
        if self.development.outcome == "binary" and 2 * self.n_events > self.n:
            rarer, of = self.n - self.n_events, "patients without the event"
        words = [
            f"{self.n} patients with {self.n_events} events; {total} candidate parameters ({parts}): "
            f"{rarer / total:.1f} {of} per parameter.",
            f"At an anticipated C of {self.c_statistic:g} they support {self.max_parameters} candidate parameters; "
            f"{total}, with all criteria met, would need {self.development.n} patients.",
            f"Expected shrinkage {self.expected_shrinkage:.2f}: predictions of an unpenalised model would be too "
            f"extreme by about {100 * (1 - self.expected_shrinkage):.0f} %."
            if self.expected_shrinkage > 0
            else "The expected shrinkage is not positive: an unpenalised model of these parameters is worthless here.",
        ]
        table = self.to_frame()
        for row in table[table["purpose"] == "validation"].itertuples():
            words.append(
                f"As a validation sample they give an interval for {metric_title(str(row.criterion))} about "
                f"{row.expected:.2f} wide ({row.target} needs {row.needed} patients)."
            )
        return tuple(words)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the patients each criterion needs against those at hand (dashed).

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame()
        labels = [f"{r.purpose}: {r.criterion}" for r in frame.itertuples()]
        return draw_estimates(
            frame.assign(label=labels, value=frame["needed"]),
            axis=f"patients needed (dashed: {self.n} at hand)",
            neutral=float(self.n),
            log=True,
            digits=".0f",
            ax=ax,
        )

    def _summary(self) -> str:
        return f"{self.n} patients support {self.max_parameters} parameters; {sum(self.parameters.values())} planned"


_WIDTH = {"observed_expected": 0.2, "calibration_slope": 0.2, "concordance": 0.1}


def sample_size_support(
    y: np.ndarray,
    parameters: int | Mapping[str, int],
    *,
    c_statistic: float,
    horizon: float | None = None,
    cause: int = 1,
    n_simulations: int = 100,
    random_state: RandomState = 0,
) -> SampleSizeSupport:
    """Return the parameters, shrinkage and interval widths that the available patients support.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    parameters : int or mapping of str to int
        Candidate parameters by modality, spline and interaction terms included, before any selection.
    c_statistic : float
        Anticipated C statistic, from the literature and not from these patients.
    horizon : float, optional
        Prediction time; a `Status` contains its own.
    cause : int, default 1
        Event code of interest.
    n_simulations : int, default 100
        Simulated validation studies (times).
    random_state : int, Generator or None, default 0
        Their seed.

    Returns
    -------
    SampleSizeSupport
        ``sentences`` for the page; ``to_frame()`` for the table. More parameters than supported carry the objection
        ``events-per-parameter``.

    Notes
    -----
    Expected shrinkage S solves n = P / ((S − 1) ln(1 − R²/S)). The spread of the linear predictor that goes with the
    anticipated C is that of a normal linear predictor: logistic for states, proportional hazards for times, where
    C = E{1/(1 + exp(−|η₁ − η₂|))}.

    References
    ----------
    Riley et al. (2019), https://doi.org/10.1002/sim.7992. Riley et al. (2021), https://doi.org/10.1002/sim.9025.
    """
    kind = check_outcome(y, ("right", "status"), caller="sample_size_support")
    c = check_number("c_statistic", c_statistic, low=0.5, high=1, open_low=True, open_high=True)
    arguments: dict[str, Any] = {"c_statistic": c}
    if kind == "status":
        seen = y["status"] >= 0
        n, events, outcome = int(seen.sum()), int((y["status"] == 1).sum()), "binary"
        arguments["prevalence"] = events / max(n, 1)
    else:
        tau = check_number("horizon", status_horizon(y) if horizon is None else horizon, low=0, open_low=True)
        time = np.minimum(y["time"].astype(float), tau)
        happened = (y["event"] == cause) & (y["time"] <= tau)
        n, events, outcome = y.shape[0], int(happened.sum()), "survival"
        arguments |= {"rate": events / time.sum(), "horizon": tau, "mean_follow_up": float(time.mean())}
    if not 0 < events < n:
        raise argument_error("y", "an outcome with events and without", f"{events} events in {n} patients")
    plan = sample_size_development(outcome, parameters=parameters, **arguments)
    total = sum(plan.parameters.values())
    most = _most_parameters(outcome, n, arguments)
    r2 = plan.details["r2_cox_snell"]
    validation = _validation(outcome, c, events / n, arguments, y, n_simulations, random_state)
    return SampleSizeSupport(
        n,
        events,
        dict(plan.parameters),
        most,
        _shrinkage(total, n, r2),
        c,
        plan,
        validation,
        (_TOO_MANY,) if total > most else (),
    )


def _most_parameters(outcome: str, n: int, arguments: Mapping[str, Any]) -> int:
    def enough(count: int) -> bool:
        plan = sample_size_development(outcome, parameters=count, **arguments)
        return max(plan.criterion("shrinkage"), plan.criterion("optimism_r2")) <= n

    if not enough(1):
        return 0
    low, high = 1, 2
    while enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low


def _shrinkage(count: int, n: int, r2: float) -> float:
    def gap(s: float) -> float:
        return (s - 1) * np.log(1 - r2 / s) * n - count

    # (s − 1) ln(1 − R²/s) falls from infinity at s = R² to 0 at 1
    return float(brentq(gap, r2 * (1 + 1e-9), 1 - 1e-12)) if gap(r2 * (1 + 1e-9)) > 0 else float("nan")


def _validation(
    outcome: str,
    c: float,
    share: float,
    arguments: Mapping[str, Any],
    y: np.ndarray,
    n_simulations: int,
    random_state: RandomState,
) -> SampleSize:
    if outcome == "binary":
        sd = float(brentq(lambda s: _c_of_state(s, share) - c, 1e-3, 20.0))
        return sample_size_validation("binary", prevalence=share, c_statistic=c, lp_mean=_level(sd, share), lp_sd=sd)
    tau = arguments["horizon"]
    risk = float(1 - np.exp(-arguments["rate"] * tau))
    left = y["time"][(y["event"] == 0) & (y["time"] < tau)]
    # the range of the censoring times stands for their uniform law; no patient lost early: followed to the horizon
    early = float(np.quantile(left, 0.05)) if left.size > 20 else None
    follow_up = None if early is None else (early, float(max(y["time"].max(), tau * 1.0001)))
    return sample_size_validation(
        "survival",
        risk=risk,
        horizon=tau,
        lp_sd=_spread_of_time(c),
        follow_up=follow_up,
        n_simulations=n_simulations,
        random_state=random_state,
    )


def _level(sd: float, share: float) -> float:
    x, w = hermegauss(60)
    w = w / w.sum()
    return float(brentq(lambda m: float(w @ expit(m + sd * x)) - share, -30 - 12 * sd, 30 + 12 * sd))


def _c_of_state(sd: float, share: float) -> float:
    grid = np.linspace(-8, 8, 1601)
    p = expit(_level(sd, share) + sd * grid)
    mass = norm.pdf(grid)
    cases, controls = mass * p, mass * (1 - p)
    below = np.cumsum(controls) - 0.5 * controls
    return float(np.sum(cases * below) / (cases.sum() * controls.sum()))


def _spread_of_time(c: float) -> float:
    x, w = hermegauss(101)
    w = w / w.sum()

    def concordance(sd: float) -> float:
        return float(w @ expit(np.abs(x) * sd * np.sqrt(2)))

    return float(brentq(lambda s: concordance(s) - c, 1e-4, 50.0))
