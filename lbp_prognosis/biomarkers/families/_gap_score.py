"""The global alignment and proportion score from five angles and the age."""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import check_number

__all__ = ["GapScore", "gap_score"]


@dataclass(frozen=True)
class GapScore:
    """GAP score (global alignment and proportion) and its parts.

    Attributes
    ----------
    total : int
        0 to 13.
    pelvic_version, lordosis, distribution, spinopelvic, age : int
        Points of each part.
    relative_pelvic_version, relative_lordosis, distribution_index, relative_spinopelvic : float
        Measured minus ideal (degrees), and the lordosis distribution index (%).
    """

    total: int
    pelvic_version: int
    lordosis: int
    distribution: int
    spinopelvic: int
    age: int
    relative_pelvic_version: float
    relative_lordosis: float
    distribution_index: float
    relative_spinopelvic: float


def gap_score(
    pelvic_incidence: float, sacral_slope: float, lordosis: float, lower_lordosis: float, global_tilt: float, age: float
) -> GapScore:
    """Return the GAP score (global alignment and proportion) and its parts.

    Parameters
    ----------
    pelvic_incidence, sacral_slope, lordosis, lower_lordosis, global_tilt : float
        Degrees: PI, SS, L1–S1 and L4–S1 lordosis (positive), global tilt; all standing.
    age : float
        Years.

    Returns
    -------
    GapScore
        Total, points of each part, and the quantities from which they are derived.

    Raises
    ------
    ArgumentError
        If a value is missing or the lordosis is 0.

    Notes
    -----
    Ideal sacral slope 0.59 PI + 9, lordosis 0.62 PI + 29, global tilt 0.48 PI − 15. Points:

    * pelvic version (SS − ideal): below −15: 3; −15 to below −7: 2; −7 to 5: 0; above 5: 1
    * lordosis (LL − ideal): below −25: 3; −25 to below −14: 2; −14 to 11: 0; above 11: 3
    * distribution index 100 · LL(L4–S1)/LL: below 40: 2; 40 to below 50: 1; 50 to 80: 0; above 80: 3
    * spinopelvic alignment (GT − ideal): above 18: 3; above 10 to 18: 1; −7 to 10: 0; below −7: 1
    * age of 60 or more: 1

    Examples
    --------
    >>> gap_score(50, 38.5, 60, 38, 9, 45).total
    0
    """
    pi = check_number("pelvic_incidence", pelvic_incidence)
    lumbar = check_number("lordosis", lordosis)
    if lumbar == 0:
        from lbp_prognosis._base import argument_error

        raise argument_error("lordosis", "other than 0, as the distribution divides by it", lordosis)
    rpv = check_number("sacral_slope", sacral_slope) - (0.59 * pi + 9)
    rll = lumbar - (0.62 * pi + 29)
    ldi = 100 * check_number("lower_lordosis", lower_lordosis) / lumbar
    rsa = check_number("global_tilt", global_tilt) - (0.48 * pi - 15)
    version = 3 if rpv < -15 else 2 if rpv < -7 else 0 if rpv <= 5 else 1
    curve = 3 if rll < -25 else 2 if rll < -14 else 0 if rll <= 11 else 3
    spread = 2 if ldi < 40 else 1 if ldi < 50 else 0 if ldi <= 80 else 3
    align = 3 if rsa > 18 else 1 if rsa > 10 else 0 if rsa >= -7 else 1
    old = int(check_number("age", age, low=0) >= 60)
    return GapScore(version + curve + spread + align + old, version, curve, spread, align, old, rpv, rll, ldi, rsa)
