"""``SimulatedCohort``: a simulated cohort as a registry and as one table, with the true values."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, Result, make_folder, write_file
from lbp_prognosis.datasets._latent_cohort import LatentCohort, Settings, recovery_score
from lbp_prognosis.survival import OutcomeSpec, Surv

__all__ = ["SimulatedCohort", "WideTable"]

_MODALITIES: dict[str, tuple[str, ...]] = {
    "clinical": ("age", "female", "bmi", "smoker", "leg_pain", "compensation", "log_duration", "log_previous"),
    "patient_reported": ("nrs_back", "odi", "phq9", "tsk11", "expectation"),
    "imaging": (
        "pfirrmann__mean",
        "fat_fraction__mean",
        "modic__count_eq_1",
        "modic__count_eq_2",
        "central_stenosis__max",
        "disc_herniation__count",
        "high_intensity_zone__count",
        "vertebral_fracture",
    ),
    "biomechanical": ("flexion_rom", "sorensen_time", "gait_speed"),
}


class WideTable(NamedTuple):
    """One row per patient: predictors, outcome, and which columns are of which modality."""

    X: pd.DataFrame
    y: np.ndarray
    modalities: FeatureMap


@dataclass(frozen=True, repr=False)
class SimulatedCohort(Result):
    """A simulated multicentre cohort.

    Attributes
    ----------
    tables : dict of str to pandas.DataFrame
        ``patient, visit, prom, motion, imaging_study, biomarker, reading, event``, with the columns of the data
        schemas. Dates are calendar dates.
    latent : LatentCohort
        Standardised covariates and true times (months); no registry has them.
    synthetic : bool
        Always True.
    """

    tables: dict[str, pd.DataFrame]
    latent: LatentCohort
    _measured: dict[str, np.ndarray] = field(repr=False)
    settings: Settings
    synthetic: bool = True

    def wide(self, *, observed: bool = False) -> WideTable:
        """Return one row per patient.

        Parameters
        ----------
        observed : bool, default False
            False: everyone imaged, nothing missing, no attrition, exact times: the data a check wants. True: what the
            registry knows, with missing values and censoring at the last contact; times still exact (visits are in the
            tables).

        Returns
        -------
        WideTable
            ``X`` (pandas.DataFrame of shape (n, 24), indexed by patient), ``y`` (`Surv.right`, months; causes recovery,
            surgery and, if anyone can die, death) and ``modalities`` (`FeatureMap`).
        """
        X = self._predictors(observed)
        fates = np.column_stack([self.latent.recovery, self.latent.surgery, self.latent.death])[:, : len(self._causes)]
        first, cause = fates.min(axis=1), fates.argmin(axis=1) + 1
        end = np.minimum(self.settings.follow_up, self.latent.dropout if observed else np.inf)
        y = Surv.right(np.minimum(first, end), np.where(first <= end, cause, 0), causes=self._causes)
        return WideTable(X, y, FeatureMap(dict(_MODALITIES)))

    def _predictors(self, observed: bool) -> pd.DataFrame:
        m, x = self._measured, self.latent.x
        seen = "_observed" if observed else ""
        modic = m["modic"]
        columns = {
            "age": m["age"],
            "female": x["female"],
            "bmi": m["bmi"],
            "smoker": x["smoker"],
            "leg_pain": x["leg_pain"],
            "compensation": x["compensation"],
            "log_duration": np.log(m["duration"]),
            "log_previous": np.log1p(m["previous"]),
            "nrs_back": m["nrs" + seen],
            "odi": m["odi" + seen],
            "phq9": m["phq" + seen],
            "tsk11": m["tsk" + seen],
            "expectation": m["expectation"],
            "pfirrmann__mean": m["pfirrmann"].mean(axis=1),
            "fat_fraction__mean": m["fat_fraction"].mean(axis=1),
            "modic__count_eq_1": (modic == 1).sum(axis=1).astype(float),
            "modic__count_eq_2": (modic == 2).sum(axis=1).astype(float),
            "central_stenosis__max": m["central_stenosis"].max(axis=1),
            "disc_herniation__count": m["disc_herniation"].sum(axis=1),
            "high_intensity_zone__count": m["high_intensity_zone"].sum(axis=1),
            "vertebral_fracture": x["fracture"],
            "flexion_rom": m["flexion_rom" + seen],
            "sorensen_time": m["sorensen_time" + seen],
            "gait_speed": m["gait_speed" + seen],
        }
        X = pd.DataFrame(columns, index=pd.Index(self.tables["patient"]["patient_id"], name="patient_id"))
        if observed:
            X.loc[~self.latent.imaged, list(_MODALITIES["imaging"])] = np.nan
        X.attrs["synthetic"] = True
        return X

    @property
    def site(self) -> np.ndarray:
        """Site of each patient, shape (n,)."""
        return self.tables["patient"]["site"].to_numpy()

    @property
    def _causes(self) -> dict[str, int]:
        return {"recovery": 1, "surgery": 2, **({"death": 3} if self.settings.mortality > 0 else {})}

    @property
    def outcome(self) -> OutcomeSpec:
        """Description of ``y`` of `wide`."""
        return OutcomeSpec(
            name="pain recovery",
            definition="Pain of at most 2 of 10, dated exactly.",
            polarity="good",
            time_zero="index consultation",
            unit="months",
            horizons=(3.0, 6.0, 12.0),
            primary_horizon=12.0,
            causes=self._causes,
            estimand="while-untreated",
        )

    def true_score(self) -> np.ndarray:
        """Return each patient's true log-hazard of recovery, up to the site and the baseline."""
        return recovery_score(self.latent.x, self.settings.imaging_effect)

    def to_package(self, folder: str | os.PathLike[str]) -> Path:
        """Write the tables as a data package (CSV and ``datapackage.json``) and return the folder.

        The descriptor contains ``"synthetic": true``, which every result of the package inherits.
        """
        target = Path(folder)
        make_folder(target)
        for name, table in self.tables.items():
            text = table.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n")
            write_file(target / f"{name}.csv", text)
        descriptor = {
            "name": "simulated-cohort",
            "title": "Simulated patients with low back pain: no evidence about anyone",
            "profile": "tabular-data-package",
            "synthetic": True,
            "settings": asdict(self.settings),
            "resources": [
                {"name": name, "path": f"{name}.csv", "profile": "tabular-data-resource", "schema": f"{name}.json"}
                for name in self.tables
            ],
        }
        text = json.dumps(descriptor, indent=1, ensure_ascii=False) + "\n"
        write_file(target / "datapackage.json", text)
        return target

    def to_frame(self) -> pd.DataFrame:
        """Return one row per table: ``table, rows, columns``."""
        return pd.DataFrame(
            [{"table": name, "rows": len(table), "columns": table.shape[1]} for name, table in self.tables.items()]
        )

    def _summary(self) -> str:
        return f"synthetic, {len(self.tables['patient'])} patients, {int(self.latent.imaged.sum())} imaged"
