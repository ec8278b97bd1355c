"""Write the page of metrics from the registry, so that what is said of a metric is said once."""

from __future__ import annotations

from pathlib import Path

TIERS = {
    "technical": "Is the measurement repeatable?",
    "diagnostic": "Does it discriminate between patients now?",
    "prognostic": "Does it predict the outcome?",
    "utility": "Would decisions be better with it, under stated harms?",
    "": "Over any metric, of several sites",
}
GOOD = {"higher": "higher", "lower": "lower", "zero": "near 0", "one": "near 1", "": "–"}
HEAD = """---
html_theme.sidebar_secondary.remove: true
---

# Metrics

Every name in the column `metric` of a frame, written from `evaluation.METRICS`. *Proper*: the true risks have
the best expected value, so that the metric may choose between models. Outcomes: `right` and `interval` are times,
`status` a state at a later visit, `reference` a standard at the time of the test.
"""


def metrics_page() -> str:
    """Return the page."""
    from lbp_prognosis.evaluation import METRICS

    parts = [HEAD]
    for tier, question in TIERS.items():
        parts.append(f"\n## {tier.capitalize() + ': ' if tier else ''}{question}\n")
        parts.append("| name | what | outcomes | better | range | proper | reference |\n|---|---|---|---|---|---|---|")
        for entry in METRICS.values():
            if entry.tier != tier:
                continue
            cells = (
                f"`{entry.name}`",
                entry.title,
                ", ".join(entry.outcomes) or "–",
                GOOD[entry.better],
                f"{_number(entry.low)} to {_number(entry.high)}",
                "yes" if entry.proper else "no",
                _linked(entry.reference) or "–",
            )
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


def write_metrics(folder: Path) -> None:
    """Write ``metrics.md``; left alone if it would not change."""
    folder.mkdir(exist_ok=True)
    path, text = folder / "metrics.md", metrics_page()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _number(value: float) -> str:
    return {float("inf"): "∞", float("-inf"): "−∞"}.get(value, f"{value:g}".replace("-", "−"))


def _linked(reference: str) -> str:
    """Author and year as a link where a DOI is known; otherwise the reference as it stands."""
    who, found, doi = reference.partition(", doi:")
    return f"[{who}](https://doi.org/{doi})" if found else reference
