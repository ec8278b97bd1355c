"""The registry of movement measures agrees with the schemas, and every published error has a source."""

from __future__ import annotations

import math
import re

import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomechanics import motion_measure, motion_measures
from lbp_prognosis.schema import convert_unit, known_units, measures


def test_the_registry_holds_the_measures_of_trials_and_no_others():
    assert set(motion_measures()) == {name for name, fact in measures().items() if "motion_trial" in fact["tables"]}


def test_every_measure_of_sides_has_an_asymmetry_and_no_other():
    sided = {f"{name}_asymmetry" for name, measure in motion_measures().items() if measure.sided}
    assert sided == {name for name, fact in measures().items() if fact["tables"] == ["motion"]}


@pytest.mark.parametrize("name", motion_measures())
def test_facts_of_a_measure(name):
    measure = motion_measures()[name]
    assert measure.unit in known_units()
    assert convert_unit([1.0], measure.unit, measure.unit).tolist() == [1.0]
    assert measure.minimum < measure.maximum
    assert measure.direction in ("higher_better", "higher_worse", "none")
    for error in measure.errors:
        assert error.kind in ("sem", "mdc")
        assert 0 < error.low <= error.high < measure.maximum - measure.minimum
        assert re.search(r"doi:10\.\d{4,}/\S+|PMID \d+|PMC\d+", error.source), error.source
        assert error.design
        assert error.population
        assert math.isnan(error.confidence) or (error.kind == "mdc" and 0.5 < error.confidence < 1)


def test_a_detectable_change_gives_back_the_error_by_hand():
    """1.645 √2 × 2.149 = 5, and 1.96 √2 × 0.9 = 2.5."""
    flexion = motion_measure("flexion_rom").errors[0]
    assert flexion.sem() == pytest.approx((5 / (1.6448536269514722 * math.sqrt(2)), 15 / 2.3261743), rel=1e-6)
    sem, mdc = motion_measure("sit_to_stand_5x").errors
    assert sem.sem() == (0.9, 0.9)
    assert mdc.sem()[0] == pytest.approx(0.9, abs=0.05)  # both are printed with one digit
    assert math.isnan(motion_measure("timed_up_and_go").errors[0].sem()[0])


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(ArgumentError, match="gait_speed"):
        motion_measure("gate_speed")
