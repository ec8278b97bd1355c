"""``write_pooled``: pooled evidence as one page and its tables."""

from __future__ import annotations

import base64
import io
import os
from html import escape
from pathlib import Path

import pandas as pd

from lbp_prognosis._base import inert_cells, make_folder, metric_title, require, write_file
from lbp_prognosis.federation._pooled_evidence import PooledEvidence, PooledMeasure

__all__ = ["write_pooled"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#22303c;max-width:56rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.3rem .5rem;
border-bottom:1px solid #e6eaee;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}figure{margin:1rem 0}img{max-width:100%;height:auto}figcaption{color:#5b6873;font-size:.9rem}
.doubt{border-left:4px solid #d55e00;padding:.4rem .8rem;background:#fdf3ec;margin:.6rem 0}
@media print{body{max-width:none;margin:0}figure{break-inside:avoid}}
"""


def write_pooled(
    evidence: PooledEvidence, folder: str | os.PathLike[str], *, title: str = "A model at several hospitals"
) -> Path:
    """Write ``pooled.html``, ``pooled.csv`` and ``influence.csv``, and return the page.

    Parameters
    ----------
    evidence : PooledEvidence
        Of `pool`. All its numbers have passed the gate of a site.
    folder : path
        Folder to write to; created if absent.
    title : str, default "A model at several hospitals"
        Of the page.
    """
    target = make_folder(folder)
    write_file(target / "pooled.csv", inert_cells(evidence.to_frame()).to_csv(index=False))
    write_file(target / "influence.csv", inert_cells(evidence.influence()).to_csv(index=False))
    model = evidence.model
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{len(evidence.sites)} hospitals, {evidence.n:,} patients, {evidence.n_events:,} events known. Model "
        f"{escape(str(model['name']))}, digest {escape(str(model['digest'])[:16])}, horizon {model['horizon']:g}. Only "
        "aggregates have left the hospitals; pairs, sums and censoring curves are within hospitals.</p>",
    ]
    parts += [f'<p class="doubt">{escape(doubt.sentence)}</p>' for doubt in evidence.objections]
    parts += ["<h2>What a new hospital may expect</h2>", _table(_headline(evidence), 1)]
    parts.append(
        "<p>The mean is that of random effects (REML) with Hartung–Knapp–Sidik–Jonkman limits; the interval of a new "
        "hospital adds the spread between hospitals, and that this spread is estimated. “All patients” is one analysis "
        "stratified by hospital; the median of the hospitals cannot be moved far by any one of them.</p>"
    )
    for measure in evidence.measures:
        if measure.meta is not None and not measure.subgroup:
            parts.append(_figure(measure))
    subgroups = [measure for measure in evidence.measures if measure.subgroup and measure.meta is not None]
    if subgroups:
        parts += ["<h2>Subgroups</h2>", _table(pd.DataFrame([_line(each) for each in subgroups]), 1)]
    influence = evidence.influence()
    if len(influence):
        shown = influence.assign(
            **{name: influence[name].map("{:.3f}".format) for name in ("value", "without", "tau2_without", "residual")}
        )
        names = {
            "tau2_without": "τ² without it",
            "without": "mean without it",
            "residual": "residual, in standard errors",
        }
        parts += ["<h2>What each hospital does to the mean</h2>", _table(shown.rename(columns=names), 2)]
    if evidence.left_out:
        left = pd.DataFrame(list(evidence.left_out.items()), columns=["hospital", "why"])
        parts += ["<h2>Who is not in it</h2>", _table(left, 2)]
    if len(evidence.withheld):
        kept = evidence.withheld[evidence.withheld["item"] != "-"].rename(columns={"site": "hospital", "reason": "why"})
        notes = sorted(set(evidence.withheld[evidence.withheld["item"] == "-"]["reason"]))
        parts += ["<h2>What hospitals withheld</h2>", *(f"<p>{escape(note)}.</p>" for note in notes)]
        parts += [_table(kept, 3)] if len(kept) else []
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )
    return write_file(target / "pooled.html", page)


def _line(measure: PooledMeasure) -> dict[str, str]:
    meta = measure.meta
    assert meta is not None
    low, high = meta.prediction_profile

    def number(value: float) -> str:
        return "" if value != value else f"{value:.3f}"

    return {
        "measure": _words(measure),
        "hospitals": str(meta.k),
        "mean": f"{meta.value:.3f} ({meta.low:.3f} to {meta.high:.3f})",
        "new hospital": f"{low:.3f} to {high:.3f}",
        "τ²": f"{meta.tau2:.4f}",
        "I²": f"{meta.i2:.0f} %",
        "useful there": "" if measure.useful != measure.useful else f"{100 * measure.useful:.0f} %",
        "all patients": number(measure.stratified),
        "median": number(measure.robust),
    }


def _words(measure: PooledMeasure) -> str:
    at = "" if measure.threshold != measure.threshold else f" at {measure.threshold:g}"
    less = {"comparator": ", less the comparator", "treat all": ", less treating all", "": ""}[measure.reference]
    return f"{metric_title(measure.metric)}{at}{less}{', ' + measure.subgroup if measure.subgroup else ''}"


def _headline(evidence: PooledEvidence) -> pd.DataFrame:
    return pd.DataFrame([_line(each) for each in evidence.measures if each.meta is not None and not each.subgroup])


def _table(frame: pd.DataFrame, head: int) -> str:
    def cells(tag: str, values: list[str]) -> str:
        return "".join(
            f"<{tag}{'' if place < head else ' class=n'}>{escape(str(value))}</{tag}>"
            for place, value in enumerate(values)
        )

    rows = "".join(f"<tr>{cells('td', list(row))}</tr>" for row in frame.itertuples(index=False, name=None))
    top = cells("th", list(frame.columns))
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table></div>'


def _figure(measure: PooledMeasure) -> str:
    matplotlib = require("matplotlib", caller="write_pooled", extra="report")
    from matplotlib.figure import Figure

    meta = measure.meta
    assert meta is not None
    style = {"svg.hashsalt": "lbp_prognosis", "svg.fonttype": "path", "font.size": 9.5, "text.parse_math": False}
    with matplotlib.rc_context(style):
        canvas = Figure(figsize=(6.4, 0.34 * (meta.k + 5)), layout="constrained")
        meta.plot(canvas.subplots(), method="profile")
        out = io.BytesIO()
        canvas.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    code = base64.b64encode(out.getvalue()).decode("ascii")
    low, high = meta.prediction_profile
    told = (
        f"{_words(measure)}: {meta.k} hospitals, mean {meta.value:.3f} ({meta.low:.3f} to {meta.high:.3f}), "
        f"a new hospital {low:.3f} to {high:.3f}"
    )
    return (
        f'<figure><img alt="{escape(told)}" src="data:image/svg+xml;base64,{code}">'
        f"<figcaption>{escape(told)}.</figcaption></figure>"
    )
