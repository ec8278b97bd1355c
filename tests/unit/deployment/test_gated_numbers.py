"""Cards and calculators are published: their numbers of a validation obey the disclosure gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis.deployment import IntendedUse, ModelCard, calculator_page, model_card, read_results
from lbp_prognosis.deployment._written_results import WrittenResults
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import ExternalValidation, external_validate

USE = IntendedUse("Talk about expectations", "Adults with back pain", "not recovered", "1.0 of 2026", "a@b.example")
D = syn(n=500)
X, Y = D[["c1", "p1"]], Status.at(12, D["y"])
MODEL = LogisticRisk().fit(X[:200], Y[:200])
GRID = np.arange(0.05, 0.8, 0.01).round(2)


def outside(rows: np.ndarray, thresholds: Any = (0.3,)) -> ExternalValidation:
    return external_validate({"m": MODEL}, X[rows], Y[rows], 12, thresholds, kind="geographic", description="b")


def some(with_it: int, without: int) -> np.ndarray:
    rows = np.zeros(500, dtype=bool)
    for state, count in ((1, with_it), (0, without)):
        rows[200 + np.flatnonzero(D["y"][200:] == state)[:count]] = True
    return rows


def shown(card: ModelCard, section: str) -> pd.DataFrame:
    frame = card.to_frame()
    return frame[frame["section"] == section]


def cells(validation: ExternalValidation, cuts: list[float], rows: np.ndarray) -> np.ndarray:
    band = np.searchsorted(cuts, validation.risks["m"][:, 0], side="right")
    return np.array([[(band == k) & (D["y"][rows] == state) for state in (0, 1)] for k in range(len(cuts) + 1)]).sum(-1)


def test_a_grid_of_net_benefit_counts_no_band_of_few_patients() -> None:
    """At 0.01 apart net benefit of three digits gives true and false positives, and neighbours one to four patients."""
    rows = some(60, 90)
    validation = outside(rows, GRID)
    assert (cells(validation, GRID.tolist(), rows) < 5).any()
    card = model_card(MODEL, use=USE, validation=validation)
    cuts = sorted({float(item) for item in shown(card, "Decision thresholds")["item"] if item})
    assert 1 <= len(cuts) <= 3
    assert (cells(validation, cuts, rows) >= 5).all()
    assert any("three thresholds" in words for words in shown(card, "Limitations")["value"])
    # declared thresholds come first, and are told if they cannot be shown
    near = model_card(MODEL, use=USE, validation=validation, thresholds=[0.4, 0.41])
    assert {item for item in shown(near, "Decision thresholds")["item"] if item} == {"0.4"}
    assert any("three thresholds" in words for words in shown(near, "Limitations")["value"])
    alone = model_card(MODEL, use=USE, validation=validation, thresholds=[0.4])
    assert not any("three thresholds" in words for words in shown(alone, "Limitations")["value"])


@pytest.mark.parametrize(
    ("with_it", "without", "told"),
    [(10, 40, ""), (10, 39, "fewer than 50"), (9, 60, "fewer than 10"), (60, 9, "fewer than 10")],
)
def test_too_few_patients_show_nothing(with_it: int, without: int, told: str, tmp_path: Path) -> None:
    validation = outside(some(with_it, without))
    card = model_card(MODEL, use=USE, validation=validation)
    limits = " ".join(shown(card, "Limitations")["value"])
    path = calculator_page(MODEL, tmp_path / "c.html", use=USE, validation=validation)
    brier = f"{validation.evaluation.metric('brier').value:.2f}"
    page = path.read_text(encoding="utf-8")
    assert (f">{brier}<" in page) == (told == "")
    assert bool(len(shown(card, "Performance").query("item == 'AUC'"))) == (told == "")
    assert told in limits
    assert ("Numbers at 12 are not shown" in page) == (told != "")


@pytest.mark.parametrize(("later", "kept"), [(0, True), (4, False), (5, True)])
def test_horizons_between_which_few_change_their_state(later: int, kept: bool) -> None:
    """O/E at 11 and 12 count the events between them."""
    rows = slice(200, 320)
    time = np.where(D["y"][rows] == 1, 5.0, 30.0)
    time[np.flatnonzero(time == 30.0)[:later]] = 11.5
    model = CoxPH().fit(X[:200], Surv.right(D["time"][:200], D["event"][:200]))
    found = external_validate(
        {"m": model}, X[rows], Surv.right(time, np.ones(120)), [11, 12], kind="geographic", description="b"
    )
    card = model_card(model, use=USE, validation=found)
    at = set(shown(card, "Performance").query("field == 'time'")["value"])
    assert at - {""} == ({"11", "12"} if kept else {"12"})
    assert ("change their state" in " ".join(shown(card, "Limitations")["value"])) is not kept


def test_results_without_rows(tmp_path: Path) -> None:
    """Written results know counts alone: one threshold, rounded to more than one patient."""
    validation = outside(some(60, 90), GRID)
    table = validation.to_frame().assign(sample="external", setting="geographic", synthetic=False)
    table.to_parquet(tmp_path / "results.parquet")
    (written,) = read_results(tmp_path / "results.parquet")
    told = shown(model_card(MODEL, use=USE, validation=written, name="m"), "Decision thresholds")
    assert {item for item in told["item"] if item} == {"0.05"}
    # thresholds whose bands were counted when the file was written
    for declared, counted, kept in (
        ([], (0.05, 0.3, 0.6), {"0.05", "0.3", "0.6"}),
        ([0.3, 0.4], (0.05, 0.3, 0.6), {"0.3"}),
        ([0.4, 0.41], (0.05, 0.3, 0.6), {"0.4"}),
    ):
        known = replace(written, counted=(("m", 12.0, counted), ("other", 12.0, (0.1,)), ("m", 6.0, (0.2,))))
        card = model_card(MODEL, use=USE, validation=known, name="m", thresholds=declared)
        assert {item for item in shown(card, "Decision thresholds")["item"] if item} == kept
    # a threshold that was not counted is rounded, whether or not others were
    rounded = model_card(MODEL, use=USE, validation=written, name="m", thresholds=[0.4, 0.41])
    pd.testing.assert_frame_equal(shown(card, "Decision thresholds"), shown(rounded, "Decision thresholds"))
    few = replace(written, table=written.table.assign(n_events=9))
    assert isinstance(few, WrittenResults)
    card = model_card(MODEL, use=USE, validation=few, name="m")
    assert not len(shown(card, "Performance").query("item == 'AUC'"))
    assert "fewer than 10" in " ".join(shown(card, "Limitations")["value"])
