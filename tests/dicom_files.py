"""Small DICOM segmentations and structure sets, written from label volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FRAME = "1.2.826.0.1.3680043.8.498.77"


def lps(affine: np.ndarray) -> np.ndarray:
    """Return a matrix to LPS millimetres from one to RAS."""
    return np.diag([-1.0, -1, 1, 1]) @ affine


def base(modality: str, sop_class: str, path: Path):
    """Return an object with a header that can be saved."""
    import pydicom

    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[path.name])
    one = pydicom.dataset.FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    one.SOPClassUID, one.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    one.SeriesInstanceUID, one.StudyInstanceUID = (pydicom.uid.generate_uid(entropy_srcs=[c]) for c in "st")
    one.Modality, one.FrameOfReferenceUID = modality, FRAME
    one.PatientName, one.PatientID, one.PatientBirthDate = "Doe^Jane", "secret-7", "19700101"
    return one


def item(**tags):
    """Return a data set with these tags."""
    import pydicom

    one = pydicom.Dataset()
    for name, value in tags.items():
        setattr(one, name, pydicom.Sequence(value) if isinstance(value, list) and name.endswith("Sequence") else value)
    return one


def write_seg(
    path: Path,
    masks: dict[str, np.ndarray],
    affine: np.ndarray,
    *,
    kind: str = "BINARY",
    empty_frames: bool = False,
    step_stated: bool = True,
) -> Path:
    """Write a segmentation with one segment per mask; columns run along the first axis of the arrays.

    ``kind`` is BINARY (one bit), FRACTIONAL (bytes of 0 and 255) or LABELMAP (segment numbers, one frame per slice).
    """
    import pydicom

    matrix = lps(affine)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    shape = next(iter(masks.values())).shape
    names = list(masks)
    sop = "1.2.840.10008.5.1.4.1.1.66." + ("7" if kind == "LABELMAP" else "4")
    one = base("SEG", sop, path)
    one.SegmentationType = kind
    one.SegmentSequence = pydicom.Sequence(
        [item(SegmentNumber=k, SegmentLabel=name, SegmentAlgorithmType="AUTOMATIC") for k, name in enumerate(names, 1)]
    )
    one.Columns, one.Rows, one.SamplesPerPixel, one.PixelRepresentation = *shape[:2], 1, 0
    one.PhotometricInterpretation = "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 1 if kind == "BINARY" else 8
    one.HighBit = one.BitsStored - 1
    if kind == "FRACTIONAL":
        one.MaximumFractionalValue, one.SegmentationFractionalType = 255, "OCCUPANCY"
    measures = item(PixelSpacing=[float(spacing[1]), float(spacing[0])], SliceThickness=float(spacing[2]))
    if step_stated:
        measures.SpacingBetweenSlices = float(spacing[2])
    cosines = [*(matrix[:3, 0] / spacing[0]).tolist(), *(matrix[:3, 1] / spacing[1]).tolist()]
    one.SharedFunctionalGroupsSequence = pydicom.Sequence(
        [
            item(
                PixelMeasuresSequence=[measures],
                PlaneOrientationSequence=[item(ImageOrientationPatient=[round(c, 9) for c in cosines])],
            )
        ]
    )
    groups, frames = [], []
    for number, name in enumerate(names, start=1) if kind != "LABELMAP" else [(0, "")]:
        for k in range(shape[2]):
            if kind == "LABELMAP":
                frame = np.zeros(shape[:2], dtype=np.uint8)
                for value, other in enumerate(names, start=1):
                    frame[masks[other][:, :, k]] = value
            else:
                frame = masks[name][:, :, k].astype(np.uint8) * (255 if kind == "FRACTIONAL" else 1)
            if not (frame.any() or empty_frames):
                continue
            place = (matrix[:3, :3] @ [0, 0, k] + matrix[:3, 3]).round(6).tolist()
            group = item(PlanePositionSequence=[item(ImagePositionPatient=place)])
            if number:
                group.SegmentIdentificationSequence = pydicom.Sequence([item(ReferencedSegmentNumber=number)])
            groups.append(group)
            frames.append(frame.T)
    one.PerFrameFunctionalGroupsSequence = pydicom.Sequence(groups)
    one.NumberOfFrames = len(frames)
    stack = np.array(frames)
    packed = np.packbits(stack.ravel(), bitorder="little") if kind == "BINARY" else stack
    content = packed.tobytes()
    one.PixelData = content + b"\0" * (len(content) % 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    one.save_as(path, enforce_file_format=True)
    return path


def write_rtstruct(path: Path, contours: dict[str, list[np.ndarray]], *, kind: str = "CLOSED_PLANAR") -> Path:
    """Write a structure set; contours are (n, 3) arrays of corners in RAS millimetres."""
    import pydicom

    one = base("RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3", path)
    del one.FrameOfReferenceUID
    one.StructureSetLabel = "structures"
    one.ReferencedFrameOfReferenceSequence = pydicom.Sequence([item(FrameOfReferenceUID=FRAME)])
    one.StructureSetROISequence = pydicom.Sequence(
        [
            item(ROINumber=k, ROIName=name, ReferencedFrameOfReferenceUID=FRAME)
            for k, name in enumerate(contours, start=1)
        ]
    )
    one.ROIContourSequence = pydicom.Sequence(
        [
            item(
                ReferencedROINumber=k,
                ContourSequence=[
                    item(
                        ContourGeometricType=kind,
                        NumberOfContourPoints=len(points),
                        ContourData=[f"{value:.4f}" for value in (points * [-1, -1, 1]).ravel()],
                    )
                    for points in drawn
                ],
            )
            for k, drawn in enumerate(contours.values(), start=1)
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    one.save_as(path, enforce_file_format=True)
    return path


def outlines(mask: np.ndarray, affine: np.ndarray) -> list[np.ndarray]:
    """Return the contours, half a cell outside the voxel centres, of a mask slice by slice along its third axis."""
    from skimage.measure import find_contours

    found = []
    for k in range(mask.shape[2]):
        for line in find_contours(np.pad(mask[:, :, k], 1).astype(float), 0.5):
            index = np.column_stack([line[:-1] - 1, np.full(len(line) - 1, k)])
            found.append(index @ affine[:3, :3].T + affine[:3, 3])
    return found
