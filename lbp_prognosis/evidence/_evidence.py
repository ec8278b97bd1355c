"""``Evidence``: results by tier, and the claims that they support."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from lbp_prognosis._base import METRIC_COLUMNS, Result, argument_error, check_choice
from lbp_prognosis.evidence._claim import Claim
from lbp_prognosis.evidence._findings import Entry, Findings
from lbp_prognosis.evidence._objection_rules import BLOCKING
from lbp_prognosis.evidence._rules import RULES, Found
from lbp_prognosis.evidence._tier import Strength, Tier
from lbp_prognosis.evidence._verdict import Check, Verdict

__all__ = ["Evidence"]

SAMPLES = ("apparent", "internal", "internal-external", "external")
SETTINGS = ("temporal", "geographic", "setting")


@dataclass(frozen=True)
class Evidence(Findings):
    """Results by tier, with the facts needed to judge them.

    Attributes
    ----------
    entries : tuple of Entry
        Results added by `with_result`.
    models : mapping of str to iterable of str
        Predictors of each model, by its name in the results.
    clinical_minimum : mapping of str to str or iterable of str
        Construct (see `CLINICAL_MINIMUM`) to the column(s) that measure it.
    prespecified : bool
        Whether horizons, thresholds and criteria were declared before the data were seen.
    label : {"outcome", "reader"}
        Target of the models in training: an outcome at follow-up, or a reader's finding.
    criteria : Criteria
        Values that a claim must reach.
    simulated : bool
        Whether the data are simulated, if the results themselves do not record it (predictions given as arrays).

    Examples
    --------
    >>> from lbp_prognosis.evidence import Claim, Evidence
    >>> Evidence().supports(Claim.predicts("clinical", 12)).answer
    'not assessed'
    """

    def with_result(
        self, result: Result, *, sample: str | None = None, setting: str = "", against: str = "", model: str = ""
    ) -> Evidence:
        """Return evidence with one more result.

        Parameters
        ----------
        result : Result
            Result whose frame has the evaluation columns.
        sample : {"apparent", "internal", "internal-external", "external"}, optional
            Kind of validation; by default the result's own ``sample``, else ``"apparent"``, which supports no claim of
            prediction.
        setting : {"", "temporal", "geographic", "setting"}, default ""
            Difference between the external and the development patients; by default the result's own ``setting``. An
            external result without a setting counts as a random split.
        against : {"", "readers", "standard"}, default ""
            For diagnostic results.
        model : str, default ""
            Name of the measure or model of the result, if its rows contain none (an ICC).
        """
        if not isinstance(result, Result):
            raise argument_error("result", "a Result of this library", result)
        how = sample if sample is not None else getattr(result, "sample", "apparent")
        setting = setting or str(getattr(result, "setting", ""))
        check_choice("sample", how, SAMPLES)
        check_choice("setting", setting, ("", *SETTINGS))
        check_choice("against", against, ("", "readers", "standard"))
        frame = result.to_frame()
        absent = [name for name in METRIC_COLUMNS if name not in frame.columns]
        if absent:
            raise argument_error(
                "result", "a result whose frame has the evaluation columns", f"one without {absent[:4]}"
            )
        if model:
            frame = frame.assign(model=frame["model"].where(frame["model"].fillna("") != "", model))
        return replace(self, entries=(*self.entries, Entry(result, frame, how, setting, against)))

    def results(self, tier: str | Tier) -> tuple[Result, ...]:
        """Return the results that have numbers of a tier."""
        wanted = Tier(tier).value
        return tuple(entry.result for entry in self.entries if (entry.frame["tier"] == wanted).any())

    def to_frame(self) -> pd.DataFrame:
        """Return all rows of all results, with ``sample, setting, against, synthetic``."""
        frames = [
            entry.frame.assign(
                sample=entry.sample, setting=entry.setting, against=entry.against, synthetic=entry.synthetic
            )
            for entry in self.entries
        ]
        extra = ["sample", "setting", "against", "synthetic"]
        if not frames:
            return pd.DataFrame(columns=[*METRIC_COLUMNS, *extra])
        return pd.concat([frame.astype(object) for frame in frames], ignore_index=True).infer_objects()

    def supports(self, claim: Claim) -> Verdict:
        """Say whether a claim is supported, not supported, or not assessed.

        The values decide, not the presence of a result: an interval that includes the null, a calibration slope outside
        its range, too few events, a weak comparator or a blocking objection each prevent support of a claim. Results
        from simulated data support no claim.
        """
        if not isinstance(claim, Claim):
            raise argument_error("claim", "a Claim, e.g. Claim.predicts(model, horizon)", claim)
        found = Found(self)
        checks = tuple(RULES[claim.kind](found, claim))
        used = found.used
        objections = tuple(dict.fromkeys((*found.raised, *(o for entry in used for o in entry.objections))))
        blocking = tuple(dict.fromkeys(o.code for o in objections if claim.kind in BLOCKING.get(o.code, ())))
        synthetic = self.simulated or any(entry.synthetic for entry in used)
        if synthetic:
            checks = (*checks, Check("results of real patients", False, required="no simulated data"))
        missing = tuple(check.name for check in checks if check.passed is None)
        if any(check.passed is False for check in checks) or (blocking and not missing):
            answer = "not supported"
        elif missing:
            answer = "not assessed"
        else:
            answer = "supported"
        return Verdict(claim, answer, checks, missing, objections, blocking, synthetic)

    def ladder(self, claims: Iterable[Claim]) -> pd.DataFrame:
        """Return the answers to several claims, one row per claim, from the lowest tier to the highest.

        Columns: ``tier, question, claim, strength, answer, missing, objections, never_claims``.
        """
        order = {tier: k for k, tier in enumerate(Tier)}
        rungs = {strength: k for k, strength in enumerate(Strength)}
        verdicts = [self.supports(claim) for claim in claims]
        verdicts.sort(key=lambda v: (order[v.claim.tier], rungs[v.claim.strength]))
        return pd.DataFrame(
            [
                {
                    "tier": v.claim.tier.value,
                    "question": v.claim.tier.question,
                    "claim": v.claim.sentence,
                    "strength": v.claim.strength.value,
                    "answer": v.answer,
                    "missing": "; ".join(v.missing),
                    "objections": " ".join(o.sentence for o in v.objections),
                    "never_claims": v.claim.tier.never_claims,
                }
                for v in verdicts
            ],
            columns=["tier", "question", "claim", "strength", "answer", "missing", "objections", "never_claims"],
        )
