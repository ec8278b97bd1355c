"""``shap_values``: exact Shapley and Owen values of any risk model, on the log-hazard or the risk scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    RandomState,
    argument_error,
    check_choice,
    check_number,
    content_hash,
    describe,
    generator,
    takes_rows,
)
from lbp_prognosis._kernels import coalition_members, nested_plan, precedence_weights, shapley_weights
from lbp_prognosis.explain._coalitions import MOST_PLAYERS, Worths, coalitions_of
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._worth import Players

__all__ = ["shap_values"]

MOST_NESTED = 8192  # coalitions of nested values, where each is a table
MOST_SUMS = 400_000  # and where each is a sum of terms
_CHUNK = 4096
SERIES = 1e-4  # distance of a sum of exponentials from the risk


@takes_rows(groups=None, first=None, at_most=None, at_least=None)
def shap_values(
    estimator: Any,
    X: Any,
    background: Any,
    *,
    scale: str = "linear_predictor",
    horizons: Any = None,
    cause: int = 1,
    at_most: float | None = None,
    at_least: float | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    tree: Mapping[str, Any] | None = None,
    players: str = "features",
    first: Sequence[str] = (),
    method: str = "auto",
    n_permutations: int = 64,
    random_state: RandomState = 0,
) -> ShapResult:
    """Attribute predictions to columns or modalities by interventional Shapley values.

    Parameters
    ----------
    estimator : fitted model
        With ``predict_risk`` (risk scale), ``predict_mean`` (mean) or ``linear_predictor`` (the other scales); a
        pipeline explains its inputs. Columns used as strata or offset are not players: each row keeps its own values.
    X : DataFrame or array of shape (n, p)
        Rows to explain.
    background : DataFrame or array of shape (b, p)
        Complete rows that stand for "not known"; preferably all training rows, or 500 of them. The attributions depend
        on them.
    scale : {"linear_predictor", "log_hazard", "risk", "mean"}, default "linear_predictor"
        Explained quantity; ``"mean"`` is the predicted mean of a score, in its points. The result names the scale that
        the model states for its linear predictor; ``"log_hazard"`` refuses a model that states another.
    horizons : float or sequence of float, optional
        Prediction times, required on the risk scale; visits, for means of a model with several visits.
    cause : int, default 1
        Event code.
    at_most, at_least : float, optional
        On the risk scale of a score: the event is a score of at most (at least) this value, for all rows; by default
        the cut declared with the training outcome.
    groups : mapping of str to sequence of str, optional
        Columns by group (modality).
    tree : mapping, optional
        With ``players="owen"``, unions within unions: names to columns, or to mappings of the same kind, e.g.
        ``{"clinical": ["age"], "imaging": {"l4l5": ["pfirrmann__l4l5", "height__l4l5"], "l5s1": […]}}``.
    players : {"features", "groups", "owen"}, default "features"
        Players: columns; groups as one player each; or columns by Owen values, which add up to the groups' values.
        With ``tree`` they are Winter's values, and add up at every level of the tree. Owen values are exact.
    first : sequence of str, default ()
        Players that come before all others in every order (asymmetric values): e.g. ``["clinical"]``.
    method : {"auto", "additive", "exact", "series", "permutation"}, default "auto"
        ``"additive"`` needs two evaluations per player, exact for a score that is a sum over players (any Cox model on
        the log-hazard scale); it is refused where the sum does not hold. ``"exact"`` evaluates all coalitions, up to 12
        players. ``"series"``, for any number of players, approximates a risk that is a link of a sum over them (Cox,
        parametric and logistic models) by a short sum of exponentials, whose Shapley values have a closed form;
        ``error_bound`` of the result bounds the error, a few parts in 10,000. ``"permutation"`` samples orders and
        gives Monte-Carlo errors. ``"auto"`` uses the first possible method.
    n_permutations : int, default 64
        Orders sampled (each with its reverse) by ``"permutation"``.
    random_state : int, SeedSequence or Generator, default 0
        For sampled orders.

    Returns
    -------
    ShapResult
        Attributions, with the scale, the value function and the hash of the background.

    Raises
    ------
    ArgumentError
        If the background has missing values, ``horizons`` or ``groups`` are needed and not given, or the model does not
        provide the scale.
    NotFittedError
        If the model is not fitted.

    See Also
    --------
    lbp_prognosis.validation.added_value : What does imaging add?

    Notes
    -----
    The worth of a coalition S for row x is v(S) = mean_b f(x_S, b_¬S) over background rows b, and φ_j = Σ_{S∌j} |S|!
    (K−|S|−1)!/K! · [v(S∪j) − v(S)]. The player of a missing value keeps it as missing, so that the values add up to the
    prediction of the row as it is; the attribution of an absent modality is the effect of its absence on the
    prediction. Where the risk is a link of a sum over players (Cox, parametric and logistic models, also behind steps
    that treat each player separately) coalitions are sums instead of tables, with the same result. Signs can differ
    between scales, and between horizons under proportional hazards: the risk is a non-linear function of the
    log-hazard.

    References
    ----------
    Lundberg SM, Lee S-I. A unified approach to interpreting model predictions. NeurIPS 2017.
    Janzing D, Minorics L, Blöbaum P. Feature relevance quantification in explainable AI. AISTATS 2020.
    Winter E. A value for cooperative games with levels structure of cooperation. Int J Game Theory 1989;18:227-240.
    doi:10.1007/BF01268150
    Owen G. Multilinear extensions of games. Management Science 1972;18:P64-P79. doi:10.1287/mnsc.18.5.64

    Examples
    --------
    Values of a Cox model add up to the difference from the mean prediction of the background.

    >>> import numpy as np
    >>> from lbp_prognosis import CoxPH, Surv, simulate_cohort
    >>> from lbp_prognosis.explain import shap_values
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> X, y = X[["age", "nrs_back"]], Surv.right(y["time"], y["event"] == 1)
    >>> model = CoxPH().fit(X, y)
    >>> found = shap_values(model, X.head(2), X)
    >>> score = model.linear_predictor(X)
    >>> np.allclose(found.values.sum(axis=1).ravel(), score[:2] - score.mean())
    True
    """
    _check_asked(players, method, n_permutations, groups, tree)
    game = coalitions_of(
        estimator,
        X,
        background,
        scale=scale,
        horizons=horizons,
        cause=cause,
        groups=groups,
        grouped=players == "groups",
        cut=_cut(at_most, at_least),
    )
    who, worths, sums = game.who, game.worths, game.sums
    unknown = [name for name in first if name not in who]
    if unknown:
        raise argument_error("first", f"among the players {list(who)[:8]}", f"{unknown[:5]}")
    if first and players == "owen":
        raise argument_error("first", 'left out with players="owen"', list(first))
    parts = None
    if method in ("auto", "additive") and scale != "risk":
        parts = _additive(worths, len(who))
        if parts is None and method == "additive":
            raise argument_error(
                "method", '"exact" or "permutation" for a score that is no sum over the players', "'additive'"
            )
    elif method == "additive":
        raise argument_error("method", '"exact" or "permutation" on the risk scale', "'additive'")
    if parts is None and players == "owen":
        parts = _nested(worths, who, game.blocks if tree is None else tree, MOST_NESTED if sums is None else MOST_SUMS)
    if parts is None:
        way = _way(method, len(who), first)
        if way == "series":
            parts = None if sums is None or sums.link == "identity" else sums.series(SERIES)
            if parts is None and method == "series":
                raise argument_error(
                    "method", "'exact' or 'permutation' for an output that is no link of a sum over players", "'series'"
                )
        if parts is None:
            exact = way == "exact"
            parts = (
                _exact(worths, who, tuple(first))
                if exact
                else _permutation(worths, len(who), int(n_permutations), random_state)
            )
    return ShapResult(
        **parts,
        players=tuple(who),
        scale=game.scale,
        value_function="interventional",
        background_hash=content_hash(game.background),
        n_background=len(game.background),
        horizons=game.horizons,
        rows=tuple(game.rows.index.tolist()),
        data=None if players == "groups" else game.data,
        missing=game.missing,
        objections=game.objections,
        synthetic=bool(game.rows.attrs.get("synthetic", False)),
    )


def _cut(at_most: Any, at_least: Any) -> dict[str, float]:
    """Return the cut of a score that is asked for."""
    given = {"at_most": at_most, "at_least": at_least}
    named = {name: check_number(name, value) for name, value in given.items() if value is not None}
    if len(named) == 2:
        raise argument_error("at_most", "left out where `at_least` is given", at_most)
    return named


def _check_asked(players: str, method: str, n_permutations: int, groups: Any, tree: Any) -> None:
    """Refuse arguments that contradict each other."""
    check_choice("players", players, ("features", "groups", "owen"))
    check_choice("method", method, ("auto", "additive", "exact", "series", "permutation"))
    check_number("n_permutations", n_permutations, low=2, whole=True)
    if tree is not None and players != "owen":
        raise argument_error("tree", f'left out with players="{players}"', describe(tree))
    if players == "owen" and method in ("series", "permutation"):
        raise argument_error("method", '"auto" or "exact" with players="owen"', repr(method))
    if groups is None and tree is None and players != "features":
        raise argument_error("groups", f'given with players="{players}"', "None")


def _way(method: str, k: int, first: Sequence[str]) -> str:
    """Return the method for this number of players; refuse what is impossible."""
    way = method if method != "auto" else "series" if k > MOST_PLAYERS else "exact"
    if way == "exact" and k > MOST_PLAYERS:
        raise argument_error("method", f"'permutation' for more than {MOST_PLAYERS} players", f"'exact' for {k}")
    if way != "exact" and first:
        raise argument_error("players", f"at most {MOST_PLAYERS} for asymmetric values", k)
    return way


def _additive(worths: Worths, k: int) -> dict[str, Any] | None:
    """First-in and last-in effects; None unless they agree and add up, as they do for a sum over players."""
    members = np.vstack([np.zeros((1, k), bool), np.eye(k, dtype=bool), ~np.eye(k, dtype=bool), np.ones((1, k), bool)])
    worth = worths(members)
    alone = worth[1 : k + 1] - worth[0]
    last = worth[-1] - worth[k + 1 : 2 * k + 1]
    size = np.abs(worth).max() + np.abs(alone).max() + 1e-300
    total = worth[-1] - worth[0]
    if np.abs(alone - last).max() > 1e-9 * size or np.abs(alone.sum(axis=0) - total).max() > 1e-9 * size:
        return None
    values = alone.transpose(1, 0, 2)
    return {
        "values": values,
        "base": worth[0],
        "prediction": worth[-1],
        "method": "additive",
        "first_in": values,
        "last_in": values,
    }


def _exact(worths: Worths, who: Players, first: tuple[str, ...]) -> dict[str, Any]:
    k, names = len(who), list(who)
    worth = worths(coalition_members(k))
    weights = precedence_weights(k, tuple(names.index(name) for name in first)) if first else shapley_weights(k)
    values = np.tensordot(weights, worth, axes=(1, 0)).transpose(1, 0, 2)
    single = [1 << j for j in range(k)]
    return {
        "values": values,
        "base": worth[0],
        "prediction": worth[-1],
        "method": "exact",
        "first_in": (worth[single] - worth[0]).transpose(1, 0, 2),
        "last_in": (worth[-1] - worth[[2**k - 1 - s for s in single]]).transpose(1, 0, 2),
    }


def _nested(worths: Worths, who: Players, tree: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Owen and Winter values; the values of many coalitions are weighted in parts."""
    names = list(who)
    seen: list[str] = []

    def children(node: Any) -> tuple:
        if isinstance(node, Mapping):
            parts = [children(inner) for inner in node.values()]
            return tuple(part[0] if len(part) == 1 else part for part in parts if part)
        columns = [str(column) for column in ([node] if isinstance(node, str) else node)]
        seen.extend(columns)
        return tuple(names.index(column) for column in columns if column in who)

    nested = children(tree)
    left = sorted(set(names) - set(seen))
    twice = sorted({name for name in seen if seen.count(name) > 1})
    if left or twice:
        raise argument_error(
            "tree", "each player once", f"without {left[:5]}" if left else f"{twice[:5]} more than once"
        )
    count = _coalitions(nested)
    if count > most:
        raise argument_error(
            "tree",
            f"of at most {most:,} coalitions for this model",
            f"about {count:,}",
            "Give the tree more levels (modality, spine level, column): unions of few members are cheap.",
        )
    plan = nested_plan(nested, len(names))
    values: Any = None
    ends: list[np.ndarray] = []
    for start in range(0, plan.members.shape[0], _CHUNK):
        worth = worths(plan.members[start : start + _CHUNK])
        share = plan.weights[:, start : start + _CHUNK] @ worth.reshape(worth.shape[0], -1)
        values = share if values is None else values + share
        ends = [ends[0] if ends else worth[0], worth[-1]]
    base, prediction = ends
    return {
        "values": np.asarray(values).reshape(len(names), *base.shape).transpose(1, 0, 2),
        "base": base,
        "prediction": prediction,
        "method": "owen",
    }


def _coalitions(children: tuple, before: int = 1) -> int:
    """Count the coalitions before and after the players below some siblings, duplicates included."""
    own = before * 2 ** (len(children) - 1)
    inner = sum(_coalitions(child, own) for child in children if not isinstance(child, int))
    return inner + (2 * own if any(isinstance(child, int) for child in children) else 0)


def _permutation(worths: Worths, k: int, orders: int, random_state: RandomState) -> dict[str, Any]:
    """Average marginal contributions over sampled orders and their reverses (the same orders for every row)."""
    rng = generator(random_state)
    total: Any = 0.0
    squares: Any = 0.0
    base, prediction = None, None
    for _ in range(orders):
        order = rng.permutation(k)
        pair: Any = 0.0
        for path in (order, order[::-1]):
            members = np.zeros((k + 1, k), dtype=bool)
            for step, player in enumerate(path, start=1):
                members[step:, player] = True
            worth = worths(members)
            gains = np.empty((k, *worth.shape[1:]))
            gains[path] = np.diff(worth, axis=0)
            pair = pair + gains / 2
            base, prediction = worth[0], worth[-1]
        total, squares = total + pair, squares + pair**2
    mean = np.asarray(total) / orders
    variance = np.maximum(np.asarray(squares) / orders - mean**2, 0) / (orders - 1)
    return {
        "values": mean.transpose(1, 0, 2),
        "base": base,
        "prediction": prediction,
        "method": "permutation",
        "se": np.sqrt(variance).transpose(1, 0, 2),
    }
