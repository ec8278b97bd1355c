"""Write the table of imaging measures in ``howto/biomarkers.md``: ``python docs/write_biomarkers.py``.

Units are those of the registry (``data_schemas/measures.json``); each line of ``howto/biomarker_checks.csv`` names the
test that bounds its error.
"""

from __future__ import annotations

import csv
from pathlib import Path

HERE = Path(__file__).parent
PAGE, CHECKS = HERE / "howto" / "biomarkers.md", HERE / "howto" / "biomarker_checks.csv"
START, END = "<!-- written by docs/write_biomarkers.py -->", "<!-- end of what is written -->"


def checks() -> list[dict[str, str]]:
    """Return the lines of the table: ``family, measures, checked_on, error, figure, test``.

    ``measures`` and ``figure`` are separated by blanks; ``figure`` names kinds of lines of the figure, or ``contour``,
    or gives after ``none:`` the reason why there is no figure of its own.
    """
    with CHECKS.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _shown(figure: str) -> str:
    """Return the names of kinds of lines as the figure's legend writes them."""
    from lbp_prognosis._draw import LINE_NAMES

    return ", ".join("contour" if kind == "contour" else LINE_NAMES[kind] for kind in figure.split())


def biomarker_table() -> str:
    """Return the table in Markdown."""
    from lbp_prognosis.schema import measures

    lines = [
        "| family | measures | unit | checked on | error | in the figure | test that bounds it |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in checks():
        names = row["measures"].split()
        units = dict.fromkeys(measures()[name]["unit"] for name in names)
        path, name = row["test"].split("::")
        test = f"`{Path(path).stem}`: {name.removeprefix('test_').replace('_', ' ')}"
        figure = row["figure"].removeprefix("none: ") if ":" in row["figure"] else _shown(row["figure"])
        listed = ", ".join(f"`{n}`" for n in names)
        cells = (row["family"], listed, ", ".join(units), row["checked_on"], row["error"], figure)
        lines.append("| " + " | ".join((*cells, test)) + " |")
    return "\n".join(lines)


def page_with_table(page: str) -> str:
    """Return the page with the table between its two marks."""
    before, rest = page.split(START)
    return f"{before}{START}\n\n{biomarker_table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
