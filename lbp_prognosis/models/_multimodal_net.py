"""``MultimodalNet``: an encoder per modality behind a gate, trained by torch, kept as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    OutcomeError,
    argument_error,
    check_choice,
    check_number,
    check_vector,
    objection,
    spawn,
    takes_rows,
)
from lbp_prognosis._kernels import categorical_probabilities, cox_baseline, cox_fit
from lbp_prognosis.models._cross_fit import deal_folds, identical_rows
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._hazard_steps import events_at, steps_at
from lbp_prognosis.models._modality_blocks import ModalityBlocks
from lbp_prognosis.models._net_losses import EfronLoss, NetLoss, PeriodLoss, over_periods, time_basis
from lbp_prognosis.models._net_shape import NetShape, Weights, first_weights, net_outputs
from lbp_prognosis.models._period_effects import check_cells, check_survivors, incidence_at, period_effects
from lbp_prognosis.models._person_periods import PersonPeriods, begun_periods, person_periods, visit_grid
from lbp_prognosis.models._torch_adapter import Training, train_net
from lbp_prognosis.survival import OutcomeKind, status_horizon

__all__ = ["MultimodalNet"]

_FEWEST_EVENTS = 10
_MANY_EVENTS = 500
_SPLITS = 5


class MultimodalNet(ModalityBlocks):
    """Neural network with one encoder per modality, for patients who may lack some modalities (experimental).

    Experimental: below some 500 events penalised regression and averages of simple models do as well or better (the
    objection ``deep-small-sample`` says so); compare on the same folds.

    Each modality has an encoder, a gate shares out the present ones, and one head predicts. A modality of which a row
    has nothing is absent: it takes no part, and the others share its weight (a row without any modality gets the risk
    of such rows). Several nets from different seeds are averaged on the scale of the risk.

    Parameters
    ----------
    modalities : mapping of str to sequence of str, optional
        Columns by modality (what `OneHot` and splines made of them included); by default one modality of all columns.
        Those that ``X`` lacks are left out, so that validation can refit without them; each column of ``X`` must have a
        modality.
    loss : {"discrete", "efron"}, default "discrete"
        ``"discrete"``: what happens in each period, with competing causes, events known up to an interval, and states.
        ``"efron"``: the partial likelihood of one cause, of all patients at once.
    bins : int or sequence of float, default 20
        Periods of ``"discrete"``: their ends, or how many for `Surv.right` (at quantiles of the event times; an
        interval outcome has its visits). A time of censoring within a period counts by its share of it.
    always : sequence of str, default ('clinical',)
        Modalities that every row must have and that are never dropped in training.
    d : int, default 8
        Length of an encoding, at most 16.
    hidden : sequence of int, default (16,)
        Units of the hidden layers of an encoder; ``()`` makes encoders linear.
    modality_dropout : float, default 0.3
        How often a modality of a patient is left out of a step of training, so that its absence is practised.
    dropout : float, default 0.1
        Share of an encoding that is left out of a step of training.
    auxiliary : float, default 0.1
        Weight of the losses that each modality has alone.
    seeds : int, default 5
        Nets that are averaged; 5 or more are advised.
    max_epochs : int, default 500
        Most steps of training, each on all patients.
    patience : int or None, default 30
        Steps without a rise of the likelihood of the held-out fold after which training stops. None holds no patient
        out and trains to convergence: for comparison with regression.
    learning_rate : float, default 0.01
        Of Adam.
    penalty : float, default 1e-3
        Ridge penalty of the weights, against the mean log-likelihood.
    recalibrate : bool, default True
        Slope (at least 0) and baseline by the outputs for patients whom a net did not see; without, only the baseline.
    between : {"interpolate", "refuse"}, default "interpolate"
        At horizons between the ends of periods take the hazard as constant, or raise.
    horizon : float, optional
        Visit of a `Status` that has lost its own.
    device : str, default "cpu"
        Of torch; ``"cuda"`` needs a torch of your own that knows the card, and gives numbers that agree less closely.
    random_state : int, SeedSequence or Generator, default 0
        Of first weights, held-out folds and everything that is dropped.

    Attributes
    ----------
    nets_ : list of dict of str to ndarray
        Weights of each net, as plain arrays.
    gates_ : DataFrame
        One row per modality: ``modality, gate`` (mean share among training rows that have it, over nets),
        ``n_present``.
    epochs_ : list of int
        Steps of each net until its best.
    centre_, spread_ : dict of str to ndarray
        Means and standard deviations of the columns of each modality.
    columns_ : dict of str to list of str
        Columns of each modality, in the order of the net.
    slope_ : ndarray of shape (n_causes,)
        Factors of the outputs.
    output_centre_ : ndarray of shape (seeds, n_outputs)
        Means of each net's outputs among its training rows.
    visits_, alpha_ : ndarray of shape (K,) and (n_causes, K)
        Ends of the periods, and their effects (``"discrete"``).
    baseline_times_, baseline_hazard_ : ndarray
        Event times and cumulative hazard at output 0 (``"efron"``).
    baseline_events_ : ndarray
        Rows with the event at each of these times (``"efron"``).
    n_events_ : int
        Events in the training rows.

    Notes
    -----
    Fold s of the training rows (whole clusters, copies of a row together) is held out from net s: it says when to stop,
    and its outputs estimate slope and baseline, since outputs for rows that a net has seen are too spread out. With
    fewer than five seeds only the rows of their folds do.

    The gate is softmax of u·tanh(V e_m) over present modalities. Effects in ``"discrete"`` are lines in the number of
    the period. Columns are standardised by the training rows that have them. In `fit` a row has all columns of a
    modality or none (impute scattered cells before); at prediction a missing cell of a present modality counts as its
    mean.

    Training needs torch (extra ``deep``), one thread and double precision; prediction, files and explanation do not.

    References
    ----------
    Herrmann M, Probst P, Hornung R, Jurinovic V, Boulesteix AL (2021). Large-scale benchmark study of survival
    prediction methods using multi-omics data. Briefings in Bioinformatics 22, bbaa167. doi:10.1093/bib/bbaa167

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import MultimodalNet
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["age", "pain", "disc"])
    >>> y = Surv.right(rng.exponential(np.exp(-X["age"])), np.ones(200))
    >>> net = MultimodalNet({"clinical": ["age", "pain"], "imaging": ["disc"]}, seeds=2, max_epochs=20)
    >>> net.fit(X, y).predict_risk(X[:2], [0.5, 1.0]).shape  # doctest: +SKIP
    (2, 2)
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval", "status")
    _instead: ClassVar[str] = "For a score at a later visit use OrdinalRegression."
    _allow_missing: ClassVar[bool] = True
    folds_keep_clusters: ClassVar[bool] = True
    """Held-out folds never part rows of one cluster: resampling passes who is a copy of whom."""
    interpolates: ClassVar[bool] = True
    """Its apparent performance says nothing: validate with .632+ or nested cross-validation."""

    def __init__(
        self,
        modalities: Mapping[str, Sequence[str]] | None = None,
        *,
        loss: str = "discrete",
        bins: Any = 20,
        always: Sequence[str] = ("clinical",),
        d: int = 8,
        hidden: Sequence[int] = (16,),
        modality_dropout: float = 0.3,
        dropout: float = 0.1,
        auxiliary: float = 0.1,
        seeds: int = 5,
        max_epochs: int = 500,
        patience: int | None = 30,
        learning_rate: float = 0.01,
        penalty: float = 1e-3,
        recalibrate: bool = True,
        between: str = "interpolate",
        horizon: float | None = None,
        device: str = "cpu",
        random_state: Any = 0,
    ) -> None:
        self.modalities = modalities
        self.loss = loss
        self.bins = bins
        self.always = always
        self.d = d
        self.hidden = hidden
        self.modality_dropout = modality_dropout
        self.dropout = dropout
        self.auxiliary = auxiliary
        self.seeds = seeds
        self.max_epochs = max_epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.penalty = penalty
        self.recalibrate = recalibrate
        self.between = between
        self.horizon = horizon
        self.device = device
        self.random_state = random_state

    @takes_rows()
    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
    ) -> MultimodalNet:
        """Train the nets and estimate the baseline.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Numbers; a modality that a row lacks is missing in all its columns.
        y : ndarray of shape (n,)
            Made by `Surv.right`, or, with ``loss="discrete"``, by `Surv.interval` or `Status.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata, offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Labels of rows that stay in one fold.

        Raises
        ------
        EstimationError
            If a cause has fewer than ten events.
        DataError
            If a row has some, but not all, columns of a modality, or lacks one of ``always``.
        MissingPackageError
            If torch is not installed.
        """
        self._check_parameters()
        self._refuse(strata=strata, offset=offset)
        whole = self._start_fit(X, y, sample_weight, None, None, clusters)
        self.kind_ = whole.kind
        self._read_modalities()
        self._check_blocks(whole.X, fitting=True)
        design = self._taking_part(whole)
        weights = np.ones(design.X.shape[0]) if design.weights is None else design.weights
        self._standardise(design.X, weights)
        blocks, present = self._blocks(design.X)
        found = self._events(design)
        loss = self._efron(design) if self.loss == "efron" else self._periods(design, weights)
        self.n_events_ = int(found.any(axis=0).sum())
        widths = {name: len(columns) for name, columns in self.columns_.items()}
        outputs = 1 if isinstance(loss, EfronLoss) else loss.width
        shape = NetShape(widths, tuple(int(units) for units in self.hidden), int(self.d), outputs)
        seen = self._train(design, blocks, present, loss, shape, found)
        self._calibrate(design, weights, loss, seen)
        self.gates_ = self._gate_table(blocks, present)
        return self

    # ---- reading -----------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        check_choice("loss", self.loss, ("discrete", "efron"))
        check_choice("between", self.between, ("interpolate", "refuse"))
        check_number("d", self.d, low=1, high=16, whole=True)
        for units in self.hidden:
            check_number("hidden", units, low=1, whole=True)
        check_number("modality_dropout", self.modality_dropout, low=0, high=1, open_high=True)
        check_number("dropout", self.dropout, low=0, high=1, open_high=True)
        check_number("auxiliary", self.auxiliary, low=0)
        check_number("seeds", self.seeds, low=1, whole=True)
        check_number("max_epochs", self.max_epochs, low=1, whole=True)
        if self.patience is not None:
            check_number("patience", self.patience, low=1, whole=True)
        check_number("learning_rate", self.learning_rate, low=0, open_low=True)
        check_number("penalty", self.penalty, low=0)

    def _taking_part(self, design: Design) -> Design:
        """Leave out rows of weight 0, and states that were not observed."""
        if self.loss == "efron" and design.kind != "right":
            told = "a Status" if design.kind == "status" else "intervals"
            raise argument_error(
                "y", 'made by Surv.right for loss="efron"', told, 'Use loss="discrete".', kind=OutcomeError
            )
        used = design.taking_part
        if design.kind != "status":
            return design.part(used)
        horizon = status_horizon(design.y) if self.horizon is None else check_number("horizon", self.horizon, low=0)
        if horizon is None:
            raise argument_error(
                "y",
                "a Status that knows its visit time",
                "one that has lost it",
                "Say MultimodalNet(horizon=…), in the unit of the study.",
            )
        self.causes_, self.max_time_ = np.array([1]), float(horizon)
        self.score_horizons_ = np.array([self.max_time_])
        return design.part(used[design.y["status"][used] >= 0])

    # ---- likelihoods -------------------------------------------------------------------------------------------

    def _events(self, design: Design) -> np.ndarray:
        """Return who has the event of each cause, ``(J, n)``."""
        if self.kind_ == "status":
            found = np.array([design.y["status"] == 1, design.y["status"] == 0])
            least = int(found.sum(axis=1).min()) if found.size else 0
            if least < _FEWEST_EVENTS:
                raise EstimationError(
                    f"MultimodalNet needs at least {_FEWEST_EVENTS} patients of each state; one has {least}. Use "
                    "LogisticRisk with a penalty."
                )
            return found[:1]
        causes = [1] if self.loss == "efron" else self.causes_.tolist() or [1]
        found = np.array([design.y["event"] == cause for cause in causes])
        for cause, each in zip(causes, found):
            if each.sum() < _FEWEST_EVENTS:
                raise EstimationError(
                    f"MultimodalNet needs at least {_FEWEST_EVENTS} events of each cause; cause {cause} has "
                    f"{int(each.sum())}. Use a regression model with a penalty."
                )
        return found

    def _efron(self, design: Design) -> EfronLoss:
        return EfronLoss(design)

    def _periods(self, design: Design, weights: np.ndarray) -> PeriodLoss:
        """Set the periods and return their likelihood."""
        n = design.X.shape[0]
        if design.kind == "status":
            self.visits_ = np.array([self.max_time_])
            state = design.y["status"].astype(np.int64)
            rows = PersonPeriods(np.arange(n), np.zeros(n, dtype=np.int64), state, np.full(n, -1), 0, 0, 0, 0)
            share = np.ones(n)
        else:
            grid = self._grid(design)
            rows = person_periods(design.y, design.kind, grid, 0.0, self.causes_)
            if not (rows.response > 0).any():
                raise EstimationError("MultimodalNet needs an event by the end of `bins`; all events lie beyond it.")
            rows, share = (
                begun_periods(rows, design.y, grid) if design.kind == "right" else (rows, np.ones(rows.person.size))
            )
            self.visits_ = grid[: int(rows.period.max()) + 1]
            self.max_time_ = float(self.visits_[-1])
            events = self.visits_[np.unique(rows.period[rows.response > 0])]
            self.score_horizons_ = events[np.unique(np.linspace(0, events.size - 1, 3).astype(int))]
            check_cells(rows.period, self.visits_.size, weights[rows.person] * share, self.visits_, [])
            check_survivors(rows, rows.period, self.visits_.size, self.causes_.size, self.visits_, [])
        at = weights[rows.person] * share
        causes = self.causes_.size
        zero = np.zeros((rows.person.size, causes))
        none = np.zeros(causes, dtype=bool)
        start, _ = period_effects(rows, self.visits_.size, at, self._link, score=zero, offset=zero, slopes=none)
        return PeriodLoss(rows, at, start, self._link, n)

    def _grid(self, design: Design) -> np.ndarray:
        """Ends of the periods."""
        if not isinstance(self.bins, int | np.integer) or isinstance(self.bins, bool):
            grid = check_vector("bins", np.atleast_1d(self.bins), low=0)
            return visit_grid(design.y, design.kind, grid)
        count = int(check_number("bins", self.bins, low=1, whole=True))
        if design.kind == "interval":
            return visit_grid(design.y, design.kind, None)
        times = design.y["time"][design.y["event"] > 0]
        inner = np.quantile(times, np.arange(1, count) / count, method="inverted_cdf")
        grid = np.unique([*inner, design.y["time"].max()])
        return grid[grid > 0]

    @property
    def _link(self) -> str:
        return "cloglog" if self.causes_.size == 1 and self.kind_ != "status" else "logit"

    # ---- training ----------------------------------------------------------------------------------------------

    def _train(
        self,
        design: Design,
        blocks: list[np.ndarray],
        present: np.ndarray,
        loss: NetLoss,
        shape: NetShape,
        found: np.ndarray,
    ) -> np.ndarray:
        """Train the nets; return the outputs for rows that a net did not see (NaN if there is none), ``(n, O)``."""
        n, needed = design.X.shape[0], self._needed()
        streams = spawn(self.random_state, int(self.seeds) + 1)
        settings = Training(
            max_epochs=int(self.max_epochs),
            patience=None if self.patience is None else int(self.patience),
            learning_rate=float(self.learning_rate),
            penalty=float(self.penalty),
            dropout=float(self.dropout),
            auxiliary=float(self.auxiliary),
            droppable=tuple(name not in needed for name in self.columns_),
            modality_dropout=float(self.modality_dropout),
            device=str(self.device),
        )
        folds = np.full(n, -1)
        if self.patience is not None:
            groups = design.clusters if design.clusters is not None else self._copies(design)
            count = min(max(int(self.seeds), _SPLITS), int(found.sum(axis=1).min()) // 5)
            folds = deal_folds(groups, np.asarray(found.any(axis=0)), max(count, 2), streams[0])
        total, times = np.zeros((n, shape.outputs)), np.zeros((n, 1))
        self.nets_: list[Weights] = []
        self.epochs_: list[int] = []
        centres = []
        for seed, rng in enumerate(streams[1:]):
            held = np.zeros(n, dtype=bool) if self.patience is None else folds == seed % (int(folds.max()) + 1)
            inside, outside = np.flatnonzero(~held), np.flatnonzero(held)
            held_out = None
            if outside.size:
                held_out = ([block[outside] for block in blocks], present[outside], loss.part(outside))
            weights, curve = train_net(
                shape,
                first_weights(shape, rng),
                [block[inside] for block in blocks],
                present[inside],
                loss.part(inside),
                held_out,
                settings,
                rng,
            )
            outputs, _ = net_outputs(shape, weights, blocks, present)
            centres.append(outputs[inside].mean(axis=0))
            rows = outside if outside.size else inside
            total[rows] += outputs[rows] - centres[-1]
            times[rows] += 1
            self.nets_.append(weights)
            self.epochs_.append(int(np.argmax(curve)) if outside.size else curve.size - 1)
        self.output_centre_ = np.array(centres)
        self.shape_: dict[str, Any] = {"hidden": list(shape.hidden), "d": shape.d, "outputs": shape.outputs}
        # a fold that several nets did not see: the mean of their outputs
        return np.where(times > 0, total / np.maximum(times, 1), np.nan)

    def _copies(self, design: Design) -> np.ndarray:
        """Codes of rows that are alike, in an order that no table's layout changes."""
        fields = [design.y[name].astype(float) for name in design.y.dtype.names or ()]
        return identical_rows([design.X[:, np.concatenate(list(self._places().values()))], *fields])

    def _net(self) -> NetShape:
        widths = {name: len(columns) for name, columns in self.columns_.items()}
        return NetShape(widths, tuple(self.shape_["hidden"]), self.shape_["d"], self.shape_["outputs"])

    def _calibrate(self, design: Design, weights: np.ndarray, loss: NetLoss, seen: np.ndarray) -> None:
        """Set slope and baseline by the outputs for rows that a net did not see."""
        known = np.flatnonzero(np.isfinite(seen).all(axis=1))
        free = bool(self.recalibrate) and self.patience is not None
        if isinstance(loss, PeriodLoss):
            self._calibrate_periods(loss.part(known), seen[known], free)
            return
        part, margin = design.part(known), seen[known, 0]
        event = part.y["event"] == 1
        own: dict[str, Any] = {
            "entry": part.entry,
            "weights": part.weights,
            "ties": "efron",
            "frequency": part.frequency,
        }
        slope = 1.0
        if free and np.ptp(margin) > 0:
            slope = max(float(cox_fit(margin[:, None], part.y["time"], event, **own).coef[0]), 0.0)
        self.slope_ = np.array([slope])
        steps = cox_baseline(part.y["time"], event, slope * margin, **own)
        self.baseline_times_, self.baseline_hazard_ = steps[0]
        (self.baseline_events_,) = events_at([self.baseline_times_], part.y["time"], event, None)

    def _calibrate_periods(self, loss: PeriodLoss, seen: np.ndarray, free: bool) -> None:
        causes, rows = self.causes_.size, loss.rows
        score = loss.of_rows(seen)
        zero = np.zeros_like(score)
        slopes = np.full(causes, free) & (np.ptp(score, axis=0) > 0)
        args = (rows, self.visits_.size, loss.weights, self._link)
        if free:
            self.alpha_, self.slope_ = period_effects(*args, score=score, offset=zero, slopes=slopes)
        else:
            none = np.zeros(causes, dtype=bool)
            self.alpha_, _ = period_effects(*args, score=zero, offset=score, slopes=none)
            self.slope_ = np.ones(causes)

    # ---- predictions -------------------------------------------------------------------------------------------

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """That there are few events for a net, if there are fewer than 500."""
        self._check_fitted()
        return (objection("deep-small-sample", n=self.n_events_),) if self.n_events_ < _MANY_EVENTS else ()

    def _check_cause(self, cause: Any) -> None:
        super()._check_cause(cause)
        others = [int(code) for code in self.causes_ if code != 1]
        if self.loss == "efron" and others:
            raise argument_error(
                "y",
                'free of competing events for absolute risks with loss="efron"',
                f"codes {others} besides 1 at fit",
                'Use loss="discrete", which knows all causes.',
                kind=OutcomeError,
            )

    def _outputs(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return centred outputs ``(seeds, n, O)`` and gates ``(seeds, n, M)``."""
        self._check_blocks(X, fitting=False)
        blocks, present = self._blocks(X)
        shape = self._net()
        found = [net_outputs(shape, weights, blocks, present) for weights in self.nets_]
        outputs = np.stack([outputs for outputs, _ in found]) - self.output_centre_[:, None, :]
        return outputs, np.stack([gates for _, gates in found])

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        outputs, _ = self._outputs(X)
        if self.loss == "efron":
            base = steps_at([self.baseline_times_], [self.baseline_hazard_], None, horizons)
            risks = [-np.expm1(-base * np.exp(self.slope_[0] * each)) for each in outputs]
        else:
            risks = [self._period_risk(each, horizons, cause) for each in outputs]
        return np.mean(risks, axis=0)

    def _period_risk(self, outputs: np.ndarray, horizons: np.ndarray, cause: int) -> np.ndarray:
        n, causes, periods = outputs.shape[0], self.causes_.size, self.visits_.size
        # an infinite period effect (all patients had the event) is as good as certain at 500
        base, basis = np.minimum(self.alpha_, 500.0).T, time_basis(periods)
        eta = np.stack([base[k] + self.slope_ * over_periods(outputs, basis[[k] * n]) for k in range(periods)], axis=1)
        p = categorical_probabilities(eta.reshape(-1, causes), self._link).reshape(n, periods, causes + 1)
        if self.kind_ == "status":
            # a state is known at its visit alone
            at = np.isclose(horizons, self.max_time_, rtol=1e-8, atol=0)
            return np.where(at, p[:, 0, 1:], np.nan)
        mine = int(np.searchsorted(self.causes_, cause))
        through = np.cumprod(p[:, :, 0], axis=1)
        return incidence_at(p[:, :, 1:], through, mine, self.visits_, horizons, self.between)

    @takes_rows()
    def gates(self, X: Any) -> pd.DataFrame:
        """Return how each row's prediction is shared out among its modalities, averaged over the nets.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.

        Returns
        -------
        DataFrame of shape (n, n_modalities)
            Rows sum to 1; an absent modality has 0. Gates are no attribution: a modality with a large share may say the
            same for all patients.
        """
        matrix, _, _ = self._start_predict(X)
        _, gates = self._outputs(matrix)
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(gates.mean(axis=0), columns=list(self.columns_), index=index)

    def _gate_table(self, blocks: list[np.ndarray], present: np.ndarray) -> pd.DataFrame:
        shape = self._net()
        gates = np.mean([net_outputs(shape, weights, blocks, present)[1] for weights in self.nets_], axis=0)
        means = [float(gates[present[:, m], m].mean()) for m in range(present.shape[1])]
        return pd.DataFrame({"modality": list(self.columns_), "gate": means, "n_present": present.sum(axis=0)})
