"""Outcomes from visits: against a second, plain account of the rule, and under changes that must not matter."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis.cohort import Cohort, CohortSpec, MCIDResponse, PainRecovery

FEW = settings(max_examples=30, deadline=None)  # each example validates a whole package

courses = st.lists(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 10), st.booleans()), max_size=8, unique_by=lambda v: v[0]),
    min_size=1,
    max_size=5,
)
rivals = st.lists(st.one_of(st.none(), st.integers(1, 400)), min_size=5, max_size=5)


def tables(everyone, operated):
    visits, proms = [], []
    for number, course in enumerate(everyone):
        for day, value, came in [(0, 6, True), *course]:
            visits.append((f"p{number}", f"d{day}", day if came else None, came))
            proms.append((f"p{number}", f"d{day}", "nrs_back", "total", value))
    made = {
        "patient": pd.DataFrame({"patient_id": [f"p{i}" for i in range(len(everyone))]}),
        "visit": pd.DataFrame(visits, columns=["patient_id", "visit_id", "visit_day", "attended"]),
        "prom": pd.DataFrame(proms, columns=["patient_id", "visit_id", "instrument", "item", "value"]),
    }
    events = [(f"p{i}", "surgery", day) for i, day in enumerate(operated[: len(everyone)]) if day is not None]
    if events:
        made["event"] = pd.DataFrame(events, columns=["patient_id", "event_type", "event_day"])
    return made


def by_hand(course, operated, sustained):
    """Try every attended visit as the start of the run, in order."""
    seen = sorted((day, value) for day, value, came in course if came and (operated is None or day <= operated))
    for start, (day, value) in enumerate(seen):
        if value > 1 or (start and seen[start - 1][1] <= 1):
            continue  # not the first visit of a run
        run = []
        for later, state in seen[start:]:
            if state > 1:
                break
            run.append(later)
        if any(later - day >= sustained for later in run):
            return (seen[start - 1][0] if start else 0, day, 1)
    if operated is not None:
        return (operated, operated, 2)
    unmet = [day for day, value in seen if value > 1]
    tail = bool(seen) and seen[-1][1] <= 1
    return ((unmet[-1] if unmet else 0) if tail else (seen[-1][0] if seen else 0), np.inf, 0)


def derive(made, **options):
    options = {"horizons": (100,), "unit": "days", "competing": ("surgery",), **options}
    cohort = Cohort.build(made, CohortSpec(), PainRecovery(**options))
    return [tuple(row) for row in cohort.outcome[["lower", "upper", "event"]].tolist()]


@FEW
@given(courses, rivals, st.sampled_from([0, 14, 30, 100]))
def test_intervals_agree_with_a_plain_account(everyone, operated, sustained):
    found = derive(tables(everyone, operated), sustained=sustained)
    assert found == [by_hand(course, operated[i], sustained) for i, course in enumerate(everyone)]


@FEW
@given(courses)
def test_the_order_of_rows_does_not_matter(everyone):
    made = tables(everyone, [None] * 5)
    turned = {**made, "visit": made["visit"][::-1], "prom": made["prom"].sample(frac=1, random_state=1)}
    assert derive(made) == derive(turned)


@FEW
@given(courses)
def test_units_only_scale(everyone):
    made = tables(everyone, [None] * 5)
    weeks = derive(made, unit="weeks", horizons=(10,))
    np.testing.assert_allclose([row[:2] for row in derive(made)], [(7 * a, 7 * b) for a, b, _ in weeks], rtol=1e-12)


@FEW
@given(courses, st.integers(0, 7))
def test_missing_a_visit_never_narrows_the_interval_of_a_patient_who_only_improves(everyone, skipped):
    days = sorted(day for day, _, _ in everyone[0])
    values = sorted((value for _, value, _ in everyone[0]), reverse=True)
    course = [(day, value, True) for day, value in zip(days, values)]
    fewer = [(*visit[:2], place != skipped) for place, visit in enumerate(course)]
    outcome = MCIDResponse(horizons=(100,), instrument="nrs_back", absolute=3, unit="days")
    (full,), (less,) = (
        Cohort.build(tables([c], [None]), CohortSpec(), outcome).outcome[["lower", "upper"]].tolist()
        for c in (course, fewer)
    )
    assert less[0] <= full[0]
    assert full[1] <= less[1]
