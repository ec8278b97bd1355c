"""The table of files as hospitals and tools write them: each is read right, or refused with what to do."""

from __future__ import annotations

import re

import numpy as np
import pytest
from file_variants import AFFINE, AT, BRIGHT, READ, REFUSED

from lbp_prognosis._base import LBPError
from lbp_prognosis.biomarkers import read_image

for package in ("nibabel", "SimpleITK", "pydicom"):
    pytest.importorskip(package)


def written(write, folder):
    made = write(folder)
    path, more = made if isinstance(made, tuple) else (made, {})
    return path, more.pop("affine", AFFINE), more


REMEDY = (
    r"([.:;] ?|\()(Fetch|Choose|Resample|Export|Give|Convert|convert|Save|save|Unpack|Check|Read each|One of)"
    r"|must be split"
)


@pytest.mark.parametrize("name", READ)
def test_a_variant_is_read_with_its_value_at_its_place(name, tmp_path):
    write, value = READ[name]
    path, affine, more = written(write, tmp_path)
    image = read_image(path, **more)
    assert np.isclose(image.data.max(), value)
    at = np.argwhere(np.isclose(image.data, value))
    assert len(at) == 1
    np.testing.assert_allclose(image.grid.to_world(at[0].astype(float)), (affine @ [*AT, 1])[:3], atol=1e-3)
    np.testing.assert_allclose(sorted(image.grid.spacing), [0.6, 0.7, 4.0], atol=1e-4)
    assert not {"secret-7", "Doe^Jane", "19700101"} & set(map(str, image.acquisition.values()))


@pytest.mark.parametrize("name", REFUSED)
def test_a_variant_is_refused_with_the_remedy(name, tmp_path):
    write, says = REFUSED[name]
    path, _, more = written(write, tmp_path)
    with pytest.raises(LBPError, match=says) as told:
        read_image(path, **more)
    assert re.search(REMEDY, str(told.value))


def test_the_table_has_sixty_variants():
    assert len(READ) + len(REFUSED) >= 60
    assert BRIGHT == 700
