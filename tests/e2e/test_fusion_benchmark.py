"""The benchmark of fusion: data sets are what they say, and a killed run goes on where it stopped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

fusion = pytest.importorskip("benchmarks.fusion")


@pytest.fixture(autouse=True)
def fewer_fresh_patients(monkeypatch):
    monkeypatch.setattr(fusion, "FRESH", 1000)


def test_data_sets_are_drawn_from_their_number():
    for generator, (_, indicated) in fusion.GENERATORS.items():
        X, y, fresh, state = fusion.data_set(generator, 300, 3)
        again = fusion.data_set(generator, 300, 3)
        pd.testing.assert_frame_equal(X, again[0])
        np.testing.assert_array_equal(y, again[1])
        missing = fresh[fusion.MODALITIES["imaging"]].isna().all(axis=1)
        assert fresh.drop(columns=fusion.MODALITIES["imaging"]).notna().all().all()
        assert missing.mean() == pytest.approx(0.3 if indicated else 0.0, abs=0.05)
        if indicated:
            assert fresh.loc[missing, "p1"].mean() < fresh.loc[~missing, "p1"].mean() - 0.3
        assert 0.2 < state.mean() < 0.7
        assert set(np.unique(y["event"])) == {0, 1, 2}


def test_the_best_possible_index_is_that_of_the_truth():
    state = np.array([True, False, True, False])
    assert fusion.judged(np.full(4, 0.5), state)["ipa"] == 0.0
    assert fusion.judged(np.full(4, 0.5), state)["auc"] == 0.5
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.1, 0.9, 4000)
    drawn = rng.random(4000) < truth
    found = fusion.judged(truth, drawn)
    assert found["slope"] == pytest.approx(1.0, abs=0.1)
    assert found["ipa"] == pytest.approx(np.var(truth) / np.var(drawn), abs=0.03)


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    asked = ["null model", fusion.DEFAULT]
    generator = next(iter(fusion.GENERATORS))
    fusion.run(tmp_path, [120], 1, [generator], asked[:1])
    fits = {name: 0 for name in asked}

    def counted(name):
        def make():
            fits[name] += 1
            return fusion.NullModel()

        return make

    monkeypatch.setattr(fusion, "CONTENDERS", {name: counted(name) for name in asked})
    fusion.run(tmp_path, [120], 2, [generator], asked)
    assert fits == {"null model": 1, fusion.DEFAULT: 2}
    table = fusion.summary(tmp_path)
    assert table["sets"].tolist() == [2, 2]
    np.testing.assert_allclose(table["difference"], 0.0)  # both are the same model
    assert table["not_inferior"].all()
