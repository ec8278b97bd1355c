"""Simulated cohorts and loaders of public data."""

from lbp_prognosis.datasets._load_public import PublicDataset, load_public, public_datasets
from lbp_prognosis.datasets._simulate_cohort import simulate_cohort
from lbp_prognosis.datasets._simulated_cohort import SimulatedCohort, WideTable

__all__ = [
    "PublicDataset",
    "SimulatedCohort",
    "WideTable",
    "load_public",
    "public_datasets",
    "simulate_cohort",
]
