"""``deviations``: differences between a plan and what ran."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lbp_prognosis._base import Document, DocumentResult, argument_error
from lbp_prognosis.report import released_page
from lbp_prognosis.study._analysis_plan import AnalysisPlan
from lbp_prognosis.study._protocol_fields import protocol_fields, shown_value
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_result import StudyResult

__all__ = ["Deviations", "deviations"]

_ABSENT = "not in the protocol"
# objections that report a planned analysis that was not possible
_DEPARTURES = (
    "difference-not-computed",
    "failed-fits",
    "horizon-beyond-a-fold",
    "metric-not-computed",
    "no-association-test",
    "no-decision-curve",
    "no-explanation",
    "sites-left-out",
    "sites-too-small",
)


@dataclass(frozen=True, repr=False)
class Deviations(DocumentResult):
    """Differences between a plan and the protocol that ran.

    Attributes
    ----------
    table : DataFrame
        ``kind, field, planned, run, reason``: ``kind`` is ``analysis``, ``page`` (title and release) or ``run``
        (planned and not possible); ``reason`` is given by the authors, else empty.
    planned, ran : str
        Digests of the two protocols.
    released : bool
        Whether the sentences passed the disclosure gate.
    """

    table: pd.DataFrame = field(repr=False)
    planned: str
    ran: str
    released: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per difference: ``kind, field, planned, run, reason``."""
        return self.table.copy()

    def document(self) -> Document:
        """Return the differences as a text that names those without a reason."""
        facts = [["what", "digest"], ["protocol of the plan (SHA-256)", self.planned]]
        facts.append(["protocol that ran (SHA-256)", self.ran])
        parts: list[Any] = [facts]
        if self.table.empty:
            parts.append("The protocol that ran is that of the plan, and all of it could be done.")
        else:
            cells = self.table.astype(str).to_numpy().tolist()
            head = ["field", "kind", "planned", "run", "reason"]
            parts.append([head, *([row[1], row[0], *row[2:4], row[4] or "needs a reason"] for row in cells)])
        told = self.released or not self.table["kind"].eq("run").any()
        marks = () if told else ("Not for release: sentences may count single patients.",)
        return Document("Deviations from the analysis plan", tuple(parts), marks)

    def _summary(self) -> str:
        return f"{len(self.table)} deviations, {int((self.table['reason'] == '').sum())} without a reason"


def deviations(
    plan: AnalysisPlan | Study | str | os.PathLike[str],
    result: StudyResult | Study,
    *,
    reasons: Mapping[str, str] | None = None,
    expect_sha256: str = "",
) -> Deviations:
    """Return the differences between a plan and the protocol that ran.

    Parameters
    ----------
    plan : AnalysisPlan, Study or path
        The plan, its protocol, or its file.
    result : StudyResult or Study
        Result or protocol of the study. For a result, objections that report planned analyses as impossible are also
        rows.
    reasons : mapping of str to str, optional
        Field to the reason of its change.
    expect_sha256 : str, default ""
        Required digest of the plan, as registered.

    Returns
    -------
    Deviations
        Empty if the same protocol ran and all its analyses were possible.

    Raises
    ------
    ArgumentError
        If the digest of the plan differs from the expected one, or a reason is given for a field that did not change.
    """
    if isinstance(plan, AnalysisPlan):
        first = plan.study
    else:
        first = plan if isinstance(plan, Study) else Study.from_toml(plan)
    if not isinstance(result, StudyResult | Study):
        raise argument_error("result", "the result of run_study, or a Study", result)
    second = result.study if isinstance(result, StudyResult) else result
    if expect_sha256 and first.spec_hash != expect_sha256.lower():
        raise argument_error("plan", f"a protocol with the digest {expect_sha256}", first.spec_hash, "It was changed.")
    rows = _changed(first, second)
    released = False
    if isinstance(result, StudyResult):
        page = released_page(result.page())
        released = page.release is not None
        told = {o.code: o.sentence for o in reversed(page.objections) if o.code in _DEPARTURES}
        rows += [("run", code, "as in the plan", told[code]) for code in _DEPARTURES if code in told]
    given = dict(reasons or {})
    strange = sorted(set(given) - {path for _, path, _, _ in rows})
    if strange:
        raise argument_error("reasons", "of fields that changed", strange, "Field names are in to_frame().")
    table = pd.DataFrame(
        [(*row, given.get(row[1], "")) for row in rows], columns=["kind", "field", "planned", "run", "reason"]
    )
    return Deviations(table, first.spec_hash, second.spec_hash, released)


def _changed(first: Study, second: Study) -> list[tuple[str, str, str, str]]:
    old, new = protocol_fields(first.to_dict()), protocol_fields(second.to_dict())
    rows = []
    for path in dict.fromkeys((*old, *new)):
        if path in old and path in new and old[path] == new[path]:
            continue
        if any(
            path in one and path not in other and _has_inside(path, other) for one, other in ((old, new), (new, old))
        ):
            continue  # an empty table compared with a filled one: each field is a row
        kind = "page" if path.split(".")[0] in ("page", "title") else "analysis"
        planned, ran = (shown_value(found[path]) if path in found else _ABSENT for found in (old, new))
        rows.append((kind, path, planned, ran))
    return rows


def _has_inside(path: str, found: Mapping[str, Any]) -> bool:
    return any(other.startswith((f"{path}.", f"{path}[", f"{path} (order)")) for other in found)
