"""``ModelPlan``: one model of the study, from its columns to its pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lbp_prognosis._base import ArgumentError, argument_error, check_choice, check_number
from lbp_prognosis.fusion import MultipleImputation, OneHot, RestrictedCubicSpline, RiskPipeline
from lbp_prognosis.models import (
    BoostedCox,
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    LogisticRisk,
    NullModel,
    RoystonParmar,
)

__all__ = ["MODEL_KINDS", "ModelPlan"]

MODEL_KINDS: dict[str, type] = {
    "null": NullModel,
    "cox": CoxPH,
    "cause_specific_cox": CauseSpecificCox,
    "fine_gray": FineGray,
    "discrete_time_hazard": DiscreteTimeHazard,
    "logistic": LogisticRisk,
    "boosted_cox": BoostedCox,
    "elastic_net_cox": ElasticNetCox,
    "royston_parmar": RoystonParmar,
}
AT_VISITS = ("null", "discrete_time_hazard", "royston_parmar")  # take outcomes that are known at visits as they are


@dataclass(frozen=True)
class ModelPlan:
    """One model.

    Attributes
    ----------
    name : str
        As it stands on the page.
    kind : str
        ``null, cox, cause_specific_cox, fine_gray, discrete_time_hazard, logistic, boosted_cox, elastic_net_cox`` or
        ``royston_parmar``.
    modalities : tuple of str
        Whose columns are predictors.
    options : mapping of str to object
        Of the model, as its class names them.
    splines : mapping of str to int
        Column to number of knots.
    imputations : int
        Completed tables a fit; 0 for models and tables that need none, -1 to follow the share of incomplete rows.
    iterations : int
        Sweeps of the chained equations.
    """

    name: str
    kind: str
    modalities: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    splines: Mapping[str, int] = field(default_factory=dict)
    imputations: int = -1
    iterations: int = 10

    def __post_init__(self) -> None:
        check_choice("model.kind", self.kind, tuple(MODEL_KINDS))
        check_number("model.imputations", self.imputations, low=-1, high=1000, whole=True)
        check_number("model.iterations", self.iterations, low=1, high=1000, whole=True)
        for column, knots in self.splines.items():
            check_number(f"model.splines.{column}", knots, low=3, high=10, whole=True)
        if not str(self.name).strip() or self.name in ("treat all", "treat none"):
            raise argument_error("model.name", "a name other than 'treat all' and 'treat none'", self.name)
        if len(set(self.modalities)) != len(self.modalities):
            raise argument_error(f"model {self.name!r}.modalities", "different modalities", list(self.modalities))
        if self.kind == "null" and (self.modalities or self.options or self.splines):
            raise argument_error(
                f"model {self.name!r}", "a null model without modalities, options and splines", "some", "It takes none."
            )
        if not self.modalities and self.kind != "null":
            raise argument_error(f"model {self.name!r}.modalities", "at least one modality", "none")

    def columns(self, modalities: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Return the model's predictors."""
        unknown = [name for name in self.modalities if name not in modalities]
        if unknown:
            raise argument_error(f"model {self.name!r}.modalities", f"among {', '.join(modalities)}", f"{unknown}")
        return tuple(column for name in self.modalities for column in modalities[name])

    def pipeline(
        self,
        modalities: Mapping[str, Sequence[str]],
        *,
        incomplete: bool,
        visits: np.ndarray | None,
        nominal: bool,
        random_state: int,
    ) -> Any:
        """Return the unfitted pipeline.

        Parameters
        ----------
        modalities : mapping of str to sequence of str
            Columns by modality.
        incomplete : bool
            Whether any predictor of this model has missing values.
        visits : ndarray or None
            Schedule of an outcome seen at visits.
        nominal : bool
            Whether any predictor is a word.
        random_state : int
            Seed of the imputation.
        """
        options = dict(self.options)
        if self.kind == "discrete_time_hazard" and visits is not None:
            options.setdefault("visits", visits)
        try:
            model = MODEL_KINDS[self.kind](**options)
        except TypeError as error:
            raise ArgumentError(
                f"`model {self.name!r}.options` must be those of {MODEL_KINDS[self.kind].__name__}; "
                f"{str(error).split(') ')[-1]}."
            ) from None
        if self.kind == "null":
            return model
        chosen = {name: tuple(modalities[name]) for name in self.modalities}
        steps: list[Any] = []
        if incomplete and self.imputations != 0:
            m = None if self.imputations < 0 else int(self.imputations)
            steps.append(MultipleImputation(m=m, iterations=int(self.iterations), random_state=random_state))
        if nominal:
            steps.append(OneHot(unknown="reference"))
        by_knots: dict[int, list[str]] = {}
        for column, knots in self.splines.items():
            if column not in self.columns(modalities):
                raise argument_error(f"model {self.name!r}.splines", "columns of the model", repr(column))
            by_knots.setdefault(int(knots), []).append(column)
        steps += [RestrictedCubicSpline(columns, n_knots=knots) for knots, columns in by_knots.items()]
        return RiskPipeline(steps, model, modalities=chosen)
