"""A page in a real browser without a window: what it wrote into itself, and its picture."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium")


def _run(folder: Path, page: Path, *options: str) -> str:
    assert BROWSER is not None
    profile = folder / "profile"
    done = subprocess.run(
        [
            BROWSER,
            "--headless=new",
            "--no-sandbox",
            "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def dom_after(folder: Path, html: str) -> str:
    """Return the document after its scripts have run."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    return _run(folder, page, "--dump-dom")


def screenshot(folder: Path, html: str, name: str, width: int, height: int) -> Path:
    """Return the picture of a page."""
    page, picture = folder / "page.html", folder / name
    page.write_text(html, encoding="utf-8")
    _run(folder, page, f"--window-size={width},{height}", f"--screenshot={picture}", "--hide-scrollbars")
    return picture


def pages_on_paper(folder: Path, html: str) -> int:
    """Print a page and return how many sheets it takes."""
    page, out = folder / "printed.html", folder / "printed.pdf"
    page.write_text(html, encoding="utf-8")
    _run(folder, page, "--no-pdf-header-footer", f"--print-to-pdf={out}")
    return len(re.findall(rb"/Type\s*/Page\b", out.read_bytes()))
