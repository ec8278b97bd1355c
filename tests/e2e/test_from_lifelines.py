"""The page for those who come from lifelines and scikit-survival: its blocks run and print what it says."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "from_lifelines.md"
BLOCK = re.compile(r"^```python\n(?:# ([\w-]+)\n)?(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
MODULES = {"lifelines": "lifelines", "scikit-survival": "sksurv"}


def test_blocks_print_what_the_page_says() -> None:
    pytest.importorskip("lifelines")
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) > 30
    names: dict[str, object] = {}
    ran = dict.fromkeys(["lbp_prognosis", *MODULES], 0)
    for library, code, said in blocks:
        if library in MODULES and importlib.util.find_spec(MODULES[library]) is None:
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"from_lifelines.md, {library}", "exec"), names)
        assert printed.getvalue() == said, code
        if library:
            ran[library] += 1
    assert (ran["lbp_prognosis"], ran["lifelines"]) == (12, 8)


def test_the_libraries_agree_on_the_page() -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert len(blocks) == sum(len(BLOCK.findall(section)) for section in sections) + 1
    differ = {"Risk by a horizon", "Proportional hazards"}  # the page says why
    for section in sections:
        first = {said.split()[0].rstrip(",") for _, _, said in BLOCK.findall(section)}
        title = section.splitlines()[0]
        assert len(first) <= 1 or title in differ, title
