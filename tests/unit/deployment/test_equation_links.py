"""Risks of every link of an equation, in every language, at shapes and scores of any size."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gammaincc, ndtr

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import Equation, NumberTerm, equation, nomogram
from lbp_prognosis.models import ParametricAFT
from tests.chromium import dom_after, needs_browser
from tests.libreoffice import filled, needs_office, recalculated
from tests.unit.deployment.formulas import excel, stata

SHAPES = [4.0, -4.0, 1.0, -1.0, 0.5, -0.5, 0.32, 0.1, -0.02, 0.0033, -0.003, 1e-4, -2e-6]
SCORES = np.concatenate([np.linspace(-9, 9, 61), [-60.0, -1e-3, 1e-9, 60.0]])


def of_shape(link: str, shape: float = 0.0) -> Equation:
    return Equation((NumberTerm("x", 1.0, low=-9, high=9),), link, 0.0, (12.0,), {"": (0.25,)}, shape=shape, digits=17)


EQUATIONS = [of_shape("loglog"), of_shape("probit"), *(of_shape("generalised_gamma", q) for q in SHAPES)]
TABLE = pd.DataFrame({"x": SCORES})


def test_special_cases_by_hand() -> None:
    z = SCORES + 0.25
    with np.errstate(over="ignore"):
        weibull = -np.expm1(-np.exp(z))
        gumbel = np.exp(-np.exp(-z))
        third = gammaincc(1 / 9, np.exp(-3 * z) / 9)
    for link, shape, risk in (
        ("generalised_gamma", 1.0, weibull),  # 1 − exp(−eʷ)
        ("generalised_gamma", -1.0, gumbel),  # the reciprocal of a Weibull time
        ("loglog", 0.0, gumbel),
        ("generalised_gamma", -3.0, third),
        ("generalised_gamma", 1e-6, ndtr(z)),  # the log-normal, but for 1e-6 / 6
    ):
        got = of_shape(link, shape).predict_risk(TABLE)[:, 0]
        np.testing.assert_allclose(got, risk, rtol=0, atol=2e-7 if shape == 1e-6 else 1e-13)
    # k = 4: 1 − e⁻ᵘ (1 + u + u²/2 + u³/6) at u = 4 exp(w / 2)
    u = 4 * np.exp(0.5 * (0.3 + 0.25))
    hand = 1 - np.exp(-u) * (1 + u + u**2 / 2 + u**3 / 6)
    got = of_shape("generalised_gamma", 0.5).predict_risk(pd.DataFrame({"x": [0.3]}))[0, 0]
    assert got == pytest.approx(hand, abs=1e-14)


def test_a_shape_belongs_to_one_link() -> None:
    made = of_shape("generalised_gamma", 0.5)
    for wrong in ({"shape": 0.0}, {"shape": 9e-7}, {"shape": np.inf}, {"link": "logit"}, {"shape": 1e4}):
        with pytest.raises(ArgumentError):
            replace(made, **wrong)
    assert replace(made, shape=1e-6).shape == 1e-6
    assert made.rounded(4).shape == 0.5
    assert replace(made, shape=1 / 3).rounded(4).shape == 0.3333
    seen = np.abs(
        replace(made, shape=1 / 3).rounded(4).predict_risk(TABLE) - replace(made, shape=1 / 3).predict_risk(TABLE)
    )
    assert 0 < seen.max() <= replace(made, shape=1 / 3).rounding_error(4) * 1.0001


def test_a_shape_of_zero_is_the_log_normal() -> None:
    """The fit can end there: its equation is a probit."""
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"x": rng.normal(size=60)})
    model = ParametricAFT("generalised_gamma").fit(X, Surv.right(np.exp(X["x"] + rng.normal(size=60)), np.ones(60)))
    model.shape_ = 5e-7
    made = equation(model, horizons=[1.0])
    assert (made.link, made.shape) == ("probit", 0.0)
    np.testing.assert_allclose(made.predict_risk(X), model.predict_risk(X, [1.0]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("made", EQUATIONS, ids=lambda made: f"{made.link} {made.shape:g}")
def test_workbook_stata_and_nomogram(made: Equation, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(made.to_excel(tmp_path / "risk.xlsx"))["Risk"]
    for x in (-3.0, -0.4, 0.0, 1.7, 60.0):
        risk = made.predict_risk(pd.DataFrame({"x": [x]}))[0, 0]
        sheet["B4"] = x
        assert excel(sheet, "E6") == pytest.approx(risk, abs=1e-8)
        assert stata(made.to_stata(), {"x": x})["risk_12"] == pytest.approx(risk, abs=1e-8)
    chart = nomogram(made, 12.0).risks
    points = -9 + chart["total"] * 18 / 100  # of 100 points over the range
    np.testing.assert_allclose(made.predict_risk(pd.DataFrame({"x": points}))[:, 0], chart["risk"], rtol=0, atol=1e-9)
    if made.link == "generalised_gamma":
        assert f"q = {made.shape:.17g}" in made.to_text()
        assert "incomplete gamma function" in made.to_latex()


@needs_browser
def test_every_link_in_a_browser(tmp_path: Path) -> None:
    rows = json.dumps(SCORES.tolist())
    parts = [
        f"(function () {{ {made.to_javascript()}\n"
        f"{rows}.forEach(function (v) {{ out.push(lbpRisk({{x: v}}, 12)); }}); }})();"
        for made in EQUATIONS
    ]
    page = (
        "<!doctype html><meta charset='utf-8'><pre id='out'></pre><script>'use strict'; var out = [];"
        + "".join(parts)
        + "document.getElementById('out').textContent = out.map(String).join(' ');</script>"
    )
    found = re.search(r"<pre id=.out.>([^<]*)<", dom_after(tmp_path, page))
    assert found is not None
    got = np.array(found[1].split(), dtype=float).reshape(len(EQUATIONS), -1)
    for made, risks in zip(EQUATIONS, got):
        error = np.abs(risks - made.predict_risk(TABLE)[:, 0]).max()
        assert error < 1e-8, (made.shape, error)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R")
def test_every_link_in_r(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "x.csv", index=False)
    script = ['d <- read.csv("x.csv")\n']
    for made in EQUATIONS:
        script.append(f"{made.to_r()}\ncat(sprintf('%.17g', lbp_risk(d, 12)), '\\n')\n")
    (tmp_path / "all.R").write_text("".join(script), encoding="utf-8")
    done = subprocess.run(["Rscript", "all.R"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120)
    got = np.array(done.stdout.split(), dtype=float).reshape(len(EQUATIONS), -1)
    for made, risks in zip(EQUATIONS, got):
        np.testing.assert_allclose(risks, made.predict_risk(TABLE)[:, 0], rtol=0, atol=1e-8)


@needs_office
@pytest.mark.slow
def test_every_link_in_libreoffice(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    books, expected = [], []
    for k, made in enumerate(EQUATIONS):
        source = made.to_excel(tmp_path / f"{k}.xlsx")
        for j, x in enumerate((-3.0, 60.0)):
            books.append(filled(source, tmp_path / f"{k}_{j}.xlsx", {"B4": x}))
            expected.append(made.predict_risk(pd.DataFrame({"x": [x]}))[0, 0])
    for sheet, risk in zip(recalculated(tmp_path, books), expected):
        assert sheet["E6"].value == pytest.approx(risk, abs=1e-8)


def test_expit_is_still_expit() -> None:
    np.testing.assert_allclose(of_shape("logit").predict_risk(TABLE)[:, 0], expit(SCORES + 0.25), rtol=0, atol=1e-15)
