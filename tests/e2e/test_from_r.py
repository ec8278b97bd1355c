"""The page for those who come from R: its blocks run, its values are R's, its names exist."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "from_r.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]


@pytest.fixture(scope="module")
def page():
    """All names that the blocks of the page leave behind."""
    names: dict = {}
    for section in SECTIONS:
        title = section.splitlines()[0]
        for block in re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE):
            exec(compile(block, f"from_r.md, {title}", "exec"), names)
    return names


def test_every_section_with_a_table_has_a_block():
    assert all("```python" in section for section in SECTIONS if "| R | here |" in section)
    assert sum("| R | here |" in section for section in SECTIONS) == 12


# Values by R 4 (survival, metafor) for the tables of the page.
def test_curves_are_those_of_r(page):
    at = page["at_24"]
    assert at.value == pytest.approx(0.546583850932, abs=1e-11)
    assert at.se == pytest.approx(0.1072506417401, abs=1e-11)
    assert (at.low, at.high) == pytest.approx((0.319250413971, 0.726449173821), abs=1e-11)
    assert page["test"].statistic == pytest.approx(3.39638869898, abs=1e-10)


def test_cox_is_that_of_r(page):
    row = page["small"].to_frame().iloc[0]
    assert row["coef"] == pytest.approx(0.915532575015, abs=1e-9)
    assert row["se"] == pytest.approx(0.511934275172, abs=1e-7)  # R's covariance is that of the step before
    zph = page["zph"].to_frame()
    assert zph["statistic"].iloc[0] == pytest.approx(0.00787507772332, rel=1e-6)
    np.testing.assert_allclose(page["risk_24"], [0.294212715008, 0.581234120163], atol=1e-9)
    assert page["bent"].predict_risk(page["X"], 12).shape == (600, 1)
    # b'V⁻¹b of coxph's nonlinear terms; the limit is that of R's step before the last in V
    assert page["nonlinear"].statistic * page["nonlinear"].df1 == pytest.approx(10.3782310600, rel=1e-6)
    assert page["nonlinear"].p == pytest.approx(0.005576937268, rel=1e-5)


def test_concordance_is_that_of_r(page):
    assert page["harrell"].value == pytest.approx(0.6190476190476, abs=1e-12)
    assert page["harrell"].se == pytest.approx(0.0631849960441, abs=1e-11)


def test_meta_analysis_is_that_of_r(page):
    # 1e-5: metafor stops its iterations for the variance between sites at a change of 1e-5
    sites = page["sites"]
    ours = (sites.value, sites.low, sites.high, *sites.prediction_hksj)
    assert ours == pytest.approx((0.71004743191, 0.66945511123, 0.74753475438, 0.63408453138, 0.77581611818), abs=1e-5)


def test_sample_size_and_reliability_are_those_of_r(page):
    assert page["develop"].n == 5143
    assert round(page["icc"](page["judges"], form="2,1").value, 2) == 0.29
    assert 0 < page["kappa"].value < 1


def test_risks_of_all_causes_and_survival_sum_to_one(page):
    total = page["risk_recovery"] + page["risk_surgery"]
    free = page["causes"].predict_survival(page["X"], [12, 24])
    np.testing.assert_allclose(total + free, 1, atol=1e-12)
    observed = page["incidence"].value
    assert page["risk_recovery"].mean(axis=0) == pytest.approx(observed, abs=0.02)
    assert np.abs(page["subdistribution"].coef_ - page["crr"].coef_).max() < 1e-3  # hardly any ties here


def test_accuracy(page):
    assert np.abs(page["null"].ipa.value).max() < 1e-12
    assert 0 < page["ibs"].value < page["ibs"].null_value
    assert page["everything"].difference("ipa", "with", "without").value == pytest.approx(
        page["everything"].metric("ipa", "with").value - page["everything"].metric("ipa", "without").value
    )
    assert page["auc"].value[0] > 0.6
    assert page["uno"].value > 0.6


def test_calibration_of_the_data_of_the_fit(page):
    # a Cox model with its own linear predictor has slope one where it was fitted
    assert page["agreement"].calibration_slope.value == pytest.approx([1, 1], abs=1e-6)
    others = page["binary"].others
    assert others["quality_index"].value == pytest.approx(
        others["discrimination_index"].value - others["unreliability_index"].value
    )


def test_decisions(page):
    by_name = page["decisions"]
    difference = by_name.value[by_name.models.index("with")] - by_name.value[by_name.models.index("without")]
    np.testing.assert_allclose(page["gain"].value, difference, atol=1e-12)
    assert page["dcurves_like"].at_threshold == "spare"


def test_internal_validation_and_imputation(page):
    row = page["optimism"].at("concordance")
    assert row["corrected"] == pytest.approx(row["apparent"] - row["optimism"])
    assert page["honest"].metric("auc").value < page["auc"].value[0] + 0.01
    assert page["pooled"].m == 5
    assert len(page["completed"]) == 5
    assert np.isfinite(page["risk_despite_holes"]).all()


def test_names_in_the_tables_exist():
    import inspect

    from lbp_prognosis import evaluation, fusion, models, survival, validation
    from lbp_prognosis.evaluation import diagnostic, prognostic, technical, utility

    rooms = (survival, models, fusion, validation, evaluation, technical, diagnostic, prognostic, utility)
    public = {name: getattr(room, name) for room in rooms for name in room.__all__}
    members = {member for thing in public.values() if inspect.isclass(thing) for member in dir(thing)}
    members |= {field for thing in public.values() for field in getattr(thing, "__dataclass_fields__", {})}
    called = set()
    for row in re.findall(r"^\|(.*)\|$", PAGE, re.MULTILINE):
        here = re.sub(r'"[^"]*"', "", re.split(r"(?<!\\)\|", row)[1])  # a formula is text
        called |= {name.split(".")[-1] for name in re.findall(r"([A-Za-z_.]+)\(", here)}
        called |= set(re.findall(r"`\.([a-z_0-9]+)`", here))
    assert len(called) > 40
    assert {name for name in called if name not in public and name not in members} == set()
