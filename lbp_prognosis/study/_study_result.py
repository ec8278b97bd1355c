"""``StudyResult``: all results of a study, and their output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lbp_prognosis.study._study_findings import StudyFindings
from lbp_prognosis.study._study_page import study_page

if TYPE_CHECKING:
    from lbp_prognosis.report import Page

__all__ = ["StudyResult"]


@dataclass(frozen=True, repr=False)
class StudyResult(StudyFindings):
    """The results of a study.

    Attributes
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.
    cross_validation : CrossValidation
        Out-of-fold risks.
    evaluation : Evaluation
        Of the out-of-fold risks.
    apparent : Evaluation
        Evaluation of the models on the rows to which they were fitted; for comparison only.
    groups : RiskGroups or None
        Of out-of-fold risk.
    sites : InternalExternal or None
        Leave-one-site-out performance and its pooling.
    explanations : dict of str to ShapResult
        Attributions of the fitted models.
    models : dict of str to estimator
        Fitted to all patients.
    association : AssociationTest or None
        Joint test of the comparison's added predictors, on all patients.
    readings : tuple of ReadingResult
        Repeatability of measures, and agreement with a reference.
    treatment : PageTreatment or None
        Performance under the strategy that the treatment of the study is never started.
    subgroups : PageSubgroups or None
        The comparison of two models in groups of patients.
    updates : PageUpdates or None
        Performance of risks that are predicted again at landmarks.
    visits : mapping of float to Evaluation
        Performance of models of several visits at the visits before the horizon, out of fold.
    evidence : Evidence
        Results by tier.
    claims : tuple of Claim
        Claims that the page answers.
    provenance : dict
        Versions, hashes, seed, warnings, time.
    """

    def write(self, folder: str | os.PathLike[str], *, n_jobs: int | None = None) -> Path:
        """Write the page, tables, ``results.parquet`` and ``provenance.json``; returns the path of the page.

        Parameters
        ----------
        folder : path
            Created if absent; files with these names in it are replaced.
        n_jobs : int, optional
            Processes that draw the figures of a page that is not for release; the files are the same bytes.
        """
        from lbp_prognosis.report import write_page

        return write_page(self.page(), folder, n_jobs=n_jobs)

    def page(self) -> Page:
        """Return the page that `write` writes, before the disclosure gate; see `report.released_page`."""
        return study_page(self)
