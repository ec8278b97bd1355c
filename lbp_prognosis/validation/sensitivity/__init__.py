"""Sensitivity of results to attrition, censoring, subgroups and treatment."""

__all__: list[str] = []
