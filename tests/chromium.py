"""A page in a real browser without a window: what it wrote into itself, and its picture."""

from __future__ import annotations

import html as entities
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium")
# packages that contain the accessibility checker axe-core as one script; the first is newer and needs Playwright
CHECKERS = ("axe_playwright_python", "axe_core_python")
CHECK = """<script>window.addEventListener("load", function () {
  axe.run(document, {resultTypes: ["violations"]}).then(function (r) {
    var e = document.createElement("pre");
    e.id = "violations";
    e.textContent = JSON.stringify(r.violations.map(function (v) {
      return [v.impact, v.id, v.help, v.nodes.map(function (n) { return n.html.slice(0, 120); })];
    }));
    document.body.appendChild(e);
  });
});</script></body>"""


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


def dom_after(folder: Path, html: str, *options: str) -> str:
    """Return the document after its scripts have run."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    return _run(folder, page, *options, "--dump-dom")


def _checker() -> str | None:
    """Return the script of the accessibility checker, None where no package has it."""
    for name in CHECKERS:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    return None


def accessibility(folder: Path, html: str, width: int) -> list[str]:
    """Return what the accessibility checker axe-core finds in a page of some width: impact, rule and places."""
    script = _checker()
    if script is None:
        pytest.skip("no package with axe-core")
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    head, body, tail = free.rpartition("</body>")
    assert body, "the page has no body"
    page = f"{head}<script>{script}</script>{CHECK}{tail}"
    dom = dom_after(folder, page, f"--window-size={width},2000", "--virtual-time-budget=30000")
    found = re.search(r'<pre id="violations">(.*?)</pre>', dom, re.S)
    assert found, "the checker did not end"
    seen = json.loads(entities.unescape(found[1]))
    return [f"{impact}: {rule} ({told}): {places[:3]}" for impact, rule, told, places in seen]


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
