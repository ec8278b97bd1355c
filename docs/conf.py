"""Sphinx configuration."""

from __future__ import annotations

import sys
from pathlib import Path

from lbp_prognosis import __version__

sys.path.insert(0, str(Path(__file__).parent))
from write_gallery import write_gallery
from write_metrics import write_metrics
from write_objections import write_objections
from write_reference import write_reference

project = "lbp_prognosis"
author = "The lbp_prognosis developers"
copyright = "2026, " + author
release = __version__
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "none"
templates_path = ["_templates"]
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "lbp_prognosis"
html_theme_options = {
    "navbar_center": [],
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"**": ["pages.html"]}  # every page is at the top level: its list stands beside each
exclude_patterns = ["_build"]
html_static_path = ["_static"]
html_css_files = ["gallery.css"]
nitpicky = False
suppress_warnings = ["myst.xref_missing"]

write_reference(Path(__file__).parent / "reference")
write_metrics(Path(__file__).parent / "reference")
write_objections(Path(__file__).parent / "reference")
write_gallery(Path(__file__).parent)
autosummary_generate = sorted(str(path) for path in (Path(__file__).parent / "reference").glob("*.rst"))


def _bars(app, what, name, obj, options, lines):
    """Take |a − b| for an absolute value, not for a substitution."""
    import re

    lines[:] = [re.sub(r"(?<![\\`])\|([^|`]+)\|", r"\\|\1\\|", line) for line in lines]


def setup(app):
    app.connect("autodoc-process-docstring", _bars, priority=900)
