"""Imputation by the models of a protocol, and whether any predictor has missing values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lbp_prognosis.report._page import Page

__all__ = ["completed_tables", "inner_models", "is_complete", "uses_outcome"]

_INNER = {"patterns": ("estimator", "fallback"), "risk_stratifier": ("model",)}


def completed_tables(plan: Mapping[str, Any]) -> set[int]:
    """Return the numbers of imputations of a model, or of its learners if it combines several.

    0 means no imputation; −1 means a number that follows the share of incomplete rows.

    Parameters
    ----------
    plan : mapping
        A model of the protocol, as plain values.
    """
    own = int(plan["imputations"])
    return {int(one.get("imputations", own)) for one in _learners(plan)} or {own}


def uses_outcome(plan: Mapping[str, Any]) -> set[bool]:
    """Return whether training rows are imputed with the outcome, by a model or by its learners that impute.

    Parameters
    ----------
    plan : mapping
        A model of the protocol, as plain values.
    """
    own, many = bool(plan.get("impute_with_outcome", True)), int(plan["imputations"])
    told = _learners(plan) or [plan]
    return {bool(one.get("impute_with_outcome", own)) for one in told if int(one.get("imputations", many)) != 0}


def _learners(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the models inside a model, without null models."""
    options, inner = plan["options"], inner_models(plan)
    learners = options.get("learners", {}).values() if "learners" in inner else [options[key] for key in inner]
    told = [{"kind": one} if isinstance(one, str) else one for one in learners]
    return [one for one in told if one["kind"] != "null"]


def inner_models(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options of a model that are models themselves.

    Parameters
    ----------
    plan : mapping
        A model of the protocol, as plain values.
    """
    return tuple(key for key in _INNER.get(plan.get("kind", ""), ("learners",)) if key in plan["options"])


def is_complete(page: Page) -> bool:
    """Whether it is known that no predictor has missing values, so that no model imputed any.

    Parameters
    ----------
    page : Page
        Page; counts that are not released are unknown.
    """
    return page.columns is not None and len(page.columns) > 0 and bool(page.columns["n_missing"].eq(0).all())
