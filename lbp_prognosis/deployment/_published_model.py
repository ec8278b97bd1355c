"""``published_model``: published risk models, with the source of each number."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from lbp_prognosis._base import argument_error, check_number, numbers_in, read_frame, takes_rows
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._no_equation import MissingCoefficients
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm, Term
from lbp_prognosis.instruments import score

__all__ = ["PublishedModel", "published_model", "published_models"]

STATUS = ("complete", "rule", "score_only", "stub")


@functools.cache
def registry() -> dict[str, dict[str, Any]]:
    """Return the entries of ``published.json``, checked."""
    text = importlib.resources.files("lbp_prognosis.deployment").joinpath("published.json").read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = json.loads(text)["models"]
    for name, entry in entries.items():
        check_entry(name, entry)
    return entries


def check_entry(name: str, entry: Mapping[str, Any]) -> None:
    """Refuse an inconsistent entry.

    Raises
    ------
    ArgumentError
        If the status is unknown, a source is lacking, or ratios are called complete without an intercept, thresholds or
        a baseline.
    """
    status = entry.get("status")
    if status not in STATUS:
        raise argument_error(f"{name}.status", f"one of {STATUS}", status)
    if not (entry.get("doi") or entry.get("source")):
        raise argument_error(f"{name}.source", "a DOI, or where the numbers were read", "neither")
    if status == "complete" and not any(entry.get(key) is not None for key in ("intercept", "thresholds", "baseline")):
        raise argument_error(
            f"{name}.intercept",
            "given, or thresholds or a baseline, for a complete model",
            "a table of ratios without",
            "Ratios alone order patients: its status is score_only.",
        )
    if status in ("complete", "score_only") and not entry.get("predictors"):
        raise argument_error(f"{name}.predictors", "given", "none")


def published_models() -> pd.DataFrame:
    """Return one row per published model.

    Returns
    -------
    DataFrame
        ``name, title, status, outcome, polarity, population, n, events, horizon, time_unit, doi, source, read,
        licence``. Status ``complete`` predicts risks, ``rule`` defines groups, ``score_only`` ranks patients (ratios
        without a baseline), ``stub`` has no numbers.
    """
    columns = ["title", "status", "outcome", "polarity", "population", "n", "events", "horizon", "time_unit"]
    columns += ["doi", "source", "read", "licence"]
    rows = [{"name": name, **{key: entry.get(key) for key in columns}} for name, entry in registry().items()]
    frame = pd.DataFrame(rows, columns=["name", *columns])
    for name in ("n", "events"):
        frame[name] = frame[name].astype("Int64")
    return frame


def published_model(
    name: str, *, horizon: float | None = None, columns: Mapping[str, str] | None = None
) -> PublishedModel:
    """Return a published model by its name.

    Parameters
    ----------
    name : str
        One of `published_models`.
    horizon : float, optional
        The model's horizon in the unit of your study (12 months are 52 weeks); by default as published.
    columns : mapping of str to str, optional
        Predictor of the model to your column, if the names differ.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.deployment import published_model
    >>> model = published_model("swespine_disc_satisfaction")
    >>> mean = pd.DataFrame([{"duration_back_pain": 2.3071, "odi": 47.517, "nrs_back": 5.146, "comorbidity": 0.099,
    ...     "sick_pension": 0.193, "college": 0.429, "smoker": 0.068, "unemployed": 0.078,
    ...     "previous_spine_surgery": 0.124}])
    >>> model.predict_risk(mean, 12).round(2).tolist()
    [[0.81]]
    """
    model = PublishedModel(name, horizon=horizon, columns=columns)
    model._check_parameters()
    return model


class PublishedModel(BaseEstimator):
    """A published risk model; it predicts as published, and ``fit`` estimates nothing.

    Parameters
    ----------
    name : str
        One of `published_models`.
    horizon : float, optional
        Its horizon in the unit of your study; by default as published.
    columns : mapping of str to str, optional
        Predictor of the model to your column.
    """

    fixed = True

    def __init__(self, name: str, *, horizon: float | None = None, columns: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.horizon = horizon
        self.columns = columns

    # ---- what it is --------------------------------------------------------------------------------------------

    @property
    def provenance(self) -> dict[str, Any]:
        """The registry's entry: source, population, outcome, polarity, predictors with coding, digits as printed."""
        return dict(registry()[self.name])

    @property
    def status(self) -> str:
        """``"complete"``, ``"rule"``, ``"score_only"`` or ``"stub"``."""
        return str(registry()[self.name]["status"])

    @property
    def gives_risk(self) -> bool:
        """Whether the model predicts risks."""
        return self.status == "complete"

    @property
    def equation(self) -> Equation:
        """The model as an equation of your columns.

        Raises
        ------
        MissingCoefficients
            If the model has no complete equation.
        """
        self._need_risk()
        entry = registry()[self.name]
        links = {"logit": "log_odds", "probit": "probit", "cloglog": "log_hazard"}
        return Equation(
            terms=self._terms(),
            link=str(entry["link"]),
            centre=-self._shift(),
            horizons=(self._time(),),
            baseline={"": (self._intercept(),)},
            scale=links[str(entry["link"])] if entry["link"] != "probit" else "",
            time_unit=str(entry["time_unit"]) if self.horizon is None else "",
            model=self.name,
            digits=17,
        )

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Your columns that the model needs."""
        entry = registry()[self.name]
        if self.status == "rule":
            from lbp_prognosis.instruments import instrument

            names = list(instrument(entry["instrument"]).items)
        else:
            names = [predictor["name"] for predictor in entry.get("predictors", ())]
        return np.asarray([self._column(name) for name in names], dtype=object)

    @property
    def n_features_in_(self) -> int:
        """Number of columns that the model needs."""
        return len(self.feature_names_in_)

    @property
    def max_time_(self) -> float:
        """Horizon of the model."""
        return self._time()

    @property
    def causes_(self) -> np.ndarray:
        """Event code of the risk."""
        return np.array([1])

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of `linear_predictor`; None for a rule."""
        scales = {"logit": "log_odds", "cloglog": "log_hazard"}
        return scales.get(str(registry()[self.name].get("link")))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _column(self, name: str) -> str:
        return name if self.columns is None else str(self.columns.get(name, name))

    def _check_parameters(self) -> None:
        if self.name not in registry():
            raise argument_error("name", f"one of {', '.join(registry())}", repr(self.name))
        if self.horizon is not None:
            check_number("horizon", self.horizon, low=0, open_low=True)

    def _time(self) -> float:
        if self.horizon is not None:
            return check_number("horizon", self.horizon, low=0, open_low=True)
        own = registry()[self.name].get("horizon")
        return float("nan") if own is None else float(own)

    def _need_risk(self) -> None:
        entry, status = registry()[self.name], self.status
        if status == "complete":
            return
        where = f"doi {entry['doi']}" if entry["doi"] else entry["source"]
        why = {
            "stub": f"its coefficients were not read from {where} ({entry['read']})",
            "score_only": f"{where} prints ratios without a baseline: they order patients (linear_predictor), and "
            "calibration cannot be asked of them before update_model has given it a baseline",
            "rule": f"it is a rule that makes groups ({where}): ask for groups or linear_predictor",
        }[status]
        raise MissingCoefficients(f"`{self.name}` gives no risk: {why}.")

    # ---- numbers -----------------------------------------------------------------------------------------------

    def _terms(self) -> tuple[Term, ...]:
        entry = registry()[self.name]
        sign = -1.0 if entry.get("thresholds") else 1.0  # P(Y <= k) = F(threshold - eta)
        out: list[Term] = []
        for p in entry["predictors"]:
            name = self._column(p["name"])
            if "levels" in p:
                effects = tuple(sign * float(value) + 0.0 for _, value in p["levels"])
                out.append(LevelTerm(name, tuple(level for level, _ in p["levels"]), effects))
            else:
                slope = np.log(float(p["hr"])) if "hr" in p else float(p["coef"])
                yes_or_no = p["coding"].startswith("0 ") and "1 " in p["coding"] and p["unit"] == ""
                bounds = (0.0, 1.0) if yes_or_no else (float("nan"), float("nan"))
                out.append(NumberTerm(name, sign * float(slope) / float(p.get("sd", 1)), (), (), p["unit"], *bounds))
        return tuple(out)

    def _shift(self) -> float:
        """Constant that standardisation subtracts from the sum of the terms."""
        shift = 0.0
        for p, term in zip(registry()[self.name]["predictors"], self._terms()):
            if isinstance(term, NumberTerm):
                shift -= term.slope * float(p.get("mean", 0))
        return shift

    def _intercept(self) -> float:
        entry = registry()[self.name]
        return float(entry["thresholds"][entry["success"] - 1] if entry.get("thresholds") else entry["intercept"])

    # ---- predictions -------------------------------------------------------------------------------------------

    @takes_rows()
    def fit(self, X: Any, y: Any = None, **keywords: Any) -> PublishedModel:
        """Check that the columns are present; nothing is estimated.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the model's columns.
        y, **keywords
            Not used.
        """
        self._check_parameters()
        self._frame(X)
        return self

    def _frame(self, X: Any) -> pd.DataFrame:
        frame = read_frame(X)
        wanted = list(self.feature_names_in_)
        if not isinstance(frame, pd.DataFrame):
            if np.ndim(frame) == 2 and np.shape(frame)[1] == len(wanted):
                return pd.DataFrame(frame, columns=wanted)
            raise argument_error("X", f"a frame with the columns {wanted}", X)
        absent = [name for name in wanted if name not in frame.columns]
        if absent:
            raise argument_error(
                "X", f"a frame with the columns {wanted}", f"one without {absent}", "Map your names with columns=."
            )
        return frame

    @takes_rows()
    def linear_predictor(self, X: Any) -> np.ndarray:
        """Return the score that ranks patients: the linear predictor, or a rule's total; shape (n,).

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the model's columns.
        """
        if self.status == "stub":
            self._need_risk()
        frame = self._frame(X)
        if self.status == "rule":
            return self._scored(frame).score
        out = np.full(len(frame), self._shift() + (self._intercept() if self.gives_risk else 0.0))
        for term in self._terms():
            out = out + term.of(frame[term.name])
        return out

    @takes_rows()
    def predict_risk(self, X: Any, horizons: Any = None, cause: int = 1) -> np.ndarray:
        """Return the probability of the published outcome at its horizon; NaN at other times.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the model's columns.
        horizons : float or sequence of float, optional
            By default the model's own.
        cause : int, default 1
            Event code.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Probabilities of the outcome; of the good outcome if ``polarity`` is good.

        Raises
        ------
        MissingCoefficients
            If the source prints no complete equation; the message names the source.
        """
        self._need_risk()
        return self.equation.predict_risk(self._frame(X), horizons, cause)

    @takes_rows()
    def groups(self, X: Any) -> np.ndarray:
        """Return the group of each row by a published rule, shape (n,); empty text without enough answers.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Answers to the items.
        """
        if self.status != "rule":
            raise argument_error("name", "a model whose status is rule", f"{self.name}, {self.status}")
        scored, cut = self._scored(self._frame(X)), registry()[self.name]["cut"]
        if cut is None:
            return scored.bands.iloc[:, 0].to_numpy(dtype=object)
        total = scored.score
        return np.where(np.isnan(total), "", np.where(total > cut, "high", "low")).astype(object)

    def _scored(self, frame: pd.DataFrame) -> Any:
        name = registry()[self.name]["instrument"]
        own = {item: column for item, column in (self.columns or {}).items()}
        return score(name, frame, columns=own or None)

    @takes_rows()
    def rounding_error(self, X: Any) -> np.ndarray:
        """Return the largest possible difference of each risk from that of the unrounded coefficients, shape (n,).

        Every printed number is uncertain by half a unit of its last digit; all errors are assumed to add up.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the model's columns.
        """
        self._need_risk()
        frame = self._frame(X)
        entry = registry()[self.name]
        base = entry["thresholds"][entry["success"] - 1] if entry.get("thresholds") else entry["intercept"]
        move = np.full(len(frame), _half_unit(base))
        for p in entry["predictors"]:
            column = self._column(p["name"])
            if "levels" in p:
                halves = tuple(_half_unit(value) if float(value) else 0.0 for _, value in p["levels"])
                move += LevelTerm(column, tuple(level for level, _ in p["levels"]), halves).of(frame[column])
            else:
                x = numbers_in(frame, [column])[:, 0]
                move += _half_unit(p["coef"]) * np.abs(x - float(p.get("mean", 0))) / float(p.get("sd", 1))
        equation = self.equation
        lp, at = equation.linear_predictor(frame), equation.baseline[""][0]
        risk = equation.risk_of(lp, at)
        return np.maximum(
            np.abs(equation.risk_of(lp + move, at) - risk), np.abs(equation.risk_of(lp - move, at) - risk)
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per predictor: ``column, level, value, mean, sd, construct, unit, coding``, as printed."""
        rows: list[dict[str, Any]] = []
        for p in registry()[self.name].get("predictors", ()):
            shared = {"column": self._column(p["name"]), **{k: p[k] for k in ("construct", "unit", "coding")}}
            shared |= {"mean": p.get("mean"), "sd": p.get("sd")}
            if "levels" in p:
                rows += [{**shared, "level": level, "value": value} for level, value in p["levels"]]
            else:
                rows.append({**shared, "value": p.get("coef", p.get("hr"))})
        return pd.DataFrame(rows, columns=["column", "level", "value", "mean", "sd", "construct", "unit", "coding"])


def _half_unit(printed: str) -> float:
    decimals = len(printed.split(".")[1]) if "." in printed else 0
    return 0.5 * 10.0**-decimals
