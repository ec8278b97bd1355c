"""Write the gallery: a page of cards by question, and one page and notebook per script of ``examples/gallery``.

``python docs/write_gallery.py`` runs the scripts, and keeps their figures and what they print; the build of the
documentation only reads these. What the scripts print is compared by ``tests/e2e/test_gallery.py``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
SCRIPTS = DOCS.parent / "examples" / "gallery"
FIGURES = DOCS / "_static" / "gallery"
GROUPS = {
    "Does imaging add anything?": ["added_value", "imaging_adds_nothing", "four_modalities", "missing_imaging"],
    "Are predictions any good?": ["calibration", "decision_curve", "published_score", "optimism", "instability"],
    "Outcomes that are not simple": [
        "competing_surgery",
        "visits",
        "scores",
        "relapse",
        "states",
        "updates",
        "attrition",
        "without_treatment",
    ],
    "Hospitals and groups of patients": ["six_hospitals", "leave_one_site_out", "fairness", "drift"],
    "Measurements": ["scanners", "readers", "program_against_readers", "measurement_error"],
    "Building and explaining a model": [
        "sample_size",
        "penalty_path",
        "stacking",
        "contrast",
        "shap",
        "shap_beeswarm",
        "nomogram",
        "calculator",
    ],
    "Coming from elsewhere": ["from_r", "from_stata", "from_lifelines", "from_scikit_learn"],
}
SAVING = re.compile(r"\n\nout = Path\(sys\.argv.*\Z", re.DOTALL)
OTHER_LANGUAGES = {"R": "r", "do": "text"}
HEAD = """---
html_theme.sidebar_secondary.remove: true
---

# Gallery

One question, one figure, one short script. All patients are simulated: no answer is about a real one. Every script
prints its numbers with intervals, and can be downloaded as a script or a notebook. Run them in a checkout.
"""


class Entry(NamedTuple):
    """A script of the gallery."""

    name: str
    question: str
    sentence: str
    code: str


def entries() -> dict[str, list[Entry]]:
    """Return the entries of each group, read from the scripts."""
    return {group: [read_entry(name) for name in names] for group, names in GROUPS.items()}


def read_entry(name: str) -> Entry:
    """Read question, sentence and code from a script."""
    code = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    question, _, sentence = (ast.get_docstring(ast.parse(code)) or "").partition("\n\n")
    return Entry(name, question, " ".join(sentence.split()), code)


def gallery_page() -> str:
    """Return the page of cards."""
    parts = [HEAD]
    for group, members in entries().items():
        parts.append(f'\n## {group}\n\n```{{raw}} html\n<div class="gallery">')
        parts += [
            f'<a class="card" href="gallery/{entry.name}.html"><img src="_static/gallery/{entry.name}.png" alt="" '
            f'loading="lazy"><b>{entry.question}</b><span>{entry.sentence}</span></a>'
            for entry in members
        ]
        parts.append("</div>\n```\n")
    names = "\n".join(f"gallery/{name}" for names in GROUPS.values() for name in names)
    return "\n".join(parts) + f"\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


def entry_page(entry: Entry) -> str:
    """Return the page of one script: its code without the question and the sentence, which are above the figure."""
    first = ast.parse(entry.code).body[0].end_lineno + 2  # the docstring and the empty line after it
    parts = [
        f"---\nhtml_theme.sidebar_secondary.remove: true\n---\n\n# {entry.question}\n\n{entry.sentence}\n",
        f"```{{image}} ../_static/gallery/{entry.name}.png\n:alt: {entry.question}\n:class: gallery-figure\n```\n",
        f"It prints\n\n```{{literalinclude}} {entry.name}.txt\n:language: text\n```\n",
        f"```{{literalinclude}} ../../examples/gallery/{entry.name}.py\n:language: python\n:lines: {first}-\n```\n",
    ]
    for ending, language in OTHER_LANGUAGES.items():
        if (SCRIPTS / f"{entry.name}.{ending}").is_file():
            title = {"R": "In R", "do": "In Stata"}[ending]
            parts.append(
                f"## {title}\n\n```{{literalinclude}} ../../examples/gallery/{entry.name}.{ending}\n"
                f":language: {language}\n```\n"
            )
            if (DOCS / "gallery" / f"{entry.name}.{ending}.txt").is_file():
                parts.append(f"It prints\n\n```{{literalinclude}} {entry.name}.{ending}.txt\n:language: text\n```\n")
    parts.append(
        f"{{download}}`Script <../../examples/gallery/{entry.name}.py>` · "
        f"{{download}}`Notebook <{entry.name}.ipynb>` · [Gallery](../gallery.md)\n"
    )
    return "\n".join(parts)


def notebook(entry: Entry) -> str:
    """Return the script as a notebook: the figure is shown instead of saved."""
    tree = ast.parse(entry.code)
    code = "\n".join(entry.code.splitlines()[tree.body[0].end_lineno :])
    code = SAVING.sub("\n\nax.figure", code.rstrip()).replace("import sys\n", "", 1)
    if "Path(" not in code:
        code = code.replace("from pathlib import Path\n", "", 1)
    cells = [
        {
            "cell_type": "markdown",
            "id": "question",
            "metadata": {},
            "source": f"# {entry.question}\n\n{entry.sentence}",
        },
        {
            "cell_type": "code",
            "id": "answer",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": code.strip(),
        },
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def write_gallery(docs: Path = DOCS) -> None:
    """Write ``gallery.md`` and the pages and notebooks in ``gallery/``; files that would not change are left alone."""
    (docs / "gallery").mkdir(exist_ok=True)
    texts = {docs / "gallery.md": gallery_page()}
    for entry in (entry for members in entries().values() for entry in members):
        texts[docs / "gallery" / f"{entry.name}.md"] = entry_page(entry)
        texts[docs / "gallery" / f"{entry.name}.ipynb"] = notebook(entry)
    for path, text in texts.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _arguments(*words: str) -> Iterator[None]:
    before, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = before


def run_script(name: str, figure: Path) -> str:
    """Run a script from the folder of the checkout, save its figure, and return what it prints."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    printed = io.StringIO()
    path = SCRIPTS / f"{name}.py"
    with contextlib.chdir(DOCS.parent), contextlib.redirect_stdout(printed), _arguments(str(path), str(figure)):
        runpy.run_path(str(path), run_name="__main__")
    plt.close("all")
    return printed.getvalue()


def main(names: list[str]) -> None:
    """Run scripts, all by default, and keep figures and what they print."""
    from PIL import Image

    FIGURES.mkdir(parents=True, exist_ok=True)
    (DOCS / "gallery").mkdir(exist_ok=True)
    for name in names or [name for members in GROUPS.values() for name in members]:
        figure = FIGURES / f"{name}.png"
        text = run_script(name, figure)
        with Image.open(figure) as image:
            image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(figure, optimize=True)
        (DOCS / "gallery" / f"{name}.txt").write_text(text, encoding="utf-8")
        print(f"{name}: {os.path.getsize(figure) / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
