"""``load_public``: public tables by name, from a folder the user has filled, checked by their hash."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error

__all__ = ["PublicDataset", "load_public", "public_datasets"]


@dataclass(frozen=True)
class PublicDataset:
    """A public table: where it comes from, under which licence, and the hash of the file that is read.

    Attributes
    ----------
    name, file : str
        Name here; file name in the user's folder.
    title : str
        What it is.
    source : str
        Where to get the file.
    licence : str
        As stated by the source; ask there before passing the file on.
    sha256 : str
        Hash of the file.
    citation : str
        Whom to cite.
    note : str
        What a reader must know.
    """

    name: str
    file: str
    title: str
    source: str
    licence: str
    sha256: str
    citation: str
    note: str = ""


_PSFMI = (
    "R package psfmi 1.4.0, https://github.com/mwheymans/psfmi, folder data, exported to CSV with 15 significant digits"
)
_GLOW = "R package aplore3, https://github.com/cran/aplore3, exported to CSV"
_PRT = "https://github.com/torwager/ComputationalFoundations, folder CompFound/datasets"
_DATASETS = (
    PublicDataset(
        "prt_trial",
        "Ashar2022_outcomes_demographics.csv",
        "Pain reprocessing therapy trial, chronic back pain, long",
        _PRT,
        "CC0-1.0",
        "bb04564e8b63730c78c7ef65f817a96ef34923409d7e5a3108b6af2f54eb996d",
        "Ashar et al., JAMA Psychiatry 2022",
        "`<undefined>` means missing; rows without a group are not randomised.",
    ),
    PublicDataset(
        "prt_trial_pain",
        "Ashar_backpain_simple_long.csv",
        "Pain reprocessing therapy trial, pain intensity only",
        _PRT,
        "CC0-1.0",
        "66575a811abe660611988702028dc17c59f803fe792b21590ba35cbc45784f45",
        "Ashar et al., JAMA Psychiatry 2022",
    ),
    PublicDataset(
        "vertebral_column",
        "column_3C.dat",
        "Spinopelvic angles; hernia, spondylolisthesis or normal",
        "UCI Machine Learning Repository, data set 212",
        "CC-BY-4.0 (as stated by UCI)",
        "0cc2f37cf2bd7b306607a8d1a98b8d89024e714a2b6e49648206a15759a17dd8",
        "da Mota, Barreto & Rocha Neto",
        "Cross-sectional: no outcome later. One slip of 418.5 mm is a gross outlier.",
    ),
    PublicDataset(
        "lbp_recovery",
        "lbp_cox.csv",
        "265 patients with low back pain, 10 imputations, time to event",
        _PSFMI,
        "GPL-2.0-or-later",
        "a4044f1e7081ff47d87d859e32885de79409fc4e916d2e8eea2321f4f1409e14",
        "Heymans, psfmi",
        "The event is not described by the source; it behaves like recovery. No imaging columns.",
    ),
    PublicDataset(
        "lbp_chronic",
        "lbp_chronic_missing.csv",
        "159 patients, chronic low back pain, real missing values",
        _PSFMI,
        "GPL-2.0-or-later",
        "809572ae57649dae79fb7580ebe93198755b5ee3e0caa497a3e331b60ffb5b39",
        "Heymans, psfmi",
    ),
    PublicDataset(
        "lbp_chronic_validation",
        "lbp_chronic_extval.csv",
        "80 patients, 5 imputations, for external validation",
        _PSFMI,
        "GPL-2.0-or-later",
        "138a267d87d9305a8940fc06c282f445cf986d892f3cd72d176fe0a266565d84",
        "Heymans, psfmi",
    ),
    PublicDataset(
        "glow",
        "glow500.csv",
        "Fracture in the first year in osteoporosis, 500 women, outcome-dependent sample",
        _GLOW,
        "GPL-3.0",
        "c8c2c6949cdbe95408cb909c2031deca9265700e367abdefe7703f20dbf207ad",
        "Hosmer, Lemeshow & Sturdivant, Applied Logistic Regression, 3rd ed.",
    ),
    PublicDataset(
        "glow_missing",
        "glow_mis_wmissing.csv",
        "The fracture data with missing values",
        _GLOW,
        "GPL-3.0",
        "ca1690047f2bbfb6c5b1959b38a78d816034e41a02f0c22716ec13f916d69017",
        "Hosmer, Lemeshow & Sturdivant, Applied Logistic Regression, 3rd ed.",
    ),
    PublicDataset(
        "disc_gradings",
        "radiological_gradings.csv",
        "SPIDER: gradings of 1520 discs of 218 patients",
        "SPIDER lumbar MRI data set on Zenodo",
        "CC-BY-4.0 (confirm at the source)",
        "9b6045750dacb8a7f5313de5e5711c027a5a7a12cd7da14bb1d5e1c84ed39f10",
        "van der Graaf et al., Scientific Data 2024",
        "No outcome later.",
    ),
    PublicDataset(
        "back_pain_prognosis",
        "backPain.csv",
        "Back pain after three weeks, ordered, 101 patients",
        "R package gnm, https://github.com/cran/gnm, exported to CSV",
        "GPL-2.0 or GPL-3.0",
        "987db1fc15efcecc4e4c448e8df2a67d6a3afc9ce7a1a8cd05811542a094a331",
        "Anderson, JRSS B 1984;46:1-30",
    ),
    PublicDataset(
        "movement_behaviour",
        "bpd.csv",
        "Movement behaviour over 24 h and low back pain, 2333 adults",
        "https://github.com/tystan/backpaincoda, folder dat",
        "GPL-3.0",
        "c360d024ddd4b14d9ce3bb51b5ff42affa5a113196a68d681dcdc14e82cf4522",
        "backpaincoda",
        "Cross-sectional.",
    ),
)
_COLUMNS = {
    "vertebral_column": [
        "pelvic_incidence",
        "pelvic_tilt",
        "lumbar_lordosis",
        "sacral_slope",
        "pelvic_radius",
        "slip",
        "diagnosis",
    ],
}


def public_datasets() -> pd.DataFrame:
    """Return the public tables that can be loaded: ``name, title, file, source, licence, citation, note, sha256``."""
    names = ["name", "title", "file", "source", "licence", "citation", "note", "sha256"]
    return pd.DataFrame([{name: getattr(entry, name) for name in names} for entry in _DATASETS], columns=names)


def load_public(name: str, folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Load a public table from a folder the user has filled.

    No file comes with the package: `public_datasets` gives source and licence of each. No public
    table yet links imaging biomarkers to follow-up.

    Parameters
    ----------
    name : str
        One of the names of `public_datasets`.
    folder : str or Path
        Folder that contains the file, at any depth.

    Returns
    -------
    pandas.DataFrame
        The table as published, text sentinels included; ``attrs`` contain ``name, source, licence, sha256, citation``.

    Raises
    ------
    DataError
        If the file is absent, or is not the file whose hash is known.
    """
    entries = {entry.name: entry for entry in _DATASETS}
    if name not in entries:
        raise argument_error("name", "one of " + ", ".join(map(repr, entries)), name)
    entry = entries[name]
    found = sorted(Path(folder).rglob(entry.file)) if Path(folder).is_dir() else []
    if not found:
        raise DataError(
            f"`folder` must contain the file {entry.file!r}; none is there. Get it from: {entry.source} "
            f"(licence: {entry.licence})."
        )
    hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    path = next((path for path, digest in hashes.items() if digest == entry.sha256), None)
    if path is None:
        raise DataError(
            f"The file {entry.file!r} has SHA-256 {hashes[found[0]]}, not {entry.sha256}: it is another version, or "
            "was changed. Download it again from the source, or read it with pandas and take responsibility for it."
        )
    columns = _COLUMNS.get(name)
    if columns:
        frame = pd.read_csv(path, sep=r"\s+", header=None, names=columns)
    else:
        # to the last bit: pandas below 3 rounds unless it is told not to, from 3 on it must not be told
        exact: dict[str, Any] = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
        frame = pd.read_csv(path, **exact)
    frame.attrs.update(
        {key: getattr(entry, key) for key in ("name", "source", "licence", "sha256", "citation")}, synthetic=False
    )
    return frame
