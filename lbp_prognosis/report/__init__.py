"""The evidence page, its tables, and reporting forms."""

from lbp_prognosis.report._evaluation_page import evaluation_page
from lbp_prognosis.report._manuscript_text import ManuscriptText
from lbp_prognosis.report._masks import mask_counts, mask_flow, mask_table_one
from lbp_prognosis.report._methods_sentences import methods_sentences
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_scores import PageScores
from lbp_prognosis.report._page_states import PageStates
from lbp_prognosis.report._page_subgroups import SUBGROUP_METRICS, PageSubgroups
from lbp_prognosis.report._page_treatment import PageTreatment
from lbp_prognosis.report._page_updates import PageUpdates
from lbp_prognosis.report._probast_ai import probast_ai
from lbp_prognosis.report._probast_form import ProbastForm
from lbp_prognosis.report._released_page import released_page
from lbp_prognosis.report._render_page import render_page
from lbp_prognosis.report._results_sentences import results_sentences
from lbp_prognosis.report._tripod_answers import tripod_ai_answers
from lbp_prognosis.report._tripod_form import TripodForm, tripod_ai
from lbp_prognosis.report._write_forms import write_forms
from lbp_prognosis.report._write_page import write_page

__all__ = [
    "SUBGROUP_METRICS",
    "ManuscriptText",
    "Page",
    "PageScores",
    "PageStates",
    "PageSubgroups",
    "PageTreatment",
    "PageUpdates",
    "ProbastForm",
    "TripodForm",
    "evaluation_page",
    "mask_counts",
    "mask_flow",
    "mask_table_one",
    "methods_sentences",
    "probast_ai",
    "released_page",
    "render_page",
    "results_sentences",
    "tripod_ai",
    "tripod_ai_answers",
    "write_forms",
    "write_page",
]
