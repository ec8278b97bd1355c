"""The benchmark of fusion: data sets are what they say, peers are joined right, a killed run continues."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._kernels import product_limit_incidence
from lbp_prognosis.models import CauseSpecificCox, NullModel
from lbp_prognosis.survival import Surv

fusion = pytest.importorskip("benchmarks.fusion")
data = pytest.importorskip("benchmarks.fusion_data")
peers = pytest.importorskip("benchmarks.fusion_peers")


@pytest.fixture(autouse=True)
def fewer_fresh_patients(monkeypatch):
    monkeypatch.setattr(data, "FRESH", 1000)


@pytest.mark.parametrize("name", list(data.GENERATORS))
def test_data_sets_are_drawn_from_their_number(name):
    generator = data.GENERATORS[name]
    if not generator.available:
        pytest.skip("the real table is not beside this checkout")
    X, y, fresh, state = data.data_set(name, 300, 3)
    again = data.data_set(name, 300, 3)
    pd.testing.assert_frame_equal(X, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert sorted(X.columns) == sorted(column for columns in generator.modalities.values() for column in columns)
    assert sorted(generator.continuous) == sorted(column for column in X if X[column].nunique() > 10)
    imaging = list(generator.modalities["imaging"])
    missing = fresh[imaging].isna().all(axis=1)
    others = fresh.drop(columns=imaging)
    assert others[list(generator.modalities["clinical"])].notna().all().all()
    cells = others.drop(columns=list(generator.modalities["clinical"])).isna().to_numpy()
    assert cells.any() == (generator.scattered > 0)
    if generator.scattered:
        assert cells.mean() == pytest.approx(generator.scattered, abs=0.01)
        assert fresh.loc[~missing, imaging].isna().to_numpy().mean() == pytest.approx(generator.scattered, abs=0.01)
    assert missing.mean() == pytest.approx(0.3 if generator.needed else 0.0, abs=0.05)
    if generator.needed and generator.needed != "random":
        whole, _, _ = generator.draw(2000, np.random.default_rng(1))  # what decides may be missing itself
        gone = data.by_indication(whole, generator, np.random.default_rng(2))[imaging].isna().all(axis=1)
        value = whole[generator.needed]
        assert value[gone].mean() < value[~gone].mean() - 0.3 * value.std()
    assert 0.2 < state.mean() < 0.7
    assert set(np.unique(y["event"])) == {0, 1, 2}


@pytest.mark.parametrize("name", ["GBSG", "TRACE"])
def test_plasmode_outcomes_are_those_of_the_real_hazard(name):
    """Without the competing event, mean risks are those of the real table's Kaplan–Meier curve."""
    generator = data.GENERATORS[name]
    if not generator.available:
        pytest.skip("the real table is not beside this checkout")
    table = pd.read_csv(generator.table)
    if name == "GBSG":
        y = Surv.right(table["rfstime"].to_numpy() / 30.4375, table["status"].to_numpy())
    else:
        y = Surv.right(table["time"].to_numpy(), (table["status"] == 9).to_numpy())
    _, first, second = generator.draw(20_000, np.random.default_rng(5))
    want = NullModel().fit(np.zeros((len(y), 1)), y).predict_risk(np.zeros((1, 1)), generator.horizon)[0, 0]
    assert (first <= generator.horizon).mean() == pytest.approx(want, abs=0.015)
    assert 0.05 < (second <= np.minimum(first, generator.horizon)).mean() < 0.3


def test_the_best_possible_index_is_that_of_the_truth():
    state = np.array([True, False, True, False])
    assert fusion.judged(np.full(4, 0.5), state)["ipa"] == 0.0
    assert fusion.judged(np.full(4, 0.5), state)["auc"] == 0.5
    same = fusion.judged(0.5 + np.array([0, 1e-12, 0, -1e-12]), state)  # a recalibrated mean without order
    assert np.isnan(same["slope"])
    assert same["auc"] == 0.5
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.1, 0.9, 4000)
    drawn = rng.random(4000) < truth
    found = fusion.judged(truth, drawn)
    assert found["slope"] == pytest.approx(1.0, abs=0.1)
    assert found["ipa"] == pytest.approx(np.var(truth) / np.var(drawn), abs=0.03)


def test_hazards_of_peers_are_joined_as_ours():
    first = (np.array([1.0, 3.0]), np.array([[0.2, 0.5], [0.1, 0.4]]))
    second = (np.array([2.0]), np.array([[0.3], [0.6]]))
    steps = np.array([[0.2, 0.0], [0.0, 0.3], [0.3, 0.0]])
    want = product_limit_incidence(steps, np.ones((1, 2)), np.array([3]), True)[0, 0, 0]
    assert peers.joined([first, second], 3.0)[0] == pytest.approx(want, rel=1e-12)
    assert peers.joined([first, second], 2.5)[0] == pytest.approx(1 - np.exp(-0.2), rel=1e-12)
    assert (peers.joined([first, second], 0.5) == 0).all()
    times, hazard = peers.breslow(np.array([1.0, 2, 2, 3]), np.array([True, True, False, True]), np.zeros(4))
    np.testing.assert_array_equal(times, [1, 2, 3])
    np.testing.assert_allclose(hazard, np.cumsum([1 / 4, 1 / 3, 1.0]))


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["xgboost by hand", fusion.GLMNET])
def test_a_peer_is_about_as_good_as_ours(peer):
    program = fusion.interpreter(peer)
    if not program:
        pytest.skip("not installed")
    generator = "linear, all imaged"
    X, y, fresh, state = data.data_set(generator, 300, 0)
    risk, seconds = fusion.peer_risk(peer, program, X, y, fresh, 12.0)
    assert seconds > 0
    ours = CauseSpecificCox(penalty="cv").fit(X, y).predict_risk(fresh, 12.0)[:, 0]
    assert np.corrcoef(risk, ours)[0, 1] > 0.7
    assert risk.mean() == pytest.approx(ours.mean(), abs=0.05)
    assert fusion.judged(risk, state)["ipa"] > 0.05


def test_a_model_of_some_modalities_is_the_model_of_their_columns():
    """The clinical contender was a stack of one learner, at six times the time: its weight is 1."""
    X, y, fresh, _ = data.data_set("linear, imaged by indication", 150, 0)
    generator = data.GENERATORS["linear, imaged by indication"]
    for contender, names in (("clinical only", ["clinical"]), ("all but imaging", list(data.FOUR)[:3])):
        columns = [column for name in names for column in data.FOUR[name]]
        found = fusion.CONTENDERS[contender](generator).fit(X, y).predict_risk(fresh, 12.0)
        want = CauseSpecificCox(penalty="cv").fit(X[columns], y).predict_risk(fresh[columns], 12.0)
        np.testing.assert_allclose(found, want, rtol=1e-10)


@pytest.mark.parametrize(("contender", "count"), [(fusion.DEFAULT, 5), (fusion.THREE, 3)])
def test_the_stack_bends_what_is_continuous(contender, count):
    of = data.GENERATORS["GBSG"]
    learners = fusion.CONTENDERS[contender](of).learners
    bent = [name for name, model in learners.items() if len(getattr(model, "steps", ())) == 2]
    assert len(learners) == count
    assert bent == (["ridge, splines", "elastic net, splines"] if count == 5 else [])
    assert all(learners[name].steps[1].columns == of.continuous for name in bent)


def test_the_summary_pairs_contenders_by_data_set(tmp_path):
    """By hand: differences −0.02 and 0.04 to the default, and a set without the contender is left out."""
    rows = []
    for number, default, other in ((0, 0.10, 0.08), (1, 0.20, 0.24), (2, 0.90, None)):
        for name, value in ((fusion.DEFAULT, default), ("other", other)):
            if value is not None:
                rows.append(("linear", 300, number, name, value, 0.2, 1.0, value + 0.5, 1.0))
    pd.DataFrame(rows, columns=fusion.FIELDS).to_csv(tmp_path / "fits.csv", index=False)
    table = fusion.summary(tmp_path).set_index("contender")
    other, default = table.loc["other"], table.loc[fusion.DEFAULT]
    assert (other["sets"], default["sets"]) == (2, 3)
    assert other["ipa"] == pytest.approx(0.16)
    assert other["difference"] == pytest.approx(0.01)
    assert other["se"] == pytest.approx(0.03)
    assert (other["auc_difference"], other["auc_se"]) == pytest.approx((0.01, 0.03))
    wide = 12.706204736 * 0.03  # t with one degree of freedom
    assert (other["low"], other["high"]) == pytest.approx((0.01 - wide, 0.01 + wide))
    assert not other["not_inferior"]
    assert not other["default_not_inferior"]
    assert default["difference"] == default["se"] == 0.0
    shown = fusion.page(tmp_path, {"linear": "linear"}, 300).set_index("contender")
    assert shown.loc["other", ["linear", "slope", "AUC", "seconds"]].tolist() == [
        "+0.010 ± 0.030 (2)",
        "1.00",
        "+0.010 ± 0.030",
        "1.0",
    ]
    assert shown.loc[fusion.DEFAULT, "linear"] == "0.400 ± 0.252 (3)"


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    asked = ["null model", fusion.DEFAULT]
    generator = next(iter(data.GENERATORS))
    fusion.run(tmp_path, [120], 1, [generator], asked[:1])
    fits = {name: 0 for name in asked}

    def counted(name):
        def make(of):
            assert (list(of.modalities), of.horizon) == (list(data.FOUR), 12.0)
            fits[name] += 1
            return NullModel()

        return make

    monkeypatch.setattr(fusion, "CONTENDERS", {name: counted(name) for name in asked})
    fusion.run(tmp_path, [120], 2, [generator], asked)
    assert fits == {"null model": 1, fusion.DEFAULT: 2}
    table = fusion.summary(tmp_path)
    assert table["sets"].tolist() == [2, 2]
    np.testing.assert_allclose(table["difference"], 0.0)  # both are the same model
    assert table["not_inferior"].all()
    assert table["default_not_inferior"].all()


def test_a_peer_that_is_not_installed_is_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fusion, "interpreter", lambda peer: "")
    fusion.run(tmp_path, [120], 1, ["linear, all imaged"], ["null model", "scikit-survival forest"])
    assert "scikit-survival forest: not installed, left out" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "fits.csv")["contender"].tolist() == ["null model"]
