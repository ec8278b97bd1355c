"""``model_card``: intended use, performance and limitations of a model on one page."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import (
    Document,
    DocumentResult,
    Objection,
    argument_error,
    check_horizons,
    check_thresholds,
    time_words,
)
from lbp_prognosis.deployment._calculator_page import RESEARCH, IntendedUse
from lbp_prognosis.deployment._card_numbers import (
    CALIBRATION,
    DISCRIMINATION,
    Judged,
    by_group,
    has_numbers,
    judged,
    performance_rows,
    utility_rows,
)
from lbp_prognosis.deployment._card_predictors import predictor_rows
from lbp_prognosis.deployment._competing_equation import CompetingEquation
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._gated_numbers import gated
from lbp_prognosis.deployment._lock import LockedModel, lock
from lbp_prognosis.deployment._model_file import load_model, verify
from lbp_prognosis.deployment._published_model import PublishedModel
from lbp_prognosis.disclosure import without_numbers
from lbp_prognosis.validation import Fairness, SubgroupPerformance

__all__ = ["ModelCard", "model_card"]

_SOURCE = "Mitchell et al. 2019, doi:10.1145/3287560.3287596; items follow TRIPOD+AI, doi:10.1136/bmj-2023-078378"
_NO_DIGEST = "none: save_model gives the model a file with a digest"


@dataclass(frozen=True, repr=False)
class ModelCard(DocumentResult):
    """Model card: use, population, predictors, performance and limitations of a model.

    Attributes
    ----------
    title : str
        Outcome of the risk.
    sections : dict of str to tuple
        Heading to its parts: paragraphs, and tables as lists of rows.
    status : tuple of str
        Banners: use in care, validation, simulated data.
    validated : bool
        Whether the card contains an external validation.
    sha256 : str
        Digest of the model's file or equation; empty if there is none.
    objections : tuple of Objection
        Objections listed as limitations.
    synthetic : bool
        Whether any part comes from simulated data.
    """

    title: str
    sections: dict[str, tuple[Any, ...]]
    status: tuple[str, ...]
    validated: bool
    sha256: str = ""
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per cell of the card: ``section, item, field, value``; paragraphs have no item."""
        rows = []
        for section, parts in self.sections.items():
            for part in parts:
                if isinstance(part, str):
                    rows.append((section, "", "text", part))
                    continue
                head, *body = part
                rows += [(section, line[0], name, cell) for line in body for name, cell in zip(head[1:], line[1:])]
        return pd.DataFrame(rows, columns=["section", "item", "field", "value"])

    def document(self) -> Document:
        """Return the card as a text."""
        parts: list[Any] = []
        for section, own in self.sections.items():
            parts += [(1, section), *own]
        return Document(f"Model card: {self.title}", tuple(parts), self.status)

    def _summary(self) -> str:
        return (
            f"{self.title!r}, {'validated in other patients' if self.validated else 'not validated in other patients'}"
        )


def model_card(
    model: Any,
    *,
    use: IntendedUse,
    validation: Any = None,
    name: str = "",
    subgroups: Fairness | SubgroupPerformance | None = None,
    horizons: Any = None,
    thresholds: Sequence[float] = (),
    labels: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    time_unit: str = "",
    limitations: Sequence[str] = (),
    licence: str = "",
    approved_for_care: str = "",
    synthetic: bool = False,
) -> ModelCard:
    """Return the card of a model: use, population, predictors, performance, calibration, thresholds, limitations.

    Parameters
    ----------
    model : path, LockedModel, fitted model, Equation or PublishedModel
        A path names a model file, which is checked; only a file (or an equation) has a digest. A fitted model is
        locked first, so that its ranges are coarse.
    use : IntendedUse
        Purpose, population and outcome of the model, and its version.
    validation : Result or sequence of Result, optional
        Of `external_validate`, `internal_external`, `bootstrap_validate`, `cross_validate_risk`, or `read_results` of a
        study's folder; each number is shown with its kind of validation. Without patients of another time, place or
        setting the card states at the top that the model is not validated in other patients.
    name : str, default ""
        The model's name in ``validation`` and ``subgroups``, if they have several models.
    subgroups : Fairness or SubgroupPerformance, optional
        Performance by group; no count of a group is shown.
    horizons : float or sequence of float, optional
        Prediction times to show; all by default.
    thresholds : sequence of float, default ()
        Risks at which decisions are discussed.
    labels, units : mapping of str to str, optional
        Words and units of the predictors.
    time_unit : str, default ""
        Unit of the horizons.
    limitations : sequence of str, default ()
        Sentences shown before those of the objections.
    licence : str, default ""
        Licence of the model; by default "not stated".
    approved_for_care : str, default ""
        Authority for use in care. Without it the card says "Research use, not for care."
    synthetic : bool, default False
        Whether the model was developed in simulated data.

    Returns
    -------
    ModelCard
        ``to_html()``, ``to_markdown()``, ``to_word(path)``; equal arguments give equal bytes.

    Raises
    ------
    ArgumentError
        Without intended use, or with a result of unknown kind of validation.

    Notes
    -----
    Because a card is published, it shows objections without their numbers, some of which count patients. Its numbers
    follow the rules of the disclosure gate: none of fewer than fifty patients, or of fewer than ten with the outcome or
    without it; net benefit at three thresholds at most. Omitted numbers are listed under Limitations.

    References
    ----------
    Mitchell M, Wu S, Zaldivar A, et al. Model cards for model reporting. FAT* 2019:220–229.
    doi:10.1145/3287560.3287596

    Examples
    --------
    >>> from lbp_prognosis.deployment import IntendedUse, model_card, published_model
    >>> use = IntendedUse("Talk about expectations", "Adults before disc surgery", "satisfied", "as published")
    >>> card = model_card(published_model("swespine_disc_satisfaction"), use=use)
    >>> card.status
    ('Research use, not for care.', 'Not validated in other patients: no validation was given.')
    """
    if not isinstance(use, IntendedUse):
        raise argument_error("use", "an IntendedUse: purpose, population, outcome, version", use)
    if subgroups is not None and not isinstance(subgroups, Fairness | SubgroupPerformance):
        raise argument_error("subgroups", "the result of fairness or subgroup_performance", subgroups)
    inner, digest, facts, doubts = _opened(model)
    results = [] if validation is None else list(validation) if isinstance(validation, list | tuple) else [validation]
    times = [] if horizons is None else check_horizons(horizons)[0].tolist()
    cuts = check_thresholds(list(thresholds)).tolist() if len(thresholds) else []
    passed = [gated(one, cuts, times) for one in judged(results, name)]
    found, withheld = [one for one, _ in passed], [words for _, told in passed for words in told]
    made_of = [inner, *results, *([] if subgroups is None else [subgroups])]
    simulated = synthetic or any(bool(getattr(one, "synthetic", False)) for one in made_of)
    said = [o for one in made_of for o in (*getattr(one, "objections", ()), *getattr(one, "objections_", ()))]
    objections = tuple(dict.fromkeys(said))
    elsewhere = [words for one in results for words in getattr(one, "limitations", ())]
    sections: dict[str, tuple[Any, ...]] = {
        "Intended use": (_uses(use, inner, times, time_unit),),
        "Predictors": (predictor_rows(inner, labels or {}, units or {}),),
        "Performance": _performance(found, times, time_unit),
        "Calibration": _parts(
            performance_rows(found, CALIBRATION, times, time_unit),
            "No calibration was given.",
            "O/E and slope are 1 where the risks are right.",
        ),
        "Decision thresholds": _decisions(found, cuts, times, time_unit),
        "Groups": ("Performance by group was not given.",)
        if subgroups is None
        else _parts(by_group(subgroups, name, times), "No group was large enough.", subgroups.note),
        "Limitations": _limits([*limitations, *elsewhere, *withheld], objections, doubts),
        "Model": (_facts([*facts, ("licence", licence.strip() or _licence(inner))], use, digest),),
    }
    return ModelCard(
        title=use.outcome.strip(),
        sections=sections,
        status=_status(found, times, approved_for_care.strip(), simulated),
        validated=_is_validated(found, times),
        sha256=digest,
        objections=objections,
        synthetic=simulated,
    )


def _opened(model: Any) -> tuple[Any, str, list[tuple[str, str]], list[str]]:
    """Return the model inside, its digest, facts about it, and notes of locking."""
    from lbp_prognosis import __version__

    facts: list[tuple[str, str]] = []
    digest = ""
    library = __version__
    if isinstance(model, str | os.PathLike):
        file = verify(Path(model))
        digest, library = file.sha256, str(file.manifest["library"])
        facts = [("file", file.path.name), ("reason of this version", str(file.manifest["reason"]))]
        model = load_model(Path(model), expect_sha256=digest)
    if isinstance(model, Formula | CompetingEquation | PublishedModel):
        inner, notes = model, []
        risky = not isinstance(model, PublishedModel) or model.gives_risk
        made = model.equation if isinstance(model, PublishedModel) and risky else model
        if isinstance(made, Equation | CompetingEquation):
            digest = digest or hashlib.sha256(made.to_json().encode("utf-8")).hexdigest()
    else:
        locked: LockedModel = model if isinstance(model, LockedModel) else lock(model)
        inner, notes = locked.unlocked, [f"Locking: {note}." for note in locked.report.notes]
    end = getattr(inner, "models_", [inner])
    kind = type(end[0] if isinstance(end, list) and end else inner).__name__
    if isinstance(inner, PublishedModel):
        entry = inner.provenance
        facts += [
            ("name", inner.name),
            ("title", str(entry["title"])),
            ("source", f"doi:{entry['doi']}" if entry.get("doi") else str(entry.get("source", ""))),
            ("read", str(entry["read"])),
        ]
    return inner, digest, [("class", kind), *facts, ("library", f"lbp_prognosis {library}")], notes


def _licence(inner: Any) -> str:
    known = str(inner.provenance.get("licence") or "") if isinstance(inner, PublishedModel) else ""
    return known or "not stated"


def _uses(use: IntendedUse, inner: Any, times: Sequence[float], unit: str) -> list[list[str]]:
    rows = [["what", "answer"], ["purpose", use.purpose], ["population", use.population], ["risk of", use.outcome]]
    own = times or [float(h) for h in getattr(inner, "horizons", ())]
    if not own and isinstance(inner, PublishedModel):
        entry = inner.provenance
        own, unit = ([float(entry["horizon"])] if entry.get("horizon") else []), unit or str(entry["time_unit"] or "")
    rows.append(["horizon", time_words(own, unit) if own else "not stated"])
    return [*rows, ["contact", use.contact or "not stated"]]


def _parts(table: list[list[str]], otherwise: str, note: str = "") -> tuple[Any, ...]:
    return (otherwise,) if not table else (table, *([note] if note else []))


def _performance(found: Sequence[Judged], times: Sequence[float], unit: str) -> tuple[Any, ...]:
    table = performance_rows(found, DISCRIMINATION, times, unit)
    return _parts(table, "No performance was given.", "A value of 0.5 of C and AUC is chance; of IPA, 0 is no model.")


def _decisions(found: Sequence[Judged], cuts: Sequence[float], times: Sequence[float], unit: str) -> tuple[Any, ...]:
    told = f"Decisions are discussed at risks of {', '.join(f'{cut:g}' for cut in cuts)}." if cuts else ""
    table = utility_rows(found, times, unit)
    if cuts:
        table = [
            line for k, line in enumerate(table) if k == 0 or any(abs(float(line[0]) - cut) < 1e-9 for cut in cuts)
        ]
    parts: list[Any] = [told] if told else []
    parts += [table] if len(table) > 1 else ["Net benefit was not given."]
    return tuple(parts) if told or len(table) > 1 else ("No threshold is declared, and net benefit was not given.",)


def _limits(own: Sequence[str], objections: Sequence[Objection], notes: Sequence[str]) -> tuple[Any, ...]:
    said = [*(str(one).strip() for one in own), *(without_numbers(o.sentence) for o in objections), *notes]
    return tuple(dict.fromkeys(one for one in said if one)) or (
        "No objection was raised, and no limitation was given.",
    )


def _facts(facts: Sequence[tuple[str, str]], use: IntendedUse, digest: str) -> list[list[str]]:
    rows = [["version", use.version], *([what, text] for what, text in facts), ["sha256", digest or _NO_DIGEST]]
    return [["what", "answer"], *rows, ["form of this card", _SOURCE]]


def _is_validated(found: Sequence[Judged], times: Sequence[float]) -> bool:
    return any(one.external and has_numbers(one, times) for one in found)


def _status(found: Sequence[Judged], times: Sequence[float], approved: str, simulated: bool) -> tuple[str, ...]:
    care = f"Approved for care: {approved}" if approved else RESEARCH
    out = ["Simulated data: no patient is like this."] if simulated else []
    out.append(care)
    if not _is_validated(found, times):
        kinds = ", ".join(dict.fromkeys(one.how.split(":")[0] for one in found if has_numbers(one, times)))
        told = f"{kinds} alone" if kinds else "none at these horizons" if found else "no validation was given"
        out.append(f"Not validated in other patients: {told}.")
    return tuple(out)
