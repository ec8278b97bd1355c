"""``lbp-prognosis extract``: images and masks to the biomarker table."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["extract_command"]


def extract_command(
    studies: Path, output: Path, recipe: Path | None = None, jobs: int = 1, pictures: bool = True, methods: str = "one"
) -> int:
    """Measure the biomarkers of a table of studies.

    Writes ``biomarker.csv``, ``imaging_study.csv``, ``failures.csv`` and ``provenance.json`` into OUTPUT, and one
    picture a case into its folder ``pictures``. A second call goes on where the first was stopped.

    Parameters
    ----------
    studies : Path
        CSV table, or a folder that holds studies.csv.
    output : Path
        Folder for the results; made if absent.
    recipe : Path, optional
        TOML file with settings of the recipe.
    jobs : int, default 1
        Cases measured side by side.
    pictures : bool, default True
        Draw one picture a case.
    methods : str, default "one"
        "one" formula a measure, as the data schema wants, or "all".

    Returns
    -------
    int
        0 if every case was measured, 1 if some failed.
    """
    import tomllib

    from lbp_prognosis.biomarkers import Recipe, extract

    chosen = Recipe.default()
    if recipe is not None:
        chosen = Recipe.from_dict(tomllib.loads(recipe.read_text(encoding="utf-8")))
    output.mkdir(parents=True, exist_ok=True)
    result = extract(
        studies, chosen, n_jobs=jobs, progress=True, checkpoint=output / "checkpoint",
        overlays=output / "pictures" if pictures else None,
    )  # fmt: skip
    result.to_frame(methods=methods).to_csv(output / "biomarker.csv", index=False)
    result.studies.to_csv(output / "imaging_study.csv", index=False)
    result.failures.to_csv(output / "failures.csv", index=False)
    text = json.dumps(dict(result.provenance), indent=1, default=str)
    (output / "provenance.json").write_text(text, encoding="utf-8")
    print(repr(result))
    for row in result.failures.to_dict("records"):
        print(f"{row['patient_id']} {row['study_id']}: {row['message']}")
    return int(not result.failures.empty)
