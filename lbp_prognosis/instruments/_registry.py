"""The instruments the library can score: numbers of items only, never their wording."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lbp_prognosis._base import argument_error
from lbp_prognosis.instruments._instrument import Band, Change, Instrument, Scale

__all__ = ["instrument", "instruments"]

_OSTELO = "Ostelo et al. 2008, Spine 33:90-94, doi:10.1097/BRS.0b013e31815e3a10"
_KAMPER = "Kamper et al. 2010, European Spine Journal"
_STARTBACK = ("leg", "comorbid_pain", "walk", "dress", "fear", "anxiety", "catastrophising", "depression", "bother")


def _numbered(stem: str, numbers: range | tuple[int, ...], low: float, high: float) -> dict[str, tuple[float, float]]:
    return {f"{stem}_{number}": (low, high) for number in numbers}


def _rating(name: str, title: str, high: float, changes: tuple[Change, ...]) -> Instrument:
    return Instrument(
        name, title, {name: (0, high)}, (Scale(name, (name,), "single"),), continuous=True, changes={name: changes}
    )


def _roland(name: str, n: int, changes: tuple[Change, ...]) -> Instrument:
    items = _numbered(name, range(1, n + 1), 0, 1)
    rule = "an unanswered item counts as no"
    return Instrument(
        name,
        f"Roland-Morris Disability Questionnaire, {n} items",
        items,
        (Scale(name, tuple(items), "count", n - 1, "no", rule),),
        changes={name: changes},
    )


def _tampa(n: int, reversed_items: tuple[int, ...] = ()) -> Instrument:
    name = f"tsk{n}"
    items = _numbered(name, range(1, n + 1), 1, 4)
    rule = "the mean of the answered items, if at least half are answered"
    return Instrument(
        name,
        f"Tampa Scale of Kinesiophobia, {n} items",
        items,
        (Scale(name, tuple(items), "sum", n // 2, "mean", rule),),
        tuple(f"{name}_{number}" for number in reversed_items),
    )


def _depression_bands() -> tuple[Band, ...]:
    return (
        Band("minimal", 0, 4),
        Band("mild", 5, 9),
        Band("moderate", 10, 14),
        Band("moderately severe", 15, 19),
        Band("severe", 20, 27),
    )


def _oswestry() -> Instrument:
    items = _numbered("odi", range(1, 11), 0, 5)
    rule = "percent of the maximum of the answered sections, if at most two are unanswered"
    bands = (
        Band("minimal", 0, 20),
        Band("moderate", 21, 40),
        Band("severe", 41, 60),
        Band("crippled", 61, 80),
        Band("bed-bound", 81, 100),
    )
    return Instrument(
        "odi",
        "Oswestry Disability Index",
        items,
        (Scale("odi", tuple(items), "percent", 2, "none", rule),),
        bands={"odi": bands},
        changes={"odi": (Change("absolute", 10, _OSTELO), Change("relative", 0.30, _OSTELO))},
    )


def _start_back() -> Instrument:
    items: dict[str, tuple[float, float]] = {name: (0, 1) for name in _STARTBACK}
    return Instrument(
        "start_back",
        "STarT Back Screening Tool",
        items,
        (Scale("start_back", _STARTBACK), Scale("start_back_psychosocial", _STARTBACK[4:])),
        by_construct=True,
    )


def _orebro() -> Instrument:
    names = (
        "duration",
        "pain",
        "light_work",
        "sleep",
        "tension",
        "depression",
        "persistence_risk",
        "work_expectation",
        "activity_belief",
        "work_belief",
    )
    items: dict[str, tuple[float, float]] = {f"orebro_{name}": (1 if name == "duration" else 0, 10) for name in names}
    rule = "the mean of the answered items, if at most two are unanswered"
    return Instrument(
        "orebro_short",
        "Örebro Musculoskeletal Pain Screening Questionnaire, short form",
        items,
        (Scale("orebro_short", tuple(items), "sum", 2, "mean", rule),),
        ("orebro_light_work", "orebro_sleep", "orebro_work_expectation"),
        by_construct=True,
    )


def _catastrophizing() -> Instrument:
    items = _numbered("pain_cat", range(1, 14), 0, 4)
    rule = "the mean of the answered items, if at most one is unanswered"
    return Instrument(
        "pain_cat", "Pain Catastrophizing Scale", items, (Scale("pain_cat", tuple(items), "sum", 1, "mean", rule),)
    )


def _fear_avoidance() -> Instrument:
    items = _numbered("fabq", range(1, 17), 0, 6)
    activity, work = (2, 3, 4, 5), (6, 7, 9, 10, 11, 12, 15)
    return Instrument(
        "fabq",
        "Fear-Avoidance Beliefs Questionnaire",
        items,
        (
            Scale("fabq_pa", tuple(f"fabq_{n}" for n in activity)),
            Scale("fabq_w", tuple(f"fabq_{n}" for n in work)),
        ),
    )


def _health_questionnaire() -> Instrument:
    items = _numbered("phq9", range(1, 10), 0, 3)
    rule = "the mean of the answered items, if at most two are unanswered"
    return Instrument(
        "phq9",
        "Patient Health Questionnaire, depression",
        items,
        (Scale("phq9", tuple(items), "sum", 2, "mean", rule),),
        bands={"phq9": _depression_bands()},
        references=("Kroenke et al. 2001, doi:10.1046/j.1525-1497.2001.016009606.x",),
    )


def _hospital() -> Instrument:
    items = {f"hads_{scale}{n}": (0.0, 3.0) for scale in "ad" for n in range(1, 8)}
    rule = "the mean of the answered items, if at least five of seven are answered"
    bands = (Band("normal", 0, 7), Band("doubtful", 8, 10), Band("case", 11, 21))
    return Instrument(
        "hads",
        "Hospital Anxiety and Depression Scale",
        items,
        tuple(Scale(f"hads_{s}", tuple(f"hads_{s}{n}" for n in range(1, 8)), "sum", 2, "mean", rule) for s in "ad"),
        bands={"hads_a": bands, "hads_d": bands},
        references=("Zigmond, Snaith 1983, doi:10.1111/j.1600-0447.1983.tb09716.x",),
    )


def _pain_detect() -> Instrument:
    items = {
        **_numbered("paindetect", range(1, 8), 0, 5),
        "paindetect_pattern": (-1.0, 1.0),
        "paindetect_radiation": (0.0, 2.0),
    }
    return Instrument("paindetect", "painDETECT", items, (Scale("paindetect", tuple(items)),))


def _impact() -> Instrument:
    items = {
        "impact_pain": (0.0, 10.0),
        **_numbered("impact_interference", range(1, 5), 1, 5),
        **_numbered("impact_function", range(1, 5), 1, 5),
    }
    return Instrument(
        "impact_score",
        "NIH impact score",
        items,
        (Scale("impact_score", tuple(items)),),
        tuple(f"impact_function_{n}" for n in range(1, 5)),
    )


def _build() -> dict[str, Instrument]:
    rating = (Change("absolute", 2, _OSTELO), Change("relative", 0.30, _OSTELO), Change("recovered", 0, _KAMPER))
    visual = (Change("absolute", 15, _OSTELO), Change("relative", 0.30, _OSTELO))
    roland = (Change("absolute", 5, _OSTELO), Change("relative", 0.30, _OSTELO), Change("recovered", 2, _KAMPER))
    made = (
        _rating("nrs_back", "Numeric rating scale, back pain", 10, rating),
        _rating("nrs_leg", "Numeric rating scale, leg pain", 10, ()),
        _rating("vas_back", "Visual analogue scale, back pain (mm)", 100, visual),
        _rating("vas_leg", "Visual analogue scale, leg pain (mm)", 100, ()),
        _oswestry(),
        _roland("rmdq24", 24, roland),
        _roland("rmdq23", 23, ()),
        _start_back(),
        _orebro(),
        _tampa(11),
        _tampa(17, (4, 8, 12, 16)),
        _catastrophizing(),
        _fear_avoidance(),
        _health_questionnaire(),
        _hospital(),
        _pain_detect(),
        _impact(),
    )
    return {entry.name: entry for entry in made}


_INSTRUMENTS = MappingProxyType(_build())


def instruments() -> Mapping[str, Instrument]:
    """Return every instrument by name (EQ-5D has its own function, `score_eq5d`: it needs a value set)."""
    return _INSTRUMENTS


def instrument(name: str) -> Instrument:
    """Return one instrument by name; the error for another name lists them."""
    if name == "pcs":
        raise argument_error(
            "name",
            "unambiguous",
            "'pcs'",
            "Say 'pain_cat' for the Pain Catastrophizing Scale; the physical component of the SF-12 "
            "is 'sf12_pcs' and is not scored here.",
        )
    if name in ("rmdq", "roland", "tsk"):
        raise argument_error("name", "a version, e.g. 'rmdq24', 'rmdq23', 'tsk11' or 'tsk17'", repr(name))
    if name not in _INSTRUMENTS:
        raise argument_error("name", f"one of {', '.join(_INSTRUMENTS)}", repr(name))
    return _INSTRUMENTS[name]
