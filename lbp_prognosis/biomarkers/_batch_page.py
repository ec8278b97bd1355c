"""HTML page on a batch: failed cases, doubtful levels and figures, worst cases first."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from lbp_prognosis.biomarkers._extraction_result import ExtractionResult
from lbp_prognosis.biomarkers.quality._mask_gate import SENTENCES

__all__ = ["batch_page"]

_STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.25em .6em;text-align:left}
td.n,th.n{text-align:right}section{border-top:1px solid #ccc;padding:.6em 0}img{max-width:100%}.bad{color:#a00}"""


def batch_page(result: ExtractionResult, pictures: str = "", *, shown: int = 50) -> str:
    """Return an HTML page on a batch: failed cases, doubtful levels and figures, worst cases first.

    The page loads nothing from the network. It contains patient identifiers: store it where the images are stored.

    Parameters
    ----------
    result : ExtractionResult
        Result of `extract`.
    pictures : str
        Folder of the figures, relative to the page.
    shown : int, default 50
        Number of cases whose figures are shown, worst first.

    Returns
    -------
    str
    """
    cases = result.worst_first()
    failed, withheld = cases["failure"] != "", cases["withheld"] > 0
    counts = (
        ("cases", len(cases)),
        ("failed, or measured only in part", int(failed.sum())),
        ("with levels withheld", int(withheld.sum())),
        ("with levels doubted", int((cases["doubted"] > 0).sum())),
        ("rows", len(result.table)),
        ("rows without a value", int(result.table["value"].isna().sum())),
    )
    reasons = cases["reasons"].str.split(", ").explode().value_counts()
    body = [
        "<h1>Biomarkers of a batch</h1>",
        "<p>Not for release: data of single patients.</p>",
        _table(("count", "value"), [(name, str(value)) for name, value in counts]),
        "<h2>Doubts about labels</h2>",
        _table(
            ("reason", "meaning", "cases"),
            [(code, SENTENCES[code], str(n)) for code, n in zip(map(str, reasons.index), reasons) if code in SENTENCES],
        ),
        "<h2>Cases, worst first</h2>",
        _table(
            ("patient", "study", "withheld", "doubted", "missing", "reasons", "failure"),
            [
                (
                    str(row["patient_id"]),
                    str(row["study_id"]),
                    str(row["withheld"]),
                    str(row["doubted"]),
                    f"{100 * row['missing']:.0f} %",
                    str(row["reasons"]),
                    str(row["failure"]),
                )
                for row in cases.to_dict("records")
            ],
        ),
        f"<h2>Figures of the first {min(shown, int((cases['overlay'] != '').sum()))}</h2>",
    ]
    for row in cases[cases["overlay"] != ""].head(shown).itertuples():
        name = f"{row.patient_id} · {row.study_id}"
        source = quote(f"{pictures}/{row.overlay}" if pictures else str(row.overlay))
        body.append(
            f"<section><h3>{escape(name)}</h3><p class='bad'>{escape(str(row.failure or row.reasons))}</p>"
            f"<img loading='lazy' src='{source}' alt='Contours, endplates and planes of {escape(name)}'></section>"
        )
    head = (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>Biomarkers of a batch</title><style>{_STYLE}</style>"
    )
    return f"<!doctype html><html lang='en'><head>{head}</head><body><main>{''.join(body)}</main></body></html>\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "<p>None.</p>"
    top = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{lines}</table>"
