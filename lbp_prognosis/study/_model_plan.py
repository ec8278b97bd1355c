"""``ModelPlan``: one model of the study, from its columns to its pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from lbp_prognosis._base import ArgumentError, argument_error, check_choice, check_number
from lbp_prognosis.deployment import PublishedModel
from lbp_prognosis.evaluation import ThresholdRange
from lbp_prognosis.fusion import (
    ComBat,
    MultipleImputation,
    OneHot,
    PatternSubmodels,
    RepeatableColumns,
    RestrictedCubicSpline,
    RiskPipeline,
    terms_and_model,
)
from lbp_prognosis.models import (
    AverageRisk,
    BoostedAFT,
    BoostedCox,
    BoostedHazard,
    BoostedOutcome,
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    LinearOutcome,
    LogisticRisk,
    LongitudinalOutcome,
    MultimodalNet,
    NullModel,
    OrdinalRegression,
    ParametricAFT,
    PriorityCox,
    RiskStratifier,
    RoystonParmar,
    StackedRisk,
    TwoPartOutcome,
)

__all__ = ["MODEL_KINDS", "SCORE_KINDS", "ModelPlan"]

MODEL_KINDS: dict[str, type] = {
    "null": NullModel,
    "cox": CoxPH,
    "cause_specific_cox": CauseSpecificCox,
    "fine_gray": FineGray,
    "discrete_time_hazard": DiscreteTimeHazard,
    "logistic": LogisticRisk,
    "boosted_cox": BoostedCox,
    "boosted_aft": BoostedAFT,
    "boosted_hazard": BoostedHazard,
    "elastic_net_cox": ElasticNetCox,
    "royston_parmar": RoystonParmar,
    "parametric_aft": ParametricAFT,
    "priority_cox": PriorityCox,
    "multimodal_net": MultimodalNet,
    "average": AverageRisk,
    "stacked": StackedRisk,
    "patterns": PatternSubmodels,
    "risk_stratifier": RiskStratifier,
    "published": PublishedModel,
    "ordinal_regression": OrdinalRegression,
    "linear_outcome": LinearOutcome,
    "two_part_outcome": TwoPartOutcome,
    "boosted_outcome": BoostedOutcome,
    "longitudinal_outcome": LongitudinalOutcome,
}
PARTS = {
    "average": ("learners",),
    "stacked": ("learners",),
    "patterns": ("estimator", "fallback"),
    "risk_stratifier": ("model",),
}
"""Options that are models themselves; the first is needed."""
COMBINED = tuple(PARTS)  # combinations of other models
SCORE_KINDS = (
    "ordinal_regression",
    "linear_outcome",
    "two_part_outcome",
    "boosted_outcome",
    "longitudinal_outcome",
)
"""Kinds whose outcome is a score at a visit."""
COMBINED_SCORES = ("average", "stacked", "patterns", "risk_stratifier")
"""Kinds that combine models of scores too."""
AT_VISITS = (
    "null",
    "discrete_time_hazard",
    "royston_parmar",
    "parametric_aft",
    "boosted_aft",
    "boosted_hazard",
    "multimodal_net",
)
"""Kinds that take outcomes known at visits as they are."""


@dataclass(frozen=True)
class ModelPlan:
    """One ``[[model]]`` of the study file: kind, modalities, options and preparation.

    Attributes
    ----------
    name : str
        Name on the page.
    kind : str
        One of `MODEL_KINDS`.
    modalities : tuple of str
        Modalities whose columns are predictors.
    options : mapping of str to object
        Options of the model, named as the parameters of its class. For ``average`` and ``stacked``: ``learners`` maps
        names to kinds, or to tables of ``kind, modalities, options, splines, imputations``; a learner named after
        modalities (``"clinical+imaging"``) has these modalities, any other learner all modalities of the model. Models
        inside others are given in the same way: ``estimator`` and ``fallback`` of ``patterns``, ``model`` of
        ``risk_stratifier``.
    splines : mapping of str to int
        Column to number of knots.
    imputations : int
        Completed tables per fit; 0 for models and tables that need none, -1 to follow the share of incomplete rows.
    iterations : int
        Sweeps of the chained equations.
    formula : str
        Right side over the columns of the modalities, e.g. ``"rcs(odi, 4) + C(grade) * sex"``; see
        `fusion.from_formula`. Columns that the formula does not name are not in the model. Empty: one term per column.
    combat : mapping of str to object
        Options of `fusion.ComBat`, the first step: ``batch`` is a column of any modality of the study, which is then
        not a predictor; ``columns`` are those of the modality ``imaging`` unless others are named. Empty: no
        harmonisation.
    keep_blocks : tuple of str
        Modalities that stay missing in rows that lack them entirely, while single cells are imputed; by default, for
        ``priority_cox`` all but the first.
    impute_with_outcome : bool
        Whether training rows are imputed with the outcome; without it predictions were better where predictors are
        missing in use too, and associations are biased towards zero (``use_outcome`` of `MultipleImputation`).
    """

    name: str
    kind: str
    modalities: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    splines: Mapping[str, int] = field(default_factory=dict)
    imputations: int = -1
    iterations: int = 10
    formula: str = ""
    combat: Mapping[str, Any] = field(default_factory=dict)
    keep_blocks: tuple[str, ...] = ()
    impute_with_outcome: bool = True

    def __post_init__(self) -> None:
        check_choice("model.kind", self.kind, tuple(MODEL_KINDS))
        check_number("model.imputations", self.imputations, low=-1, high=1000, whole=True)
        check_number("model.iterations", self.iterations, low=1, high=1000, whole=True)
        if not isinstance(self.impute_with_outcome, bool):
            raise argument_error(
                f"model {self.name!r}.impute_with_outcome", "true or false", repr(self.impute_with_outcome)
            )
        for column, knots in self.splines.items():
            check_number(f"model.splines.{column}", knots, low=3, high=7, whole=True)
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
        if self.formula and (self.splines or self.kind in ("null", "published", *COMBINED)):
            raise argument_error(
                f"model {self.name!r}.formula",
                "left out with `splines`, and for null, published and combined models",
                repr(self.formula),
                "Splines are written rcs(column, knots) in the formula; learners have formulas of their own.",
            )
        parts = sorted({"at_floor", "above"} & set(self.options)) if self.kind == "two_part_outcome" else []
        if parts:
            raise argument_error(
                f"model {self.name!r}.options",
                "without models: those of the two parts are logistic and ordinal regression",
                parts,
            )
        if set(self.keep_blocks) - set(self.modalities):
            raise argument_error(
                f"model {self.name!r}.keep_blocks", f"among {list(self.modalities)}", list(self.keep_blocks)
            )
        own = ("combat", "splines", "keep_blocks") if self.kind in COMBINED else ("combat", "splines")
        for name in own if self.kind in ("null", "published", *COMBINED) else ():
            if getattr(self, name):
                raise argument_error(
                    f"model {self.name!r}.{name}",
                    "left out for null, published and combined models",
                    str(getattr(self, name)),
                    "Models inside others have a table of their own.",
                )
        if self.kind in COMBINED:
            self.learners()

    @property
    def learners_at(self) -> str:
        """Place of the models inside a combined one in its table: ``options.learners`` or ``options``."""
        return "options.learners" if PARTS[self.kind] == ("learners",) else "options"

    def learners(self) -> dict[str, ModelPlan]:
        """Return the plans of the models inside a combined one, by name."""
        field = f"model {self.name!r}.options"
        first, *others = PARTS[self.kind]
        if first != "learners":
            if first not in self.options:
                raise argument_error(f"{field}.{first}", "a kind, or a table with a kind", "none")
            named = [key for key in (first, *others) if key in self.options]
            return {key: self._learner(key, self.options[key], f"{field}.{key}") for key in named}
        given = self.options.get("learners")
        if not isinstance(given, Mapping) or not given:
            raise argument_error(f"{field}.learners", "a table from names to kinds of models", given)
        return {str(name): self._learner(str(name), entry, f"{field}.learners.{name}") for name, entry in given.items()}

    def _learner(self, name: str, entry: Any, field: str) -> ModelPlan:
        told: Any = {"kind": entry} if isinstance(entry, str) else entry
        known = (
            *("kind", "modalities", "options", "splines", "imputations", "formula", "combat", "keep_blocks"),
            "impute_with_outcome",
        )
        if not isinstance(told, Mapping) or "kind" not in told or set(told) - set(known):
            raise argument_error(field, f"a kind, or a table of {', '.join(known)} with a kind", entry)
        inside = "risk_stratifier" if self.kind == "risk_stratifier" else told["kind"]
        if told["kind"] in COMBINED and told["kind"] == inside:
            raise argument_error(f"{field}.kind", "a single model", told["kind"])
        parts = tuple(part.strip() for part in name.split("+"))
        own = parts if set(parts) <= set(self.modalities) else self.modalities
        return ModelPlan(
            name=name,
            kind=str(told["kind"]),
            modalities=() if told["kind"] == "null" else tuple(told.get("modalities", own)),
            options=dict(told.get("options", {})),
            splines=dict(told.get("splines", {})),
            imputations=int(told.get("imputations", self.imputations)),
            iterations=self.iterations,
            formula=str(told.get("formula", "")),
            combat=dict(told.get("combat", {})),
            keep_blocks=tuple(told.get("keep_blocks", ())),
            impute_with_outcome=told.get("impute_with_outcome", self.impute_with_outcome),
        )

    def _made(self, options: Mapping[str, Any]) -> Any:
        """Return the unfitted model."""
        given = dict(options)
        try:
            if self.kind == "risk_stratifier" and isinstance(given.get("from_utility"), Mapping):
                given["from_utility"] = ThresholdRange(**given["from_utility"])
            return MODEL_KINDS[self.kind](**given)
        except TypeError as error:
            raise ArgumentError(
                f"`model {self.name!r}.options` must be those of {MODEL_KINDS[self.kind].__name__}; "
                f"{str(error).split(') ')[-1]}."
            ) from None

    def check_options(self) -> None:
        """Refuse values of options with which the model could be fitted to no data.

        Raises
        ------
        ArgumentError
            If a value is not accepted; it names the model and the option, also of models inside the model.
        """
        self._checked(f"model {self.name!r}.options")

    def _checked(self, field: str) -> Any:
        options = dict(self.options)
        if self.kind in COMBINED:
            first = PARTS[self.kind] == ("learners",)
            within = f"{field}.learners" if first else field
            made = {name: plan._checked(f"{within}.{name}.options") for name, plan in self.learners().items()}
            options.update({"learners": made} if first else made)
        named = {"patterns": "modalities", "multimodal_net": "modalities", "priority_cox": "blocks"}.get(self.kind)
        if named is not None:
            options[named] = {name: () for name in self.modalities}
        model = self._made(options)
        try:
            getattr(model, "_check_parameters", lambda: None)()
        except ArgumentError as error:
            words = str(error)
            raise type(error)(f"`{field}.{words[1:]}" if words.startswith("`") else f"`{field}`: {words}") from None
        return model

    @property
    def at_visits(self) -> bool:
        """Whether the model accepts outcomes observed at visits without conversion."""
        if self.kind in COMBINED:
            return all(plan.at_visits for plan in self.learners().values())
        return self.kind in AT_VISITS

    def by_constructs(self, constructs: Mapping[str, Any], modalities: Mapping[str, Sequence[str]]) -> ModelPlan:
        """Return the plan with constructs in ``monotone`` and ``interactions`` replaced by the columns of the model.

        Parameters
        ----------
        constructs : mapping of str to str or sequence of str
            Columns by construct; only predictors of the model are used.
        modalities : mapping of str to sequence of str
            Columns by modality.
        """
        held = set(self.columns(modalities))

        def columns_of(name: str) -> list[str]:
            if name in held or name not in constructs:
                return [name]
            named = constructs[name]
            found = [column for column in ([named] if isinstance(named, str) else named) if column in held]
            if not found:
                raise argument_error(
                    f"model {self.name!r}.options", "constructs that the model's columns measure", repr(name)
                )
            return found

        options = dict(self.options)
        if isinstance(options.get("monotone"), Mapping):
            options["monotone"] = {
                column: direction for name, direction in options["monotone"].items() for column in columns_of(str(name))
            }
        given = options.get("interactions")
        if given is not None:
            groups = given.values() if isinstance(given, Mapping) else given
            options["interactions"] = [
                [column for name in ([group] if isinstance(group, str) else group) for column in columns_of(str(name))]
                for group in groups
            ]
        return replace(self, options=options)

    def columns(self, modalities: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Return the model's predictors: all columns of its modalities, or those that its formula names."""
        unknown = [name for name in self.modalities if name not in modalities]
        if unknown:
            raise argument_error(f"model {self.name!r}.modalities", f"among {', '.join(modalities)}", f"{unknown}")
        given = tuple(column for name in self.modalities for column in modalities[name])
        if not self.formula:
            return given
        said = terms_and_model(MODEL_KINDS[self.kind](), self.formula)
        named = (*said.predictors, *said.others)
        unknown = [name for name in named if name not in given]
        if unknown:
            raise argument_error(
                f"model {self.name!r}.formula", f"of columns of the model's modalities, {list(given)[:8]}", unknown[:5]
            )
        return tuple(column for column in given if column in named)

    def pipeline(
        self,
        modalities: Mapping[str, Sequence[str]],
        *,
        incomplete: bool,
        visits: np.ndarray | None,
        nominal: bool,
        random_state: int,
        horizon: float | None = None,
        retest: RepeatableColumns | None = None,
    ) -> Any:
        """Return the unfitted pipeline.

        Parameters
        ----------
        modalities : mapping of str to sequence of str
            Columns by modality.
        incomplete : bool
            Whether any predictor of this model has missing values.
        visits : ndarray or None
            Schedule of an outcome observed at visits.
        nominal : bool
            Whether any predictor contains words.
        random_state : int
            Seed of the imputation.
        horizon : float, optional
            Main horizon, for risk groups that name none.
        retest : RepeatableColumns, optional
            Judges columns by repeated measurements in each training set; its columns that are no predictors of this
            model are left out.
        """
        used = set(self.columns(modalities)) - {self.combat.get("batch", "site") if self.combat else None}
        chosen = {name: tuple(column for column in modalities[name] if column in used) for name in self.modalities}
        chosen = {name: columns for name, columns in chosen.items() if columns}
        options = dict(self.options)
        if self.kind in COMBINED:
            given: dict[str, Any] = {"incomplete": incomplete, "visits": visits, "nominal": nominal}
            given |= {"random_state": random_state, "retest": retest}
            made = {name: plan.pipeline(modalities, horizon=horizon, **given) for name, plan in self.learners().items()}
            options.update({"learners": made} if PARTS[self.kind] == ("learners",) else made)
        if self.kind == "risk_stratifier":
            options.setdefault("horizon", horizon)
        if self.kind == "patterns":
            options["modalities"] = {name: list(columns) for name, columns in chosen.items()}
        if self.kind == "priority_cox":
            options["blocks"] = {name: list(columns) for name, columns in chosen.items()}
        if self.kind in ("discrete_time_hazard", "boosted_hazard") and visits is not None:
            options.setdefault("visits", visits)
        if self.kind == "multimodal_net":
            options["modalities"] = {name: list(columns) for name, columns in chosen.items()}
            if visits is not None:
                options.setdefault("bins", visits)
        model = self._made(options)
        if self.kind == "null":
            return model
        if self.kind in COMBINED:
            return RiskPipeline([], model, modalities=chosen)  # each learner prepares its own columns
        steps = self._first_steps(modalities, chosen, incomplete, random_state)
        steps += self._judged(retest, [column for columns in chosen.values() for column in columns])
        if self.formula:
            said = terms_and_model(model, self.formula)
            return RiskPipeline([*steps, said.step], said.model, modalities=chosen)
        if nominal and self.kind != "published":  # which identifies its categories by words
            steps.append(OneHot(unknown="reference"))
        by_knots: dict[int, list[str]] = {}
        for column, knots in self.splines.items():
            if column not in self.columns(modalities):
                raise argument_error(f"model {self.name!r}.splines", "columns of the model", repr(column))
            by_knots.setdefault(int(knots), []).append(column)
        steps += [RestrictedCubicSpline(columns, n_knots=knots) for knots, columns in by_knots.items()]
        return RiskPipeline(steps, model, modalities=chosen)

    def _judged(self, retest: RepeatableColumns | None, columns: Sequence[str]) -> list[Any]:
        """Return the step that drops columns whose repeated measurements disagree, if the model has any to judge."""
        named = [] if retest is None else [column for column in columns if column in set(retest.named_columns)]
        if retest is None or not named or self.kind == "published":
            return []
        remedy = "Name the columns to judge in [retest] `columns`, without those that the model needs by name."
        if self.kind in ("priority_cox", "multimodal_net"):
            words = "a kind that does not list its columns by modality"
            raise argument_error(f"model {self.name!r}.kind", f"with [retest], {words}", repr(self.kind), remedy)
        terms = terms_and_model(MODEL_KINDS[self.kind](), self.formula).predictors if self.formula else ()
        for key, used in (
            ("formula", set(terms)),
            ("splines", set(self.splines)),
            ("options", _words_in(self.options)),
        ):
            if needed := sorted(used & set(named)):
                raise argument_error(f"model {self.name!r}.{key}", "without columns of [retest]", needed, remedy)
        return [clone(retest).set_params(columns=named)]

    def _first_steps(
        self, modalities: Mapping[str, Sequence[str]], chosen: Mapping[str, Sequence[str]], incomplete: bool, seed: int
    ) -> list[Any]:
        """Return harmonisation and imputation, if there is any."""
        steps: list[Any] = []
        if self.combat:
            field, options = f"model {self.name!r}.combat", dict(self.combat)
            every = [column for columns in modalities.values() for column in columns]
            options.setdefault("batch", "site")
            options.setdefault("columns", list(chosen.get("imaging", ())))
            named = [options["batch"], *options["columns"], *options.get("covariates", ())]
            unknown = [column for column in named if column not in every]
            if unknown or not options["columns"]:
                raise argument_error(
                    field,
                    "a table whose `batch` and `columns` are columns of the study's modalities",
                    unknown or "none",
                )
            try:
                steps.append(ComBat(**options))
            except TypeError as error:
                said = str(error).split(") ")[-1].removeprefix("got ")
                raise argument_error(field, "a table of options of ComBat", said) from None
        if incomplete and self.imputations != 0:
            kept = self.keep_blocks or (self.modalities[1:] if self.kind == "priority_cox" else ())
            blocks = {name: list(chosen[name]) for name in kept if name in chosen}
            m = None if self.imputations < 0 else int(self.imputations)
            steps.append(
                MultipleImputation(
                    m=m,
                    iterations=int(self.iterations),
                    random_state=seed,
                    keep_blocks=blocks if blocks else None,
                    use_outcome=self.impute_with_outcome,
                )
            )
        return steps


def _words_in(value: Any) -> set[str]:
    """Return all words of nested options, keys included."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        return {word for pair in value.items() for part in pair for word in _words_in(part)}
    return {word for part in value for word in _words_in(part)} if isinstance(value, list | tuple) else set()
