"""Numerical kernels: arrays in, arrays out; they check nothing and know no patient."""

__all__: list[str] = []
