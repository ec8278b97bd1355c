"""Simulated patients: their characteristics, spines and outcomes.

Arrays only; tables are made of them elsewhere. All covariates that enter the hazard are standardised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

__all__ = ["DISCS", "LatentCohort", "Settings", "latent_cohort", "recovery_score"]

DISCS: tuple[str, ...] = ("l1l2", "l2l3", "l3l4", "l4l5", "l5s1")
SHAPE = 0.75
# twelve-month recovery of 0.53 at the default settings; imaging terms are centred, so their multiplier leaves it alone
RECOVERY_RATE = 0.811
CLINICAL = {
    "nrs": -0.18,
    "odi": -0.22,
    "duration": -0.45,
    "phq": -0.15,
    "tsk": -0.10,
    "expectation": -0.32,
    "previous": -0.12,
    "leg_pain": -0.15,
    "compensation": -0.45,
    "smoker": -0.15,
    "age": -0.14,
}
CLINICAL_SCALE = 0.8
IMAGING = {"degeneration": -0.08, "fat": -0.07, "modic1": -0.15, "stenosis": -0.15, "fracture": -0.25, "hiz": -0.08}
IMAGING_MEANS = {"degeneration": 0.0, "fat": 0.0, "modic1": 0.119, "stenosis": 0.103, "fracture": 0.029, "hiz": 0.251}
DISC_CUTS = np.array([-1.5, -0.4, 0.6, 1.5])
DISC_OFFSETS = np.array([-0.5, -0.3, 0.0, 0.4, 0.3])


@dataclass(frozen=True)
class Settings:
    """Parameters of the simulator; `simulate_cohort` documents each."""

    imaging_effect: float
    sites: int
    site_sd: float
    shift: float
    baseline_shift: float
    grade_noise: float
    disc_icc: float
    imaging: str
    imaging_rate: float | None
    missingness: float
    skipping: float
    attrition: float
    dropout_after_recovery: float
    surgery: float
    mortality: float
    follow_up: float


@dataclass(frozen=True)
class LatentCohort:
    """Standardised covariates (``x``, by name), discs of shape (n, 5), and true times in months."""

    x: dict[str, np.ndarray]
    discs: np.ndarray
    discs_measured: np.ndarray
    site: np.ndarray
    recovery: np.ndarray
    surgery: np.ndarray
    death: np.ndarray
    dropout: np.ndarray
    imaged: np.ndarray


def _unit(rng: np.random.Generator, signal: np.ndarray, variance: float) -> np.ndarray:
    """Add noise so that a signal of the stated variance becomes a variable of variance one."""
    return signal + np.sqrt(1 - variance) * rng.normal(size=signal.size)


def latent_cohort(n: int, rng: np.random.Generator, settings: Settings) -> LatentCohort:
    """Draw people, spines and fates."""
    x = _people(n, rng, settings.shift)
    x.update(_spines(n, rng, x))
    icc = settings.disc_icc
    discs = np.sqrt(icc) * x["degeneration"][:, None] + np.sqrt(1 - icc) * rng.normal(size=(n, 5)) + DISC_OFFSETS
    measured = discs + settings.grade_noise * rng.normal(size=(n, 5))
    site = rng.integers(settings.sites, size=n)
    intercepts = settings.site_sd * rng.normal(size=settings.sites)
    score = recovery_score(x, settings.imaging_effect) + intercepts[site] + settings.baseline_shift
    recovery = 12 * (rng.exponential(size=n) / (RECOVERY_RATE * np.exp(score))) ** (1 / SHAPE)
    surgery_rate = settings.surgery / 12 * np.exp(0.7 * (x["leg_pain"] - 0.4) + 0.6 * x["stenosis"] + 0.3 * x["odi"])
    with np.errstate(divide="ignore"):
        surgery = rng.exponential(size=n) / surgery_rate
        death = rng.exponential(size=n) / (settings.mortality / 12 * np.exp(1.26 * x["age"]))  # 0.09 a year of age
    return LatentCohort(
        x,
        discs,
        measured,
        site,
        recovery,
        surgery,
        death,
        _dropout(rng, x, recovery, settings),
        _imaged(rng, x, settings),
    )


def recovery_score(x: dict[str, np.ndarray], imaging_effect: float) -> np.ndarray:
    """Log-hazard of recovery: clinical terms at 0.8 of their published size, imaging terms times the multiplier."""
    clinical = sum(CLINICAL_SCALE * weight * x[name] for name, weight in CLINICAL.items())
    imaging = sum(weight * (x[name] - IMAGING_MEANS[name]) for name, weight in IMAGING.items())
    return np.asarray(clinical + imaging_effect * imaging)


def _people(n: int, rng: np.random.Generator, shift: float) -> dict[str, np.ndarray]:
    age = (np.clip(48 + 14 * rng.normal(size=n), 18, 85) - 48) / 14
    psych = rng.normal(size=n)
    severity = 0.45 * psych + np.sqrt(1 - 0.45**2) * rng.normal(size=n) + shift
    duration = _unit(rng, 0.25 * severity + 0.2 * age, 0.0625 + 0.04)
    return {
        "age": age,
        "female": (rng.random(n) < 0.5).astype(float),
        "bmi": rng.normal(size=n),
        "psych": psych,
        "severity": severity,
        "nrs": _unit(rng, 0.75 * severity, 0.5625),
        "odi": _unit(rng, 0.8 * severity + 0.2 * psych, 0.64 + 0.04 + 2 * 0.8 * 0.2 * 0.45),
        "phq": _unit(rng, 0.75 * psych, 0.5625),
        "tsk": _unit(rng, 0.65 * psych, 0.4225),
        "expectation": _unit(rng, 0.5 * psych + 0.3 * severity, 0.25 + 0.09 + 2 * 0.5 * 0.3 * 0.45),
        "duration": duration,
        "previous": _unit(rng, 0.3 * duration, 0.09),
        "leg_pain": (rng.random(n) < 0.40).astype(float),
        "compensation": (rng.random(n) < 0.12).astype(float),
        "smoker": (rng.random(n) < 0.25).astype(float),
    }


def _spines(n: int, rng: np.random.Generator, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    degeneration = _unit(rng, 0.62 * x["age"] + 0.12 * x["bmi"], 0.62**2 + 0.12**2)
    fat = 0.45 * x["age"] + 0.30 * x["bmi"] + 0.35 * (x["female"] - 0.5) + 0.25 * degeneration
    fat = _unit(rng, fat, 0.53)
    logits = {
        "modic1": -2.2 + 0.7 * degeneration,
        "modic2": -1.5 + 0.8 * degeneration,
        "stenosis": -2.6 + 1.1 * degeneration,
        "herniation": -0.7 + 0.15 * degeneration,
        "fracture": -4 + 1.0 * x["age"],
        "hiz": -1.1 + 0.2 * degeneration,
    }
    findings = {name: (rng.random(n) < expit(logit)).astype(float) for name, logit in logits.items()}
    return {"degeneration": degeneration, "fat": fat, **findings}


def _imaged(rng: np.random.Generator, x: dict[str, np.ndarray], settings: Settings) -> np.ndarray:
    uniform = rng.random(x["age"].size)
    if settings.imaging == "all":
        return np.ones(uniform.size, dtype=bool)
    need = 0.35 * x["nrs"] + 0.45 * x["odi"] + 0.35 * x["duration"] + 0.8 * x["leg_pain"] + 0.2 * x["age"]
    if settings.imaging_rate is None:
        return uniform < expit(-1.9 + need)
    if settings.imaging_rate in (0.0, 1.0):
        return np.full(uniform.size, settings.imaging_rate == 1.0)
    intercept = brentq(lambda a: expit(a + need).mean() - settings.imaging_rate, -30, 30)
    return uniform < expit(intercept + need)


def _dropout(
    rng: np.random.Generator, x: dict[str, np.ndarray], recovery: np.ndarray, settings: Settings
) -> np.ndarray:
    """Time of leaving: Weibull with covariates; after recovery the hazard is multiplied."""
    uniform = rng.exponential(size=recovery.size)
    if settings.attrition == 0:
        return np.full(recovery.size, np.inf)
    score = np.exp(-0.3 * x["age"] + 0.3 * x["smoker"] + 0.2 * x["psych"])
    rate = brentq(lambda r: 1 - np.exp(-r * score).mean() - settings.attrition, 1e-9, 1e4)
    unit = uniform / (rate * score)  # in units of (t / follow_up)**0.8
    switch = (recovery / settings.follow_up) ** 0.8
    late = switch + (unit - switch) / settings.dropout_after_recovery
    return settings.follow_up * np.where(unit > switch, late, unit) ** (1 / 0.8)
