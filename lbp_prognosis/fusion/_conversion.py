"""``Conversion``: conversion of values of one method to the scale of another, based on paired measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, check_number

__all__ = ["Conversion", "convert_methods"]


@dataclass(frozen=True)
class Conversion:
    """Linear conversion between two methods of a measure: target = intercept + slope × source.

    Parameters
    ----------
    measure : str
        Measure, e.g. ``disc_height``.
    source, target : str
        Values of ``method_id``.
    intercept : float
        In the unit of the measure.
    slope : float
        Above 0.
    sd : float, default 0.0
        SD of the target about the line, in the unit of the measure; it enters ``sd_error``.
    structure : str, default ""
        Structure, if the conversion applies to one structure only.
    reference : str, default ""
        Source of the conversion; it is recorded in ``flags``.

    Examples
    --------
    >>> Conversion("disc_height", "chord", "gap", intercept=-0.4, slope=1.02, sd=0.6).slope
    1.02
    """

    measure: str
    source: str
    target: str
    intercept: float
    slope: float
    sd: float = 0.0
    structure: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        check_number("intercept", self.intercept)
        check_number("slope", self.slope, low=0, open_low=True)
        check_number("sd", self.sd, low=0)
        if not self.measure or not self.source or not self.target or self.source == self.target:
            raise argument_error(
                "source",
                "a method other than the target, of a named measure",
                f"{self.source!r} and {self.target!r} of {self.measure!r}",
            )

    @classmethod
    def from_paired(
        cls,
        biomarkers: pd.DataFrame,
        measure: str,
        source: str,
        target: str,
        *,
        structure: str = "",
        min_pairs: int = 20,
        reference: str = "",
    ) -> Conversion:
        """Estimate the conversion from sites measured by both methods.

        Parameters
        ----------
        biomarkers : DataFrame
            Long table of a method study, not of the patients whose outcome is modelled.
        measure, source, target, structure, reference : str
            As in `Conversion`.
        min_pairs : int, default 20
            Minimum number of sites (patient, level, side) measured by both methods, at least 3.

        Raises
        ------
        ArgumentError
            If fewer sites were measured by both methods, the source is constant, or the slope is not positive.
        DataError
            If a measure occurs twice for one site and method.

        Notes
        -----
        Least squares of the target on the source: the best prediction of the value by the other method. The
        SD has the divisor n − 2.
        """
        least = int(check_number("min_pairs", min_pairs, low=3, whole=True))
        keys = [name for name in ("patient_id", "study_id", "structure", "level", "side") if name in biomarkers.columns]
        rows = biomarkers[biomarkers["measure"] == measure]
        if structure:
            rows = rows[rows["structure"] == structure]
        rows = rows.assign(**{name: rows[name].fillna("") for name in keys}).dropna(subset="value")
        one, other = (rows[rows["method_id"] == name].set_index(keys)["value"] for name in (source, target))
        if one.index.has_duplicates or other.index.has_duplicates:
            raise DataError(f"The measure {measure!r} occurs twice for one place and method.")
        pairs = pd.concat([one.rename("x"), other.rename("y")], axis=1, join="inner").to_numpy(dtype=float)
        if len(pairs) < least:
            raise argument_error(
                "biomarkers",
                f"a table with at least {least} places measured by both methods",
                f"{len(pairs)} of {measure!r}",
            )
        if np.ptp(pairs[:, 0]) == 0:
            raise argument_error(
                "biomarkers",
                f"a table in which {measure!r} by {source!r} differs between places",
                f"{pairs[0, 0]:g} at all {len(pairs)}",
            )
        slope, intercept = np.polyfit(pairs[:, 0], pairs[:, 1], 1)
        if not slope * np.ptp(pairs[:, 0]) > 1e-9 * np.abs(pairs[:, 1]).max():  # flat up to rounding, or falling
            raise argument_error(
                "biomarkers",
                f"a table in which {measure!r} by {source!r} and by {target!r} rise together",
                f"a slope of {slope:.3g}",
                "Methods that do not measure the same thing cannot be converted.",
            )
        residual = pairs[:, 1] - intercept - slope * pairs[:, 0]
        sd = float(np.sqrt((residual**2).sum() / (len(pairs) - 2)))
        return cls(measure, source, target, float(intercept), float(slope), sd, structure, reference)


def convert_methods(biomarkers: pd.DataFrame, conversions: Sequence[Conversion]) -> pd.DataFrame:
    """Convert values of several methods to one scale.

    Parameters
    ----------
    biomarkers : DataFrame
        Long biomarker table.
    conversions : sequence of Conversion
        At most one per measure, structure and source. Values without a conversion stay unchanged and are refused where
        methods would be mixed.

    Returns
    -------
    DataFrame
        The table with converted values under the target's ``method_id``, ``sd_error`` widened by the conversion
        (√((slope · sd)² + sd_line²)), and the flag ``converted_from:<source>``.

    Raises
    ------
    ArgumentError
        If two conversions apply to the same values.
    """
    needed = {"measure", "value", "method_id"} - set(biomarkers.columns)
    if needed:
        raise argument_error("biomarkers", "a long table with `measure`, `value`, `method_id`", f"one without {needed}")
    table = biomarkers.copy()
    table["sd_error"] = pd.to_numeric(table["sd_error"]) if "sd_error" in table else np.nan
    table["flags"] = table["flags"].fillna("") if "flags" in table else ""
    done = np.zeros(len(table), dtype=bool)
    for line in conversions:
        if not isinstance(line, Conversion):
            raise argument_error("conversions", "a sequence of Conversion", line)
        rows = ((biomarkers["measure"] == line.measure) & (biomarkers["method_id"] == line.source)).to_numpy()
        if line.structure:
            rows &= (biomarkers["structure"] == line.structure).to_numpy()
        if (rows & done).any():
            raise argument_error(
                "conversions", "at most one per measure and source", f"several of {line.measure!r} from {line.source!r}"
            )
        done |= rows
        table.loc[rows, "value"] = line.intercept + line.slope * table.loc[rows, "value"]
        own = (line.slope * table.loc[rows, "sd_error"].fillna(0.0)) ** 2
        widened = np.sqrt(own + line.sd**2)
        table.loc[rows, "sd_error"] = widened.where((widened > 0) | table.loc[rows, "sd_error"].notna())
        table.loc[rows, "method_id"] = line.target
        note = f"converted_from:{line.source}" + (f"|{line.reference}" if line.reference else "")
        table.loc[rows, "flags"] = [f"{flag}|{note}" if flag else note for flag in table.loc[rows, "flags"]]
    return table
