"""``MultimodalNet``: an encoder per modality behind a gate, trained by torch, kept as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    OutcomeError,
    argument_error,
    check_choice,
    check_number,
    objection,
    spawn,
    takes_rows,
)
from lbp_prognosis.models._cross_fit import deal_folds, identical_rows
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._net_losses import EfronLoss, NetLoss
from lbp_prognosis.models._net_outcome import NetOutcome
from lbp_prognosis.models._net_shape import NetShape, Weights, first_weights, net_outputs
from lbp_prognosis.models._rare_causes import not_learned_objections
from lbp_prognosis.models._torch_adapter import Training, train_net
from lbp_prognosis.survival import OutcomeKind

__all__ = ["MultimodalNet"]

_MANY_EVENTS = 500
_SPLITS = 5


class MultimodalNet(NetOutcome):
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
    levels : sequence of str, default ()
        Modalities whose columns of single levels (``disc_height__l4l5``, see `fusion.LevelMap`) are read level by level
        and then pooled, beside the columns that are pooled already. Single levels and cells of them may be missing.
    d : int, default 8
        Length of an encoding, at most 16.
    hidden : sequence of int, default (16,)
        Units of the hidden layers of an encoder; ``()`` makes encoders linear.
    modality_dropout : float, default 0.3
        Probability that a modality of a patient is dropped in a training step, so that the net learns its absence.
    dropout : float, default 0.1
        Share of an encoding that is left out of a step of training.
    auxiliary : float, default 0.1
        Weight of the losses of the separate modalities.
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
        Seed of the initial weights, held-out folds and dropout.

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
        Means and standard deviations of the columns of each modality; columns of levels have those of their measure.
    level_cells_ : dict of str to dict of str to list of str
        Level and measure of each column of a level, of the modalities in ``levels``.
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
        Events of learned causes in the training rows.
    rare_causes_ : dict of int to int
        Events of competing causes with fewer than ten, in this sample or fold: they have no outputs, and odds that are
        the same for all (``"discrete"``).

    Notes
    -----
    Fold s of the training rows (whole clusters, copies of a row together) is held out from net s: it says when to stop,
    and its outputs estimate slope and baseline, since outputs for rows that a net has seen are too spread out. With
    fewer than five seeds only the rows of their folds do.

    A level is read from its measures and from which of them are known, by one layer for all levels of a modality.
    Levels with any measure are added up with shares softmax(u·tanh(V h_l) + b_l), in which b_l alone depends on the
    place in the spine. The sum enters the modality's encoder beside the pooled columns.

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
        levels: Sequence[str] = (),
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
        self.levels = levels
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
            If the event of interest, or every cause, has fewer than ten events.
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
        loss = EfronLoss(design) if self.loss == "efron" else self._periods(design, weights)
        self.n_events_ = int(found.any(axis=0).sum())
        outputs = 1 if isinstance(loss, EfronLoss) else loss.width
        shape = self._shape([int(units) for units in self.hidden], int(self.d), outputs)
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
        """Codes of copies of a row, in an order that no table's layout changes."""
        fields = [design.y[name].astype(float) for name in design.y.dtype.names or ()]
        columns = design.X[:, np.concatenate(list(self._places().values()))]
        return identical_rows([columns], fields, design.weights)

    def _net(self) -> NetShape:
        return self._shape(self.shape_["hidden"], self.shape_["d"], self.shape_["outputs"])

    def _shape(self, hidden: Sequence[int], d: int, outputs: int) -> NetShape:
        levels = self._level_shapes()
        widths = {name: levels[name].pooled if name in levels else len(self.columns_[name]) for name in self.columns_}
        return NetShape(widths, tuple(hidden), d, outputs, levels)

    # ---- predictions -------------------------------------------------------------------------------------------

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: fewer than 500 events, and causes with too few events to be learned."""
        self._check_fitted()
        few = (objection("deep-small-sample", n=self.n_events_),) if self.n_events_ < _MANY_EVENTS else ()
        return (*few, *not_learned_objections(self))

    def _check_cause(self, cause: Any) -> None:
        super()._check_cause(cause)
        others = [int(code) for code in self.causes_ if code != 1]
        if self.loss == "efron" and others:
            raise argument_error(
                "y",
                'free of competing events for absolute risks with loss="efron"',
                f"codes {others} besides 1 at fit",
                'Use loss="discrete", which models all causes.',
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
        return np.mean([self._risks_of(each, horizons, cause) for each in outputs], axis=0)

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
