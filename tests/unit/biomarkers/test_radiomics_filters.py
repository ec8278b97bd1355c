"""Laws, Gabor and Laplacian filters by hand: responses to an impulse and to a wave, and where they are refused."""

from __future__ import annotations

import importlib.util
from itertools import permutations

import numpy as np
import pytest
from scipy import ndimage

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomarkers import Image, Mask, RadiomicsSettings, radiomics_features
from lbp_prognosis.biomarkers.texture._ibsi_filters import gabor, laplacian_of_gaussian, laws, reach_voxels, wavelet
from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import Prepared

needs = pytest.mark.skipif(importlib.util.find_spec("radiomics") is None, reason="pyradiomics is not installed")
L5 = np.array([1, 4, 6, 4, 1]) / np.sqrt(70)
E5 = np.array([-1, -2, 0, 2, 1]) / np.sqrt(10)
S5 = np.array([-1, 0, 2, 0, -1]) / np.sqrt(6)


def impulse(n: int = 11, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Prepared:
    volume = np.zeros((n, n, n))
    volume[n // 2, n // 2, n // 2] = 1.0
    return Prepared(volume, np.ones(volume.shape, dtype=bool), np.array(spacing))


def test_laws_response_to_an_impulse_is_the_largest_of_the_turned_kernels():
    cube = laws(impulse(), "L5E5E5", 0)[3:8, 3:8, 3:8]
    products = [np.einsum("i,j,k->kji", *order) for order in permutations((L5, E5, E5))]
    # a flip of the even kernel turns without effect: each product occurs with both signs
    np.testing.assert_allclose(cube, np.max([np.abs(p) for p in products], axis=0), atol=1e-15)
    # in the slice the even kernel flips alone, too; by hand 6 · 2 / √700 beside the impulse
    flat = laws(impulse(), "L5E5", 0)
    assert flat[5, 5, 6] == pytest.approx(12 / np.sqrt(700), rel=1e-14)
    assert flat[5, 5, 5] == 0
    assert flat[4].max() == 0  # nothing crosses the slices
    # where both kernels are even no turn has another sign
    even = laws(impulse(), "S5S5", 0)[5, 3:8, 3:8]
    np.testing.assert_allclose(even, np.outer(S5, S5), atol=1e-15)


def test_laws_energy_is_the_mean_absolute_response_and_the_border_is_mirrored():
    response = laws(impulse(9), "L5S5E5", 0)
    padded = np.pad(np.abs(response), 2, mode="symmetric")
    wanted = np.mean([padded[i : i + 9, j : j + 9, k : k + 9] for i in range(5) for j in range(5) for k in range(5)], 0)
    np.testing.assert_allclose(laws(impulse(9), "L5S5E5", 2), wanted, atol=1e-15)
    level = Prepared(np.full((6, 6, 6), 3.0), np.ones((6, 6, 6), dtype=bool), np.ones(3))
    np.testing.assert_allclose(laws(level, "L5L5L5", 3), 3 * (16 / np.sqrt(70)) ** 3, rtol=1e-13)
    np.testing.assert_allclose(laws(level, "L5L5E5", 3), 0, atol=1e-13)


@pytest.mark.parametrize("kernel", ["L5E5S5", "E5E5E5", "W5R5L5", "L3E3S3"])
def test_turning_the_image_turns_the_laws_response(kernel):
    volume = np.random.default_rng(2).normal(size=(7, 7, 7))
    inside = np.ones(volume.shape, dtype=bool)
    found = laws(Prepared(volume, inside, np.ones(3)), kernel, 0)
    turned = laws(Prepared(np.rot90(volume, axes=(0, 2)), inside, np.ones(3)), kernel, 0)
    np.testing.assert_allclose(turned, np.rot90(found, axes=(0, 2)), atol=1e-13)


def test_gabor_response_to_an_impulse_is_its_envelope():
    prepared = impulse(31)
    found = gabor(prepared, 2.0, 4.0, 1.5, 1, planar=True)[15]
    x, y = np.arange(31) - 15.0, np.arange(31)[:, None] - 15.0
    wanted = np.exp(-(x**2 + 2.25 * y**2) / 8)
    np.testing.assert_allclose(found[5:26, 5:26], wanted[5:26, 5:26], atol=1e-13)
    np.testing.assert_allclose(found, wanted, atol=np.exp(-12.5))  # cut at five SDs
    # the mean over three planes: through the impulse along i, two of them see it, and the third lies across
    along = gabor(prepared, 2.0, 4.0, 1.0, 4, planar=False)[15, 15, 15 + 3]
    assert along == pytest.approx(2 / 3 * np.exp(-9 / 8), rel=1e-12)


def test_gabor_response_to_a_wave_by_hand():
    # voxels of 0.5 mm: a wave of 4 mm is one of 8 voxels, an SD of 1.5 mm one of 3
    x = np.arange(80)
    volume = np.broadcast_to(np.cos(2 * np.pi * x / 8), (1, 80, 80)).copy()
    prepared = Prepared(volume, np.ones(volume.shape, dtype=bool), np.array([0.5, 0.5, 3.0]))
    along = gabor(prepared, 1.5, 4.0, 1.5, 1, planar=True)[0, 40, 30:50]
    # half the integral of the envelope: π σ² / ratio; the other half of the cosine is damped by exp(−2 (2π σ/λ)²)
    bound = np.exp(-2 * (2 * np.pi * 3 / 8) ** 2)
    np.testing.assert_allclose(along, np.pi * 9 / 1.5, rtol=2 * bound + 1e-5)
    both = gabor(prepared, 1.5, 4.0, 1.5, 2, planar=True)[0, 40, 30:50]
    np.testing.assert_allclose(both, np.pi * 9 / 3, rtol=0.05)  # the wave across the filter is hardly seen


def test_the_laplacian_counts_lengths_in_voxels():
    def quadratic(sides):
        at = [side * (np.arange(41) - 20.0) for side in sides]
        volume = at[2][:, None, None] ** 2 + at[1][:, None] ** 2 + at[0] ** 2
        return Prepared(volume, np.ones(volume.shape, dtype=bool), np.array(sides))

    # the Laplacian of x² + y² + z² is 6 per mm² and 24 in voxels of 2 mm; slice-wise 4 and 16; cut at 4 sigmas
    for sides, planar, wanted in (
        ((2, 2, 2), False, 24),
        ((2, 2, 2), True, 16),
        ((1, 1, 2), False, 6 * 2 ** (2 / 3)),
        ((1, 1, 2), True, 4),
    ):
        found = laplacian_of_gaussian(quadratic(sides), 4.0, planar=planar)[20, 20, 20]
        assert found == pytest.approx(wanted, rel=0.02), (sides, planar)


@needs
def test_wavelet_response_to_an_impulse_by_hand():
    # low and high pass of Haar are (1, 1) / √2 and (−1, 1) / √2; the mean over both directions is 1 in the middle and
    # 1/2 or −1/2 beside it, over √2; of the three arrangements of LLH one has its high pass along each axis
    found = wavelet(impulse(), "haar", "LLH", 1) * np.sqrt(8)
    assert found[5, 5, 5] == pytest.approx(1)
    for step, wanted in (
        ((0, 0, 1), 1 / 6),
        ((1, 0, 0), 1 / 6),
        ((0, 1, 1), -1 / 12),
        ((1, 1, 1), -1 / 8),
        ((0, 0, 2), 0),
    ):
        assert found[tuple(np.add(5, step))] == pytest.approx(wanted, abs=1e-15), step
    # level 2 along one axis: (1, 1) after (−1, 0, 1), or both turned about the middle
    deep = wavelet(impulse(), "haar", "HHH", 2)[5, 5, 2:9]
    np.testing.assert_allclose(deep / deep[3], [-0.5, -0.5, 0.5, 1, 0.5, -0.5, -0.5], atol=1e-15)
    level = Prepared(np.full((6, 6, 6), 3.0), np.ones((6, 6, 6), dtype=bool), np.ones(3))
    np.testing.assert_allclose(wavelet(level, "db3", "LLL", 2), 3 * 8, rtol=1e-9)  # √2 per filter
    np.testing.assert_allclose(wavelet(level, "db3", "LLH", 1), 0, atol=1e-9)
    flat = wavelet(impulse(), "db3", "LH", 1)
    assert flat[4].max() == 0  # nothing crosses the slices


@needs
@pytest.mark.parametrize(
    ("name", "band", "axes"), [("db3", "LLH", (0, 2)), ("coif1", "LHH", (1, 2)), ("db2", "LH", (1, 2))]
)
def test_turning_the_image_turns_the_wavelet_response(name, band, axes):
    volume = np.random.default_rng(2).normal(size=(7, 7, 7))
    inside = np.ones(volume.shape, dtype=bool)
    found = wavelet(Prepared(volume, inside, np.ones(3)), name, band, 2)
    turned = wavelet(Prepared(np.rot90(volume, axes=axes), inside, np.ones(3)), name, band, 2)
    np.testing.assert_allclose(turned, np.rot90(found, axes=axes), atol=1e-12)


@needs
def test_wavelets_that_are_none():
    pair = Image(np.random.default_rng(0).normal(size=(8, 8, 8)), np.eye(4)), Mask(np.ones((8, 8, 8), int), np.eye(4))
    for name in ("bior1.3", "morl", "db99"):
        with pytest.raises(ArgumentError, match="orthogonal wavelets"):
            radiomics_features([pair], RadiomicsSettings(images=("wavelet",), wavelets=((name, "LLH", 1),)))


@needs
def test_the_margin_around_a_region_suffices_for_every_filter():
    rng = np.random.default_rng(4)
    data = ndimage.gaussian_filter(rng.normal(0, 400, (70, 60, 50)), 1.0).round()
    mask = np.zeros(data.shape, dtype=np.uint8)
    mask[30:40, 25:35, 20:30] = 1
    chosen = {
        "classes": ("firstorder",),
        "images": ("log", "laws", "gabor"),
        "log_sigmas_mm": (5.0,),
        "laws_distance": 2,
        "gabor": ((2.0, 4.0, 1.0),),
        "gabor_angles": 2,
    }
    pair = Image(data, np.eye(4)), Mask(mask, np.eye(4))
    one = radiomics_features([pair], RadiomicsSettings(**chosen)).iloc[0]
    again = radiomics_features([pair], RadiomicsSettings(spacing_mm=1.0, **chosen)).iloc[0]
    np.testing.assert_allclose(one, again, rtol=1e-9)
    inside = Prepared(data.T.astype(float), mask.T == 1, np.ones(3))
    whole = {
        "log_sigma_5_0_mm_3d": laplacian_of_gaussian(inside, 5.0),
        "laws_l5e5e5_energy_2": laws(inside, "L5E5E5", 2),
        "gabor_sigma_2_0_mm_wavelength_4_0_mm_ratio_1_0": gabor(inside, 2.0, 4.0, 1.0, 2, planar=False),
    }
    for name, volume in whole.items():
        assert one[f"radiomics_{name}_firstorder_mean"] == pytest.approx(volume[inside.region].mean(), rel=1e-9)
    assert reach_voxels(RadiomicsSettings(images=("wavelet",)), np.ones(3)) is None
    waves = RadiomicsSettings(classes=("firstorder",), images=("wavelet",), wavelets=(("db3", "LLH", 2),))
    assert reach_voxels(waves, np.ones(3)).tolist() == [9, 9, 9]  # 3 + 6
    found = radiomics_features([pair], waves).iloc[0]["radiomics_wavelet_db3_llh_level_2_firstorder_variance"]
    assert found == pytest.approx(wavelet(inside, "db3", "LLH", 2)[inside.region].var(), rel=1e-9)


@needs
def test_filters_are_refused_where_voxels_are_no_cubes():
    data, affine = np.random.default_rng(1).normal(size=(12, 12, 12)), np.diag([1.0, 1.0, 3.0, 1.0])
    pair = Image(data, affine), Mask(np.ones(data.shape, dtype=int), affine)
    for name in ("laws", "gabor"):
        with pytest.raises(ArgumentError, match="no cubes.*spacing_mm"):
            radiomics_features([pair], RadiomicsSettings(images=(name,)))
    flat = np.diag([1.0, 1.2, 3.0, 1.0])
    with pytest.raises(ArgumentError, match="square within the slice"):
        radiomics_features(
            [(Image(data, flat), Mask(pair[1].data, flat))], RadiomicsSettings(images=("laws",), aggregation="2d")
        )
    for wave, refused in ((1.99, True), (2.0, False)):
        settings = RadiomicsSettings(
            classes=("firstorder",), images=("gabor",), gabor=((1, wave, 1),), gabor_angles=1, aggregation="2d"
        )
        if refused:
            with pytest.raises(ArgumentError, match="at least two voxels"):
                radiomics_features([pair], settings)
        else:
            assert np.isfinite(radiomics_features([pair], settings).to_numpy()).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"laws_kernels": ("L5E5",)},
        {"laws_kernels": ("L5E5E5",), "aggregation": "2d"},
        {"laws_kernels": ("L5E5Q5",)},
        {"laws_kernels": "L5E5E5"},
        {"laws_kernels": (), "images": ("laws",)},
        {"laws_distance": -1},
        {"gabor": ((5, 2),)},
        {"gabor": ((5, 0, 1),)},
        {"gabor": (), "images": ("gabor",)},
        {"gabor_angles": 0},
        {"images": ("laws",), "preprocessing": "pyradiomics"},
        {"images": ("wavelet",), "aggregation": "2.5d"},
        {"images": ("wavelet",), "aggregation": "2.5d", "wavelets": (("db3", "LLH", 1),)},
        {"images": ("wavelet",), "wavelets": (("db3", "LH", 1),)},
        {"images": ("wavelet",), "wavelets": (("db3", "LLX", 1),)},
        {"images": ("wavelet",), "wavelets": (("db3", "LLH", 0),)},
        {"images": ("wavelet",), "wavelets": ()},
        {"images": ("wavelet",), "wavelets": ("db3",)},
        {"images": ("log",), "wavelets": (("db3", "LLH", 1),)},
        {"images": ("wavelet",), "wavelets": (("db3", "LLH", 1),), "preprocessing": "pyradiomics"},
    ],
)
def test_settings_of_filters_that_are_none(wrong):
    with pytest.raises(ArgumentError):
        RadiomicsSettings(**wrong)


def test_settings_of_filters_not_used_do_not_change_the_method():
    plain = RadiomicsSettings()
    assert plain.fingerprint == RadiomicsSettings(laws_distance=3, gabor_angles=2).fingerprint
    assert not any(name.startswith(("laws", "gabor")) for name in plain.to_dict())
    assert "wavelets" not in plain.to_dict()
    waves = RadiomicsSettings(images=("wavelet",), wavelets=[["DB3", "llh", 1]])
    assert waves == RadiomicsSettings.from_dict(waves.to_dict())
    assert waves.wavelets == (("db3", "LLH", 1),)
    used = RadiomicsSettings(images=("laws", "gabor"), laws_kernels=("e5l5s5",), gabor=[[2, 4, 1]])
    assert used == RadiomicsSettings.from_dict(used.to_dict())
    assert used.laws_kernels == ("E5L5S5",)
    assert used.method_id != RadiomicsSettings(images=("laws", "gabor"), laws_kernels=("L5E5E5",)).method_id


@pytest.mark.parametrize("planar", [False, True])
def test_simoncelli_wavelets_of_plane_waves_by_hand(planar):
    from lbp_prognosis.biomarkers.texture._ibsi_filters import simoncelli
    from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import Prepared

    n = 17  # eight frequencies along each axis
    x = np.arange(n)
    for axis in (1, 2) if planar else (0, 1, 2):
        for k in range(9):
            line = np.cos(2 * np.pi * k * x / n).reshape([-1 if a == axis else 1 for a in range(3)])
            volume = np.broadcast_to(line, (n, n, n)).copy()
            prepared = Prepared(volume, volume > 2, np.ones(3))
            for level in (1, 2):
                r = k / 8 * 2 ** (level - 1)
                factor = np.cos(np.pi / 2 * np.log2(2 * r)) if 0.25 <= r <= 1 else 0.0
                np.testing.assert_allclose(simoncelli(prepared, level, planar=planar), factor * volume, atol=1e-12)
    if planar:
        volume = np.random.default_rng(0).normal(size=(3, n, n))
        whole = simoncelli(Prepared(volume, volume > 9, np.ones(3)), 1, planar=True)
        alone = simoncelli(Prepared(volume[1:2], volume[1:2] > 9, np.ones(3)), 1, planar=True)
        np.testing.assert_allclose(whole[1], alone[0], atol=1e-12)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_simoncelli_wavelets_of_a_constant_are_zero_and_short_images_are_refused(level):
    from lbp_prognosis.biomarkers.texture._ibsi_filters import simoncelli
    from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import Prepared

    n = 2 ** (level + 2)
    for shape, planar in (((n,) * 3, False), ((n + 1, n, n + 2), False), ((3, n, n), True)):
        whole = np.full(shape, 1000.0)
        found = simoncelli(Prepared(whole, whole > 0, np.ones(3)), level, planar=planar)
        np.testing.assert_allclose(found, 0, atol=1e-9)
    short = np.full((n - 1, n, n), 1000.0)
    with pytest.raises(ArgumentError, match=rf"longest wave, {n} voxels.*{n} × {n} × {n - 1} voxels.*'2d'"):
        simoncelli(Prepared(short, short > 0, np.ones(3)), level)


def test_simoncelli_wavelets_are_named_by_their_map():
    made = RadiomicsSettings(images=("wavelet",), wavelets=(("Simoncelli", "b", 2),), aggregation="2d")
    assert made.wavelets == (("simoncelli", "B", 2),)
    assert RadiomicsSettings(images=("wavelet",), wavelets=(("simoncelli", "B", 2),)).wavelets == made.wavelets
    for wrong in (("simoncelli", "LLH", 1), ("db3", "B", 1), ("simoncelli", "B", 0)):
        with pytest.raises(ArgumentError, match="wavelets"):
            RadiomicsSettings(images=("wavelet",), wavelets=(wrong,))
