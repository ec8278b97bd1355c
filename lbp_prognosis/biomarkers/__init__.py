"""Imaging biomarkers from images and masks."""

from lbp_prognosis.biomarkers._batch_page import batch_page
from lbp_prognosis.biomarkers._bone_density import bone_density
from lbp_prognosis.biomarkers._disc_grade import DiscGradeCalibration, disc_grade
from lbp_prognosis.biomarkers._extract import extract
from lbp_prognosis.biomarkers._extraction_result import ExtractionResult
from lbp_prognosis.biomarkers._muscle_profile import muscle_profile
from lbp_prognosis.biomarkers._recipe import FAMILIES, Recipe
from lbp_prognosis.biomarkers._segmental_motion import segmental_motion
from lbp_prognosis.biomarkers.anatomy._label_map import CONVENTIONS, Label, LabelMap
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._gap_score import GapScore, gap_score
from lbp_prognosis.biomarkers.families._measurement import Measurement
from lbp_prognosis.biomarkers.families._spinopelvic import check_spinopelvic
from lbp_prognosis.biomarkers.importers._import_musclemap import import_musclemap
from lbp_prognosis.biomarkers.importers._import_rsna2024 import import_rsna2024
from lbp_prognosis.biomarkers.importers._import_spider import import_spider
from lbp_prognosis.biomarkers.importers._import_spinenet import import_spinenet
from lbp_prognosis.biomarkers.importers._import_totalsegmentator import import_totalsegmentator
from lbp_prognosis.biomarkers.importers._import_totalspineseg import import_totalspineseg
from lbp_prognosis.biomarkers.importers._import_verse_centroids import import_verse_centroids
from lbp_prognosis.biomarkers.importers._import_wide import import_wide
from lbp_prognosis.biomarkers.importers._imported_table import ImportedTable
from lbp_prognosis.biomarkers.readers._bids import studies_from_bids
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._read_image import read_image, read_mask
from lbp_prognosis.biomarkers.texture._radiomics import RadiomicsResult, extract_radiomics, radiomics_features
from lbp_prognosis.biomarkers.texture._radiomics_ibsi import radiomics_features_table
from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings

__all__ = [
    "CONVENTIONS",
    "FAMILIES",
    "Case",
    "DiscGradeCalibration",
    "ExtractionResult",
    "GapScore",
    "Image",
    "ImportedTable",
    "Label",
    "LabelMap",
    "Mask",
    "Measurement",
    "RadiomicsResult",
    "RadiomicsSettings",
    "Recipe",
    "batch_page",
    "bone_density",
    "check_spinopelvic",
    "disc_grade",
    "extract",
    "extract_radiomics",
    "gap_score",
    "import_musclemap",
    "import_rsna2024",
    "import_spider",
    "import_spinenet",
    "import_totalsegmentator",
    "import_totalspineseg",
    "import_verse_centroids",
    "import_wide",
    "muscle_profile",
    "radiomics_features",
    "radiomics_features_table",
    "read_image",
    "read_mask",
    "segmental_motion",
    "studies_from_bids",
]
