"""The simulator keeps the numbers it promises, and says of everything that it is simulated."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.survival import cause_names


@pytest.fixture(scope="module")
def large():
    """Before attrition, visits, indication and differences between sites."""
    return simulate_cohort(40000, 11, imaging="all", attrition=0, site_sd=0, missingness=0)


@pytest.fixture(scope="module")
def small():
    return simulate_cohort(600, 4)


def _auc(X: pd.DataFrame, columns, event: np.ndarray) -> float:
    Z = X[list(columns)].to_numpy()
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    half = len(Z) // 2
    model = LogisticRegression(C=1e6, max_iter=500).fit(Z[:half], event[:half])
    return roc_auc_score(event[half:], model.predict_proba(Z[half:])[:, 1])


def test_discrimination_is_what_the_field_reports(large) -> None:
    X, _, modalities = large.wide()
    recovered = large.latent.recovery <= 12
    clinical = (*modalities["clinical"], *modalities["patient_reported"])
    # a held-out half of 20,000 gives an AUC within about 0.007 (two standard errors)
    assert recovered.mean() == pytest.approx(0.53, abs=0.01)
    base = _auc(X, clinical, recovered)
    both = _auc(X, (*clinical, *modalities["imaging"]), recovered)
    assert base == pytest.approx(0.77, abs=0.010)
    assert both == pytest.approx(0.775, abs=0.012)
    assert 0.001 < both - base < 0.010
    # graded with error and pooled over discs; the error-free spine reaches 0.60
    assert _auc(X, modalities["imaging"], recovered) == pytest.approx(0.593, abs=0.012)
    spine = pd.DataFrame(
        {k: large.latent.x[k] for k in ("degeneration", "fat", "modic1", "stenosis", "fracture", "hiz")}
    )
    assert _auc(spine, spine.columns, recovered) == pytest.approx(0.60, abs=0.012)
    assert _auc(X, ("age", "female"), recovered) == pytest.approx(0.60, abs=0.015)


def test_the_program_detects_but_does_not_foretell(large) -> None:
    measured, truth = large.latent.discs_measured, large._measured["pfirrmann_truth"]
    assert roc_auc_score((truth >= 4).ravel(), measured.ravel()) == pytest.approx(0.975, abs=0.01)
    assert roc_auc_score(large.latent.recovery > 12, measured.mean(axis=1)) == pytest.approx(0.58, abs=0.012)


def test_null_imaging_adds_nothing_but_is_still_a_proxy_of_age() -> None:
    cohort = simulate_cohort(40000, 12, imaging="all", imaging_effect=0, attrition=0, site_sd=0, missingness=0)
    X, _, modalities = cohort.wide()
    recovered = cohort.latent.recovery <= 12
    clinical = (*modalities["clinical"], *modalities["patient_reported"])
    gain = _auc(X, (*clinical, *modalities["imaging"]), recovered) - _auc(X, clinical, recovered)
    assert gain == pytest.approx(0, abs=0.0015)
    assert _auc(X, modalities["imaging"], recovered) == pytest.approx(0.543, abs=0.012)


def test_discs_of_a_patient_are_alike(large) -> None:
    correlation = np.corrcoef(large.latent.discs.T)
    assert correlation[np.triu_indices(5, 1)].mean() == pytest.approx(0.5, abs=0.02)


def test_imaging_by_indication_makes_the_imaged_worse(large) -> None:
    cohort = simulate_cohort(40000, 13, imaging_effect=0, site_sd=0)
    imaged = cohort.latent.imaged
    assert imaged.mean() == pytest.approx(0.21, abs=0.02)
    recovered = cohort.latent.recovery <= 12
    assert recovered[imaged].mean() == pytest.approx(0.43, abs=0.05)
    assert recovered[~imaged].mean() - recovered[imaged].mean() > 0.12


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_imaging_rate_is_kept(share: float) -> None:
    imaged = simulate_cohort(5000, 1, imaging_rate=share).latent.imaged
    assert imaged.mean() == pytest.approx(share, abs=0.03)


def test_attrition_and_its_dependence_on_recovery() -> None:
    plain = simulate_cohort(20000, 5, attrition=0.3)
    assert (plain.latent.dropout <= 24).mean() == pytest.approx(0.30, abs=0.015)
    tied = simulate_cohort(20000, 5, attrition=0.3, dropout_after_recovery=3.0)
    gone = tied.latent.dropout < 24
    assert gone[tied.latent.recovery < 6].mean() > gone[tied.latent.recovery > 24].mean() + 0.1


def test_the_same_seed_gives_the_same_cohort_and_another_does_not(small) -> None:
    again, other = simulate_cohort(600, 4), simulate_cohort(600, 5)
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])
    assert not small.tables["patient"].equals(other.tables["patient"])


def test_shift_changes_the_case_mix(small) -> None:
    assert simulate_cohort(2000, 1, shift=1.0).latent.x["odi"].mean() > 0.6
    plain, poor = simulate_cohort(2000, 1), simulate_cohort(2000, 1, baseline_shift=-1.0)
    assert np.median(poor.latent.recovery) > 2 * np.median(plain.latent.recovery)


def test_wide_complete_and_as_seen(small) -> None:
    X, y, modalities = small.wide()
    assert X.shape == (600, len(modalities.columns))
    assert tuple(X.columns) == modalities.columns
    assert not X.isna().any().any()
    assert X.attrs["synthetic"] is True
    assert cause_names(y) == {1: "recovery", 2: "surgery"}
    assert set(y["event"]) == {0, 1, 2}
    mortal = simulate_cohort(3000, 4, mortality=0.02)
    assert cause_names(mortal.wide().y)[3] == "death" == list(mortal.outcome.causes)[2]
    assert (mortal.wide().y["event"] == 3).sum() > 10
    assert (mortal.tables["event"]["event_type"] == "death").sum() > 10
    assert (y["time"][y["event"] == 0] == 24).all()
    seen, y_seen, _ = small.wide(observed=True)
    imaging = seen[list(modalities["imaging"])].isna().all(axis=1).to_numpy()
    np.testing.assert_array_equal(imaging, ~small.latent.imaged)
    assert (y_seen["time"] <= y["time"]).all()
    assert (y_seen["event"] == 0).mean() > (y["event"] == 0).mean()


def test_tables_agree_with_each_other(small) -> None:
    t = small.tables
    ids = set(t["patient"]["patient_id"])
    assert len(ids) == 600
    for name, table in t.items():
        assert set(table["patient_id"]) <= ids, name
    assert (t["visit"]["visit_date"].notna() == t["visit"]["attended"]).all()
    merged = t["prom"].merge(t["visit"], on=["patient_id", "visit_id"])
    assert len(merged) == len(t["prom"])
    assert merged["attended"].all()
    after = t["visit"].merge(t["patient"][["patient_id", "last_contact_date", "index_date"]], on="patient_id")
    seen = after[after["attended"]]
    assert (seen["visit_date"] <= seen["last_contact_date"]).all()
    studies = t["imaging_study"].merge(t["patient"][["patient_id", "index_date"]], on="patient_id")
    assert (studies["acquired_on"] <= studies["index_date"]).all()
    keys = ["patient_id", "study_id", "structure", "measure", "level", "side", "method_id"]
    assert not t["biomarker"].duplicated(keys).any()


def test_visits_tell_of_recovery(small) -> None:
    prom = small.tables["prom"].merge(small.tables["visit"], on=["patient_id", "visit_id"])
    prom = prom.merge(small.tables["patient"][["patient_id", "index_date"]], on="patient_id")
    pain = prom[(prom["instrument"] == "nrs_back") & (prom["visit_id"] != "V00")]
    months = (pain["visit_date"] - pain["index_date"]).dt.days / 30.4375
    recovery = pd.Series(small.latent.recovery, index=small.tables["patient"]["patient_id"])
    recovered = recovery.loc[pain["patient_id"]].to_numpy() <= months.to_numpy()
    np.testing.assert_array_equal(pain["value"].to_numpy() <= 2, recovered)


def test_package_says_that_it_is_synthetic(small, tmp_path) -> None:
    folder = small.to_package(tmp_path / "package")
    descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    assert descriptor["synthetic"] is True
    for resource in descriptor["resources"]:
        table = pd.read_csv(folder / resource["path"])
        assert len(table) == len(small.tables[resource["name"]])
    assert small.synthetic
    assert "synthetic" in repr(small)


def test_columns_and_codes_are_those_of_the_schemas(small) -> None:
    from pathlib import Path

    schemas = Path(__file__).resolve().parents[3] / "data_schemas"
    for name, table in small.tables.items():
        fields = {f["name"]: f for f in json.loads((schemas / f"{name}.json").read_text(encoding="utf-8"))["fields"]}
        assert set(table.columns) <= set(fields), name
        for column in table.columns:
            allowed = fields[column].get("constraints", {}).get("enum")
            if allowed:
                assert set(table[column].dropna()) <= set(allowed), (name, column)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"imaging": "some"},
        {"attrition": 1.0},
        {"sites": 0},
        {"imaging": "all", "imaging_rate": 0.5},
        {"follow_up": 0},
        {"disc_icc": 2},
        {"seed": -1},
    ],
)
def test_nonsense_is_refused(wrong: dict) -> None:
    with pytest.raises(ArgumentError):
        simulate_cohort(**{"n": 10, **wrong})


def test_one_patient_is_enough() -> None:
    assert simulate_cohort(1).wide().X.shape[0] == 1
