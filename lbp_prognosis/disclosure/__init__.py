"""Statistical disclosure control: releases of counts, tables and curves that identify no patient."""

from lbp_prognosis.disclosure._budget import Budget
from lbp_prognosis.disclosure._chosen_gate import MODES, chosen_gate
from lbp_prognosis.disclosure._coarse_curve import coarse_curve, quiet_grid
from lbp_prognosis.disclosure._dominance import is_dominated
from lbp_prognosis.disclosure._few_values import single_out, told_by_sums
from lbp_prognosis.disclosure._gate import Gate
from lbp_prognosis.disclosure._identifier_text import NOT_FOUND, identifier_text
from lbp_prognosis.disclosure._kept_cuts import bands_are_safe, kept_cuts, moves_are_safe
from lbp_prognosis.disclosure._ledger import ReleaseLedger
from lbp_prognosis.disclosure._merged_levels import follows_from_sum, merged_levels
from lbp_prognosis.disclosure._patients import Patients
from lbp_prognosis.disclosure._plain_words import without_numbers
from lbp_prognosis.disclosure._release import Release
from lbp_prognosis.disclosure._small_cells import count_text, count_texts, mask_counts, mask_flow, mask_table_one

__all__ = [
    "MODES",
    "NOT_FOUND",
    "Budget",
    "Gate",
    "Patients",
    "Release",
    "ReleaseLedger",
    "bands_are_safe",
    "chosen_gate",
    "coarse_curve",
    "count_text",
    "count_texts",
    "follows_from_sum",
    "identifier_text",
    "is_dominated",
    "kept_cuts",
    "mask_counts",
    "mask_flow",
    "mask_table_one",
    "merged_levels",
    "moves_are_safe",
    "quiet_grid",
    "single_out",
    "told_by_sums",
    "without_numbers",
]
