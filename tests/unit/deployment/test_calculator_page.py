"""The calculator in a real browser: the risks of Python, what is outside the range, and what the page refuses."""

from __future__ import annotations

import html
import json
import re

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import (
    Equation,
    IntendedUse,
    LevelTerm,
    NoEquation,
    NumberTerm,
    calculator_page,
    equation,
    lock,
    published_model,
)
from lbp_prognosis.fusion import OneHot, RestrictedCubicSpline, RiskPipeline, Standardise
from lbp_prognosis.models import CauseSpecificCox, CoxPH, LogisticRisk
from lbp_prognosis.validation import external_validate
from tests.chromium import dom_after, needs_browser, pages_on_paper

USE = IntendedUse("Talk about expectations", "Adults with back pain", "not recovered", "1.0 of 2026", "a@b.example")
D = syn(n=500)
X = pd.DataFrame({"age": 50 + 12 * D["c2"], "pain": np.clip(np.round(5 + 2 * D["p1"]), 0, 10)})
X["work"] = (D["m1"] > 0).astype(float)
X["leg"] = np.array(["none", "above knee", "below knee"])[D["site"] % 3]
Y = Surv.right(D.time, D.event)
COX = RiskPipeline([OneHot(["leg"]), Standardise(["age"]), RestrictedCubicSpline(["age"])], CoxPH()).fit(X, Y)
WHY = "No second hospital has been found yet."


def written(tmp_path, model=COX, **options) -> str:
    options.setdefault("unvalidated_reason", WHY)
    options.setdefault("use", USE)
    if "horizons" not in options and not isinstance(model, Equation):
        options["horizons"] = [6, 12]
    return calculator_page(model, tmp_path / "c.html", **options).read_text(encoding="utf-8")


# the page as it is, but that a test's script may run in it
FILL = """
<pre id="seen"></pre><script>
(function () {
  var rows = ROWS, seen = [];
  rows.forEach(function (row) {
    row.forEach(function (value, k) {
      var e = document.getElementById(k === row.length - 1 && document.getElementById("horizon") ? "horizon" : "f" + k);
      e.value = value;
    });
    document.getElementById("form").dispatchEvent(new Event("input"));
    var r = document.getElementById("result");
    seen.push([r.getAttribute("data-risk"), r.getAttribute("data-low"), r.getAttribute("data-high"),
      document.getElementById("notes").textContent, r.textContent]);
  });
  document.getElementById("seen").textContent = JSON.stringify(seen);
})();
</script></body>"""


def typed(tmp_path, page: str, rows: list[list[str]]) -> list[list[str | None]]:
    """Type rows into the page and return risk, limits, notes and text."""
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    dom = dom_after(tmp_path, free.replace("</body>", FILL.replace("ROWS", json.dumps(rows))))
    return json.loads(html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom, re.S)[1]))


@needs_browser
def test_a_thousand_patients_in_the_browser(tmp_path):
    rng = np.random.default_rng(3)
    n = 1000
    rows = pd.DataFrame(
        {
            "age": rng.uniform(15, 95, n).round(1),
            "pain": rng.integers(0, 11, n).astype(float),
            "work": rng.integers(0, 2, n).astype(float),
            "leg": rng.choice(["none", "above knee", "below knee"], n),
        }
    )
    page = written(tmp_path, thresholds=[0.2])
    order = [term.name for term in equation(COX, horizons=[6, 12]).terms]
    text = [
        [f"{row[c]:g}" if c != "leg" else row[c] for c in order] + [str([6, 12][k % 2]) + ".0"]
        for k, row in enumerate(rows.to_dict("records"))
    ]
    seen = typed(tmp_path, page, text)
    risk = COX.predict_risk(rows, [6, 12])[np.arange(n), np.arange(n) % 2]
    got = np.array([float(entry[0]) for entry in seen])
    np.testing.assert_allclose(got, risk, rtol=0, atol=1e-8)
    # the interval is that of the model's own standard error, on the log cumulative hazard
    model, inner = COX.seen_by_model(rows)
    se = model.risk_se(inner, [6, 12])[np.arange(n), np.arange(n) % 2]
    hazard = -np.log1p(-risk)
    half = 1.959963984540054 * se / (np.exp(-hazard) * hazard)
    low, high = (1 - np.exp(-hazard * np.exp(sign * half)) for sign in (-1, 1))
    np.testing.assert_allclose([float(e[1]) for e in seen], low, atol=1e-8)
    np.testing.assert_allclose([float(e[2]) for e in seen], high, atol=1e-8)
    formula = equation(COX, horizons=[6, 12])
    told = set(formula.outside(rows)["row"])
    for k, entry in enumerate(seen):
        assert ("Outside the training range" in entry[3]) == (k in told)
        assert ("At or above the threshold" in entry[4]) == (risk[k] >= 0.2)


@needs_browser
def test_what_is_typed_wrongly(tmp_path):
    page = written(tmp_path, horizons=[12])
    order = [term.name for term in equation(COX, horizons=12).terms]
    good = {"age": "50", "pain": "5", "work": "1", "leg": "none"}

    def row(**changed):
        return [{**good, **changed}[name] for name in order]

    seen = typed(tmp_path, page, [row(), row(age="50,5"), row(age="fifty"), row(age=""), row(leg=""), row(age="1e400")])
    comma = COX.predict_risk(pd.DataFrame([{"age": 50.5, "pain": 5.0, "work": 1.0, "leg": "none"}]), 12)[0, 0]
    assert float(seen[1][0]) == pytest.approx(comma, abs=1e-10)
    assert seen[0][0] is not None
    for k in (2, 3, 4, 5):
        assert seen[k][0] is None
    assert "Not a number: age" in seen[2][3]
    assert "Still to fill in: age" in seen[3][4]
    assert "Still to fill in: leg" in seen[4][4]


@needs_browser
def test_a_logistic_model_and_published_ones(tmp_path):
    numbers = X[["age", "pain"]]
    model = LogisticRisk().fit(numbers, Status.at(12, D["y"]))
    seen = typed(tmp_path, written(tmp_path, model, horizons=None), [["44", "7"]])[0]
    row = pd.DataFrame({"age": [44.0], "pain": [7.0]})
    eta = float(model.linear_predictor(row)[0])
    z = np.array([1.0, 44.0, 7.0])
    half = 1.959963984540054 * np.sqrt(z @ model.covariance_ @ z)
    expected = 1 / (1 + np.exp(-np.array([eta, eta - half, eta + half])))
    np.testing.assert_allclose([float(v) for v in seen[:3]], expected, atol=1e-9)
    leg = published_model("swespine_disc_leg_pain")
    seen = typed(tmp_path, written(tmp_path, leg, horizons=None), [["2.2113", "5.1741", "3", "0", "0", "0"]])[0]
    assert float(seen[0]) == pytest.approx(0.80759, abs=1e-4)
    assert seen[1] is None
    assert "No interval is known" in seen[4]


@needs_browser
def test_on_paper_it_is_one_sheet(tmp_path):
    assert pages_on_paper(tmp_path, written(tmp_path, thresholds=[0.2])) == 1


@needs_browser
def test_the_page_runs_under_its_own_policy(tmp_path):
    """The untouched page: its script is let in by its digest, and reports what is lacking."""
    assert "Still to fill in:" in dom_after(tmp_path, written(tmp_path))
    other = written(tmp_path).replace("Still to fill in", "Replaced", 1)  # one changed letter of the script
    assert "Replaced:" not in re.sub(r"<script>.*?</script>", "", dom_after(tmp_path, other), flags=re.S)


def test_nothing_from_outside_and_nothing_evaluated(tmp_path):
    page = written(tmp_path, COX, labels={"age": "Age </script><script>alert(1)</script>"})
    assert page.count("<script>") == 1
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert not re.search(r"\beval\(|new Function|innerHTML|document\.write|import\(|fetch\(|XMLHttp|\son\w+=", page)
    assert "src=" not in page.replace("script-src", "").replace("style-src", "")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_it_says_what_it_is_for_and_where_it_stands(tmp_path):
    page = written(tmp_path)
    for words in (USE.purpose, USE.population, USE.outcome, USE.version, "Research use, not for care", WHY, "sha256"):
        assert words in page
    assert "SIMULATED" not in page
    assert "SIMULATED DATA" in written(tmp_path, synthetic=True)
    approved = written(tmp_path, approved_for_care="Ethics board of X")
    assert "Research use" not in approved
    assert "Ethics board of X" in approved
    for label in re.findall(r'<label for="(f\d+|horizon)"', page):
        assert f'id="{label}"' in page
    assert 'lang="en"' in page
    assert "aria-live" in page


def test_the_numbers_of_an_external_validation_stand_beside(tmp_path):
    half = np.arange(len(X)) < 250
    model = CoxPH().fit(X.loc[half, ["age", "pain"]], Y[half])
    outside = external_validate(model, X.loc[~half, ["age", "pain"]], Y[~half], [12], kind="temporal", n_resamples=20)
    page = written(tmp_path, model, horizons=[12], validation=outside, unvalidated_reason="")
    assert "calibration slope" in page
    assert "not been validated" not in page
    frame = outside.to_frame()
    value = frame.loc[frame["metric"] == "concordance", "value"].iloc[0]
    assert f"<td>{value:.2f}</td>" in page
    assert "external, temporal" in page
    assert "<td>250</td>" in page
    with pytest.raises(ArgumentError, match="at horizons of the page, 6"):
        calculator_page(model, tmp_path / "a.html", use=USE, horizons=[6], validation=outside)


def test_a_random_split_is_no_external_validation(tmp_path):
    half = np.arange(len(X)) < 250
    model = CoxPH().fit(X.loc[half, ["age", "pain"]], Y[half])
    split = external_validate(model, X.loc[~half, ["age", "pain"]], Y[~half], [12], kind="random_split", n_resamples=0)
    with pytest.raises(ArgumentError, match="random split"):
        calculator_page(model, tmp_path / "a.html", use=USE, horizons=12, validation=split)


def test_what_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="validation"):
        calculator_page(COX, tmp_path / "a.html", use=USE, horizons=12)
    with pytest.raises(ArgumentError, match="validation"):
        calculator_page(COX, tmp_path / "a.html", use=USE, horizons=12, validation=0.8, unvalidated_reason="x")
    with pytest.raises(ArgumentError, match="use"):
        calculator_page(COX, tmp_path / "a.html", use="for all", horizons=12, unvalidated_reason="x")
    for name in ("purpose", "population", "outcome", "version"):
        words = {"purpose": "a", "population": "b", "outcome": "c", "version": "d", name: " "}
        with pytest.raises(ArgumentError, match=name):
            IntendedUse(**words)
    with pytest.raises(NoEquation):
        written(tmp_path, CauseSpecificCox().fit(X[["age"]], Surv.right(D.time, D.status)))
    assert not (tmp_path / "a.html").exists()


def test_a_locked_model_and_strata(tmp_path):
    table = X[["age", "pain"]].assign(site=np.where(D["site"] % 2, "north", "south"))
    model = CoxPH(strata="site").fit(table, Y)
    page = written(tmp_path, lock(model), horizons=[6, 12])
    assert '<option value="north">' in page
    bare = Equation((NumberTerm("a", 0.1), LevelTerm("b", ("x", "y"), (0.0, 1.0))), "logit", 0.0, (12.0,), {"": (0.0,)})
    assert "training range not known" in written(tmp_path, bare)
