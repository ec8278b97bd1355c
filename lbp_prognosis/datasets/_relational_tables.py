"""The simulated patients as tables of a registry: visits, questionnaires, studies, biomarkers, events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.datasets._latent_cohort import DISC_CUTS, DISCS, LatentCohort, Settings

__all__ = ["relational_tables"]

DAYS = 30.4375  # days per month
PLANNED = (1.5, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0)  # months
MUSCLE_LEVELS = ("l3l4", "l4l5", "l5s1")
FAT_OFFSET = {"A": 0.0, "B": 2.5}  # points of fat fraction a vendor reads too high
READER_SD = 0.25  # a reader's error on a disc's degeneration, which has about unit variance
FAT_REPEAT_SD = 1.5  # within-patient standard deviation of the muscle's fat fraction, points
VBQ_OFFSET = 0.57  # 3 T against 1.5 T


def relational_tables(
    latent: LatentCohort, rng: np.random.Generator, settings: Settings
) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """Return the tables of the data package, and the measured values behind them for the wide view."""
    n = latent.site.size
    ids = np.array([f"P{k:06d}" for k in range(1, n + 1)])
    index = np.datetime64("2021-01-04") + rng.integers(730, size=n).astype("timedelta64[D]")
    values = _scores(latent)
    baseline = {name: _holes(rng, values[name], settings.missingness) for name in ("nrs", "odi", "phq", "tsk")}
    end = np.minimum.reduce([latent.dropout, latent.death, np.full(n, settings.follow_up)])
    scanner = _scanners(rng, settings.sites)
    tables = {"patient": _patients(ids, index, latent, values, end)}
    tables["visit"], tables["prom"] = _visits(rng, ids, index, latent, values, baseline, end, settings)
    motion = _motion_values(rng, latent, settings)
    tables["motion"] = _motion(ids, index, motion)
    studies, imaging, readings, spine = _imaging(rng, ids, index, latent, scanner, settings)
    tables["imaging_study"], tables["biomarker"], tables["reading"] = studies, imaging, readings
    tables["event"] = _events(ids, index, latent, end)
    return tables, {**values, **{f"{name}_observed": v for name, v in baseline.items()}, **motion, **spine}


def _dates(index: np.ndarray, days: np.ndarray) -> np.ndarray:
    return index + np.asarray(days).astype("timedelta64[D]")


def _holes(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    return np.where(rng.random(values.shape) < share, np.nan, values)


def _scores(latent: LatentCohort) -> dict[str, np.ndarray]:
    """Instruments on their own scales, from standardised covariates."""
    x = latent.x

    def scale(name: str, mean: float, sd: float, low: float, high: float) -> np.ndarray:
        return np.clip(np.round(mean + sd * x[name]), low, high)

    return {
        "age": np.round(48 + 14 * x["age"], 1),
        "bmi": np.round(np.clip(27 + 4.5 * x["bmi"], 15, 55), 1),
        "nrs": scale("nrs", 5.5, 1.7, 0, 10),
        "odi": np.clip(2 * np.round((38 + 15 * x["odi"]) / 2), 0, 100),
        "phq": scale("phq", 8, 4.5, 0, 27),
        "tsk": scale("tsk", 25, 6, 11, 44),
        "expectation": scale("expectation", 5, 2.2, 0, 10),
        "duration": np.maximum(1, np.round(np.exp(4.8 + 1.1 * x["duration"]))),
        "previous": np.clip(np.round(np.exp(1.2 + 0.7 * x["previous"])) - 1, 0, 60),
    }


def _patients(
    ids: np.ndarray, index: np.ndarray, latent: LatentCohort, values: dict[str, np.ndarray], end: np.ndarray
) -> pd.DataFrame:
    x = latent.x
    return pd.DataFrame(
        {
            "patient_id": ids,
            "site": [f"S{k + 1:02d}" for k in latent.site],
            "index_date": index,
            "last_contact_date": _dates(index, np.floor(end * DAYS)),
            "age": values["age"],
            "sex": np.where(x["female"] == 1, "female", "male"),
            "bmi": values["bmi"],
            "smoking": np.where(x["smoker"] == 1, "current", "never"),
            "compensation": x["compensation"] == 1,
            "pain_duration": values["duration"],
            "previous_episodes": values["previous"],
            "leg_pain": x["leg_pain"] == 1,
            "expectation_persistence": values["expectation"],
        }
    )


def _visits(
    rng: np.random.Generator,
    ids: np.ndarray,
    index: np.ndarray,
    latent: LatentCohort,
    values: dict[str, np.ndarray],
    baseline: dict[str, np.ndarray],
    end: np.ndarray,
    settings: Settings,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    n = ids.size
    visits = [
        pd.DataFrame({"patient_id": ids, "visit_id": "V00", "visit_date": index, "planned_day": 0.0, "attended": True})
    ]
    proms = [
        pd.DataFrame({"patient_id": ids, "visit_id": "V00", "instrument": name, "item": "total", "value": column})
        for name, column in (
            ("nrs_back", baseline["nrs"]),
            ("odi", baseline["odi"]),
            ("phq9", baseline["phq"]),
            ("tsk11", baseline["tsk"]),
        )
    ]
    for number, month in enumerate((m for m in PLANNED if m <= settings.follow_up), start=1):
        day = np.round(month * DAYS + np.clip(rng.normal(0, 3 + month / 2, size=n), -12 - month, 12 + month))
        attended = (rng.random(n) >= settings.skipping) & (day <= end * DAYS)
        recovered = latent.recovery * DAYS <= day
        name = f"V{number:02d}"
        date = np.where(attended, _dates(index, day), np.datetime64("NaT"))
        visits.append(
            pd.DataFrame(
                {
                    "patient_id": ids,
                    "visit_id": name,
                    "visit_date": date,
                    "planned_day": np.round(month * DAYS),
                    "attended": attended,
                }
            )
        )
        # a recovered patient says 0 to 2 on the pain scale and at most 20 of disability, one who is not says more
        better, worse = rng.integers(0, 3, size=n), np.clip(np.round(values["nrs"] * 0.85 + rng.normal(size=n)), 3, 10)
        pain = np.where(recovered, better, worse)
        disability = np.where(
            recovered,
            2 * rng.integers(0, 11, size=n),
            np.clip(values["odi"] * 0.8 + 2 * rng.integers(-4, 5, n), 22, 100),
        )
        for instrument, column in (("nrs_back", pain), ("odi", 2 * np.round(disability / 2))):
            proms.append(
                pd.DataFrame(
                    {"patient_id": ids, "visit_id": name, "instrument": instrument, "item": "total", "value": column}
                )[attended]
            )
    prom = pd.concat(proms, ignore_index=True).dropna(subset="value").assign(recall="24h")
    return _ordered(pd.concat(visits, ignore_index=True), "visit_id"), _ordered(prom, "visit_id")


def _ordered(table: pd.DataFrame, *keys: str) -> pd.DataFrame:
    return table.sort_values(["patient_id", *keys], kind="stable", ignore_index=True)


def _motion_values(rng: np.random.Generator, latent: LatentCohort, settings: Settings) -> dict[str, np.ndarray]:
    x, n = latent.x, latent.site.size
    load = 0.5 * x["severity"] + 0.3 * x["age"]
    drawn = {
        "flexion_rom": np.clip(52 - 9 * (load + rng.normal(0, 0.8, n)), 5, 100),
        "sorensen_time": np.clip(95 - 35 * (load + rng.normal(0, 0.8, n)), 0, 240),
        "gait_speed": np.clip(1.25 - 0.15 * (load + rng.normal(0, 0.8, n)), 0.2, 2.5),
    }
    rounded = {name: np.round(value, 2 if name == "gait_speed" else 1) for name, value in drawn.items()}
    holes = {f"{name}_observed": _holes(rng, value, settings.missingness) for name, value in rounded.items()}
    return {**rounded, **holes}


def _motion(ids: np.ndarray, index: np.ndarray, values: dict[str, np.ndarray]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "patient_id": ids,
                "session_id": "M1",
                "acquired_on": index,
                "measure": measure,
                "value": values[f"{measure}_observed"],
                "unit": unit,
                "method_id": method,
            }
        )
        for measure, unit, method in (
            ("flexion_rom", "deg", "inclinometer"),
            ("sorensen_time", "s", "sorensen"),
            ("gait_speed", "m/s", "ten_metre_walk"),
        )
    ]
    return _ordered(pd.concat(parts, ignore_index=True).dropna(subset="value"), "measure")


def _scanners(rng: np.random.Generator, sites: int) -> pd.DataFrame:
    field = np.where(np.arange(sites) % 2 == 0, 1.5, 3.0)
    field[np.arange(sites) % 6 == 5] = 0.3
    return pd.DataFrame({"field": field, "vendor": rng.permutation(np.resize(["A", "B"], sites))})


def _imaging(
    rng: np.random.Generator,
    ids: np.ndarray,
    index: np.ndarray,
    latent: LatentCohort,
    scanner: pd.DataFrame,
    settings: Settings,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    x, n = latent.x, ids.size
    field, vendor = scanner["field"].to_numpy()[latent.site], scanner["vendor"].to_numpy()[latent.site]
    fat = 26 + 8 * x["fat"][:, None] + rng.normal(0, 3, size=(n, 3)) + np.vectorize(FAT_OFFSET.get)(vendor)[:, None]
    spine = {
        "pfirrmann": 1.0 + np.searchsorted(DISC_CUTS, latent.discs_measured),
        "pfirrmann_truth": 1.0 + np.searchsorted(DISC_CUTS, latent.discs),
        "fat_fraction": np.round(np.clip(fat, 0, 95), 1),
        "modic": _modic(rng, latent, field),
        "central_stenosis": _somewhere(rng, x["stenosis"], 3.0, latent.discs, 1),
        "disc_herniation": _somewhere(rng, x["herniation"], 1.0, latent.discs, 3),
        "high_intensity_zone": _somewhere(rng, x["hiz"], 1.0, latent.discs, 3),
        "vertebral_fracture": x["fracture"][:, None],
        # a null marker that differs by field strength: it can look prognostic when sites differ in outcome
        "vbq": np.round(2.8 + 0.3 * rng.normal(size=(n, 1)) + VBQ_OFFSET * (field == 3.0)[:, None], 3),
    }
    late = index > np.datetime64("2022-01-01")  # the program is updated half-way
    acquired = _dates(index, -rng.integers(0, 60, size=n))
    studies = pd.DataFrame(
        {
            "patient_id": ids,
            "study_id": [f"{i}-MR1" for i in ids],
            "acquired_on": acquired,
            "modality": "mri",
            "position": "supine",
            "field_strength": field,
            "vendor": vendor,
            "indication": "low back pain",
        }
    )
    version = np.where(late, "sim-2.1", "sim-2.0")
    rows = []
    for measure, structure, levels, unit, side, method in (
        ("pfirrmann", "disc", DISCS, "grade", None, "grader"),
        ("modic", "endplate", DISCS, "category", None, "grader"),
        ("central_stenosis", "canal", DISCS, "grade", None, "grader"),
        ("disc_herniation", "disc", DISCS, "binary", None, "grader"),
        ("high_intensity_zone", "disc", DISCS, "binary", None, "grader"),
        ("fat_fraction", "multifidus", MUSCLE_LEVELS, "%", "left", "dixon_inner"),
        ("vertebral_fracture", "lumbar_spine", (None,), "binary", None, "grader"),
        ("vbq", "vertebral_body", (None,), "ratio", None, "l1l4_csf_l3"),
    ):
        for k, level in enumerate(levels):
            spine_value = spine[measure][:, k]
            value = _holes(rng, spine_value, settings.missingness) if level is not None else spine_value
            rows.append(
                pd.DataFrame(
                    {
                        "patient_id": ids,
                        "study_id": studies["study_id"],
                        "structure": structure,
                        "measure": measure,
                        "level": level,
                        "side": side,
                        "value": value,
                        "unit": unit,
                        "method_id": method,
                        "modality": "mri",
                        "acquired_on": acquired,
                        "extractor_version": version,
                        "sd_error": settings.grade_noise if measure == "pfirrmann" else np.nan,
                        "reason": np.where(np.isnan(value), "outside the field of view", ""),
                    }
                )[latent.imaged]
            )
    biomarkers = _ordered(pd.concat(rows, ignore_index=True), "structure", "measure", "level")
    readings = _readings(rng, ids, studies["study_id"].to_numpy(), spine, latent, settings)
    return studies[latent.imaged].reset_index(drop=True), biomarkers, readings, spine


def _somewhere(
    rng: np.random.Generator, present: np.ndarray, grade: float, discs: np.ndarray, start: int
) -> np.ndarray:
    """Put a patient's finding at one disc, likelier a degenerated one; lower discs only from ``start`` on."""
    weight = np.exp(discs) * (np.arange(discs.shape[1]) >= start)
    cumulative = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    chosen = (rng.random(len(discs))[:, None] > cumulative).sum(axis=1)
    out = np.zeros(discs.shape)
    out[np.arange(len(discs)), chosen] = grade * present
    return out


def _modic(rng: np.random.Generator, latent: LatentCohort, field: np.ndarray) -> np.ndarray:
    first = _somewhere(rng, latent.x["modic1"], 1.0, latent.discs, 2)
    second = _somewhere(rng, latent.x["modic2"], 2.0, latent.discs, 2)
    out = np.where(first > 0, first, second)
    # at low field a type 1 change is read as type 2 now and then
    swap = (out == 1) & (field < 1.0)[:, None] & (rng.random(out.shape) < 0.3)
    return np.where(swap, 2.0, out)


def _readings(
    rng: np.random.Generator,
    ids: np.ndarray,
    studies: np.ndarray,
    spine: dict[str, np.ndarray],
    latent: LatentCohort,
    settings: Settings,
) -> pd.DataFrame:
    """The reference grade and a reader's grade of each disc of each study; a substudy of who and what repeats.

    In one imaged patient of six a second reader grades the discs too, the first grades them again, and the muscle is
    measured by the program on two scans of one day.
    """

    def graded(noise: float) -> np.ndarray:
        return 1.0 + np.searchsorted(DISC_CUTS, latent.discs + noise * rng.normal(size=latent.discs.shape))

    first = graded(READER_SD)
    second, again = graded(READER_SD), graded(READER_SD)
    fat = spine["fat_fraction"]
    repeated = np.round(np.clip(fat + FAT_REPEAT_SD * np.sqrt(2) * rng.normal(size=fat.shape), 0, 95), 1)
    substudy = latent.imaged & (np.cumsum(latent.imaged) % 6 == 0)
    plan: list[tuple[str, int, np.ndarray, np.ndarray]] = [
        ("reference", 1, spine["pfirrmann_truth"], latent.imaged),
        ("reader_1", 1, first, latent.imaged),
        ("reader_1", 2, again, substudy),
        ("reader_2", 1, second, substudy),
    ]
    disc: dict[str, Any] = {
        "structure": "disc",
        "measure": "pfirrmann",
        "unit": "grade",
        "side": None,
        "method_id": "grader",
    }
    muscle: dict[str, Any] = {
        "structure": "multifidus",
        "measure": "fat_fraction",
        "unit": "%",
        "side": "left",
        "method_id": "dixon_inner",
    }
    grades = [(disc, DISCS, *entry) for entry in plan]
    scans = [(muscle, MUSCLE_LEVELS, "program", k, v, substudy) for k, v in ((1, fat), (2, repeated))]
    parts = [
        pd.DataFrame(
            {
                "patient_id": ids,
                "study_id": studies,
                "reader_id": who,
                "occasion": occasion,
                **what,
                "level": level,
                "value": values[:, k],
                "blinded": True,
            }
        )[rows]
        for what, levels, who, occasion, values, rows in (*grades, *scans)
        for k, level in enumerate(levels)
    ]
    return _ordered(pd.concat(parts, ignore_index=True), "reader_id", "occasion", "level")


def _events(ids: np.ndarray, index: np.ndarray, latent: LatentCohort, end: np.ndarray) -> pd.DataFrame:
    parts = []
    for name, when in (("surgery", latent.surgery), ("death", latent.death), ("lost_to_followup", latent.dropout)):
        seen = (when <= end) if name != "lost_to_followup" else (when <= end) & (latent.death > when)
        day = np.floor(when[seen] * DAYS)
        parts.append(
            pd.DataFrame({"patient_id": ids[seen], "event_type": name, "event_date": _dates(index[seen], day)})
        )
    return _ordered(pd.concat(parts, ignore_index=True), "event_date")
