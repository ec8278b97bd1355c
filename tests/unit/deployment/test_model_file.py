"""Model files: the same to the bit, no patient inside, and one clear error for every damaged byte."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Surv, fusion, models, validation
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import Ledger, LockedModel, ModelFileError, load_model, lock, save_model, verify
from lbp_prognosis.deployment._coarse_steps import coarse_steps
from lbp_prognosis.deployment._coarsen import parts_of
from lbp_prognosis.deployment._codec import pack, unpack
from lbp_prognosis.deployment._container import read_container, written_container
from lbp_prognosis.deployment._registry import NOT_STORED, known_classes
from lbp_prognosis.deployment._synthetic_rows import synthetic_rows
from lbp_prognosis.fusion import MultipleImputation, OneHot, RestrictedCubicSpline, RiskPipeline, Standardise
from lbp_prognosis.models import CauseSpecificCox, CoxPH, NullModel
from lbp_prognosis.validation import update_model
from tests.unit.deployment.stored_models import BARE, EVERY, fitted, table

D = syn(n=300)


def saved(model, path, **options):
    return save_model(model, path, reason="a test", **options)


def horizons(model):
    from lbp_prognosis.deployment._synthetic_rows import check_horizons_of

    return check_horizons_of(model)


@pytest.mark.parametrize("name", EVERY)
def test_what_comes_back_is_the_same_to_the_bit(name, tmp_path):
    if name in BARE and BARE[name].package:
        pytest.importorskip(BARE[name].package)
    model, X = fitted(name)
    locked = lock(model)
    made = saved(locked, tmp_path / "a.lbpm")
    again = load_model(tmp_path / "a.lbpm", expect_sha256=made.sha256)
    assert isinstance(again, LockedModel)
    assert again == locked
    if name not in ("LinearOutcome", "OrdinalRegression"):
        times = horizons(locked.unlocked)
        np.testing.assert_array_equal(again.predict_risk(X[:50], times), locked.predict_risk(X[:50], times))
    # locking first or saving first is the same, and so are the bytes
    assert saved(model, tmp_path / "b.lbpm").sha256 == made.sha256
    assert (tmp_path / "b.lbpm").read_bytes() == (tmp_path / "a.lbpm").read_bytes()
    told = verify(tmp_path / "a.lbpm")
    assert told.golden_error == 0
    assert told.manifest["reason"] == "a test"
    assert {"fact", "value"} == set(told.to_frame())
    with pytest.raises(ArgumentError, match="locked"):
        again.fit(X, None)


def test_every_public_estimator_has_a_codec_or_says_why_not():
    public = set()
    for room in (models, fusion, validation):
        for name in room.__all__:
            kind = getattr(room, name)
            if isinstance(kind, type) and any(hasattr(kind, verb) for verb in ("predict_risk", "transform")):
                public.add(name)
    assert public - set(known_classes()) - set(NOT_STORED) == set()
    made = {type(case.make()).__name__ for case in BARE.values() if not case.package}
    assert made <= set(known_classes())


def test_models_of_other_libraries_and_functions_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match="AdaptedModel"):
        lock(models.as_risk_model(lambda X, horizons: np.zeros((len(X), 1))))
    with pytest.raises(ArgumentError, match="fit"):
        lock(CoxPH())
    X, y = table()
    numbers = X[["c1", "c2", "p1"]].assign(m1=X["c1"] * X["c2"])
    step = MultipleImputation(1, passive={"m1": lambda frame: frame["c1"] * frame["c2"]})
    with pytest.raises(ArgumentError, match="passive"):
        saved(RiskPipeline([step], CoxPH()).fit(numbers, y), tmp_path / "a.lbpm")
    for reason in ("", "  ", None):
        with pytest.raises(ArgumentError, match="reason"):
            save_model(CoxPH().fit(numbers[["c1"]], y), tmp_path / "a.lbpm", reason=reason)


# ---- no patient -----------------------------------------------------------------------------------------------------


def digits_of(values: np.ndarray) -> list[str]:
    return [f"{value:.12g}".replace(".", "").replace("-", "").lstrip("0")[:8] for value in np.ravel(values)]


def numbers_in_file(path) -> set[str]:
    """Leading eight digits of every number of a file, as text and as bytes."""
    _, params, arrays = read_container(path.read_bytes())
    found = set()

    def walk(value):
        if isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, float):
            found.update(digits_of(np.array([value])))
        elif isinstance(value, str):
            for word in re.findall(r"\d+\.?\d*(?:[eE][-+]?\d+)?", value):
                if len(word.replace(".", "")) >= 8:
                    found.update(digits_of(np.array([float(word)])))

    walk(params)
    for array in arrays.values():
        if array.dtype.kind == "f":
            found.update(digits_of(array[np.isfinite(array)]))
            found.update(digits_of(np.exp(array[np.isfinite(array) & (np.abs(array) < 50)])))
    return found


@pytest.mark.parametrize(
    "name",
    ["bare", "competing", "null", "splines", "imputation", "strata", "trees", "parmar", "mean", "stack", "cox stack"],
)
def test_no_value_of_a_patient_is_in_the_file(name, tmp_path):
    """Every patient's time and predictors are twelve random digits: none of them is found."""
    rng = np.random.default_rng(5)
    n = 300
    a, b, c = (np.round(rng.uniform(10, 100, n), 10) for _ in range(3))
    times = np.round(rng.exponential(10, n) * np.exp(-0.01 * a) + 1, 11)
    status = rng.choice([0, 1, 2], n, p=[0.2, 0.6, 0.2])
    events = np.flatnonzero(status == 1)
    status[events[: (events.size - 1) % 4]] = 0  # each quartile of the event times is the time of a patient
    X = pd.DataFrame({"a": a, "b": b, "c": c})
    single = Surv.right(times, status == 1)
    learners = {"one": CoxPH(), "two": models.RoystonParmar(df=2)}
    if name == "trees":
        pytest.importorskip("xgboost")
    model = {
        "bare": lambda: CoxPH().fit(X, single),
        "competing": lambda: CauseSpecificCox().fit(X, Surv.right(times, status)),
        "null": lambda: NullModel().fit(X, Surv.right(times, status)),
        "splines": lambda: RiskPipeline([Standardise(), RestrictedCubicSpline(["a"])], CoxPH()).fit(X, single),
        "imputation": lambda: RiskPipeline([MultipleImputation(2, draws=10)], CoxPH()).fit(
            X.mask(rng.random(X.shape) < 0.1), single
        ),
        "strata": lambda: CoxPH(strata="s").fit(X.assign(s=rng.integers(0, 2, n)), single),
        "trees": lambda: models.BoostedCox(rounds=20, folds=2).fit(X, single),
        "parmar": lambda: models.RoystonParmar(df=3).fit(X, single),
        "mean": lambda: models.AverageRisk(learners).fit(X, single),
        "stack": lambda: models.StackedRisk(learners, cv=3).fit(X, single),
        "cox stack": lambda: models.StackedRisk(learners, cv=3, meta="cox_nonneg").fit(X, single),
    }[name]()
    saved(model, tmp_path / "a.lbpm")
    found = numbers_in_file(tmp_path / "a.lbpm")
    for values in (a, b, c, times):
        assert not found & set(digits_of(values))
        text = (tmp_path / "a.lbpm").read_bytes()
        assert not any(np.float64(value).tobytes() in text for value in values)


def test_steps_have_enough_events_and_the_change_is_told():
    X, y = table(240)
    model = CoxPH().fit(X[["c1", "p1"]], y)
    locked = lock(model)
    coarse = locked.unlocked
    assert locked.report.steps_before == model.baseline_times_[0].size
    assert locked.report.steps_after == coarse.baseline_times_[0].size
    assert coarse.baseline_times_[0].size <= int(y["event"].sum()) / 5
    # within each coarse step lie at least five events of the fit
    ends = np.searchsorted(model.baseline_hazard_[0], coarse.baseline_hazard_[0] - 1e-12)
    counts = np.diff(np.cumsum(model.baseline_events_[0])[ends], prepend=0)
    assert (counts >= 5).all()
    assert model.baseline_events_[0].sum() == y["event"].sum()
    assert coarse.baseline_hazard_[0][-1] == model.baseline_hazard_[0][-1]
    assert 0 < locked.report.largest_change < 0.1  # at the end, where few are left
    rows, times = X[["c1", "p1"]], np.linspace(1, coarse.max_time_, 50)
    seen = np.abs(locked.predict_risk(rows, times) - model.predict_risk(rows, times)).max()
    assert seen < 1.5 * locked.report.largest_change
    assert lock(locked) is locked
    assert lock(model, min_cell=20).report.steps_after < locked.report.steps_after
    assert lock(model, min_cell=20).report.largest_change > locked.report.largest_change
    with pytest.raises(ArgumentError, match="min_cell"):
        lock(model, min_cell=1)
    with pytest.raises(ArgumentError, match="locked"):
        lock(locked, min_cell=20)


def test_times_of_visits_that_many_share_stay():
    X, y = table(240)
    visits = np.array([3.0, 6, 12, 24, 36, 60])
    at = visits[np.minimum(np.searchsorted(visits, y["time"]), 5)]
    model = CoxPH().fit(X[["c1", "p1"]], Surv.right(at, y["event"]))
    locked = lock(model)
    assert set(locked.unlocked.baseline_times_[0]) <= set(visits)
    np.testing.assert_array_equal(
        locked.predict_risk(X[["c1", "p1"]], [6, 12]), model.predict_risk(X[["c1", "p1"]], [6, 12])
    )


@pytest.mark.parametrize("name", ["BoostedCox", "NullModel", "CauseSpecificCox"])
def test_visits_that_many_share_stay_in_every_model(name):
    X, y = table(240)
    visits = np.array([3.0, 6, 12, 24, 36, 60])
    y = Surv.right(visits[np.minimum(np.searchsorted(visits, y["time"]), 5)], y["event"])
    X = X[["c1", "p1"]]
    single = {"average": False, "folds": 5, "repeats": 1} if name == "BoostedCox" else {}  # few splits to round
    model = getattr(models, name)(**single).fit(X, y)
    locked = lock(model)
    # each step counted as one event: visits fell together, and risks moved by up to 0.79
    change = np.abs(locked.predict_risk(X, [6, 12]) - model.predict_risk(X, [6, 12]))
    # some rows lie where the split of a tree was rounded
    assert (np.quantile(change, 0.95) if name == "BoostedCox" else change.max()) < 1e-9
    assert not any(hasattr(part, "baseline_events_") for part in parts_of(locked.unlocked))


@pytest.mark.parametrize("n", [60, 240])
def test_the_change_told_is_the_largest_of_its_rows(n):
    X, y = table(n)
    X = X[["c1", "p1"]]
    model = CoxPH().fit(X, y)
    locked = lock(model)
    times = np.unique(np.append(y["time"], np.linspace(0.1, y["time"].max(), 300)))
    times = times[times <= locked.unlocked.max_time_]
    rows = synthetic_rows(model, 64)
    seen = np.abs(locked.predict_risk(rows, times) - model.predict_risk(rows, times)).max()
    assert seen <= locked.report.largest_change + 1e-12


def test_the_change_told_of_lines_between_visits_is_the_largest():
    X, y = table(240)
    low = np.maximum(y["time"] - 2.5, 0)
    model = NullModel().fit(X[["c1"]], Surv.interval(low, np.where(y["event"] == 1, y["time"], np.inf)))
    locked = lock(model)
    times = np.linspace(0.01, locked.unlocked.max_time_, 5000)
    seen = np.abs(locked.predict_risk(X[["c1"]].head(1), times) - model.predict_risk(X[["c1"]].head(1), times)).max()
    assert 0 < seen <= locked.report.largest_change + 1e-12
    change = locked.predict_risk(X[["c1"]].head(1), times) - model.predict_risk(X[["c1"]].head(1), times)
    assert np.abs(change).mean() < 0.003  # the largest, 0.066, is where a steep rise was rounded from 0.797 to 0.8
    (fine,), (coarse,) = model.incidence_[1], locked.unlocked.incidence_[1]
    assert coarse[-1] == fine[-1]
    rises = np.diff(coarse, prepend=0.0)
    assert (len(y) * rises[rises > 1e-12] > 4).all()  # at least five in whole numbers that add up


def test_visits_of_intervals_that_many_share_stay():
    X, y = table(240)
    visits = np.array([0.0, 3, 6, 12, 24, 36, 60])
    place = np.clip(np.searchsorted(visits, y["time"]), 1, 6)
    upper = np.where(y["event"] == 1, visits[place], np.inf)
    model = NullModel().fit(X[["c1"]], Surv.interval(visits[place - 1], upper))
    locked = lock(model)
    assert model.baseline_events_[1][0].sum() == np.floor(240 * model.incidence_[1][0][-1] + 1e-6)
    times = np.linspace(0.1, locked.unlocked.max_time_, 200)
    np.testing.assert_allclose(
        locked.predict_risk(X[["c1"]].head(1), times), model.predict_risk(X[["c1"]].head(1), times), atol=1e-12
    )


def test_the_end_of_follow_up_of_an_updated_model_stays():
    X, y = table(240)
    X = X[["c1", "p1"]]
    model = update_model(CoxPH().fit(X, y), X, y, method="bayes", horizon=12).model
    locked = lock(model)
    late = 0.99 * model.baseline_times[-1]  # the end is rounded down to three digits
    assert np.isfinite(locked.predict_risk(X, late)).all()
    assert not any("not known" in note for note in locked.report.notes)
    assert locked.unlocked.baseline_events is None


@pytest.mark.parametrize("method", ["slope", "bayes"])
def test_events_behind_the_steps_of_an_updated_model_are_counted(method):
    """Months with five events or more stay as they are: counted as one event each they were merged five by five."""
    X, y = table(240)
    X = X[["c1", "p1"]]
    months = Surv.right(np.ceil(y["time"]), y["event"])
    model = update_model(CoxPH().fit(X, months), X, months, method=method, horizon=12).model
    assert model.baseline_events.sum() == (months["event"] == 1).sum()
    many = model.baseline_events >= 5
    first = int(np.argmin(many))  # the first month with few events, which the one before it may take in
    assert first >= 5
    until = model.baseline_times[: first - 1]
    np.testing.assert_allclose(lock(model).predict_risk(X, until), model.predict_risk(X, until), atol=1e-12)


def test_few_are_left_over_where_many_are_at_risk():
    times = np.arange(1.0, 13.0)
    grid, last = coarse_steps(times, np.ones(12, dtype=int), 5)
    assert last.tolist() == [6, 11]  # seven early, five late
    assert grid.tolist() == [4.5, 10.5]
    assert coarse_steps(times[:4], np.ones(4, dtype=int), 5)[1].tolist() == [3]
    assert coarse_steps(times[:5], np.ones(5, dtype=int), 5)[1].tolist() == [4]
    assert coarse_steps(times[:9], np.ones(9, dtype=int), 5)[1].tolist() == [8]
    assert coarse_steps(times[:10], np.ones(10, dtype=int), 5)[1].tolist() == [4, 9]
    assert coarse_steps(times[:0], np.ones(0, dtype=int), 5)[1].size == 0


def test_ranges_have_rows_beyond_them():
    X, y = table(240)
    locked = lock(CoxPH().fit(X[["c1", "sick"]], y))
    low, high, *_ = locked.training_ranges_[0]
    assert (X["c1"] <= low).sum() >= 5
    assert (X["c1"] >= high).sum() >= 5
    assert locked.training_ranges_[1][:2].tolist() == [0, 1]
    assert np.isnan(lock(CoxPH().fit(X[["c1", "sick"]], y), min_cell=40).training_ranges_[0]).all()


def test_a_locked_model_leaves_the_fitted_one_alone():
    model, X = fitted("imputation")
    before = model.predict_risk(X, [6, 12])
    steps = model.models_[0].baseline_times_[0].size
    lock(model)
    np.testing.assert_array_equal(model.predict_risk(X, [6, 12]), before)
    assert model.models_[0].baseline_times_[0].size == steps


# ---- damaged and forged files ----------------------------------------------------------------------------------------


ENDS = pytest.mark.timeout(60)
"""Seconds are for the benchmarks; a file that makes the reader allocate or unpack without end never returns."""


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("file")
    X, y = table(120)
    steps = [MultipleImputation(1, draws=5), OneHot(["grade", "site"]), Standardise(["c1"])]
    model = RiskPipeline(steps, CoxPH()).fit(X, y)
    saved(model, folder / "good.lbpm")
    return (folder / "good.lbpm").read_bytes()


def refused(data: bytes, path) -> str:
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as told:
        load_model(path)
    return str(told.value)


def mutations(good: bytes, rng: np.random.Generator):
    """A flipped byte, a cut, a repeat, a piece moved, noise: anywhere in the file."""
    kind = int(rng.integers(0, 6))
    at = int(rng.integers(0, len(good)))
    data = bytearray(good)
    if kind <= 2:
        data[at] ^= int(rng.integers(1, 256))
    elif kind == 3:
        data = data[:at]
    elif kind == 4:
        data[at:at] = data[at : at + int(rng.integers(1, 400))] or b"x"
    else:
        size = int(rng.integers(1, 40))
        data[at : at + size] = rng.bytes(size)
    return bytes(data)


@ENDS
def test_damaged_files_give_one_clear_error(good, tmp_path):
    rng = np.random.default_rng(11)
    for _ in range(1000):
        data = mutations(good, rng)
        if data != good:
            assert refused(data, tmp_path / "bad.lbpm")


def resealed(good: bytes, change) -> bytes:
    """A file whose content was changed by someone who can count digests."""
    manifest, params, arrays = read_container(good)
    state = {"manifest": manifest, "params": params, "arrays": dict(arrays)}
    change(state)
    return written_container(state["manifest"], state["params"], state["arrays"])


def nodes(value, path=()):
    yield path, value
    if isinstance(value, dict):
        for key in value:
            yield from nodes(value[key], (*path, key))
    elif isinstance(value, list):
        for k, item in enumerate(value):
            yield from nodes(item, (*path, k))


@ENDS
@pytest.mark.parametrize("count", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_forged_files_give_one_clear_error_or_the_same_risks(good, tmp_path, count):
    """Content that was changed and sealed again: refused, or harmless; nothing imported, nothing run."""
    rng = np.random.default_rng(12)
    _, params, _ = read_container(good)
    places = [path for path, _ in nodes(params) if path]
    junk = [None, -1, 10**9, 2**63, 1e300, "os.system", [], {}, {"$": "array", "dtype": "f8", "shape": [10**9]}, True]
    junk += [
        {"$": "object", "class": "os.system", "parameters": {}, "learned": {}},
        {"$": "pickle", "items": []},
        "x" * 99,
    ]
    before = set(sys.modules)
    harmless = 0
    for k in range(count):
        path = places[int(rng.integers(0, len(places)))]
        wrong = junk[int(rng.integers(0, len(junk)))]

        def change(state, path=path, wrong=wrong, k=k):
            copied = json.loads(json.dumps(state["params"]))
            at = copied
            for key in path[:-1]:
                at = at[key]
            if k % 3 == 0 and isinstance(at, dict):
                del at[path[-1]]
            else:
                at[path[-1]] = wrong
            state["params"] = copied

        (tmp_path / "bad.lbpm").write_bytes(resealed(good, change))
        try:
            load_model(tmp_path / "bad.lbpm")
            harmless += 1
        except ModelFileError:
            pass
    assert harmless < 0.4 * count
    new = {name.split(".")[0] for name in set(sys.modules) - before}
    assert new <= {"lbp_prognosis", "sklearn", "scipy", "numpy", "pandas", "numba", "llvmlite", "xgboost", "joblib"}


@ENDS
def test_known_attacks(good, tmp_path):
    bad = tmp_path / "bad.lbpm"

    def of_class(name):
        def change(state):
            state["params"]["items"][0]["class"] = name

        return change

    for name in ("os.system", "builtins.eval", "CoxPH.__init__", "sklearn.pipeline.Pipeline", "NullModelX"):
        assert "not an allowed class" in refused(resealed(good, of_class(name)), bad)

    def sets(name):
        def change(state):
            state["params"]["items"][0]["learned"][name] = 1

        return change

    for name in ("predict_risk", "__class__", "__dict__", "fit", "a b"):
        assert "would set" in refused(resealed(good, sets(name)), bad)

    def deep(state):
        value = 1
        for _ in range(900):
            value = [value]
        state["params"]["items"][0]["learned"]["deep_"] = value

    assert refused(resealed(good, deep), bad)

    def unused(state):
        state["arrays"]["f8"] = np.append(state["arrays"]["f8"], 1.0)

    assert "nothing names" in refused(resealed(good, unused), bad)

    def other_risk(state):
        state["arrays"]["f8"] = state["arrays"]["f8"] * 1.001

    assert "check rows" in refused(resealed(good, other_risk), bad)

    def newer(state):
        state["manifest"]["schema"] = 99

    assert "schema" in refused(resealed(good, newer), bad)
    assert "no whole model file" in refused(b"", bad)
    assert "no whole model file" in refused(b"\x80\x04\x95" + b"pickle" * 20, bad)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED, twice: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, compression)
        if twice:
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr(zipfile.ZipInfo(twice, (1980, 1, 1, 0, 0, 0)), b"{}")
    return buffer.getvalue()


def test_archives_of_other_shapes(good, tmp_path):
    bad = tmp_path / "bad.lbpm"
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert zipped(members) != good  # other attributes: refused, too
    for data in (
        zipped(members),
        zipped(members, zipfile.ZIP_DEFLATED),
        zipped({**members, "../../evil.py": b""}),
        zipped({**members, "/etc/passwd": b""}),
        zipped({**members, "data.pkl": b"\x80\x04."}),
        zipped({"manifest.json": members["manifest.json"]}),
        zipped(members, twice="params.json"),
        zipped({"bomb": b"\0" * 10_000_000}, zipfile.ZIP_DEFLATED),
        good + b"tail",
        b"head" + good,
    ):
        assert refused(data, bad)
    assert not (tmp_path.parent / "evil.py").exists()


def test_an_array_is_never_evaluated_and_nothing_is_allocated_that_is_not_there(good, tmp_path):
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    body = members["arrays/f8.npy"]
    for header in (b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", b"__import__('os').system('x')"):
        text = header + b" " * (117 - len(header)) + b"\n"
        forged = body[:8] + len(text).to_bytes(2, "little") + text + body[10 + body[8] :]
        changed = {**members, "arrays/f8.npy": forged}
        manifest = json.loads(members["manifest.json"])
        manifest["members"]["arrays/f8.npy"] = hashlib.sha256(forged).hexdigest()
        from lbp_prognosis.deployment import _container

        changed["manifest.json"] = _container.canonical(manifest)
        assert "type, shape or length" in refused(
            _container._sealed({name: [data] for name, data in changed.items()}), tmp_path / "bad.lbpm"
        )


def test_the_digest_tells_a_forged_file(good, tmp_path):
    path = tmp_path / "a.lbpm"
    path.write_bytes(good)
    digest = hashlib.sha256(good).hexdigest()
    assert load_model(path, expect_sha256=digest.upper()) == load_model(path)
    with pytest.raises(ModelFileError, match="another than expected"):
        load_model(path, expect_sha256="0" * 64)
    with pytest.raises(ArgumentError, match="expect_sha256"):
        load_model(path, expect_sha256="short")


def test_numbers_survive_to_the_bit():
    values = {
        "odd": [0.1 + 0.2, 5e-324, -0.0, 1.7976931348623157e308, float("nan"), float("inf"), -float("inf")],
        "arrays": np.array([np.nan, np.inf, 1e-310]),
        "words": np.array(["a", "ü"], dtype=object),
        "nested": ({"k": (1, None, True)}, frozenset({1, 2}), slice(0, 3, None)),
        "frame": pd.DataFrame({"x": [1.5, 2.5], 3: ["a", "b"]}, index=["r", "s"]),
        "many": np.arange(6, dtype=np.int8).reshape(2, 3),
    }
    state, arrays = pack(values)
    back = unpack(json.loads(json.dumps(state, allow_nan=False)), arrays)
    assert repr(back["odd"]) == repr(values["odd"])
    assert np.signbit(back["odd"][2])
    np.testing.assert_array_equal(back["arrays"], values["arrays"])
    assert back["nested"] == values["nested"]
    pd.testing.assert_frame_equal(back["frame"], values["frame"])
    assert back["many"].dtype == np.int8


EARLIER = sorted((Path(__file__).parent / "earlier").glob("*.lbpm"))


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.stem)
def test_files_of_earlier_versions_are_read(path):
    """Files as earlier versions wrote them, kept here, give the risks that they gave then."""
    kept = json.loads(path.with_suffix(".json").read_text())
    rows = pd.DataFrame(kept["rows"]["data"], columns=kept["rows"]["columns"])
    found = load_model(path)
    np.testing.assert_allclose(found.predict_risk(rows, kept["horizons"]), kept["risks"], rtol=0, atol=1e-10)
    assert found.report.membership_auc is None  # which that version did not know


def _imputers(entry, found):
    """All imputers in the parameters of a file."""
    if isinstance(entry, dict):
        found += [entry["parameters"]] if entry.get("class") == "DeploymentImputer" else []
        for item in entry.values():
            _imputers(item, found)
    elif isinstance(entry, list):
        for item in entry:
            _imputers(item, found)
    return found


@ENDS
@pytest.mark.parametrize("part", ["places", "models", "covariance"])
def test_imputers_of_earlier_versions_do_not_fill_the_memory(part, tmp_path):
    """A model of each column became one block: sizes are compared before it is made."""
    path = next(path for path in EARLIER if path.stem == "column_models")
    manifest, params, arrays = read_container(path.read_bytes())
    (held,) = _imputers(params, [])
    if part == "places":
        held[part][-1]["items"][1] = 10**9
    elif part == "models":
        held[part].pop()
    else:
        held[part] = held["mean"]
    assert refused(written_container(manifest, params, arrays), tmp_path / "bad.lbpm")


def test_equal_and_symmetric_arrays_are_written_once():
    rng = np.random.default_rng(0)
    square = rng.normal(size=(40, 40))
    square = square + square.T
    square[0, 1] = square[1, 0] = np.nan
    signed = square.copy()
    signed[2, 3], signed[3, 2] = 0.0, -0.0  # equal numbers, other bits
    state, arrays = pack({"a": square, "b": square.copy(), "c": signed, "d": square[:3]})
    assert arrays["f8"].size == 40 * 41 // 2 + 1600 + 120
    back = unpack(json.loads(json.dumps(state)), arrays)
    for name, value in {"a": square, "b": square, "c": signed, "d": square[:3]}.items():
        assert back[name].tobytes() == value.tobytes()
    assert back["a"] is back["b"]
    entries = dict(zip(state["keys"], state["items"]))
    for wrong in (-1, 3, 1.0, True, None):
        entries["b"]["number"] = wrong
        with pytest.raises(ModelFileError, match="refers to an array"):
            unpack(state, arrays)
    entries["b"]["number"] = 0
    for wrong in (-1, 10**9, 2.0, None):
        entries["a"]["side"] = wrong
        with pytest.raises(ModelFileError, match="impossible shape|more numbers"):
            unpack(state, arrays)


def test_repeated_arrays_do_not_fill_the_memory(monkeypatch):
    """A table copies its columns: a thousand references to one array would be a thousand arrays."""
    from lbp_prognosis.deployment import _codec

    column = np.arange(1000.0)
    state, arrays = pack([column] * 4)
    assert [entry["$"] for entry in state] == ["array", *["again"] * 3]
    frame = {"$": "frame", "names": [0, 1, 2], "index": state[1], "columns": state[1:]}
    monkeypatch.setattr(_codec, "_MOST_AGAIN", 3 * column.nbytes)
    assert len(unpack(state, arrays)) == 4  # at the limit
    with pytest.raises(ModelFileError, match="too often"):
        unpack([state[0], frame], arrays)
    monkeypatch.setattr(_codec, "_MOST_AGAIN", 2 * column.nbytes)
    state, arrays = pack([column] * 4)  # what is written is read
    assert [entry["$"] for entry in state] == ["array", "again", "again", "array"]
    assert [part.tobytes() for part in unpack(state, arrays)] == [column.tobytes()] * 4


def test_a_file_is_a_zip_as_others_write_it(tmp_path):
    """Python's own zip writer gives the same bytes."""
    X, y = table(120)
    data = save_model(CoxPH().fit(X[["c1"]], y), tmp_path / "a.lbpm", reason="x").path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as read, zipfile.ZipFile(buffer, "w") as written:
        assert read.testzip() is None
        for entry in read.infolist():
            made = zipfile.ZipInfo(entry.filename)
            made.create_system, made.external_attr = 3, 0o100644 << 16
            written.writestr(made, read.read(entry))
    assert buffer.getvalue() == data


def test_a_table_of_numbers_is_one_array():
    state, arrays = pack(pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["a", "b"]))
    assert state["$"] == "table"
    assert arrays["f8"].tolist() == [0, 1, 2, 3, 4, 5]
    state["values"]["shape"] = [6]
    with pytest.raises(ModelFileError, match="table of numbers"):
        unpack(state, arrays)
    empty = pd.DataFrame(index=pd.RangeIndex(3))
    pd.testing.assert_frame_equal(unpack(*pack(empty)), empty, check_column_type=False)


# ---- the ledger ------------------------------------------------------------------------------------------------------


def test_the_ledger_is_a_chain(tmp_path):
    ledger = Ledger(tmp_path / "versions.jsonl")
    assert len(ledger.verify()) == 0
    X, y = table(120)
    model = CoxPH().fit(X[["c1"]], y)
    first = save_model(model, tmp_path / "1.lbpm", reason="first", ledger=ledger, actor="A")
    second = save_model(model, tmp_path / "2.lbpm", reason="second", ledger=tmp_path / "versions.jsonl", actor="B")
    ledger.append(second.sha256, reason="checked", date="2026-05-01", metrics={"concordance": 0.71})
    frame = ledger.verify()
    assert frame["artifact_sha256"].tolist() == [first.sha256, second.sha256, second.sha256]
    assert frame["n"].tolist() == [1, 2, 3]
    assert set(ledger.diff(1, 2)["field"]) >= {"reason", "actor", "artifact_sha256"}
    assert "metric concordance" in set(ledger.diff(2, 3)["field"])
    for wrong in (0, 4):
        with pytest.raises(ArgumentError, match="old"):
            ledger.diff(wrong, 1)
    # who made it and when is in the ledger alone
    assert b'"A"' not in (tmp_path / "1.lbpm").read_bytes()
    lines = ledger.path.read_text().splitlines(keepends=True)
    for damage in (
        lines[1:],
        [lines[0], lines[2]],
        [lines[1], lines[0], lines[2]],
        [lines[0].replace("first", "First"), *lines[1:]],
        [lines[0], lines[0], *lines[1:]],
        [lines[0], "\n", *lines[1:]],
        [lines[0], "{}\n", *lines[1:]],
    ):
        ledger.path.write_text("".join(damage))
        with pytest.raises(ModelFileError, match="ledger"):
            ledger.verify()
    ledger.path.write_text("".join(lines))
    with pytest.raises(ArgumentError, match="artifact"):
        ledger.append("x", reason="no digest")
    with pytest.raises(ArgumentError, match="reason"):
        ledger.append("a" * 64, reason=" ")


def test_texts_and_numbers_in_one_list_come_back_as_they_were():
    given = [
        ["a", 1, None, True],
        [1.5, -0.0],
        [1.5, "a"],
        [1.0, np.inf, np.nan],
        [10**400, 2.0],
        (),
        [],
        ("a", (1.0,)),
    ]
    state, arrays = pack(given)
    assert not arrays
    json.dumps(state, allow_nan=False)
    back = unpack(state, arrays)
    assert repr(back) == repr(given)


@pytest.mark.parametrize("kind", [int, float])
def test_steps_of_few_events_are_in_the_middle_of_two_of_their_times(kind):
    times = np.array([1.0, 2.0, 4.0, 8.0, 9.0, 16.0, 17.0, 30.0])
    grid, last = coarse_steps(times, np.array([1, 1, 1, 5, 1, 1, 3, 0], dtype=kind), 3)
    # 3 + 0 events after 16, 5 + 1 + 1 after 4, and 1 + 1 + 1; half of them by 17, 8 and 2, halfway to the next time
    assert last.tolist() == [2, 5, 7]
    assert grid.tolist() == [3.0, 8.5, 23.5]


def test_a_table_of_many_patterns_keeps_the_regressions_of_two_rows():
    """Those of the first and last rows, which measure the slopes, are used again; one per pattern could fill memory."""
    X, y = table()
    numbers = X.select_dtypes("number")
    rng = np.random.default_rng(8)
    holes = numbers.mask(rng.random(numbers.shape) < 0.2)
    pipeline = RiskPipeline([MultipleImputation(m=2, iterations=2)], CoxPH(penalty=1.0)).fit(holes, y)
    complete = pipeline.imputer_.completer(holes)
    for branch in pipeline.branches_:
        complete(lambda rows, _, model=branch.model: model.linear_predictor(rows))
    assert len(complete.patterns) > 3
    assert len(complete._regressions) <= 2
    one_by_one = np.vstack([pipeline.predict_risk(holes.iloc[[i]], [5.0]) for i in range(12)])
    np.testing.assert_allclose(pipeline.predict_risk(holes.head(12), [5.0]), one_by_one, rtol=1e-10)


@pytest.mark.parametrize("side", [1, 2, 40, 513])
def test_symmetric_squares_come_back_to_the_bit(side):
    square = np.random.default_rng(3).normal(size=(side, side))
    square = np.where(np.tri(side, dtype=bool), square, square.T)
    square[0, -1] = square[-1, 0] = -0.0
    state, arrays = pack(square)
    assert arrays["f8"].size == (side * (side + 1) // 2 if side**2 >= 1000 else side**2)
    assert unpack(state, arrays).tobytes() == square.tobytes()
