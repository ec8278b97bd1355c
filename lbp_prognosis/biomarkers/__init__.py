"""Image and mask to numbers with names."""

from lbp_prognosis.biomarkers._extract import extract
from lbp_prognosis.biomarkers._extraction_result import ExtractionResult
from lbp_prognosis.biomarkers._gap_score import GapScore, gap_score
from lbp_prognosis.biomarkers._image import Image
from lbp_prognosis.biomarkers._label_map import CONVENTIONS, Label, LabelMap
from lbp_prognosis.biomarkers._mask import Mask
from lbp_prognosis.biomarkers._read_image import read_image, read_mask
from lbp_prognosis.biomarkers._recipe import FAMILIES, Recipe
from lbp_prognosis.biomarkers._spinopelvic import check_spinopelvic

__all__ = [
    "CONVENTIONS",
    "FAMILIES",
    "ExtractionResult",
    "GapScore",
    "Image",
    "Label",
    "LabelMap",
    "Mask",
    "Recipe",
    "check_spinopelvic",
    "extract",
    "gap_score",
    "read_image",
    "read_mask",
]
