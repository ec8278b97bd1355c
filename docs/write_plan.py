"""Draw the plan of the house: rooms on their floors, and which room uses which.

``python docs/write_plan.py`` writes ``docs/_static/plan.svg``; a test fails if the file is not up to date. Floors are
those of the import contracts in ``pyproject.toml``, arrows those of the source.
"""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLAN = ROOT / "docs" / "_static" / "plan.svg"
PACKAGE = "lbp_prognosis"
EVERYWHERE = ("_draw", "_base", "_kernels")  # used by nearly all rooms: their arrows would hide the others
WIDTH, ROW, BOX, HEIGHT = 860, 74, 124, 32
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#22303c;text-anchor:middle}.small{font-size:11px;fill:#5b6b78}"
    "rect{fill:#fff;stroke:#0b5f86}.low rect{fill:#f5f8fa;stroke:#7d8a96}path{fill:none;stroke:#7d8a96}"
)


def floors() -> list[list[str]]:
    """Return the rooms of each floor, from the top."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [re.findall(rf"{PACKAGE}\.(\w+)", layer) for layer in layers]


@cache
def arrows() -> set[tuple[str, str]]:
    """Return (room, room that it uses), of all imports: at the top of files, in functions, and for types."""
    out: set[tuple[str, str]] = set()
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).parts
        if len(parts) == 1:
            continue  # the door of the package names rooms and uses none
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module or node.level:
                continue
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            used = {name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}.")}
            out |= {(parts[0], other) for other in used if (ROOT / PACKAGE / other).is_dir() and other != parts[0]}
    return out


def direct(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the arrows that do not follow from others: a → c is left out if there is a way a → b → … → c."""
    below: dict[str, set[str]] = {}
    for upper, lower in edges:
        below.setdefault(upper, set()).add(lower)

    def reached(room: str) -> set[str]:
        return below.get(room, set()) | {far for near in below.get(room, set()) for far in reached(near)}

    return {(a, c) for a, c in edges if not any(c in reached(b) for b in below[a] - {c})}


def plan() -> str:
    """Return the drawing as SVG."""
    rows = floors()
    shown = direct({edge for edge in arrows() if edge[1] not in EVERYWHERE})
    place = {
        room: (WIDTH * (k + 1) / (len(row) + 1) + f * 53 % 150 - 75, 20 + f * ROW)  # no two floors aligned
        for f, row in enumerate(rows)
        for k, room in enumerate(row)
    }
    height = 20 + len(rows) * ROW + 10
    words = f"{len(place)} rooms on {len(rows)} floors. Arrows that follow from others are left out."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Plan of the house</title><desc>{words}</desc><style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:#7d8a96;stroke:none"/></marker></defs>',
    ]
    for upper, lower in sorted(shown):
        (x0, y0), (x1, y1) = place[upper], place[lower]
        start, end = y0 + HEIGHT, y1 - 2
        bend = (end - start) / 2
        parts.append(
            f'<path d="M{x0:.0f} {start:.0f}C{x0:.0f} {start + bend:.0f} {x1:.0f} {end - bend:.0f} {x1:.0f} {end:.0f}" '
            'marker-end="url(#tip)"/>'
        )
    for room, (x, y) in place.items():
        kind = ' class="low"' if room in EVERYWHERE else ""
        parts.append(
            f'<g{kind}><rect x="{x - BOX / 2:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="6"/>'
            f'<text x="{x:.0f}" y="{y + 21:.0f}">{room}</text></g>'
        )
    parts.append(
        f'<text class="small" x="{WIDTH / 2:.0f}" y="{height - 4}">All rooms may use the grey ones.</text></svg>'
    )
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PLAN.write_text(plan(), encoding="utf-8")
