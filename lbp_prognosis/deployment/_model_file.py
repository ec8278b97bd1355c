"""``save_model``, ``load_model``, ``verify``: models as checked files without pickle and without patients."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import LBPError, Result, argument_error, plain_label, write_file
from lbp_prognosis.deployment._check_booster import check_booster
from lbp_prognosis.deployment._codec import pack, unpack
from lbp_prognosis.deployment._competing_equation import CompetingEquation
from lbp_prognosis.deployment._container import MOST_BYTES, manifest_of, read_container, written_container
from lbp_prognosis.deployment._file_error import ModelFileError
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._ledger import Ledger
from lbp_prognosis.deployment._lock import LockedModel, LockReport, lock
from lbp_prognosis.deployment._synthetic_rows import (
    categories_of_columns,
    check_horizons_of,
    columns_of_new_rows,
    ranges_of_columns,
    risks_of,
    synthetic_rows,
)

__all__ = ["ModelFile", "load_model", "save_model", "verify"]

FORMAT, SCHEMA = "lbp-model", 1
_GOLDEN, _LACKING = 20, 2
_SAME = 1e-9  # tolerance of risks on another machine, whose libraries add in another order


@dataclass(frozen=True, repr=False)
class ModelFile(Result):
    """Contents of a model file after all checks.

    Attributes
    ----------
    path : Path
        The file.
    sha256 : str
        Digest of all bytes, which identifies this version.
    manifest : dict
        Contents: class, reason, columns, outcome, conventions, lock report, versions.
    golden_error : float
        Largest difference between the stored risks of the 20 check rows and the risks computed now.
    """

    path: Path
    sha256: str
    manifest: dict[str, Any]
    golden_error: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row per fact: ``fact, value``."""
        known = self.manifest
        rows = [
            ("file", self.path.name),
            ("sha256", self.sha256),
            ("class", known["class"]),
            ("reason", known["reason"]),
        ]
        rows += [
            ("written by", f"lbp_prognosis {known['library']}"),
            ("columns", ", ".join(c["name"] for c in known["columns"])),
        ]
        rows += [("horizons checked", ", ".join(f"{h:g}" for h in known["horizons"]))]
        rows += [
            ("end of follow-up", known["max_time"]),
            ("largest change by locking", known["lock"]["largest_change"]),
        ]
        measured, told = known["lock"].get("membership_auc"), "not measured"
        if measured is not None:
            told = f"AUC {measured:.3f}, upper limit {known['lock']['membership_high']:.3f}"
        rows += [("training data distinguished from others", told)]
        rows += [("check rows differ by", self.golden_error)]
        return pd.DataFrame(rows, columns=["fact", "value"])

    def _summary(self) -> str:
        return f"{self.manifest['class']}, {self.sha256[:12]}, check rows within {self.golden_error:.1g}"


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    reason: str,
    min_cell: int = 5,
    ledger: str | os.PathLike[str] | Ledger | None = None,
    actor: str = "",
) -> ModelFile:
    """Write a model as one file that contains no patients and runs no code when read.

    Parameters
    ----------
    model : fitted model, RiskPipeline, LockedModel or Equation
        Any model class of this library, with scikit-learn's scalers and SimpleImputer as steps. An unlocked model is
        locked first (see `lock`); the file's ``lock`` entry gives the largest change of a risk.
    path : path
        File to write, usually ``*.lbpm``.
    reason : str
        Reason for this version, stored in the file. Name no patient.
    min_cell : int, default 5
        For the lock.
    ledger : path or Ledger, optional
        Chain of versions to which a line is added.
    actor : str, default ""
        Person who saves, for the ledger; not stored in the file.

    Returns
    -------
    ModelFile
        With the digest that identifies the version. Equal models with equal reasons give equal bytes within one version
        of the library.

    Raises
    ------
    ArgumentError
        If the class or an attribute of the model cannot be saved without pickle.

    See Also
    --------
    lbp_prognosis.deployment.load_model : How is such a file read?

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from lbp_prognosis import CoxPH, Surv, simulate_cohort
    >>> from lbp_prognosis.deployment import save_model
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> model = CoxPH().fit(X[["age", "nrs_back"]], Surv.right(y["time"], y["event"] == 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_model(model, Path(folder, "recovery.lbpm"), reason="First version")
    >>> len(file.sha256)
    64
    """
    if not isinstance(reason, str) or not reason.strip():
        raise argument_error("reason", "a sentence with the reason for this version", reason)
    locked = lock(model, min_cell=min_cell)
    inner = locked.unlocked
    times = check_horizons_of(inner)
    # the memory layout is that of the reader: sums in another order differ in the last digit
    rows = unpack(*pack(synthetic_rows(inner, _GOLDEN, missing=_LACKING)))
    golden = {"rows": rows, "times": times, "risks": risks_of(inner, rows, times)}
    params, arrays = pack({"model": inner, "golden": golden})
    data = written_container(_manifest(locked, reason.strip(), times), params, arrays)
    target = write_file(path, data)
    digest = hashlib.sha256(data).hexdigest()
    if ledger is not None:
        chain = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
        chain.append(digest, reason=reason.strip(), actor=actor)
    return ModelFile(target, digest, manifest_of(data), 0.0)


def _manifest(locked: LockedModel, reason: str, times: np.ndarray) -> dict[str, Any]:
    from lbp_prognosis import __version__

    inner = locked.unlocked
    end = getattr(inner, "models_", [inner])
    end = end[0] if isinstance(end, list) and end else inner
    causes = [int(code) for code in np.atleast_1d(getattr(inner, "causes_", [1]))]
    longest = float(getattr(inner, "max_time_", times[-1]))
    conventions = {"risk": "P(T <= horizon, event = cause | x)", "beyond follow-up": "no risk"}
    for name in ("ties", "incidence", "combine", "scale", "distribution", "between"):
        value = getattr(end, name, getattr(inner, name, None))
        if isinstance(value, str):
            conventions[name] = value
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "library": __version__,
        "packages": _versions(),
        "class": type(inner).__name__,
        "model": type(end).__name__,
        "reason": reason,
        "columns": _columns(inner),
        "causes": causes,
        "horizons": [float(t) for t in times],
        "max_time": longest if np.isfinite(longest) else None,
        "conventions": conventions,
        "lock": locked.report.to_dict(),
    }


def _versions() -> dict[str, str]:
    import scipy
    import sklearn

    modules = {"numpy": np, "pandas": pd, "scipy": scipy, "sklearn": sklearn}
    found = {name: str(module.__version__) for name, module in modules.items()}
    return {**found, "python": ".".join(platform.python_version_tuple()[:2])}


def _columns(model: Any) -> list[dict[str, Any]]:
    """Return each column that new rows need: its kind, coarse range or categories, and unit if known."""
    ranges, categories = ranges_of_columns(model), categories_of_columns(model)
    units = {term.name: term.unit for term in getattr(model, "terms", ())}
    out: list[dict[str, Any]] = []
    for name in columns_of_new_rows(model):
        entry: dict[str, Any] = {"name": str(name), "unit": units.get(name, "")}
        if name in categories:
            levels = [plain_label(level) for level in categories[name]]
            out.append({**entry, "kind": "category", "levels": [v if isinstance(v, int) else str(v) for v in levels]})
            continue
        low, high = ranges.get(name, (np.nan, np.nan))
        bounds = [float(v) if np.isfinite(v) else None for v in (low, high)]
        out.append({**entry, "kind": "number", "low": bounds[0], "high": bounds[1]})
    return out


def load_model(path: str | os.PathLike[str], *, expect_sha256: str | None = None) -> LockedModel:
    """Read a model file, check all of it, and return the model.

    Parameters
    ----------
    path : path
        Written by `save_model`.
    expect_sha256 : str, optional
        Required digest of the file: only the digest distinguishes a forged file from the original.

    Returns
    -------
    LockedModel
        Equal to the bit to the locked model that was saved.

    Raises
    ------
    ModelFileError
        If the file is damaged, forged, too large, of another kind, or predicts other risks for its check rows.

    See Also
    --------
    lbp_prognosis.deployment.save_model : How does a model leave without patients?

    Notes
    -----
    The reader imports no name and runs no text of the file: a file can only name classes of a closed list.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from lbp_prognosis import CoxPH, Surv, simulate_cohort
    >>> from lbp_prognosis.deployment import load_model, save_model
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> X, y = X[["age", "nrs_back"]], Surv.right(y["time"], y["event"] == 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "recovery.lbpm")
    ...     file = save_model(CoxPH().fit(X, y), path, reason="First version")
    ...     model = load_model(path, expect_sha256=file.sha256)
    >>> model.predict_risk(X.head(2), [6, 12]).shape
    (2, 2)
    """
    return _read(path, expect_sha256)[0]


def verify(path: str | os.PathLike[str]) -> ModelFile:
    """Check a model file as `load_model` does, and return its contents.

    Parameters
    ----------
    path : path
        Written by `save_model`.
    """
    _, manifest, error, data = _read(path, None)
    return ModelFile(Path(path), hashlib.sha256(data).hexdigest(), manifest, error)


def _read(path: str | os.PathLike[str], expected: str | None) -> tuple[LockedModel, dict[str, Any], float, bytes]:
    source = Path(path)
    size = source.stat().st_size
    if size > MOST_BYTES:
        raise ModelFileError(f"The model file has {size >> 20} MB; at most {MOST_BYTES >> 20} are read.")
    data = source.read_bytes()
    if expected is not None:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", expected):
            raise argument_error("expect_sha256", "64 hexadecimal digits", expected)
        digest = hashlib.sha256(data).hexdigest()
        if digest != expected.lower():
            raise ModelFileError(f"The model file is another than expected: its digest is {digest}.")
    manifest, params, arrays = read_container(data)
    if manifest.get("format") != FORMAT or manifest.get("schema") != SCHEMA:
        raise ModelFileError(
            f"The file is no model file of schema {SCHEMA}: format {str(manifest.get('format'))[:40]!r}, schema "
            f"{str(manifest.get('schema'))[:20]!r}. A newer library may read it."
        )
    try:
        locked, error = _rebuilt(manifest, params, arrays)
    except LBPError as problem:
        if isinstance(problem, ModelFileError):
            raise
        raise ModelFileError(f"The model in the file does not work: {str(problem)[:200]}") from problem
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, RuntimeError) as problem:
        raise ModelFileError(
            f"The model in the file can't be built: {type(problem).__name__}: {str(problem)[:120]}."
        ) from problem
    if not error <= _SAME:
        raise ModelFileError(
            f"The model in the file predicts other risks for its check rows than when it was saved (difference "
            f"{error:.2g}): another version of a library calculates differently, or the file was changed."
        )
    return locked, manifest, error, data


def _rebuilt(manifest: dict[str, Any], params: Any, arrays: dict[str, np.ndarray]) -> tuple[LockedModel, float]:
    held = unpack(params, arrays)
    if not isinstance(held, dict) or set(held) != {"model", "golden"} or not isinstance(held["golden"], dict):
        raise ModelFileError("The model file does not contain a model and its check rows.")
    model, golden = held["model"], held["golden"]
    if not hasattr(model, "predict_risk") or type(model).__name__ != manifest["class"]:
        raise ModelFileError("The model file contains another class than its manifest states.")
    report = manifest["lock"]
    locked = LockedModel(
        model,
        LockReport(
            report["min_cell"],
            report["largest_change"],
            report["at"],
            report["steps_before"],
            report["steps_after"],
            tuple(report["notes"]),
            report.get("membership_auc"),  # files of earlier versions have none
            report.get("membership_high"),
            report.get("membership_calibrated"),
        ),
    )
    check_parts(model)
    risks = risks_of(model, golden["rows"], golden["times"])
    stored = golden["risks"]
    if risks.shape != stored.shape or (np.isnan(risks) != np.isnan(stored)).any():
        return locked, np.inf
    gaps = np.abs(risks - stored)
    return locked, float(np.nanmax(gaps)) if np.isfinite(gaps).any() else 0.0


def check_parts(model: Any) -> None:
    """Refuse parts whose sizes do not fit together before compiled code reads them."""
    from lbp_prognosis.deployment._coarsen import parts_of

    if isinstance(model, Formula | CompetingEquation):
        return
    for part in parts_of(model):
        if type(part).__name__ == "DeploymentImputer":
            _check_imputer(part)
        if hasattr(part, "trees_"):
            texts = [part.trees_] if isinstance(part.trees_, str) else list(part.trees_.values())
            for text in texts:  # the period is a column of its own
                check_booster(text, len(part.tree_columns_) + bool(getattr(part, "time_varying", False)))
        if type(part).__name__ == "MultiStateCox" and hasattr(part, "transitions_"):
            _check_transitions(part)
        for times, values in _step_functions(part):
            if times.ndim != 1 or times.shape[0] != values.shape[0] or (np.diff(times) <= 0).any():
                raise ModelFileError("The model file contains a baseline whose times and values do not fit together.")


def _check_transitions(part: Any) -> None:
    """Refuse transitions between unknown states before compiled code uses them."""
    pairs, count = np.asarray(part.transitions_), len(part.states_)
    fits = pairs.ndim == 2 and pairs.shape[1] == 2 and len(part.increments_) == len(part.baseline_times_) == len(pairs)
    if not fits or (pairs < 0).any() or (pairs >= count).any() or np.shape(part.initial_) != (count,):
        raise ModelFileError("The model file contains transitions that do not fit its states.")
    step = getattr(part, "step_", None)
    if step is not None and not part.max_time_ / 1e5 <= step < np.inf:
        raise ModelFileError("The model file contains a step of time that does not fit its follow-up.")


def _step_functions(part: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    times = getattr(part, "baseline_times_", None)
    values = getattr(part, "baseline_hazard_", None)
    if isinstance(times, list) and isinstance(values, list):
        pairs = list(zip(times, values, strict=True))
    elif isinstance(times, dict) and isinstance(values, dict):
        pairs = [pair for code in times for pair in zip(times[code], values[code], strict=True)]
    else:
        pairs = []
    return pairs


def _check_imputer(part: Any) -> None:
    count = len(part.encoding.columns)
    kinds, levels = part.encoding.kinds, part.encoding.levels
    fits = kinds.shape == levels.shape == (count,) and np.isin(kinds, (0, 1, 2)).all() and (levels >= 0).all()
    if fits:
        widths = np.where(kinds == 2, np.maximum(levels - 1, 0), 1)
        wide, most = sum(widths.tolist()), max(int(levels.max(initial=0)), 1)
        fits = (
            part.low.shape == part.high.shape == part.start.shape == part.sigma.shape == (count,)
            and part.normals.ndim == 3
            and part.normals.shape[2] == count
            and part.uniforms.shape == (*part.normals.shape, most)
            and part.mean.shape == part.shifts.shape == (wide,)
            and part.covariance.shape == part.slopes.shape == (wide, wide)
        )
    if not fits:
        raise ModelFileError("The model file contains an imputation whose parts do not fit together.")
