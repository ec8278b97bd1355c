"""Numerical kernels: arrays in, arrays out; they check nothing and know no patient."""

from lbp_prognosis._kernels._random_effects import RandomEffects, dersimonian_laird, q_profile, reml

__all__ = [
    "RandomEffects",
    "dersimonian_laird",
    "q_profile",
    "reml",
]
