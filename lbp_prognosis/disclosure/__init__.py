"""What may leave a hospital: counts, tables and curves in; those that give nobody away, and what was done, out."""

from lbp_prognosis.disclosure._small_cells import count_text, count_texts, mask_counts, mask_flow, mask_table_one

__all__ = ["count_text", "count_texts", "mask_counts", "mask_flow", "mask_table_one"]
