"""Size of the package, in statements of the syntax tree per room: no layout, comment or docstring counts.

python -m benchmarks.size [path of a package …]          (this checkout's by default; several are set side by side)
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "lbp_prognosis"


def statements(source: str) -> int:
    """Count the statements of a file, docstrings and other bare constants left out."""
    return sum(
        isinstance(node, ast.stmt) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in ast.walk(ast.parse(source))
    )


def rooms(package: Path) -> Counter[str]:
    """Return statements per room; files at the top are one room, named ``.``."""
    out: Counter[str] = Counter()
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).parts
        out[parts[0] if len(parts) > 1 else "."] += statements(path.read_text(encoding="utf-8"))
    return out


def main(paths: list[str]) -> None:
    """Print a line per room, a column per package."""
    columns = [rooms(Path(path)) for path in paths or [str(PACKAGE)]]
    for room in sorted(set().union(*columns)):
        print(f"{room:<14}" + "".join(f"{column[room]:>9}" for column in columns))
    print(f"{'all':<14}" + "".join(f"{sum(column.values()):>9}" for column in columns))


if __name__ == "__main__":
    main(sys.argv[1:])
