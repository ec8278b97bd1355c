"""Measurement of cases from files, with and without their pictures: processor seconds of a case, and largest memory.

python -m benchmarks.imaging [--before CHECKOUT] [--rounds 3]

The cases are a public CT (``../shared/data/img_totalsegmentator``) as it is (3 mm), the same on cubes of 1 mm, and a
drawn lumbar MRI of 512 × 512 × 20 voxels with muscles. Each contender runs in a process of its own and measures every
case once before it is timed. With ``--before`` another checkout does the same work in turn, and the numbers of both are
compared. SimpleITK runs beside: it reads the same files and gives volume, principal axes, bounding box and intensities
of every label, and none of the biomarkers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import ONE_THREAD

HERE = Path(__file__).resolve().parent.parent
PUBLIC = HERE.parent / "shared" / "data" / "img_totalsegmentator"
TARGET = 3.6  # 200 cases with pictures in twelve minutes
CONVENTIONS = ["totalsegmentator_total_v2", "totalsegmentator_vertebrae_body"]
COLUMNS = ["case", "contender", "pictures", "seconds", "peak_mib", "values"]


def write_cases(folder: Path) -> dict[str, dict[str, Any]]:
    """Write the files of each case, and return the rows of their studies."""
    import nibabel

    from benchmarks.extract_lumbar import lumbar_case

    drawn, cases = lumbar_case(), {}
    paths = {}
    for name, volume in (("image", drawn["image"]), *zip(("mask", "muscles"), drawn["mask"])):
        paths[name] = str(folder / f"lumbar_{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(volume.data, volume.affine), paths[name])
    cases["drawn MRI, 0.6 × 0.6 × 6.5 mm"] = {
        "patient_id": "mri",
        "image": paths["image"],
        "image_t1": paths["image"],
        "mask": [paths["mask"], paths["muscles"]],
        "convention": drawn["convention"],
        "modality": "mri",
        "sequence": "t2",
    }
    if not PUBLIC.is_dir():
        print(f"{PUBLIC} is not there: the drawn case alone")
        return cases
    masks = PUBLIC / "spine_report" / "test_result"
    files = [PUBLIC / "example_ct.nii.gz", masks / "totalseg.nii.gz", masks / "totalseg_vertebrae_body.nii.gz"]
    for name, fine in (("public CT, 3 mm", 1), ("public CT, on cubes of 1 mm", 3)):
        written = [str(file if fine == 1 else _finer(file, fine, folder)) for file in files]
        cases[name] = {
            "patient_id": f"ct{fine}",
            "image": written[0],
            "mask": written[1:],
            "convention": CONVENTIONS,
            "modality": "ct",
        }
    return cases


def _finer(path: Path, times: int, folder: Path) -> Path:
    """Write a volume on a lattice so many times as fine: intensities interpolated, labels repeated."""
    import nibabel
    from scipy import ndimage

    volume = nibabel.load(path)
    data = np.asarray(volume.dataobj)
    order = 1 if path.name == "example_ct.nii.gz" else 0
    shape = [times * n for n in data.shape]
    fine = ndimage.affine_transform(
        data.astype(np.float32), [1 / times] * 3, output_shape=shape, order=order, mode="nearest"
    )
    affine = volume.affine.copy()
    affine[:3, :3] /= times
    out = folder / path.name
    nibabel.save(nibabel.Nifti1Image(fine.astype(np.int16), affine), out)
    return out


def by_library(study: dict[str, Any], pictures: Path | None) -> pd.Series:
    """Measure one case, and return its values by name."""
    from lbp_prognosis.biomarkers import extract

    result = extract([study], overlays=pictures)
    if not result.failures.empty:
        raise SystemExit(result.failures["message"].iloc[0])
    table = result.table
    keys = table[["structure", "measure", "level", "side", "method_id"]].astype(str).agg(" ".join, axis=1)
    return pd.Series(table["value"].to_numpy(float), index=keys).sort_index()


def by_simpleitk(study: dict[str, Any], pictures: Path | None) -> pd.Series:
    """Read the files, and describe every label by SimpleITK."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    image = sitk.Cast(sitk.ReadImage(str(study["image"])), sitk.sitkFloat32)
    found = {}
    for path in study["mask"]:
        labels = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkUInt16)
        labels.CopyInformation(image)
        described = sitk.LabelIntensityStatisticsImageFilter()
        described.Execute(labels, image)
        for label in described.GetLabels():
            found[f"{Path(path).name} {label} volume"] = described.GetPhysicalSize(label)
            found[f"{Path(path).name} {label} mean"] = described.GetMean(label)
            described.GetPrincipalMoments(label), described.GetBoundingBox(label)
    return pd.Series(found, dtype=float)


def work(contender: str, file: Path, rounds: int) -> None:
    """In a process of its own: do the work named in ``file`` when told to, and answer with seconds and memory."""
    call = by_simpleitk if contender == "SimpleITK" else by_library
    asked = json.loads(file.read_text())
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) if asked["pictures"] else None
        values = call(asked["study"], pictures)
        print("READY", flush=True)
        for _ in range(rounds):
            sys.stdin.readline()
            start = time.process_time()
            call(asked["study"], pictures)
            print(f"SECONDS\t{time.process_time() - start}", flush=True)
    values.to_json(file.with_suffix(f".{os.getpid()}.values"))
    # not ru_maxrss, which counts the memory of the process that started this one
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak = int(status["VmHWM"].split()[0]) / 2**10
    print(f"PEAK\t{peak}\t{file.with_suffix(f'.{os.getpid()}.values')}", flush=True)


def race(contenders: dict[str, Path], study: dict[str, Any], pictures: bool, rounds: int, folder: Path) -> list[dict]:
    """Time every contender in turn, each in its own process, and return a row of each."""
    file = folder / "asked.json"
    file.write_text(json.dumps({"study": study, "pictures": pictures}))
    processes = {}
    for name, checkout in contenders.items():
        command = [sys.executable, str(Path(__file__).resolve()), "--work", name, str(file), "--rounds", str(rounds)]
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join((str(checkout), str(HERE)))}
        processes[name] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=checkout
        )
        _answer(processes[name], "READY")
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, process in processes.items():
            process.stdin.write("go\n")
            process.stdin.flush()
            spent[name].append(float(_answer(process, "SECONDS")[1]))
    rows = []
    for name, process in processes.items():
        _, peak, values = _answer(process, "PEAK")
        process.wait()
        read = pd.Series(json.loads(Path(values).read_text()), dtype=float)
        rows.append({"contender": name, "pictures": pictures, "seconds": float(np.median(spent[name]))})
        rows[-1].update(peak_mib=float(peak), values=read)
    return rows


def _answer(process: Any, word: str) -> list[str]:
    for line in process.stdout:  # whatever a contender prints itself is skipped
        if line.startswith(word):
            return line.rstrip("\n").split("\t")
    raise SystemExit(f"a contender's process ended with {process.wait()}")


def main(before: Path | None = None, rounds: int = 3) -> pd.DataFrame:
    """Return seconds and peak memory by case and contender."""
    library = {"lbp_prognosis": HERE, **({} if before is None else {"before": before.resolve()})}
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case, study in write_cases(folder).items():
            for pictures in (False, True):
                contenders = dict(library) if pictures else {**library, "SimpleITK": HERE}
                rows = race(contenders, study, pictures, rounds, folder)
                if before is not None:
                    pd.testing.assert_series_equal(rows[0]["values"], rows[1]["values"], rtol=1e-12, check_names=False)
                for row in rows:
                    row["values"] = int(row["values"].notna().sum())
                    found.append({"case": case, **row})
                    times = row["seconds"] / rows[0]["seconds"]
                    print(
                        f"{case:<32} {'with' if pictures else 'without'} picture  {row['contender']:<14}"
                        f"{row['seconds']:7.2f} s × {times:<5.3g} {row['peak_mib']:6.0f} MiB  {row['values']} values",
                        flush=True,
                    )
    table = pd.DataFrame(found, columns=COLUMNS)
    own = table[(table["contender"] == "lbp_prognosis") & table["pictures"]]
    for row in own.itertuples():
        print(f"200 cases like '{row.case}': {row.seconds * 200 / 60:.1f} minutes (target {TARGET * 200 / 60:.0f})")
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", nargs=2, metavar=("CONTENDER", "FILE"))
    given = parser.parse_args()
    if given.work:
        work(given.work[0], Path(given.work[1]), given.rounds)
    else:
        main(given.before, given.rounds)
