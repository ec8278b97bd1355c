"""``calculator_page``: a static page that computes the risk of one patient in any browser, without network."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    check_confidence,
    check_thresholds,
    norm,
    plain_label,
    time_words,
    write_file,
)
from lbp_prognosis.deployment._card_numbers import Judged, has_numbers, judged
from lbp_prognosis.deployment._competing_equation import CompetingEquation
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._equation_of import equation
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._gated_numbers import gated
from lbp_prognosis.deployment._interval import uncertainty_of
from lbp_prognosis.deployment._published_model import PublishedModel
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm, Term
from lbp_prognosis.deployment._written import one_line
from lbp_prognosis.deployment._written_results import WrittenResults
from lbp_prognosis.disclosure import without_numbers
from lbp_prognosis.validation import ExternalValidation

__all__ = ["IntendedUse", "calculator_page"]

RESEARCH = "Research use, not for care."
_SHOWN = ("concordance", "observed_expected", "calibration_slope", "brier")


@dataclass(frozen=True)
class IntendedUse:
    """Intended use of a calculator, stated on its page.

    Attributes
    ----------
    purpose : str
        Question that the calculator answers, its users, and its use.
    population : str
        Target population of the model: setting, inclusion, time zero.
    outcome : str
        Name of the risk, as a clause: ``"not recovered"``.
    version : str
        Version of the model and its date.
    contact : str
        Contact for questions.
    """

    purpose: str
    population: str
    outcome: str
    version: str
    contact: str = ""

    def __post_init__(self) -> None:
        for name in ("purpose", "population", "outcome", "version"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                accepted = "a few words: a calculator states what it is for"
                raise argument_error(f"use.{name}", accepted, getattr(self, name))


def calculator_page(
    model: Any,
    path: str | os.PathLike[str],
    *,
    use: IntendedUse,
    horizons: Any = None,
    validation: ExternalValidation | WrittenResults | None = None,
    name: str = "",
    unvalidated_reason: str = "",
    thresholds: Sequence[float] = (),
    labels: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    time_unit: str = "",
    confidence: float = 0.95,
    approved_for_care: str = "",
    synthetic: bool = False,
) -> Path:
    """Write a calculator: one HTML file without network, for keyboard, screen reader, phone and paper.

    Parameters
    ----------
    model : Equation, CompetingEquation, PublishedModel, or what `equation` takes
        Fitted models provide an interval (CoxPH, FineGray, LogisticRisk of one completed table); equations do not.
    path : path
        File to write, ``.html``.
    use : IntendedUse
        Intended use of the calculator.
    horizons : float or sequence of float, optional
        As for `equation`, for a fitted model.
    validation : ExternalValidation or WrittenResults, optional
        Of this model in patients of another time, place or setting, by `external_validate` or read from the file of an
        external evaluation; concordance, O/E, slope and Brier score are shown. A random split is refused, because its
        patients belong to the development data.
    name : str, default ""
        The model's name in the validation; optional if the validation has one model.
    unvalidated_reason : str, default ""
        Reason for a page without external validation, which the page shows. Without a validation the
        page is refused unless a reason is given.
    thresholds : sequence of float, default ()
        Risks at which decisions are discussed.
    labels, units : mapping of str to str, optional
        Words and units of the columns.
    time_unit : str, default ""
        Unit of the horizons.
    confidence : float, default 0.95
        Level of the interval.
    approved_for_care : str, default ""
        Authority for use in care (approval, registration). Without it the page says "Research use,
        not for care."
    synthetic : bool, default False
        Whether the model was developed in simulated data; the page is marked.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ArgumentError
        Without intended use, or without external validation and without a reason.
    NoEquation
        If the model has no equation.

    Notes
    -----
    The content security policy of the page allows only its own script and style, by their digests: no network, no eval,
    no other script. Entered values stay in the browser. Objections of the validation are shown without their numbers,
    because some count patients.
    """
    level = check_confidence(confidence)
    made = _formula(model, horizons, units, time_unit)
    found = _check_stated(use, validation, name, unvalidated_reason, made.horizons)
    cuts = check_thresholds(list(thresholds)).tolist() if len(thresholds) else []
    uncertainty = (
        None
        if isinstance(model, Formula | CompetingEquation | PublishedModel)
        else uncertainty_of(model, made.horizons)
    )
    if uncertainty is not None:
        uncertainty["quantile"] = float(norm.ppf(0.5 + level / 2))
    page = {
        "fields": _fields(made, labels or {}),
        "horizons": list(made.horizons),
        "timeUnit": made.time_unit,
        "outcome": use.outcome.strip(),
        "link": made.link,
        "thresholds": cuts,
        "uncertainty": uncertainty,
        "confidence": f"{100 * level:g} %",
    }
    synthetic = synthetic or made.synthetic or bool(getattr(validation, "synthetic", False))
    evidence = _unvalidated(unvalidated_reason) if found is None else _validation(found, made.horizons, cuts)
    return write_file(path, _html(made, page, use, evidence, approved_for_care.strip(), synthetic))


def _check_stated(
    use: Any, validation: Any, name: str, unvalidated_reason: str, horizons: tuple[float, ...]
) -> Judged | None:
    """Return the external validation; refuse a page without intended use, or with neither validation nor a reason."""
    if not isinstance(use, IntendedUse):
        raise argument_error("use", "an IntendedUse: purpose, population, outcome, version", use)
    if validation is None:
        if not unvalidated_reason.strip():
            raise argument_error(
                "validation",
                "given: a calculator is used for patients who were not in the development data",
                "None",
                "Validate with external_validate, or give unvalidated_reason=, which the page prints.",
            )
        return None
    accepted = "the result of external_validate, or of read_results with an external sample"
    if not isinstance(validation, ExternalValidation | WrittenResults):
        raise argument_error("validation", accepted, validation)
    found = judged([validation], name)[0]
    if found.external and not has_numbers(found, horizons):
        raise argument_error(
            "validation",
            f"with numbers at horizons of the page, {', '.join(f'{h:g}' for h in horizons)}",
            f"none there ({found.how})",
            "Validate at these horizons, or give others.",
        )
    if not found.external:
        raise argument_error(
            "validation",
            "of patients of another time, place or setting than those of development",
            found.how,
            "Give unvalidated_reason= instead, which the page prints.",
        )
    return found


def _formula(
    model: Any, horizons: Any, units: Mapping[str, str] | None, time_unit: str
) -> Equation | CompetingEquation:
    made: Equation | CompetingEquation
    if isinstance(model, PublishedModel):
        made = model.equation
    elif isinstance(model, Equation | CompetingEquation):
        made = model
    else:
        made = equation(model, horizons=horizons, units=units, time_unit=time_unit)
    if units and isinstance(made, Equation):
        made = replace(made, terms=_in_units(made.terms, units))
    elif units and isinstance(made, CompetingEquation):
        hazards = tuple(replace(hazard, terms=_in_units(hazard.terms, units)) for hazard in made.hazards)
        made = replace(made, hazards=hazards)
    return replace(made, digits=17, time_unit=time_unit or made.time_unit)


def _in_units(terms: tuple[Term, ...], units: Mapping[str, str]) -> tuple[Term, ...]:
    return tuple(replace(term, unit=str(units.get(term.name, term.unit))) for term in terms)


def _fields(made: Equation | CompetingEquation, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the input fields: the predictors, then the stratum."""
    fields = [_field(term, labels) for term in made.terms]
    if made.stratum:
        strata = [{"value": label, "label": label} for label in made.strata_labels]
        name = {"name": made.stratum, "label": labels.get(made.stratum, made.stratum), "unit": ""}
        fields.append({**name, "kind": "category", "options": strata})
    return fields


def _field(term: Term, labels: Mapping[str, str]) -> dict[str, Any]:
    shared = {"name": term.name, "label": one_line(labels.get(term.name, term.name)), "unit": one_line(term.unit)}
    if isinstance(term, LevelTerm):
        words = [str(plain_label(level)) for level in term.levels]
        return {**shared, "kind": "category", "options": [{"value": word, "label": word} for word in words]}
    if term.linear and (term.low, term.high) == (0, 1):
        options = [{"value": "0", "label": "no"}, {"value": "1", "label": "yes"}]
        return {**shared, "kind": "category", "options": options}
    return {**shared, "kind": "number", **_bounds(term)}


def _bounds(term: NumberTerm) -> dict[str, float | None]:
    known = bool(np.isfinite([term.low, term.high]).all())
    return {"low": term.low if known else None, "high": term.high if known else None}


def _validation(found: Judged, horizons: tuple[float, ...], cuts: Sequence[float]) -> str:
    """Return a table of the performance in other patients."""
    found, withheld = gated(found, cuts, horizons)
    frame = found.frame
    rows = frame[frame["metric"].isin(_SHOWN) & frame["reference"].fillna("").astype(str).eq("")]
    body = ""
    for _, row in rows.iterrows():
        value = row["value"]
        if not np.isfinite(value) or (np.isfinite(row["horizon"]) and not np.isclose(row["horizon"], horizons).any()):
            continue
        when = f"{row['horizon']:g}" if np.isfinite(row["horizon"]) else ""
        known = np.isfinite(row["low"]) and np.isfinite(row["high"])
        interval = f"{row['low']:.2f} to {row['high']:.2f}" if known else ""
        n = "" if pd.isna(row["n"]) else f"{int(row['n']):,}"
        words = [row["metric"].replace("_", " "), when, f"{value:.2f}", interval, n]
        body += "<tr>" + "".join(f"<td>{escape(str(word))}</td>" for word in words) + "</tr>"
    head = "".join(f"<th scope='col'>{word}</th>" for word in ("measure", "time", "value", "interval", "patients"))
    doubts = getattr(found.result, "objections", ())
    said = [
        *(without_numbers(doubt.sentence) for doubt in doubts),
        *getattr(found.result, "limitations", ()),
        *withheld,
    ]
    told = "".join(f"<p class='note'>{escape(words)}</p>" for words in (found.how, *said))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{told}"


def _unvalidated(reason: str) -> str:
    return f"<p class='status'>This model has not been validated in other patients. {escape(one_line(reason))}</p>"


def _html(
    made: Equation | CompetingEquation,
    page: dict[str, Any],
    use: IntendedUse,
    evidence: str,
    approved: str,
    synthetic: bool,
) -> str:
    folder = importlib.resources.files("lbp_prognosis.deployment").joinpath("templates")
    style = folder.joinpath("calculator.css").read_text(encoding="utf-8")
    code = folder.joinpath("calculator.js").read_text(encoding="utf-8")
    data = json.dumps(page, ensure_ascii=True, allow_nan=False, sort_keys=True).replace("<", "\\u003c")
    formula = _without_comments(made.to_javascript())
    script = f'"use strict";\n(function () {{\nvar PAGE = {data};\n{formula}\n{code}}})();\n'
    digest = hashlib.sha256(made.to_json().encode("utf-8")).hexdigest()
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    care = (
        f"<p class='status'>Approved for care: {escape(one_line(approved))}</p>"
        if approved
        else (f"<p class='status'><strong>{RESEARCH}</strong></p>")
    )
    mark = "<p class='status simulated'>SIMULATED DATA: no patient is like this.</p>" if synthetic else ""
    title = escape(one_line(use.outcome[:1].upper() + use.outcome[1:]))
    facts = [
        ("Purpose", use.purpose),
        ("Made for", use.population),
        ("Risk of", use.outcome),
        ("Version", use.version),
        ("Contact", use.contact),
    ]
    rows = "".join(
        f"<tr><th scope='row'>{word}</th><td>{escape(one_line(text))}</td></tr>" for word, text in facts if text
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=True)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Risk calculator: {title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Risk calculator: {title}</h1>
{mark}{care}
<p>{escape(one_line(use.purpose))}</p>
<div class="parts">
<section aria-labelledby="h-values">
<h2 id="h-values">Values of one person</h2>
<form id="form" autocomplete="off" novalidate>
{"".join(_input(k, field) for k, field in enumerate(page["fields"]))}{_horizon(page)}
<button type="reset">Clear</button> <button type="button" id="print">Print</button>
</form>
</section>
<section aria-labelledby="h-risk">
<h2 id="h-risk">Risk</h2>
<div id="result" role="status" aria-live="polite" aria-atomic="true"></div>
<div id="notes" role="alert"></div>
<noscript><p class="status">The calculation needs JavaScript, which this browser does not run.</p></noscript>
</section>
</div>
<h2>What it is for</h2>
<table><tbody>{rows}</tbody></table>
<h2>How it did in other patients</h2>
{evidence}
<footer>
<p>Model {escape(one_line(made.model))}, equation sha256 <code>{digest}</code>. Values stay in this browser: the page
has no network. {RESEARCH if not approved else ""} It does not replace the judgement of a clinician.</p>
</footer>
</main>
<script>{script}</script>
</body>
</html>
"""


def _without_comments(script: str) -> str:
    return "\n".join(line for line in script.splitlines() if not line.startswith("//"))


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _input(k: int, field: Mapping[str, Any]) -> str:
    label, unit = escape(str(field["label"])), escape(str(field["unit"]))
    if field["kind"] == "category":
        options = "".join(
            f'<option value="{escape(str(o["value"]), quote=True)}">{escape(one_line(o["label"]))}</option>'
            for o in field["options"]
        )
        return (
            f'<div class="field"><label for="f{k}">{label}</label>'
            f'<select id="f{k}" name="f{k}"><option value=""></option>{options}</select></div>\n'
        )
    known = field["low"] is not None
    hint = f"usually {field['low']:g} to {field['high']:g}" if known else "training range not known"
    return (
        f'<div class="field"><label for="f{k}">{label}{f" ({unit})" if unit else ""} '
        f'<span class="hint" id="h{k}">{hint}</span></label>'
        f'<input id="f{k}" name="f{k}" type="text" inputmode="decimal" aria-describedby="h{k}"></div>\n'
    )


def _horizon(page: Mapping[str, Any]) -> str:
    if len(page["horizons"]) == 1:
        return ""
    unit = escape(one_line(page["timeUnit"]))
    options = "".join(f'<option value="{h!r}">{time_words(h, unit)}</option>' for h in page["horizons"])
    return f'<div class="field"><label for="horizon">Time</label><select id="horizon">{options}</select></div>\n'
