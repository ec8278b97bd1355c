"""Result of a batch of measured cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lbp_prognosis._base import Objection, Result, check_choice
from lbp_prognosis.biomarkers.families._measurement import BIOMARKER_COLUMNS, SOURCE_MARK
from lbp_prognosis.biomarkers.quality._mask_gate import SENTENCES

__all__ = ["ExtractionResult", "biomarker_frame"]

_TYPES = {
    "value": "float64",
    "acquired_day": "float64",
    "sd_error": "float64",
    "level_from_bottom": "Int64",
    "level_confidence": "float64",
    "n_voxels": "Int64",
    "n_slices": "Int64",
    "fit_residual": "float64",
    "touched_border": "boolean",
}

STUDY_COLUMNS: tuple[str, ...] = (
    "patient_id",
    "study_id",
    "acquired_on",
    "acquired_day",
    "modality",
    "position",
    "field_strength",
    "vendor",
    "model",
    "sequence",
    "kvp",
    "contrast",
    "slice_thickness",
    "slice_spacing",
    "pixel_spacing",
    "repetition_time",
    "echo_time",
    "bandwidth",
    "kernel",
)


def biomarker_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as the long biomarker table, with its columns, order and types."""
    frame = pd.DataFrame(rows, columns=list(BIOMARKER_COLUMNS))
    for name in BIOMARKER_COLUMNS:
        frame[name] = frame[name].astype(_TYPES.get(name, "object"))  # type: ignore[call-overload]
    return frame


METHOD_ORDER: dict[str, tuple[str, ...]] = {
    "disc_height": ("disc_height_area", "disc_height_gap", "disc_height_chord", "disc_height_three_point"),
    "disc_height_index": ("dhi_mean_body", "dhi_front_back_depth", "dhi_sum_of_three"),
    "canal_area": ("canal_area_at_disc", "canal_area_min_near_disc", "canal_area_min_over_levels"),
    "canal_ap": ("canal_chord_at_disc", "canal_chord_at_body"),
    "dural_sac_area": ("dural_sac_area_at_disc", "dural_sac_area_min_near_disc", "dural_sac_area_min_over_levels"),
    "dural_sac_ap": ("dural_sac_chord_at_disc", "dural_sac_chord_at_body"),
    "muscle_volume": ("volume_l1_l5", "volume_voxels"),
    "t2": ("nucleus_middle_three_fifths", "annulus_front_fifth", "annulus_back_fifth"),
    "csa": ("csa_across_muscle", "csa_in_slice"),
    "fat_fraction": ("fat_fraction_dixon", "fat_fraction_mixture", "fat_fraction_otsu"),
    "fcsa": ("fcsa_dixon", "fcsa_mixture", "fcsa_otsu"),
    "muscle_attenuation": ("attenuation_in_window",),
    "csa_height_ratio": ("csa_over_stature_squared",),
    "lumbar_lordosis": ("l1_superior_to_s1_superior", "l1_superior_to_l5_inferior"),
}
"""Formulas of a measure, the preferred one first."""


def _one_method(table: pd.DataFrame) -> pd.DataFrame:
    keep = pd.Series(True, index=table.index)
    for (_, measure), group in table.groupby(["structure", "measure"], sort=False):
        # Rows from labels of several tools are all kept, so that pooling refuses to mix them.
        formulas = group["method_id"].str.split(SOURCE_MARK).str[0]
        methods = list(formulas.unique())
        if len(methods) < 2:
            continue
        known = [name for name in METHOD_ORDER.get(str(measure), ()) if name in methods]
        order = known + [name for name in methods if name not in known]
        measured = set(formulas[group["value"].notna()])
        chosen = next((name for name in order if name in measured), order[0])
        keep[group.index[formulas != chosen]] = False
    return table[keep].reset_index(drop=True)


_WORST = ("patient_id", "study_id", "failure", "withheld", "doubted", "missing", "reasons", "overlay")


def _case_row(
    case: Mapping[str, Any], groups: Mapping[tuple[str, str], pd.DataFrame], failed: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    """Return the findings of a case that need a check."""
    name = (case["patient_id"], case["study_id"])
    rows = groups.get(name)
    row = dict(zip(_WORST, (*name, failed.get(name, ""), 0, 0, 1.0, "", case["overlay"])))
    if rows is None:
        return row
    confidence = rows.loc[rows["level"] != ""].groupby("level")["level_confidence"].min()
    flags = {flag for text in rows["flags"].unique() for flag in str(text).split("|")}
    return {
        **row,
        "withheld": int((confidence == 0).sum()),
        "doubted": int(((confidence > 0) & (confidence <= 0.5)).sum()),
        "missing": float(rows["value"].isna().mean()),
        "reasons": ", ".join(code for code in SENTENCES if code in flags),
    }


@dataclass(frozen=True, repr=False)
class ExtractionResult(Result):
    """Measured biomarkers of a batch of studies.

    Attributes
    ----------
    table : DataFrame
        The long biomarker table (columns of the data schema ``biomarker``): one row per value, or per missing value
        with its reason.
    failures : DataFrame
        One row per case that could not be measured: ``patient_id, study_id, error, message``.
    studies : DataFrame
        One row per measured case with its acquisition as far as it is known (columns of ``imaging_study``,
        ``bandwidth`` and ``kernel``).
    provenance : mapping
        Versions, recipe and its hash, conventions and their hashes, and the SHA-256 of every file read. ``without_day``
        is the number of cases with a date of acquisition but no ``acquired_day``; ``without_acquisition`` is the number
        of cases with neither (a NIfTI file contains no date).
    objections : tuple of Objection
        Reasons to doubt the batch as a whole.
    """

    table: pd.DataFrame
    failures: pd.DataFrame
    studies: pd.DataFrame
    provenance: Mapping[str, Any]
    objections: tuple[Objection, ...] = ()

    def to_frame(self, methods: str = "one") -> pd.DataFrame:
        """Return the long biomarker table.

        Parameters
        ----------
        methods : {"one", "all"}, default "one"
            If several formulas give one measure, these are several variables under one name, which the data schema
            refuses in one table. ``one`` keeps the first formula in `METHOD_ORDER` that gave a value anywhere in the
            batch; ``all`` keeps every row.

        Returns
        -------
        DataFrame
            Columns of the data schema ``biomarker``.
        """
        if check_choice("methods", methods, ("one", "all")) == "all":
            return self.table.copy()
        return _one_method(self.table)

    def worst_first(self) -> pd.DataFrame:
        """Return one row per case, worst first: failures, then withheld levels, doubtful levels and missing values.

        Returns
        -------
        DataFrame
            Columns ``patient_id, study_id, failure`` (message, or empty), ``withheld`` (levels whose values are
            withheld), ``doubted`` (levels with a confidence of at most one half), ``missing`` (share of rows without a
            value), ``reasons`` (findings of the mask check, joined by ``, ``) and ``overlay`` (file name of the
            figure).
        """
        failed = {(row["patient_id"], row["study_id"]): row["message"] for row in self.failures.to_dict("records")}
        table = self.table.groupby(["patient_id", "study_id"], sort=False)
        groups = {(str(name[0]), str(name[1])): rows for name, rows in table}
        found = [_case_row(case, groups, failed) for case in self.provenance["cases"]]
        frame = pd.DataFrame(found, columns=list(_WORST))
        frame["_failed"] = frame["failure"] != ""
        order = ["_failed", "withheld", "doubted", "missing"]
        return frame.sort_values(order, ascending=False, kind="stable").drop(columns="_failed").reset_index(drop=True)

    def plot(self, measure: str = "disc_height", ax: Any = None) -> Any:
        """Draw the values of a measure by level, one line per case and method.

        Parameters
        ----------
        measure : str, default "disc_height"
            Measure to draw.
        ax : matplotlib Axes, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        Axes
        """
        from lbp_prognosis._draw import draw_levels

        chosen = self.table[(self.table["measure"] == measure) & self.table["value"].notna()]
        return draw_levels(chosen, measure, ax=ax)

    def _summary(self) -> str:
        missing = int(self.table["value"].isna().sum())
        undated = self.provenance.get("without_day", 0)
        note = f"; no `acquired_day`, because `index_date` is missing: {undated}" if undated else ""
        dateless = self.provenance.get("without_acquisition", 0)
        note += f"; no date of acquisition, state `acquired_on` or `acquired_day`: {dateless}" if dateless else ""
        return (
            f"{len(self.table)} rows of {len(self.studies)} cases, {missing} not measurable, "
            f"{len(self.failures)} cases failed{note}"
        )
