"""The page of monitoring: charts of outcomes, windows and inputs, with their tables."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd

from lbp_prognosis._base import Document, require, time_words
from lbp_prognosis.deployment._monitor_tables import MonitorTables

__all__ = ["drift_document"]

_MOST = 20  # alarms on the page
CHARTS, WINDOWS, INPUTS = "Outcomes: charts", "Outcomes by window", "Inputs by batch"


def drift_document(report: MonitorTables) -> Document:
    """Return the page of a report: findings, charts, and the tables behind them.

    Parameters
    ----------
    report : MonitorTables
        The tables of a `DriftReport`.
    """
    shown = [doubt.sentence for doubt in report.objections]
    rate = f"{report.false_alarms_per_year:g} false alarms per year"
    many = len(report.alarms)
    told = "No alarm" if not many else "1 alarm" if many == 1 else f"{many} alarms"
    parts: list[Any] = [
        (1, "Summary"),
        f"{told} of outcomes by {report.until:%Y-%m-%d}. {report.n_matured} of {report.n} patients have matured: only "
        f"their outcomes by {time_words(report.horizon, report.unit)} count. Limits are set to {rate}.",
        *shown,
    ]
    if report.update is not None:
        parts.append(f"The closed test on the matured patients proposes the update: {report.update.method}.")
    parts += [(1, CHARTS)]
    if many:
        rows = [[f"{row.date:%Y-%m-%d}", str(row.direction), f"{row.patient}"] for row in report.alarms.itertuples()]
        parts.append([["date", "direction", "patient"], *rows[:_MOST]])
        if many > _MOST:
            parts.append(f"The first {_MOST} of {many} alarms; `alarms` of the report has all.")
    parts += [(1, WINDOWS), _table(report.windows, ["batch", "n", "matured", "observed", "expected"], _ratio)]
    parts += [(1, INPUTS), _inputs(report.inputs)]
    banners: tuple[str, ...] = ("Not for release: shows counts and dates of single patients.",)
    if report.synthetic:
        banners = ("SIMULATED DATA: no patient is like this.", *banners)
    return Document("A model in use", tuple(parts), banners, tuple(_pictures(report)))


def _table(windows: pd.DataFrame, names: list[str], ratio: Callable[[dict[str, Any]], str]) -> list[list[str]]:
    rows = []
    for record in windows.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        numbers = [f"{row['n']}", f"{row['matured']}", f"{row['observed']:g}", f"{row['expected']:.1f}"]
        slope = f"{row['slope']:.2f} (SE {row['slope_se']:.2f})" if pd.notna(row["slope"]) else ""
        rows.append([str(row["batch"]), *numbers, ratio(row), slope, str(row["reason"])])
    return [[*names, "O/E (interval)", "slope", "note"], *rows]


def _ratio(row: dict[str, Any]) -> str:
    if pd.isna(row["observed_expected"]):
        return ""
    return f"{row['observed_expected']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _inputs(inputs: pd.DataFrame) -> list[list[str]]:
    rows = [["batch", "column", "missing before", "missing now", "PSI", "PSI by chance", "new levels"]]
    for row in inputs.to_dict("records"):
        shares = [f"{row['missing_before']:.0%}", f"{row['missing_now']:.0%}"]
        rows.append(
            [
                str(row["batch"]),
                str(row["column"]),
                *shares,
                f"{row['psi']:.3f}",
                f"{row['psi_by_chance']:.3f}",
                str(row["new_levels"]),
            ]
        )
    return rows


def _pictures(report: MonitorTables) -> list[tuple[str, str, str]]:
    from lbp_prognosis._draw import draw_cusum, draw_estimates, draw_shifts

    out = []
    if len(report.chart):
        words = (
            f"Cumulative log likelihood ratios of {report.n_matured} patients with their limits, in both directions."
        )
        out.append((CHARTS, _svg(lambda ax: draw_cusum(report.chart, ax=ax)), words))
    known = report.windows[report.windows["observed_expected"].notna()]
    if len(known):
        rows = known.rename(columns={"batch": "label", "observed_expected": "value"})[["label", "value", "low", "high"]]
        axis = f"observed / expected by {time_words(report.horizon, report.unit)}"
        words = "Observed over expected events by window, with intervals; the numbers are in the table below."
        out.append((WINDOWS, _svg(lambda ax: draw_estimates(rows, axis=axis, neutral=1.0, digits=".2f", ax=ax)), words))
    if len(report.inputs):
        words = "Stability index of each predictor by batch; the numbers are in the table below."
        out.append((INPUTS, _svg(lambda ax: draw_shifts(report.inputs, ax=ax)), words))
    return out


def _svg(draw: Callable[[Any], Any]) -> str:
    matplotlib = require("matplotlib", caller="DriftReport.to_html", extra="report")
    from matplotlib.figure import Figure

    style = {"svg.hashsalt": "lbp_prognosis", "svg.fonttype": "path", "font.size": 9.5, "text.parse_math": False}
    with matplotlib.rc_context(style):
        canvas = Figure(figsize=(6.0, 3.6), layout="constrained")
        draw(canvas.add_subplot())
        out = io.StringIO()
        canvas.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.06
        )
    return out.getvalue()
