"""Sphinx configuration."""

from __future__ import annotations

import importlib.metadata

project = "lbp_prognosis"
author = "The lbp_prognosis developers"
copyright = "2026, " + author
release = importlib.metadata.version("lbp-prognosis")
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
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "autolink"
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "lbp_prognosis"
html_theme_options = {"show_nav_level": 2, "navbar_end": ["theme-switcher"], "show_prev_next": True}
exclude_patterns = ["_build"]
nitpicky = False
suppress_warnings = ["myst.xref_missing"]
