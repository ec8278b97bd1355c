"""Filters of IBSI 2 in front of the engine: Laplacian of a Gaussian, Laws kernels, Gabor, wavelets.

Whybra P et al. The Image Biomarker Standardization Initiative: standardized convolutional filters for reproducible
radiomics and enhanced clinical insights. Radiology. 2024;310:e231319. doi:10.1148/radiol.231319, and its reference
manual (arXiv:2006.05470). Images are mirrored at their border with the outermost voxel repeated, except for Simoncelli
wavelets.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations, product

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import Prepared
from lbp_prognosis.biomarkers.texture._radiomics_settings import LAWS, RadiomicsSettings

__all__ = ["check_filters", "gabor", "laplacian_of_gaussian", "laws", "reach_voxels", "simoncelli", "wavelet"]

Floats = npt.NDArray[np.float64]

EVERYWHERE = 1_000_000
"""Reach in voxels of a filter that reads all of the image."""

CUT = 4.0
"""Sigmas at which the Laplacian of a Gaussian is cut off."""

SUPPORT = 5.0
"""Sigmas at which the envelope of a Gabor filter is cut off: 4e-6 of its height."""


def reach_voxels(settings: RadiomicsSettings, spacing: Floats) -> npt.NDArray[np.int64] | None:
    """Return how many voxels along i, j, k the filters look beyond the region; None for all of the image."""
    if "wavelet" in settings.images and settings.wavelets is None:
        return None
    sides = np.asarray(spacing, dtype=float)
    reach = np.zeros(3)
    if "log" in settings.images:
        reach = np.maximum(reach, CUT * max(settings.log_sigmas_mm) / sides + 0.5)
    if "laws" in settings.images:
        longest = max(len(LAWS[name]) for kernel in settings.laws_kernels or () for name in _taps(kernel))
        reach = np.maximum(reach, settings.laws_distance + longest // 2)
    for sigma, _, ratio in settings.gabor if "gabor" in settings.images else ():
        reach = np.maximum(reach, _radius(sigma, ratio, sides))
    for name, _, level in (settings.wavelets or ()) if "wavelet" in settings.images else ():
        taps = 2 * EVERYWHERE if name == "simoncelli" else _quadrature(name)["L"].size
        reach = np.maximum(reach, min((2**level - 1) * (taps // 2), EVERYWHERE))
    return np.ceil(reach).astype(int)


def check_filters(settings: RadiomicsSettings, spacing: Floats) -> None:
    """Refuse filters that count in voxels where these are not cubes, and waves that are too short for the voxels.

    Raises
    ------
    ArgumentError
        If the voxels (slice-wise: the pixels) are not cubes (squares), or a wave is shorter than two of them.
    """
    sides = np.asarray(spacing, dtype=float)
    used = sides if settings.aggregation == "3d" else sides[:2]
    shown = " × ".join(f"{side:.3g}" for side in sides)
    for name in ("laws", "gabor", *(("wavelet",) if settings.wavelets is not None else ())):
        if name in settings.images and np.ptp(used) > 0.01 * used.min():
            kind = "cubes" if settings.aggregation == "3d" else "voxels that are square within the slice"
            raise argument_error(
                "images", f"without {name!r} where voxels are no {kind}", f"voxels of {shown} mm", "Set `spacing_mm`."
            )
    for _, wave, _ in settings.gabor if "gabor" in settings.images else ():
        if wave < 2 * used.max() * (1 - 1e-6):
            raise argument_error(
                "gabor",
                f"of waves of at least two voxels ({2 * used.max():.3g} mm)",
                f"a wavelength of {wave:g} mm with voxels of {shown} mm",
                "Lengthen the wave, or resample to smaller voxels (`spacing_mm`).",
            )


def laplacian_of_gaussian(prepared: Prepared, sigma: float, *, planar: bool = False) -> Floats:
    """Return the Laplacian of a Gaussian of ``sigma`` mm, cut off at four sigmas; ``planar``: slice by slice.

    As in IBSI 2 it is not multiplied by sigma², and its unit of length is the side of a voxel (slice-wise of a square);
    where voxels are no cubes, the side of the cube of the same volume.
    """
    sides = prepared.spacing[::-1]
    widths = sigma / sides
    if planar:
        widths[0] = 0.0
    total = np.zeros(prepared.volume.shape)
    for axis in range(int(planar), 3):
        order = [2 if a == axis else 0 for a in range(3)]
        total += ndimage.gaussian_filter(prepared.volume, widths, order=order, mode="reflect", truncate=CUT) / (
            sides[axis] ** 2
        )
    used = sides[int(planar) :]
    return total * float(np.prod(used)) ** (2 / used.size)


def laws(prepared: Prepared, kernel: str, distance: int) -> Floats:
    """Return the texture energy of a Laws kernel, which does not depend on the direction of the texture.

    Kernels have unit length. Of the responses to the kernel in all its rotations by right angles (24, in the slice 4)
    each voxel keeps the largest. The energy is the mean of its absolute value over all voxels within ``distance``
    voxels (in the larger of the coordinates); the response itself with a distance of 0.

    Parameters
    ----------
    prepared : Prepared
    kernel : str
        Kernels along i, j and k, such as ``L5E5E5``; two of them (``L5E5``) act within each slice.
    distance : int
    """
    taps = [np.array(LAWS[name], dtype=float) for name in _taps(kernel)]
    taps = [values / np.sqrt(values @ values) for values in taps]
    axes = (2, 1, 0)[: len(taps)]  # arrays have the slices first
    pooled: Floats | None = None
    for turned in _rotations(taps):
        response = prepared.volume
        for axis, values in zip(axes, turned):
            response = ndimage.convolve1d(response, values, axis=axis, mode="reflect")
        pooled = response if pooled is None else np.maximum(pooled, response)
    assert pooled is not None
    if distance == 0:
        return pooled
    energy = np.abs(pooled)
    for axis in axes:
        energy = ndimage.uniform_filter1d(energy, 2 * distance + 1, axis=axis, mode="reflect")
    return energy


def _taps(kernel: str) -> list[str]:
    return [kernel[k : k + 2].upper() for k in range(0, len(kernel), 2)]


def _rotations(taps: list[Floats]) -> list[list[Floats]]:
    """Return the kernels of all rotations by right angles that differ."""
    found: dict[tuple[tuple[float, ...], ...], list[Floats]] = {}
    for order, flips in _turns(len(taps)):
        turned = [taps[source][::flip] for source, flip in zip(order, flips)]
        # a flipped kernel is itself or its negative: two negatives give the same response as none
        signs = [1.0 if values[np.flatnonzero(values)[0]] > 0 else -1.0 for values in turned]
        key = tuple(tuple(values * sign) for values, sign in zip(turned, signs))
        found.setdefault((*key, (float(np.prod(signs)),)), turned)
    return list(found.values())


def gabor(prepared: Prepared, sigma: float, wavelength: float, ratio: float, angles: int, *, planar: bool) -> Floats:
    """Return the modulus of the response to a planar Gabor filter, averaged over directions.

    The filter is exp(−(x² + ratio² y²) / (2 sigma²) + 2πi x / wavelength), not normalised, with the wave along x, which
    is turned in ``angles`` steps over half a turn (the other half has the same modulus). The mean is also that over the
    planes across all three axes, unless ``planar``: then it is that in the slice.

    Only slices with the region are filtered; elsewhere the response is NaN.
    """
    sides = prepared.spacing[::-1]
    total = np.zeros(prepared.volume.shape)
    stacks = (0,) if planar else (0, 1, 2)
    for stack in stacks:
        seen = np.flatnonzero(prepared.region.any(axis=tuple(a for a in range(3) if a != stack)))
        first, last = int(seen[0]), int(seen[-1]) + 1
        side = float(np.delete(sides, stack)[0])
        slices = np.moveaxis(prepared.volume, stack, 0)[first:last]
        part = np.full(prepared.volume.shape, np.nan)
        np.moveaxis(part, stack, 0)[first:last] = _of_slices(slices, sigma / side, wavelength / side, ratio, angles)
        total += part
    return total / len(stacks)


def _radius(sigma: float, ratio: float, side: Floats | float) -> Floats:
    return np.asarray(np.ceil(SUPPORT * sigma / min(1.0, ratio) / side))


def _of_slices(slices: Floats, sigma: float, wavelength: float, ratio: float, angles: int) -> Floats:
    """Return the mean modulus over directions in each slice; lengths in pixels."""
    radius = int(_radius(sigma, ratio, 1.0))
    across = np.arange(-radius, radius + 1, dtype=float)
    # np.pad repeats the mirror where the image is smaller than the filter
    padded = np.pad(slices, ((0, 0), (radius, radius), (radius, radius)), mode="symmetric")
    # what wraps around falls on the padding
    shape = [fft.next_fast_len(n) for n in padded.shape[1:]]
    kernels = []
    for theta in np.pi * np.arange(angles) / angles:
        along = across * np.cos(theta) + across[:, None] * np.sin(theta)
        aside = across * np.sin(theta) - across[:, None] * np.cos(theta)
        wave = np.exp(-(along**2 + (ratio * aside) ** 2) / (2 * sigma**2) + 2j * np.pi * along / wavelength)
        kernels.append(fft.fft2(wave, shape))
    out = np.zeros(slices.shape)
    inner = tuple(slice(2 * radius, 2 * radius + n) for n in slices.shape[1:])
    for k, one in enumerate(padded):
        spectrum = fft.fft2(one, shape)
        for kernel in kernels:
            out[k] += np.abs(fft.ifft2(spectrum * kernel)[inner])
    return out / angles


def wavelet(prepared: Prepared, name: str, band: str, level: int) -> Floats:
    """Return a sub-band of a stationary wavelet transform, averaged over all rotations by right angles.

    Parameters
    ----------
    prepared : Prepared
    name : str
        An orthogonal wavelet of PyWavelets, such as ``db3``.
    band : str
        Low-pass (``L``) and high-pass (``H``) filters along i, j and k at the last level; two of them act within each
        slice. At the levels before, all filters are low-pass.
    level : int
        Decompositions; the filters of level l have 2^(l − 1) − 1 zeros between their taps.
    """
    filters = _quadrature(name)
    axes = (2, 1, 0)[: len(band)]  # arrays have the slices first
    total = np.zeros(prepared.volume.shape)
    turns = _turns(len(band))
    for letters, flips in turns:
        response = prepared.volume
        for axis, at, flip in zip(axes, letters, flips):
            for k in range(level):
                taps = filters[band[at] if k == level - 1 else "L"]
                spread = np.zeros((taps.size - 1) * 2**k + 1)
                spread[:: 2**k] = taps
                response = ndimage.convolve1d(response, spread[::flip], axis=axis, mode="reflect")
        total += response
    return total / len(turns)


def simoncelli(prepared: Prepared, level: int, *, planar: bool = False) -> Floats:
    """Return the band-pass map of a Simoncelli wavelet, which has no direction; ``planar``: slice by slice.

    Its transfer function is cos(π/2 · log2(2 r / m)) for m/4 ≤ r ≤ m, with r the distance from zero frequency where 1
    is the end of each axis, and m = 2^(1 − level). The image is continued periodically.

    Parameters
    ----------
    prepared : Prepared
        All of the image, or of its slices.
    level : int
        Decompositions.
    planar : bool, default False
        Whether each slice is filtered by itself.

    Raises
    ------
    ArgumentError
        If the image is shorter along an axis than the longest wave that the map passes. With an even number of voxels
        zero frequency would then lie within its band, and a constant image would not give zero.
    """
    shape = prepared.volume.shape
    axes = tuple(range(int(planar), 3))
    longest = 2 ** (level + 2)
    if min(shape[axis] for axis in axes) < longest:
        raise argument_error(
            "wavelets",
            f"maps of a level whose longest wave, {longest} voxels at level {level}, fits into the image",
            f"an image of {' × '.join(str(shape[axis]) for axis in axes[::-1])} voxels",
            "Choose a lower level"
            + (
                "."
                if planar
                else ", resample to smaller cubes with `spacing_mm`, or filter slices: `aggregation='2d'`."
            ),
        )
    squares = np.zeros([shape[axis] if axis in axes else 1 for axis in range(3)])
    for axis in axes:
        at = np.linspace(-1.0, 1.0, shape[axis]) if shape[axis] > 1 else np.zeros(1)
        squares = squares + np.fft.ifftshift(at).reshape([-1 if a == axis else 1 for a in range(3)]) ** 2
    top = 4.0 ** (1 - level)  # squared
    passed = (squares >= top / 16) & (squares <= top)
    transfer = np.zeros(squares.shape)
    transfer[passed] = np.cos(np.pi / 4 * np.log2(4 * squares[passed] / top))
    found = fft.ifftn(fft.fftn(prepared.volume, axes=axes) * transfer, axes=axes)
    return np.ascontiguousarray(found.real)


def _turns(n: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the rotations by right angles: the axis whose filter each axis takes, and its direction."""
    return [
        (order, flips)
        for order in permutations(range(n))
        for flips in product((1, -1), repeat=n)
        if round(float(np.linalg.det(np.eye(n)[list(order)]))) * int(np.prod(flips)) == 1
    ]


@cache
def _quadrature(name: str) -> dict[str, Floats]:
    """Return the two decomposition filters of a wavelet; an even number of taps gets a zero for a middle."""
    import pywt  # comes with pyradiomics

    if name not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(name).orthogonal:
        raise argument_error("wavelets", "of orthogonal wavelets of PyWavelets (db3, coif1, sym4, …)", repr(name))
    found = pywt.Wavelet(name)
    return {
        letter: np.append(taps, 0.0) if len(taps) % 2 == 0 else np.array(taps)
        for letter, taps in (("L", found.dec_lo), ("H", found.dec_hi))
    }
