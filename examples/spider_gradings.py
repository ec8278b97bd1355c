"""SPIDER: which levels of the lumbar spine degenerate, and how far grades of one spine go together.

Run as ``python examples/spider_gradings.py FOLDER``, where the folder contains ``radiological_gradings.csv`` (SPIDER,
van der Graaf et al. 2024, https://doi.org/10.1038/s41597-024-03090-w): Pfirrmann grade, Modic type and endplates of
1,520 discs of 218 patients. There is one reading per disc, so agreement of readers cannot be estimated, and no outcome,
so nothing is said about prognosis. Agreement of neighbouring discs shows how far one level tells of the next.
"""

# %%
import sys
from itertools import pairwise
from pathlib import Path

import pandas as pd

from lbp_prognosis.evaluation.technical import Kappa, weighted_kappa

LEVELS = {1: "L5-S1", 2: "L4-L5", 3: "L3-L4", 4: "L2-L3", 5: "L1-L2"}
GRADE = "Pfirrman grade"  # as the file spells it


def lumbar(folder: Path) -> pd.DataFrame:
    """Return the discs of the five lumbar levels, one row per patient and level."""
    rows = pd.read_csv(folder / "radiological_gradings.csv")
    rows = rows[rows["IVD label"].isin(LEVELS)]
    return rows.assign(level=rows["IVD label"].map(LEVELS))


# %%
def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, by level from below, the discs and the shares with degeneration, Modic changes and endplate changes."""
    signs = pd.DataFrame(
        {
            "level": rows["level"],
            "grade 4 or 5": rows[GRADE] >= 4,
            "Modic 1 to 3": rows["Modic"] > 0,
            "endplates": (rows["UP endplate"] + rows["LOW endplate"]) > 0,
        }
    )
    table = signs.groupby("level").mean().loc[list(LEVELS.values())]
    return table.assign(discs=rows.groupby("level").size())


def neighbours(rows: pd.DataFrame) -> dict[str, Kappa]:
    """Return the agreement of the Pfirrmann grades of neighbouring discs, and of the endplates of a disc."""
    wide = rows.pivot(index="Patient", columns="level", values=GRADE)
    names = list(LEVELS.values())
    found = {}
    for lower, upper in pairwise(names):
        both = wide[[lower, upper]].dropna()
        found[f"{lower} and {upper}"] = weighted_kappa(both[lower], both[upper], categories=[1, 2, 3, 4, 5])
    low = rows[rows["level"].eq("L5-S1")]
    found["endplates of L5-S1"] = weighted_kappa(low["UP endplate"], low["LOW endplate"], weights="none")
    return found


def main(folder: str) -> None:
    """Print the pattern of levels and the agreement of neighbours."""
    place = Path(folder)
    if not (place / "radiological_gradings.csv").is_file():
        print("skipped: radiological_gradings.csv is not in the folder (SPIDER)")
        return
    rows = lumbar(place)
    for level, row in shares(rows).iterrows():
        print(
            f"{level}: {row['discs']:.0f} discs, grade 4 or 5 {row['grade 4 or 5']:.0%}, "
            f"Modic 1 to 3 {row['Modic 1 to 3']:.0%}, endplates {row['endplates']:.0%}"
        )
    for name, kappa in neighbours(rows).items():
        print(f"kappa, {name}: {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})")


if __name__ == "__main__":
    main(sys.argv[1])
