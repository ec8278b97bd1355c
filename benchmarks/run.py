"""All benchmarks of the statistical rooms against their peers, in one run.

python -m benchmarks.run [names …]          (discrimination, regression, decisions, resampling, …; all by default)

The table is printed and written to ``out/benchmarks.csv``. Peers are optional: R on the path, and a Python of their own
(``benchmarks/requirements.txt``) named by ``PEERS_PYTHON``; one that is absent is skipped with a word.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from benchmarks._contest import Contest

NAMES = [
    "discrimination",
    "regression",
    "outcomes",
    "boosting",
    "decisions",
    "explain",
    "resampling",
    "memory",
    "processes",
    "multiple_imputation",
    "files",
]


def main(names: list[str]) -> None:
    """Run the named benchmarks and write their rows."""
    import pandas as pd

    contest, tables = Contest(), []
    try:
        for name in names or NAMES:
            tables.append(import_module(f"benchmarks.{name}").main(contest=contest))
    finally:
        contest.close()
    table = pd.concat(tables, ignore_index=True)
    target = Path("out") / "benchmarks.csv"
    target.parent.mkdir(exist_ok=True)
    table.to_csv(target, index=False)
    missed = table[table["target"].notna() & (table["seconds"] > table["target"])]
    print(f"\n{len(table)} rows in {target}; targets missed: {missed['task'].tolist() or 'none'}")


if __name__ == "__main__":
    main(sys.argv[1:])
