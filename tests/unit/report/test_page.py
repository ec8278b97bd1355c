"""The page: self-contained, escaped, and it says what it is."""

import base64
import pickle
import re
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Status, Surv, evaluate
from lbp_prognosis._base import ArgumentError, Objection
from lbp_prognosis.cohort import Flow
from lbp_prognosis.disclosure import Gate, Patients
from lbp_prognosis.report import _render_page, evaluation_page, released_page, render_page, write_page
from lbp_prognosis.report._released_patients import released_flow
from lbp_prognosis.report._render_page import render_summary
from lbp_prognosis.report._section_outcome import _why_no_load
from lbp_prognosis.report._section_patients import _table_one
from lbp_prognosis.report._wording import estimate, number, readable, signed

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    event, lost = rng.exponential(10 * np.exp(-x)), rng.uniform(5, 20, 300)
    y = Surv.right(np.minimum(event, lost), event <= lost)
    hazard = np.array([0.6, 1.0])
    risks = {name: -np.expm1(-np.exp(b * x)[:, None] * hazard) for name, b in ((EVIL, 1.0), ("$b_1$ & co", 0.5))}
    return evaluate(y, risks, [6, 10], [0.3, 0.5], n_resamples=20)


@pytest.fixture(scope="module")
def html(found):
    return render_page(evaluation_page(found, title=f"{EVIL} title", unit="months"))


def test_names_are_escaped(html):
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "$b_1$ &amp; co" in html


def test_needs_nothing_else(html):
    assert "<script" not in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    assert "default-src 'none'" in html
    assert not re.search(r"url\((?!data:)", html)


def test_every_picture_has_words(html):
    pictures = re.findall(r"<img [^>]*>", html)
    assert len(pictures) >= 4
    for picture in pictures:
        assert re.search(r'alt="[^"]{20,}"', picture)


def test_says_where_the_numbers_come_from(found, html):
    assert "it is not known whether the models had seen these patients" in html
    outside = render_page(evaluation_page(found, sample="external", setting="geographic"))
    assert "developed on other patients" in outside
    assert "(validated)" in outside


def test_every_dash_of_the_workload_has_its_own_reason():
    none = "no patient at or above the threshold is known to have the event"
    for share, load in ((0.0, np.nan), (0.2, np.inf), (0.0, np.inf)):
        assert _why_no_load({"share_above": share, "number_per_event": load}) == none
    unknown = "no risk can be estimated of the patients at or above the threshold"
    assert _why_no_load({"share_above": 0.2, "number_per_event": np.nan}) == unknown
    nothing = {"share_above": np.nan, "number_per_event": np.nan}
    assert _why_no_load(nothing) == "no risk can be estimated at this horizon"


def test_the_c_of_uno_before_the_last_horizon_has_a_reason(html):
    words = "Uno's C counts follow-up to the last horizon and is given there alone."
    assert words in unescape(html)
    table = unescape(html).split(words)[0].rpartition("<table")[2]
    cells = [re.findall(r"<t[dh][^>]*>([^<]*)", row) for row in table.split("<tr")[2:]]
    assert [row[-3] == "–¹" for row in cells] == [True, False, True, False]


@pytest.mark.parametrize(
    ("levels", "shown"),
    [
        (["0", "1"], ["no", "yes"]),
        (["0", "1", "missing"], ["no", "yes", "missing"]),
        (["1", "2"], ["1", "2"]),  # two grades, or men and women
        (["1", "2", "missing"], ["1", "2", "missing"]),
        (["1", "2 or 3 or missing"], ["1", "2 or 3 or missing"]),
        (["0", "1 or missing"], ["0", "1 or missing"]),
        (["0", "1", "2"], ["0", "1", "2"]),
        (["1"], ["1"]),
    ],
)
def test_only_a_column_of_0_and_1_is_shown_as_no_and_yes(found, levels, shown):
    rows = pd.DataFrame({"variable": "grade, n (%)", "value": levels, "overall": "9 (9.0)"})
    frame = pd.concat([pd.DataFrame({"variable": ["n"], "value": "", "overall": "9"}), rows], ignore_index=True)
    assert _table_one(frame, "Table 1.", "table_one", evaluation_page(found)).frame["level"].tolist() == ["", *shown]


def test_tables_can_be_reached_by_keyboard_and_downloaded(found, tmp_path):
    folder = write_page(evaluation_page(found), tmp_path).parent
    html = (folder / "evidence.html").read_text(encoding="utf-8")
    assert html.count('role="region" tabindex="0" aria-labelledby="table-') == html.count("<table") > 3
    links = dict(re.findall(r'download="([^"]+)" href="data:text/csv;charset=utf-8;base64,([^"]+)"', html))
    assert set(links) == {path.name for path in (folder / "tables").glob("*.csv")} - {"evidence_ladder.csv"}
    for name, code in links.items():
        assert base64.b64decode(code) == (folder / "tables" / name).read_bytes()


def test_sections_can_be_made_by_other_processes_in_any_order(found, monkeypatch):
    calls = []

    def elsewhere(call, tasks, n_jobs):
        calls.append(n_jobs)
        if len(calls) == 1:
            raise BrokenProcessPool  # and one may be killed
        sent = pickle.dumps(call)
        return [pickle.loads(pickle.dumps(pickle.loads(sent)(task))) for task in reversed(tasks)][::-1]

    page = evaluation_page(found, unit="months")
    monkeypatch.setattr(_render_page, "parallel_map", elsewhere)
    made = _render_page.page_sections(page, 2)
    monkeypatch.undo()
    assert calls == [2, 1]
    assert render_page(page, made) == render_page(page)


def test_summary_is_the_page_in_short(found, tmp_path):
    page = evaluation_page(found, unit="months")
    folder = write_page(page, tmp_path).parent
    html = (folder / "summary.html").read_text(encoding="utf-8")
    whole = (folder / "evidence.html").read_text(encoding="utf-8")
    assert html == render_summary(page)
    assert "Not for release" in html
    for one in (
        r'<span class="value">([^<]+)<',
        r'<span class="claim">([^<]+)<',
        r'<span class="badge [^"]+">([^<]+)<',
    ):
        assert re.findall(one, html) == re.findall(one, whole) != []
    sources = re.findall(r'<img src="([^"]+)" alt="[^"]{20,}"', html)
    assert len(sources) == 2
    assert all(source in whole for source in sources)
    assert "<script" not in html
    assert html.count("<h1") == 1


def test_headings_and_landmarks(html):
    assert html.count("<h1") == 1
    assert "<main>" in html
    assert '<html lang="en">' in html
    ids = re.findall(r'id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', html):
        assert target in ids


def test_same_numbers_same_page(found, html):
    assert render_page(evaluation_page(found, title=f"{EVIL} title", unit="months")) == html


def test_simulated_data_are_marked(found):
    from dataclasses import replace

    page = render_page(evaluation_page(replace(found, synthetic=True)))
    assert 'class="watermark"' in page
    assert "(simulated data)</title>" in page


def test_doubts_are_said_once(found):
    from dataclasses import replace

    doubts = tuple(Objection("weak-comparator", f"{name}: the same doubt.") for name in found.models)
    page = render_page(evaluation_page(replace(found, objections=doubts)))
    assert page.count("the same doubt.") == 1


def test_files(found, tmp_path):
    path = write_page(evaluation_page(found), tmp_path / "deep" / "folder")
    assert path.is_file()
    tables = path.parent / "tables"
    table = pd.read_csv(tables / "discrimination.csv")
    assert table["model"].tolist() == [EVIL] * 2 + ["$b_1$ & co"] * 2
    assert "<img src=x" not in (tables / "tables.html").read_text(encoding="utf-8")
    results = pd.read_parquet(path.parent / "results.parquet")
    value = results.query("metric == 'auc' and reference == ''")["value"].to_numpy()
    assert value == pytest.approx(np.concatenate([found.metric("auc", name).value for name in found.models]))
    for one in results.attrs["counted_thresholds"]:
        assert 1 <= len(one["thresholds"]) <= 3
        assert set(one["thresholds"]) <= set(results["threshold"])
    assert {one["model"] for one in results.attrs["counted_thresholds"]} == set(found.models)
    import docx

    document = docx.Document(str(tables / "tables.docx"))
    # a repeated label once, as in print; the CSV beside it keeps every cell
    assert [row.cells[0].text for row in document.tables[0].rows] == ["model", EVIL, "", "$b_1$ & co", ""]


def test_unknown_horizon_is_refused(found):
    with pytest.raises(ArgumentError, match="horizon"):
        evaluation_page(found, horizon=7)


def test_intervals_of_another_level_are_refused():
    y, risk = Status.at(12, (np.arange(200) % 3 == 0).astype(float)), np.linspace(0.1, 0.9, 200)
    other = evaluate(y, {"a": risk}, 12, [0.3], n_resamples=0, confidence=0.9)
    with pytest.raises(ArgumentError, match=r"one with 95% intervals.*got intervals of 0\.9"):
        evaluation_page(other)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("modic__count_eq_1", "Modic, count = 1"),
        ("nrs_back", "NRS back"),
        ("sex=male", "sex = male"),
        ("tsk11", "TSK-11"),
        ("period", "period"),
        ("fat_fraction__mean", "fat fraction, mean"),
        ("grade__any_ge_minus2", "grade, any ≥ -2"),
        ("age", "age"),
    ],
)
def test_readable(name, words):
    assert readable(name) == words


class _Attributed:
    """Stands in for a ShapResult and its averages: names, importances, and what the page says of them."""

    value_function, method, n_background, n = "interventional", "exact", 50, 30

    def __init__(self, **importance):
        self.shown = pd.DataFrame({"player": list(importance), "importance": list(importance.values())})

    def averages(self):
        return self

    def importance(self):
        return self.shown


def test_attributions_share_colours_and_a_table(found):
    from dataclasses import replace

    from lbp_prognosis._base import FeatureMap
    from lbp_prognosis.report._section_explanations import _shown, section_explanations

    page = replace(
        evaluation_page(found),
        modalities=FeatureMap({"clinical": ("sex",), "imaging": ("fat_fraction__mean",)}),
        explanations={
            "modalities": _Attributed(imaging=0.02, clinical=0.01),
            "columns": _Attributed(sex=0.3, fat_fraction__mean=0.1),
            "trees": _Attributed(**{"fat_fraction__mean": 0.2, "sex=male": 0.1}),
        },
    )
    # an indicator belongs to the modality of the column it was made from
    assert _shown(page.explanations["trees"], page)["group"].tolist() == ["imaging", "clinical"]
    table = section_explanations(page).blocks[-1].frame
    assert list(table.columns) == ["of", "name", "risk", "log-hazard", "log-hazard, boosted trees"]
    row = table.set_index("name").loc["fat fraction, mean"]
    assert row.tolist() == ["predictor", "– (not computed on this scale)", "0.1000", "0.2000"]
    assert table["name"].tolist() == ["imaging", "clinical", "sex", "fat fraction, mean", "sex = male"]


def test_pictures_side_by_side_agree_in_colour():
    from lbp_prognosis._draw import draw_importance

    def colour(players, group):
        frame = pd.DataFrame({"player": players, "importance": 1.0, "group": [group] * len(players)})
        return draw_importance(frame, label="", groups=("clinical", "imaging")).patches[0].get_facecolor()

    assert colour(["age"], "imaging") == colour(["fat", "grade"], "imaging")
    assert colour(["age"], "clinical") != colour(["age"], "imaging")


def test_numbers():
    assert number(-0.0004) == "0.000"
    assert number(-0.5, 2) == "−0.50"
    assert number(np.nan) == "–"
    assert signed(0.01) == "+0.010"
    assert estimate(0.5, np.nan, 0.6) == "0.500"
    assert estimate(0.5, 0.4, 0.6) == "0.500 (0.400 to 0.600)"


@pytest.mark.parametrize(
    ("each", "steps"),
    [
        ([1, 1, 1, 1, 1], ["end"]),  # a sum of 5 would say that each reason is of one patient
        ([4, 4], ["start", "excluded", "end"]),
        ([1, 3], ["end"]),
        ([2, 2, 1, 9], ["start", "excluded", "end"]),
    ],
)
def test_reasons_of_exclusion_do_not_follow_from_their_sum(each: list[int], steps: list[str]) -> None:
    n = 40 + sum(each)
    rows = [("start", "asked", n), *(("excluded", f"reason {k}", m) for k, m in enumerate(each)), ("end", "in", 40)]
    frame = pd.DataFrame(rows, columns=["kind", "step", "n"]).assign(patients=pd.array([None] * len(rows), "Int64"))
    release = Gate(5, share=1.0).open(Patients(np.repeat([1, 0], 40)))
    shown = released_flow(Flow(frame), release).steps
    assert shown["kind"].tolist() == steps
    assert shown.loc[shown["kind"].eq("excluded"), "n"].sum() in (0, sum(each))


@pytest.mark.parametrize(("n", "missing"), [(3, []), (150, ["b"]), (150, ["a", "b"])], ids=["few", "one", "both"])
def test_a_page_for_release_is_written_where_a_model_has_no_estimate(n, missing):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.05, 0.95, n)
    time = rng.exponential(9 * np.exp(-x))
    risks = {name: np.full(n, np.nan) if name in missing else x**power for name, power in (("a", 1), ("b", 2))}
    made = evaluate(Surv.right(np.minimum(time, 20), time < 20), risks, 5, [0.1, 0.3], n_resamples=20)
    page = replace(evaluation_page(made, unit="months", sample="external"), gate=Gate(5, share=1.0))
    shown = released_page(page)
    assert shown.release is not None
    text = render_page(shown)
    if n == 150 and len(missing) == 1:
        assert "one of them has no estimate at the horizon" in text
        assert "the risk is missing at this horizon" in text
        assert shown.evaluation.metrics["a"]["auc"].value == pytest.approx(made.metrics["a"]["auc"].value, abs=0.01)
    else:
        assert all(np.isnan(one["auc"].value) for one in shown.evaluation.metrics.values() if "auc" in one)
        assert "What was withheld?" in text
