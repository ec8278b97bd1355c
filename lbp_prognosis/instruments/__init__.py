"""Scoring of patient-reported instruments from item columns."""

__all__: list[str] = []
