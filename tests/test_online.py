"""Online learning: the documented update, honest predictions, the same bits after any stop, and refusals in words."""

import gzip
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from math import exp, log, log1p, sqrt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

import thalweg
from thalweg.cli import run
from thalweg.errors import CheckpointError, DataError, UsageError
from thalweg.kernels.adaptive_passes import implicit
from thalweg.readers import delimited_stream, parquet_stream
from thalweg.scoring import rows_for, score
from thalweg.train import registry
from thalweg.train.learner import Progress, passes

SRC = str(Path(thalweg.__file__).parents[1])


def learnt(rows: Any, **options: Any) -> thalweg.Model:
    return thalweg.fit(rows, **{"target": "y", "method": "sgd", "stream": True, "bits": 12, **options})


def table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Numbers with holes, a category, a text and labels that depend on all of them."""
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal(n), rng.exponential(size=n)
    color = rng.choice(["red", "green", "blue"], n)
    words = np.array(["good film", "bad film", "dull plot", "good plot"])[rng.integers(0, 4, n)]
    score = 1.5 * x - z + 2.0 * (color == "red") + np.char.startswith(words, "good") - 0.5
    y = (score + rng.logistic(size=n) > 0).astype(int)
    return pd.DataFrame({"x": np.where(rng.random(n) < 0.1, np.nan, x), "z": z, "color": color, "t": words, "y": y})


def as_files(frame: pd.DataFrame, folder: Path) -> list[Path]:
    paths = [folder / name for name in ("t.csv", "t.csv.gz", "t.parquet")]
    frame.to_csv(paths[0], index=False)
    paths[1].write_bytes(gzip.compress(paths[0].read_bytes()))
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), paths[2])
    return paths


def bits_of(model: thalweg.Model) -> dict[str, Any]:
    """All that was learnt, bit by bit."""
    hashed = model.recipe.hashed
    arrays = [model.standardized_coef, model.recipe.mean, model.recipe.scale, np.float64(model.standardized_intercept)]
    if hashed is not None:
        arrays += [hashed.slots, hashed.named, hashed.origin, hashed.letters, hashed.ends]
    return {
        "arrays": [array.tobytes() for array in arrays],
        "words": None if hashed is None else (hashed.used, hashed.shared),
        "progressive": model.progressive,
        "notes": model.notes,
        "passes": model.passes,
    }


# ----------------------------------------------------------------------------------- the documented update


def solved(r: float, s: float, y: float, z: float, reach: float) -> float:
    """u = s·(σ(z - reach·u) - y), between 0 and r, by bisection."""
    low, high = min(r, 0.0), max(r, 0.0)
    for _ in range(60):
        u = 0.5 * (low + high)
        if u - s * (1 / (1 + exp(-(z - reach * u))) - y) > 0.0:
            high = u
        else:
            low = u
    return 0.5 * (low + high)


def by_hand(
    rows: list[dict[Any, float]], labels: list[int], s: list[float], shrink: Callable[..., float] | None = None
):
    """AdaGrad with implicit steps over rows of {column: value}: weights, intercept, log-loss, predicted margins."""
    unit = sum(s) / len(s)
    rate = 0.5 / sqrt(max(sum(v * v for row in rows for v in row.values()) / len(rows) + 1.0, 1.0))
    w: dict[Any, float] = {}
    G: dict[Any, float] = {}
    b, B, loss, margins = 0.0, 1.0, 0.0, []
    for row, y, weight in zip(rows, labels, s, strict=True):
        z, weight = b + sum(v * w.get(j, 0.0) for j, v in row.items()), weight / unit
        margins.append(z)
        loss += weight * (log1p(exp(-abs(z))) + max(z, 0.0) - y * z)
        r = weight * (1 / (1 + exp(-z)) - y)
        B += r * r
        for j, v in row.items():
            G[j] = G.get(j, 1.0) + (r * v) ** 2
        reach = rate / sqrt(B) + sum(v * v * rate / sqrt(G[j]) for j, v in row.items())
        u = solved(r, weight, y, z, reach)
        b -= u * rate / sqrt(B)
        for j, v in row.items():
            w[j] = w.get(j, 0.0) - u * v * rate / sqrt(G[j])
        if shrink is not None:
            w = {j: shrink(value, rate / sqrt(G[j])) for j, value in w.items()}
    return w, b, loss * unit / sum(s), margins


def rows_by_hand(frame: pd.DataFrame, s: np.ndarray) -> list[dict[Any, float]]:
    """Numbers centred and scaled by weight, an indicator of holes, and the category's word."""
    columns = {}
    for name in ("x", "z"):
        known = frame[name].notna().to_numpy()
        values, weight = frame[name].to_numpy()[known], s[known]
        mean = np.average(values, weights=weight)
        columns[name] = (frame[name].to_numpy() - mean) / sqrt(np.average((values - mean) ** 2, weights=weight))
    rows = []
    for i, word in enumerate(frame.color):
        row: dict[Any, float] = {f"color={word}": 1.0}
        for name, values in columns.items():
            row |= {f"{name} is missing": 1.0} if np.isnan(values[i]) else {name: float(values[i])}
        rows.append(row)
    return rows


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_learnt_is_the_documented_update(weighted: bool, seed: int, tmp_path: Path) -> None:
    frame = table(300, seed).drop(columns="t")
    s = np.random.default_rng(seed).integers(1, 5, 300) if weighted else np.ones(300)
    w, b, loss, margins = by_hand(rows_by_hand(frame, s), frame.y.tolist(), s.tolist())
    path = tmp_path / "t.parquet"
    frame.assign(s=s).to_parquet(path)
    model = learnt(path, weights="s")
    found = dict(zip(model.feature_names, model.standardized_coef, strict=True))
    assert found.keys() == w.keys()
    assert found == pytest.approx(w, rel=1e-4, abs=1e-5)
    assert model.standardized_intercept == pytest.approx(b, rel=1e-4, abs=1e-5)
    assert model.progressive["log_loss"] == pytest.approx(loss, rel=1e-5) and model.objective is None
    share = float(s @ frame.y) / s.sum()
    assert model.progressive["baseline"] == pytest.approx(-share * log(share) - (1 - share) * log(1 - share), rel=1e-9)
    assert model.progressive["auc"] == pytest.approx(roc_auc_score(frame.y, margins, sample_weight=s), abs=2e-3)


@given(
    z=st.floats(-60, 60),
    y=st.sampled_from([0.0, 1.0]),
    s=st.floats(1e-6, 1e6),
    reach=st.floats(0, 1e6),
)
def test_no_step_goes_past_its_label_nor_past_the_plain_gradient(z: float, y: float, s: float, reach: float) -> None:
    p = 1 / (1 + exp(-z)) if z > 0 else exp(z) / (1 + exp(z))
    r = s * ((1 - y) * p - y * (1 - p if z < 0 else exp(-z) / (1 + exp(-z))))
    u = implicit.py_func(r, s, y, z, reach)
    assert abs(u) <= abs(r) and u * r >= 0.0


@given(z=st.floats(-20, 20), y=st.sampled_from([0.0, 1.0]), s=st.floats(0.01, 100), reach=st.floats(0, 100))
@example(z=4.0, y=0.0, s=3.75, reach=3.75)  # Newton's steps stay in the bracket and halve it no faster than not at all
def test_the_implicit_step_is_the_root_it_says(z: float, y: float, s: float, reach: float) -> None:
    r = s * (float(expit(z)) - y)
    low, high = min(0.0, r), max(0.0, r)
    for _ in range(200):
        middle = (low + high) / 2
        if middle - s * (expit(z - reach * middle) - y) > 0:
            high = middle
        else:
            low = middle
    assert implicit.py_func(r, s, y, z, reach) == pytest.approx(low, rel=1e-5, abs=1e-9)


def words(n: int = 600, levels: int = 40, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    level = rng.integers(0, levels, n)
    return level, (rng.random(n) < 1 / (1 + np.exp(-np.linspace(-3, 3, levels)[level]))).astype(int)


@pytest.mark.parametrize(
    ("l1", "l2"),
    [
        (1e-3, 0.0),
        (0.0, 0.1),
        (1e-3, 0.1),
    ],
)
def test_penalties_made_up_for_are_penalties_paid_at_every_row(l1: float, l2: float, tmp_path: Path) -> None:
    level, y = words()

    def shrink(w: float, a: float) -> float:
        return (max(w - a * l1, 0.0) if w > 0 else min(w + a * l1, 0.0)) / (1.0 + a * l2)

    expected, *_ = by_hand([{f"c=w{k}": 1.0} for k in level], y.tolist(), [1.0] * len(y), shrink)
    path = tmp_path / "t.parquet"
    pd.DataFrame({"c": [f"w{k}" for k in level], "y": y}).to_parquet(path)
    model = learnt(path, bits=18, l1=l1, l2=l2)
    found = dict(zip(model.feature_names, model.standardized_coef, strict=True))
    assert {j: found.get(j, 0.0) for j in expected} == pytest.approx(expected, rel=1e-3, abs=2e-4)


def test_l1_gives_exact_zeros_and_l2_smaller_weights(tmp_path: Path) -> None:
    level, y = words()
    path = tmp_path / "t.parquet"
    pd.DataFrame({"c": [f"w{k}" for k in level], "y": y}).to_parquet(path)
    free, l1, l2 = learnt(path, bits=18), learnt(path, bits=18, l1=0.01), learnt(path, bits=18, l2=0.05)
    assert free.columns == l2.columns == 40 and 0 < l1.columns < 40
    assert np.linalg.norm(l2.coef) < np.linalg.norm(free.coef)
    assert learnt(path, bits=18, l1=10.0).columns == 0


def test_a_weight_a_row_does_not_touch_is_not_read() -> None:
    weights = np.zeros((3, 2), np.float32)
    weights[:, 1] = 1.0
    weights[2] = np.nan
    touched, bins = np.zeros(3, np.int64), Progress.none().bins
    indptr, indices, data = np.array([0, 1, 2]), np.array([0, 1], np.int32), np.ones(2, np.float32)
    y, none = np.array([0.0, 1.0]), np.empty(0)
    room, settled = np.empty(1, np.float32), np.empty(2)
    passes().adaptive_pass(
        indptr, indices, data, y, none, none, weights, touched, none, 0.5, 0.1, 0.1, 0, bins, 20.0, room
    )
    assert np.isnan(weights[2]).all() and np.isfinite(weights[:2]).all() and touched.tolist() == [0, 1, 0]
    passes().settle(weights[:2], touched[:2], 0.5, 0.1, 0.1, 2, settled)
    assert np.isfinite(settled).all()


def test_auc_of_bins_is_the_auc_within_their_width() -> None:
    rng = np.random.default_rng(0)
    z, s = rng.normal(size=5000) * 3, rng.random(5000)
    y = (z + rng.logistic(size=5000) * 3 > 0).astype(float)
    progress = Progress.none()
    none, weights = np.empty(0), np.ones((1, 2), np.float32)
    progress.loss = passes().adaptive_pass(
        np.zeros(5001, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), y, s, z, weights,
        np.zeros(0, np.int64), none, 0.5, 0.0, 0.0, 0, progress.bins, 20.0, np.empty(0, np.float32),
    )  # fmt: skip
    assert progress.auc == pytest.approx(roc_auc_score(y, z, sample_weight=s), abs=40 / 8192)
    assert progress.log_loss == pytest.approx(np.average(np.log1p(np.exp(-z)) + (1 - y) * z, weights=s), rel=1e-9)


# ------------------------------------------------------------------------------------------------- one answer, honest


def test_one_file_gives_the_same_bits_every_time_and_all_kinds_of_files_the_same_model(tmp_path: Path) -> None:
    csv, packed, parquet = as_files(table(), tmp_path)
    model = learnt(csv, text=["t"])
    assert bits_of(learnt(csv, text=["t"])) == bits_of(model) == bits_of(learnt(packed, text=["t"]))
    other = learnt(parquet, text=["t"])
    assert set(other.feature_names) == set(model.feature_names)
    assert np.allclose(other.predict_proba(parquet), model.predict_proba(csv), atol=1e-6)


def test_pieces_change_a_model_by_no_more_than_their_scaling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table(4000)
    csv, _, parquet = as_files(frame, tmp_path)
    whole = learnt(csv, text=["t"])
    monkeypatch.setattr(delimited_stream, "_PIECE", 4096)
    monkeypatch.setattr(parquet_stream, "ROWS", 100)
    for path in (csv, parquet):
        model = learnt(path, text=["t"])
        assert model.progressive["log_loss"] == pytest.approx(whole.progressive["log_loss"], rel=0.02)
        assert np.abs(model.predict_proba(frame) - whole.predict_proba(frame)).max() < 0.1


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e6])
@pytest.mark.parametrize("shift", [0.0, 1.0, 1e3])
@pytest.mark.parametrize("rows", [60, 1 << 16])
def test_units_do_not_matter(
    factor: float, shift: float, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_stream, "ROWS", rows)
    frame = table().drop(columns="t")
    other = frame.assign(x=(frame.x + shift) * factor, z=(frame.z - shift) * factor)
    frame.to_parquet(tmp_path / "a.parquet")
    other.to_parquet(tmp_path / "b.parquet")
    a, b = (learnt(tmp_path / name, cross=["x,color", "x,z"]) for name in ("a.parquet", "b.parquet"))
    assert np.allclose(a.predict_proba(frame), b.predict_proba(other), atol=2e-5)
    assert a.progressive["log_loss"] == pytest.approx(b.progressive["log_loss"], rel=1e-5)


@pytest.mark.parametrize("factor", [1e-8, 1e4, 1e8])
@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_a_scale_that_changes_late_is_followed(factor: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-2 * x))).astype(int)
    seen = np.where(np.arange(20_000) < 10_000, x, factor * x + shift)
    learner = thalweg.Online("y", bits=4)
    for start in range(0, 20_000, 1000):
        learner.partial_fit(pd.DataFrame({"x": seen[start : start + 1000], "y": y[start : start + 1000]}))
    assert learner.progressive["log_loss"] < learner.progressive["baseline"]


@pytest.mark.parametrize("factor", [1e-9, 7.0, 1e9])
def test_the_unit_of_the_weights_does_not_matter(factor: float, tmp_path: Path) -> None:
    frame = table().assign(s=np.random.default_rng(0).integers(0, 4, 400).astype(float))
    frame.to_parquet(tmp_path / "a.parquet")
    frame.assign(s=frame.s * factor).to_parquet(tmp_path / "b.parquet")
    a, b = (learnt(tmp_path / name, weights="s", l1=1e-4, l2=1e-4) for name in ("a.parquet", "b.parquet"))
    assert np.allclose(a.predict_proba(frame), b.predict_proba(frame), atol=1e-5)
    assert a.progressive["log_loss"] == pytest.approx(b.progressive["log_loss"], rel=1e-5)


@pytest.mark.parametrize("rows", [20, 1 << 16])
def test_rows_without_weight_may_come_first(rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_stream, "ROWS", rows)
    frame = table().assign(s=np.arange(400.0) >= (20 if rows == 20 else 400))
    frame.assign(s=frame.s.astype(float)).to_parquet(tmp_path / "t.parquet")
    if rows == 20:
        assert np.isfinite(learnt(tmp_path / "t.parquet", weights="s").coef).all()
    else:
        with pytest.raises(DataError, match="weights in 's' are all zero"):
            learnt(tmp_path / "t.parquet", weights="s")


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_predicted_no_better_than_by_the_best_constant(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=4000), "c": rng.integers(0, 500, 4000).astype(str) + pd.Series("w")[0],
                          "y": rng.integers(0, 2, 4000)})  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    found = learnt(tmp_path / "t.parquet", epochs=3).progressive
    assert found["rows"] == 4000 and found["log_loss"] > found["baseline"] - 0.002
    assert abs(found["auc"] - 0.5) < 0.035


def test_the_best_constant_for_one_class_loses_nothing() -> None:
    frame = table()
    learner = thalweg.Online("y", bits=8).partial_fit(frame[frame.y == 1], classes=(0, 1))
    assert repr(learner.progressive["baseline"]) == "0.0"


# ------------------------------------------------------------------------------------------------- what can be learnt


def crossed(kind: str, n: int = 3000) -> tuple[pd.DataFrame, tuple[str, str]]:
    rng = np.random.default_rng(0)
    a, b = rng.choice(["p", "q"], n), rng.choice(["r", "s"], n)
    x, z = rng.normal(size=n), rng.normal(size=n)
    y = {
        "words": (a == "p") ^ (b == "r"),
        "word and number": np.where(a == "p", x, -x) > 0,
        "numbers": x * z > 0,
    }[kind]
    pair = {"words": ("a", "b"), "word and number": ("a", "x"), "numbers": ("x", "z")}[kind]
    return pd.DataFrame({"a": a, "b": b, "x": x, "z": z, "y": y.astype(int)}), pair


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("words", {"a x b=p,r", "a x b=p,s", "a x b=q,r", "a x b=q,s"}),
        ("word and number", {"a x x=p", "a x x=q"}),
        ("numbers", {"x x z=product"}),
    ],
)
def test_crosses_learn_what_no_column_tells_alone(kind: str, names: set[str], tmp_path: Path) -> None:
    frame, pair = crossed(kind)
    frame.to_parquet(tmp_path / "t.parquet")
    alone, model = learnt(tmp_path / "t.parquet"), learnt(tmp_path / "t.parquet", cross=[pair], bits=18)
    assert alone.progressive["auc"] < 0.6 and model.progressive["auc"] > 0.97
    order = np.argsort(-np.abs(model.standardized_coef))[: len(names)]
    assert {model.feature_names[j] for j in order} == names
    assert (model.predict(frame) == frame.y).mean() > 0.95


def test_words_of_texts_and_holes_are_learnt_under_their_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    hole = rng.random(1000) < 0.5
    text = rng.choice(["good film", "film"], 1000)
    y = (hole ^ (rng.random(1000) < 0.1)).astype(int)
    frame = pd.DataFrame({"x": np.where(hole, np.nan, rng.normal(size=1000)), "t": text, "y": y})
    frame.to_parquet(tmp_path / "t.parquet")
    model = learnt(tmp_path / "t.parquet", text=["t"], bits=18)
    assert model.feature_names[np.argmax(np.abs(model.coef))] == "x is missing"
    assert set(model.feature_names) == {"x", "x is missing", "t=good", "t=film"}
    frame.assign(y=(frame.t == "good film").astype(int)).to_parquet(tmp_path / "u.parquet")
    other = learnt(tmp_path / "u.parquet", text=["t"], bits=18)
    assert other.feature_names[np.argmax(other.coef)] == "t=good" and other.progressive["auc"] > 0.98


@pytest.mark.parametrize("bits", [1, 18])
def test_a_hashed_column_is_told_of_the_raw_column_it_comes_from(bits: int, tmp_path: Path) -> None:
    table(50)[["color", "y"]].rename(columns={"color": "a=b"}).to_parquet(tmp_path / "t.parquet")
    terms = list(learnt(tmp_path / "t.parquet", bits=bits).recipe.hashed.terms())
    assert {term.column for term in terms} == {"a=b"} and all(term.name.startswith("a=b=") for term in terms)


@pytest.mark.parametrize("text", ["", "!", "a"])
def test_texts_without_a_word_say_nothing(text: str) -> None:
    frame = table().assign(t=text)
    learner = thalweg.Online("y", text=["t"], bits=8).partial_fit(frame)
    assert not any("t=" in name for name in learner.model().feature_names)


@pytest.mark.parametrize("bits", [1, 3, 5])
def test_collisions_are_counted_and_shown(bits: int, tmp_path: Path, capsys: Any) -> None:
    level, y = words(2000)
    pd.DataFrame({"c": [f"w{k}" for k in level], "y": y}).to_parquet(tmp_path / "t.parquet")
    model = learnt(tmp_path / "t.parquet", bits=bits)
    hashed = model.recipe.hashed
    behind = np.bincount(learnt(tmp_path / "t.parquet", bits=18).recipe.hashed.named & ((1 << bits) - 1))
    assert (hashed.used, hashed.shared) == (np.count_nonzero(behind), np.count_nonzero(behind > 1))
    assert sum(" or " in name for name in model.feature_names) == hashed.shared
    model.save(tmp_path / "m.thalweg")
    assert run(["show", str(tmp_path / "m.thalweg")]) == 0
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"more than one word in {hashed.shared} of them ({hashed.collisions:.1%})" in told


def test_words_that_stand_for_holes_are_counted_once(tmp_path: Path) -> None:
    pd.DataFrame({"c": ["a", "b", "", "NA", "null"] * 20, "y": [0, 1] * 50}).to_csv(tmp_path / "t.csv", index=False)
    hashed = learnt(tmp_path / "t.csv", bits=18).recipe.hashed
    assert (hashed.used, hashed.shared) == (3, 0)


def test_no_hole_is_named_where_there_is_none(tmp_path: Path) -> None:
    frame, _ = crossed("words")
    frame.to_parquet(tmp_path / "t.parquet")
    for bits in (1, 2, 3, 18):
        hashed = learnt(tmp_path / "t.parquet", bits=bits, drop=["x", "z"]).recipe.hashed
        assert b"(missing)" not in hashed.letters.tobytes()


def test_when_there_are_too_many_words_the_strongest_keep_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_stream, "ROWS", 200)
    rng = np.random.default_rng(0)
    strong = rng.random(4000) < 0.5
    y = strong ^ (rng.random(4000) < 0.05)
    c = np.where(strong, "yes", "no")
    frame = pd.DataFrame({"c": c, "id": [f"id{i}" for i in range(4000)], "y": y.astype(int)})
    frame.to_parquet(tmp_path / "t.parquet")
    everything = learnt(tmp_path / "t.parquet", bits=12).recipe.hashed
    monkeypatch.setattr(registry, "_MOST", 100)
    few = learnt(tmp_path / "t.parquet", bits=12).recipe.hashed
    assert (few.used, few.shared) == (everything.used, everything.shared) and everything.shared > 500
    model = learnt(tmp_path / "t.parquet", bits=18)
    assert len(model.recipe.hashed.named) <= 100
    order = np.argsort(-np.abs(model.coef))[:2]
    assert {model.feature_names[j] for j in order} == {"c=yes", "c=no"}


@pytest.mark.parametrize(
    "values",
    [
        ("123", "456"),
        ("a", "b"),
        ("0123", "0456"),
        ("1.50", "2.50"),
        ("2024-01-01", "2024-01-02"),
    ],
)
def test_a_model_knows_its_words_again_when_it_predicts(values: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("c,y\n" + f"{values[0]},1\n{values[1]},0\n" * 200)
    assert learnt(path, categorical=["c"]).predict(path).tolist() == [1, 0] * 200


def test_labels_that_are_one_number_are_one_label(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,1\n2,1.0\n3,0\n4,0.0\n")
    assert learnt(path).classes == thalweg.fit(path, target="y").classes == (0, 1)


@pytest.mark.parametrize("text", [[], ["t"]])
def test_saved_models_and_all_kinds_of_rows_agree(text: list[str], tmp_path: Path) -> None:
    frame = table()
    csv, packed, parquet = as_files(frame, tmp_path)
    model = learnt(csv, text=text, cross=["color,x", "color,t"] if not text else ["color,x"], bits=8)
    model.save(tmp_path / "m.thalweg")
    back = thalweg.load(tmp_path / "m.thalweg")
    assert bits_of(back) == bits_of(model) and back.outcome is model.outcome is thalweg.Outcome.LEARNT
    expected = model.predict_proba(csv)
    assert roc_auc_score(frame.y, expected[:, 1]) > 0.8
    for rows in (csv, packed, parquet, frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        assert np.allclose(back.predict_proba(rows), expected, atol=1e-12)
        if isinstance(rows, Path):
            scores = np.concatenate([probability for _, probability in score(back, rows_for(back, rows))])
            assert np.allclose(scores, expected[:, 1], atol=1e-12)
    unknown = frame.assign(color="never met")
    assert np.isfinite(back.predict_proba(unknown)).all()


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two files, the current folder beside it, and a model of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    for i in range(2):
        table(60, i).to_parquet(tmp_path / "parts" / f"p{i}.parquet")
    learnt("parts").save("m.thalweg")
    return tmp_path / "parts"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "m.thalweg", "parts", "-o", "parts/p0.parquet"], "p0.parquet: this is a file that is read"),
        (["predict", "m.thalweg", "parts/p1.parquet", "-o", "parts/../parts/p1.parquet"], "is a file that is read"),
        (
            ["predict", "m.thalweg", "--database", "v.db", "--sql", "FROM v", "--sql-files", "-o", "parts/p1.parquet"],
            "that is read",
        ),
        (["predict", "m.thalweg", "parts", "-o", "parts/scores.parquet"], "all files in parts are read as rows"),
        (["fit", "parts", "--target", "y", "--stream", "-o", "parts/m.thalweg"], "all files in parts are read as rows"),
        (["fit", "parts", "--target", "y", "--stream", "--cache", "parts"], "rows.cache: all files in parts are read"),
        (
            ["fit", "parts", "--target", "y", "--stream", "--checkpoint", "parts/c"],
            "run.checkpoint: all files in parts",
        ),
    ],
)
def test_nothing_is_written_over_the_rows_or_among_them(
    parts: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with duckdb.connect("v.db") as connection:
        connection.execute("CREATE VIEW v AS FROM 'parts/p1.parquet'")
    before = {path: path.read_bytes() for path in parts.rglob("*")}
    assert run(arguments) == 1 and words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in parts.rglob("*")} == before


def test_what_is_hidden_in_a_folder_is_not_read_and_may_be_written(parts: Path) -> None:
    assert run(["predict", "m.thalweg", "parts", "-o", "parts/_scores.parquet"]) == 0
    assert learnt("parts").rows == pq.read_table("parts/_scores.parquet").num_rows == 120


# ------------------------------------------------------------------------------------------------- piece by piece


def frames_of(kind: str, frame: pd.DataFrame) -> Any:
    return {
        "pandas": frame,
        "category": frame.assign(color=frame.color.astype("category")),
        "polars": pl.from_pandas(frame),
        "polars categorical": pl.from_pandas(frame).with_columns(pl.col("color").cast(pl.Categorical)),
        "arrow": pa.Table.from_pandas(frame, preserve_index=False),
        "batch": pa.RecordBatch.from_pandas(frame, preserve_index=False),
    }[kind]


KINDS = ["pandas", "category", "polars", "polars categorical", "arrow", "batch"]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_learnt_as_the_pieces_of_a_file(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_stream, "ROWS", 100)
    frame = table()
    frame.to_parquet(tmp_path / "t.parquet")
    expected = learnt(tmp_path / "t.parquet", text=["t"])
    learner = thalweg.Online("y", text=["t"], bits=12)
    for begin in range(0, 400, 100):
        learner.partial_fit(frames_of(kind, frame[begin : begin + 100]))
    model = learner.model()
    assert set(model.feature_names) == set(expected.feature_names)
    assert learner.progressive == pytest.approx(expected.progressive, rel=1e-9)
    assert np.allclose(model.predict_proba(frame), expected.predict_proba(frame), atol=1e-7)


def test_a_model_may_be_taken_between_calls_and_changes_nothing() -> None:
    frame = table()
    plain, asked = (thalweg.Online("y", text=["t"], bits=8, l1=1e-3, l2=1e-3) for _ in range(2))
    first = None
    for begin in range(0, 400, 100):
        plain.partial_fit(frame[begin : begin + 100])
        model = asked.partial_fit(frame[begin : begin + 100]).model()
        first = first or (model, bits_of(model))
    assert bits_of(plain.model()) == bits_of(asked.model())
    assert bits_of(first[0]) == first[1] and first[0].rows == 100


def test_columns_that_have_numbers_for_names_are_converted_in_their_place() -> None:
    frame = pd.DataFrame({0: np.arange(40.0).astype(np.float16), "y": np.arange(40) % 2})
    assert thalweg.Online("y", bits=1).partial_fit(frame).model().feature_names == ("0",)
    assert thalweg.fit(frame, "y").feature_names == ("0",)


def test_arrays_are_learnt() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = (X[:, 0] > 0).astype(int)
    learner = thalweg.Online(bits=1).partial_fit((X[:250], y[:250])).partial_fit((X[250:], y[250:]))
    assert learner.progressive["rows"] == 500 and learner.progressive["auc"] > 0.95
    assert learner.model().feature_names == ("x0", "x1", "x2")
    frame = pd.DataFrame(X, columns=["x0", "x1", "x2"])
    assert (learner.model().predict(frame) == y).mean() > 0.95


def test_a_model_of_arrays_predicts_arrays() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    y = (X[:, 0] > 0).astype(int)
    assert thalweg.Online(bits=1).partial_fit((X, y)).model().predict_proba(X).shape == (50, 2)


@pytest.mark.parametrize("more", [{}, {"drop": ["x1"]}])
@pytest.mark.parametrize("width", [2, 6])
def test_arrays_of_another_width_than_the_first_rows_are_refused(width: int, more: dict[str, Any]) -> None:
    X = np.random.default_rng(0).normal(size=(50, 6))
    y = (X[:, 0] > 0).astype(int)
    learner = thalweg.Online(bits=1, **more).partial_fit((X[:, :3], y))
    with pytest.raises(DataError, match=f"X has {width} columns, but the first rows had 3"):
        learner.partial_fit((X[:, :width], y))
    assert learner.partial_fit((X[:, 3:], y)).progressive["rows"] == 100


def test_the_first_rows_need_both_labels_or_classes() -> None:
    frame = table()
    ones, rest = frame[frame.y == 1], frame
    learner = thalweg.Online("y", bits=8)
    with pytest.raises(DataError, match=r"one label only, '1'; say which there will be: classes=\(0, 1\)"):
        learner.partial_fit(ones)
    assert learner.partial_fit(ones, classes=(1, 0)).model().classes == (0, 1)
    assert learner.partial_fit(rest).progressive["rows"] == len(ones) + 400
    with pytest.raises(UsageError, match=r"--cross is 'a', but must be two columns"):
        thalweg.Online("y", cross=["a"])
    with pytest.raises(UsageError, match=r"classes is \(0, 2\), but the first rows had"):
        learner.partial_fit(rest, classes=(0, 2))
    assert thalweg.Online("y", bits=8, positive=0).partial_fit(frame).model().classes == (1, 0)


def test_classes_may_be_repeated_in_any_type() -> None:
    frame = table().astype({"y": float})
    learner = thalweg.Online("y", bits=8)
    for _ in range(2):
        learner.partial_fit(frame, classes=(0.0, 1.0))
    assert learner.progressive["rows"] == 2 * len(frame) and learner.model().classes == (0, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(y=f.y.where(f.index != 250, 7)), "row 51: column 'y' holds '7', but 0 or 1 was expected"),
        (lambda f: f.assign(y=f.y.where(f.index != 250)), "row 51: the target 'y' has no value"),
        (lambda f: f.assign(x=f.x.where(f.index != 250, np.inf)), "row 51: column 'x' holds inf"),
        (lambda f: f.assign(x=f.x.astype(object).where(f.index != 250, "five").astype(str)), "column 'x' holds 'five'"),
        (lambda f: f.drop(columns="x"), "no column 'x', which the first rows had"),
    ],
)
def test_rows_that_are_refused_leave_what_was_learnt(change: Any, words: str) -> None:
    frame = table().drop(columns="t")
    plain, tried = (thalweg.Online("y", bits=8).partial_fit(frame[:200]) for _ in range(2))
    with pytest.raises(DataError, match=words):
        tried.partial_fit(change(frame)[200:300])
    assert bits_of(tried.model()) == bits_of(plain.model())
    assert bits_of(tried.partial_fit(frame[200:]).model()) == bits_of(plain.partial_fit(frame[200:]).model())


def test_first_rows_that_are_refused_leave_nothing() -> None:
    frame = table().drop(columns="t")
    learner = thalweg.Online("y", bits=8)
    with pytest.raises(DataError):
        learner.partial_fit(frame.assign(only_here=np.inf))
    learner.partial_fit(frame)


def test_bad_rows_of_frames_are_skipped_and_counted() -> None:
    frame = table().assign(x=lambda f: f.x.where(f.index % 50 != 0, np.inf)).drop(columns="t")
    learner = thalweg.Online("y", bits=8, on_bad_row="skip").partial_fit(frame)
    assert learner.progressive["rows"] == 392 and learner.progressive["skipped"] == 8
    (note,) = learner.model().notes
    assert note.startswith("8 rows were skipped") and "row 51: column 'x' holds inf" in note


@pytest.mark.parametrize("first", ["oops", 2.5])
def test_a_word_among_the_numbers_of_a_frame_is_told_or_left_out(first: Any) -> None:
    frame = pd.DataFrame({"x": [first, 1, "oops", 3, None, "7", *range(30)], "y": [0, 1, 1, 0, 1, 0] * 6})
    row = 1 if first == "oops" else 3
    with pytest.raises(DataError, match=rf"^data frame, row {row}: column 'x' holds 'oops', but a number was expected"):
        thalweg.Online("y", bits=4).partial_fit(frame)
    learner = thalweg.Online("y", bits=4, on_bad_row="skip").partial_fit(frame).partial_fit(frame[3:5])
    assert learner.progressive["skipped"] == (frame.x == "oops").sum()
    assert learner.progressive["rows"] == 38 - learner.progressive["skipped"]
    assert "x" in learner.model().feature_names


def test_words_of_a_frame_are_the_same_whatever_stands_beside_them() -> None:
    mixed = pd.DataFrame({"c": [1.0, "a", 2.0, 0.5] * 10, "y": [0, 1] * 20})
    plain = pd.DataFrame({"c": [1.0, 2.0, 2.0, 0.5] * 10, "y": [0, 1] * 20})
    for first, second in ((mixed, plain), (plain, mixed)):
        learner = thalweg.Online("y", bits=12, categorical=["c"]).partial_fit(first).partial_fit(second)
        assert set(learner.model().feature_names) == {"c=1", "c=2", "c=0.5", "c=a"}
    few = thalweg.Online("y", bits=12).partial_fit(mixed).model()
    assert set(few.feature_names) == {"c=1", "c=2", "c=0.5", "c=a"}, "words, as in memory"


def test_a_column_that_arrow_has_no_type_for_is_named() -> None:
    with pytest.raises(DataError, match=r"the rows cannot be read \(cannot mix list .* column x with type object\)"):
        thalweg.Online("y", bits=4).partial_fit(pd.DataFrame({"x": [1, [2], 3], "y": [0, 1, 1]}))


def test_balanced_classes_weigh_the_same_and_given_weights_are_taken(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(4000) < 0.05).astype(int)
    frame = pd.DataFrame({"x": rng.normal(size=4000), "y": y})
    frame.to_parquet(tmp_path / "t.parquet")
    plain, balanced = learnt(tmp_path / "t.parquet"), learnt(tmp_path / "t.parquet", class_weight="balanced")
    assert plain.predict_proba(frame)[:, 1].mean() < 0.1
    assert balanced.predict_proba(frame)[:, 1].mean() == pytest.approx(0.5, abs=0.05)
    assert balanced.progressive["baseline"] == pytest.approx(log(2), rel=1e-6)
    given = learnt(tmp_path / "t.parquet", class_weight={"1": 19.0})
    assert given.predict_proba(frame)[:, 1].mean() == pytest.approx(0.5, abs=0.06)
    with pytest.raises(DataError, match="--class-weight names 7, but the labels are 0 and 1"):
        learnt(tmp_path / "t.parquet", class_weight={7: 2.0})


# ------------------------------------------------------------------------------------------------- refusals


IDLE: list[tuple[list[str], str]] = [
    (["--tol", "1e-3"], "--tol has no meaning"),
    (["--holdout", "0.2"], "--holdout has no meaning"),
    (["--schedule", "constant"], "--schedule has no meaning"),
    (["--average"], "--average has no meaning"),
    (["--patience", "3"], "--patience has no meaning"),
    (["--gradient-tol", "1e-3"], "--gradient-tol has no meaning"),
    (["--threads", "2"], "--threads has no meaning"),
    (["--max-levels", "9"], "--max-levels has no meaning"),
    (["--cache", "c"], "--cache has no meaning"),
    (["--no-standardize"], "--no-standardize has no meaning"),
    (["--min-rows", "1", "--text", "t"], "--min-rows has no meaning"),
    (["--tokens", "words"], "--tokens says how --text is read"),
    (["--resume"], "--resume goes with --checkpoint"),
    (["--every", "soon", "--checkpoint", "k"], "--every is 'soon', but must be a time"),
    (["--every", "-1s", "--checkpoint", "k"], "--every is '-1s'"),
    (["--every", "inf", "--checkpoint", "k"], "--every is 'inf'"),
    (["--bits", "0"], "--bits is 0"),
    (["--bits", "29"], "--bits is 29"),
    (["--epochs", "0"], "--epochs is 0"),
    (["--l1", "-1"], "--l1 is -1.0"),
    (["--cross", "x"], "--cross is 'x'"),
    (["--cross", "x,x"], "names one column twice"),
    (["--cross", "x,nope"], "'nope' is not among"),
    (["--cross", "x,y"], "'y' is not among"),
    (["--method", "minibatch"], "--method minibatch draws rows at random"),
]
ACCEPTED: list[tuple[list[str], str]] = [
    (["--rate", "-1"], "--rate is -1"),
    (["--rate", "nan"], "--rate is nan"),
    (["--batch-size", "64"], "--batch-size has no meaning"),
    (["--seed", "5"], "--seed has no meaning"),
    (["--every", "5m"], "--every goes with --checkpoint"),
]


@pytest.mark.parametrize(
    ("options", "words"),
    [*IDLE, *(case for case in ACCEPTED)],
)
def test_options_that_would_do_nothing_are_refused(options: list[str], words: str, tmp_path: Path, capsys: Any) -> None:
    path = as_files(table(), tmp_path)[0]
    os.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    given = ["fit", str(path), "--target", "y", "--method", "sgd", "--stream", "--progress", "off", *options]
    code = run(given if "--bits" in options else [*given, "--bits", "4"])
    assert words in capsys.readouterr().err and code == 2
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "options",
    [["--bits", "4"], ["--cross", "x,color"], ["--on-bad-row", "skip"], ["--checkpoint", "k"], ["--cache", "k"],
     ["--every", "5m"], ["--resume"]],
)  # fmt: skip
def test_options_of_streams_need_stream(options: list[str], tmp_path: Path, capsys: Any) -> None:
    path = as_files(table(50), tmp_path)[0]
    assert run(["fit", str(path), "--target", "y", "--progress", "off", "-o", str(tmp_path / "m"), *options]) == 2
    assert f"{options[0]} goes with --stream" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [{"rate": -1.0}, {"rate": float("nan")}, {"l1": -1.0}, {"l2": float("nan")}, {"class_weight": "even"}]
)
def test_online_refuses_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        thalweg.Online("y", bits=4, **options)


NUMPY: dict[str, Any] = {"class_weight": {np.int64(0): np.float32(1.0), np.int64(1): 2}, "positive": np.int64(1),
                         "l1": np.float64(1e-4), "l2": np.float32(0.1), "rate": np.float32(0.5), "bits": np.int64(12),
                         "ngrams": np.int64(1), "intercept": np.True_}  # fmt: skip


def test_numpy_scalars_among_the_options_are_saved_and_kept(tmp_path: Path) -> None:
    frame = table()
    path = as_files(frame, tmp_path)[0]
    asked = {"text": ["t"], "epochs": np.int64(2), "checkpoint": tmp_path / "k", "every": np.float64(0), **NUMPY}
    model = learnt(path, **asked)
    assert bits_of(learnt(path, resume=True, **asked)) == bits_of(model)
    of_frames = thalweg.Online("y", text=["t"], **NUMPY).partial_fit(frame).model()
    for one in (model, of_frames):
        one.save(tmp_path / "m.thalweg")
        found = thalweg.load(tmp_path / "m.thalweg").options
        assert found["class_weight"] == {"0": 1.0, "1": 2} and found["l2"] == float(np.float32(0.1))


# ------------------------------------------------------------------------------------------------- stopped and gone on


DRIVER = textwrap.dedent(
    """
    import json, os, random, resource, shutil, signal, sys, time
    from thalweg import cli, model_file
    from thalweg.observers import progress
    from thalweg.readers import delimited_stream, parquet_stream
    from thalweg.train import assembly, learner, stream
    learner.passes()
    given = json.loads(sys.argv[1])
    delimited_stream._PIECE, parquet_stream.ROWS = 2000, 100
    if "limit" in given:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (given["limit"], given["limit"]))
    draw, arguments, kills = random.Random(given.get("seed", 0)), given["arguments"], 0
    while kills < given.get("kills", 0):
        child = os.fork()
        if child == 0:
            os._exit(cli.run(arguments))
        time.sleep(draw.uniform(0.02, 0.12))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            shutil.rmtree("k")
        kills += os.WIFSIGNALED(status)
    if kills:
        print(f"killed {kills} times", file=sys.stderr)
    code = cli.run(arguments)
    sys.exit(code)
    """
)


def driven(folder: Path, arguments: list[str], **more: Any) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own, with tiny pieces."""
    given = json.dumps({"arguments": ["fit", "--progress", "off", *arguments], **more})
    return subprocess.run(
        [sys.executable, "-c", DRIVER, given], cwd=folder, env={**os.environ, "PYTHONPATH": SRC}, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip


OPTIONS = ["--target", "y", "--method", "sgd", "--stream", "--bits", "10", "--text", "t", "--cross", "color,x",
           "--l1", "1e-4", "--l2", "1e-4", "--class-weight", "balanced", "--on-bad-row", "skip"]  # fmt: skip


def with_bad_rows(folder: Path, n: int) -> list[Path]:
    frame = table(n).assign(w=np.random.default_rng(5).integers(0, 3, n).astype(float))
    frame.loc[frame.index % 700 == 600, "w"] = -1.0
    return as_files(frame, folder)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(0, id="csv"),
        pytest.param(1, id="csv.gz", marks=pytest.mark.slow),
        pytest.param(2, id="parquet", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bits(kind: int, tmp_path: Path) -> None:
    path = with_bad_rows(tmp_path, 2500)[kind]
    asked = [str(path), *OPTIONS, "--weights", "w", "--epochs", "2"]
    whole = driven(tmp_path, [*asked, "-o", "whole.thalweg"])
    assert whole.returncode == 0, whole.stderr
    kept = ["--checkpoint", "k", "--every", "0s", "--resume", "-o", "pieces.thalweg"]
    stopped = driven(tmp_path, [*asked, *kept], kills=20, seed=kind)
    assert stopped.returncode == 0, stopped.stderr
    assert "killed 20 times" in stopped.stderr
    whole_model, model = (thalweg.load(tmp_path / f"{name}.thalweg") for name in ("whole", "pieces"))
    assert bits_of(model) == bits_of(whole_model) and model.progressive["skipped"] > 0
    assert [found.name for found in (tmp_path / "k").iterdir()] == ["run.checkpoint"]


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_finished_run_that_is_resumed_is_finished(kind: int, epochs: int, tmp_path: Path) -> None:
    path = with_bad_rows(tmp_path, 1000)[kind]
    kept = {"checkpoint": tmp_path / "k", "every": 0, "epochs": epochs}
    first = learnt(path, **kept)
    again = learnt(path, resume=True, **kept)
    assert bits_of(again) == bits_of(first) and again.rows == 1000 and again.passes == epochs
    assert learnt(path, **kept).rows == 1000


@pytest.mark.parametrize("kind", [pytest.param(0, id="csv"), pytest.param(2, id="parquet", marks=pytest.mark.slow)])
def test_ctrl_c_keeps_the_model_and_the_place(kind: int, tmp_path: Path) -> None:
    path = with_bad_rows(tmp_path, 4000)[kind]
    asked = ["fit", str(path), *OPTIONS, "--weights", "w", "--checkpoint", "k", "--every", "0s", "--progress", "json"]
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, json.dumps({"arguments": [*asked, "-o", "m.thalweg"]})],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": SRC}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        for _ in range(8):
            assert json.loads(process.stderr.readline())["kind"] in ("start", "step", "rows")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert "Interrupted: the best point so far was kept." in " ".join(out.split())
    model = thalweg.load(tmp_path / "m.thalweg")
    assert model.outcome is thalweg.Outcome.INTERRUPTED and 0 < model.rows < 3500
    on = driven(tmp_path, [str(path), *OPTIONS, "--weights", "w", "--checkpoint", "k", "--resume", "-o", "on.thalweg"])
    whole = driven(tmp_path, [str(path), *OPTIONS, "--weights", "w", "-o", "whole.thalweg"])
    assert on.returncode == whole.returncode == 0
    assert bits_of(thalweg.load(tmp_path / "on.thalweg")) == bits_of(thalweg.load(tmp_path / "whole.thalweg"))


class Stopped(Exception):
    """What ends a run half-way in these tests."""


def half_way(path: Path, **options: Any) -> Path:
    """A checkpoint of a run that was not finished."""

    def stop(event: Any) -> None:
        if event.rows and event.rows > 150:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(delimited_stream, "_PIECE", 2000)
        learnt(path, **{"checkpoint": path.parent / "k", "every": 0, "observers": [stop], "text": ["t"], **options})
    return path.parent / "k" / "run.checkpoint"


def resumed(path: Path, **options: Any) -> thalweg.Model:
    return learnt(path, **{"checkpoint": path.parent / "k", "resume": True, "text": ["t"], **options})


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"bits": 11}, "--bits was 12 when this run began, and is 11 now"),
    ({"cross": ["x,color"]}, "--cross was"),
    ({"rate": 0.1}, "--rate was not given"),
    ({"l1": 0.1}, "--l1 was 0.0 .* 0.1 now"),
    ({"l2": 0.1}, "--l2 was 0.0 .* 0.1 now"),
    ({"intercept": False}, "--intercept was True"),
    ({"class_weight": "balanced"}, "--class-weight was not given .* 'balanced' now"),
    ({"on_bad_row": "skip"}, "--on-bad-row was 'stop'"),
    ({"epochs": 2}, "--epochs was 1 .* 2 now"),
    ({"weights": "z"}, "--weights was not given .* 'z' now"),
    ({"offset": "z"}, "--offset was not given"),
    ({"only": ["x", "t"]}, "--only was"),
    ({"drop": ["x"]}, "--drop was"),
    ({"categorical": ["z"]}, "--categorical was"),
    ({"text": []}, "--text was"),
    ({"ngrams": 2}, "--text was"),
    ({"text_weights": "counts"}, "--text was"),
    ({"positive": 0}, "--positive was not given"),
    ({"missing": ["-"]}, "--missing was not given"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[next(iter(change)) for change, _ in CHANGES])
def test_a_run_with_another_option_does_not_go_on(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = as_files(table(), tmp_path)[0]
    kept = half_way(path)
    before = kept.read_bytes()
    with pytest.raises(CheckpointError, match=rf"run\.checkpoint: {words}.*Begin anew"):
        resumed(path, **change)
    assert kept.read_bytes() == before


def test_another_input_is_another_run(tmp_path: Path) -> None:
    path = as_files(table(), tmp_path)[0]
    half_way(path)
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
    with pytest.raises(CheckpointError, match=r"the input was 'sha256:.*only with the same rows and options"):
        resumed(path)


def test_an_unfinished_run_is_not_overwritten(tmp_path: Path) -> None:
    path = as_files(table(), tmp_path)[0]
    kept = half_way(path)
    before = kept.read_bytes()
    with pytest.raises(UsageError, match="holds a run that was not finished; --resume goes on from it"):
        resumed(path, resume=False)
    assert kept.read_bytes() == before


def rewritten(kept: Path, **changes: str) -> None:
    content = kept.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] |= changes
    head = json.dumps(header).encode()
    kept.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + size :])


def test_checkpoints_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    path = as_files(table(), tmp_path)[0]
    kept = half_way(path)
    whole = kept.read_bytes()
    for length in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        kept.write_bytes(whole[:length])
        with pytest.raises(
            CheckpointError, match=r"run\.checkpoint: this is not a checkpoint of thalweg, or the file was cut short"
        ):
            resumed(path)
    for changes, words in (
        ({"schema": "2"}, "has schema 2, but this thalweg reads up to 1; update thalweg"),
        ({"format": "thalweg"}, "but not a checkpoint of thalweg"),
        ({"body": "{}"}, "does not match its checksum"),
    ):
        kept.write_bytes(whole)
        rewritten(kept, **changes)
        with pytest.raises(CheckpointError, match=words):
            resumed(path)


@pytest.mark.parametrize("schema", ["q", "!", ""])
def test_a_checkpoint_whose_schema_is_no_number_is_refused(schema: str, tmp_path: Path) -> None:
    path = as_files(table(), tmp_path)[0]
    rewritten(half_way(path), schema=schema)
    with pytest.raises(CheckpointError):
        resumed(path)


def test_a_damaged_byte_anywhere_is_noticed(tmp_path: Path) -> None:
    path = as_files(table(), tmp_path)[0]
    kept = half_way(path)
    whole, rng = kept.read_bytes(), np.random.default_rng(0)
    size = int.from_bytes(whole[:8], "little")
    schema = whole.index(b'"schema"')
    places = [*rng.integers(8 + size, len(whole), 30), *rng.integers(0, 8 + size, 60)]
    for place in places:
        if schema <= place < schema + 14:
            continue
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        kept.write_bytes(bytes(damaged))
        with pytest.raises(CheckpointError):
            resumed(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    path = as_files(table(), tmp_path)[0]
    (tmp_path / "k").write_text("a file")
    with pytest.raises(UsageError, match=r"--checkpoint is '.*k', which is a file, but must be a folder"):
        learnt(path, checkpoint=tmp_path / "k")
    with pytest.raises(thalweg.ThalwegError, match="k/in: the folder cannot be made: Not a directory"):
        learnt(path, checkpoint=tmp_path / "k" / "in")


# ------------------------------------------------------------------------------------------------- disks and memory


def many_words(folder: Path, n: int = 2500) -> Path:
    """Rows whose checkpoints grow, each bringing new words."""
    path = folder / "t.csv"
    path.write_text("c,y\n" + "".join(f"word number {i} of this file,{i % 2}\n" for i in range(n)))
    return path


def test_on_a_full_disk_the_last_checkpoint_survives_and_the_run_ends_with_its_model(tmp_path: Path) -> None:
    path = many_words(tmp_path)
    asked = [str(path), "--target", "y", "--method", "sgd", "--stream", "--bits", "16", "-o", "m.thalweg"]
    kept = ["--checkpoint", "k", "--every", "0s"]
    whole = driven(tmp_path, [*asked, *kept])
    assert whole.returncode == 0, whole.stderr
    last, model = (tmp_path / "k" / "run.checkpoint").stat().st_size, (tmp_path / "m.thalweg").stat().st_size
    limit = last - 50_000
    assert model < limit
    expected = bits_of(thalweg.load(tmp_path / "m.thalweg"))
    (tmp_path / "k" / "run.checkpoint").unlink()
    full = driven(tmp_path, [*asked, *kept], limit=limit)
    assert full.returncode == 0, full.stderr
    found = thalweg.load(tmp_path / "m.thalweg")
    (note,) = found.notes
    assert "the checkpoint could not be written" in note and "The last one is kept, and the run goes on" in note
    assert {**bits_of(found), "notes": ()} == {**expected, "notes": ()}
    assert [left.name for left in (tmp_path / "k").iterdir()] == ["run.checkpoint"]
    on = driven(tmp_path, [*asked, *kept, "--resume"])
    assert on.returncode == 0 and bits_of(thalweg.load(tmp_path / "m.thalweg")) == expected


def test_a_model_that_does_not_fit_on_the_disk_is_told_and_not_half_written(tmp_path: Path) -> None:
    path = many_words(tmp_path)
    before = sorted(tmp_path.iterdir())
    asked = [str(path), "--target", "y", "--method", "sgd", "--stream", "--bits", "16", "-o", "m.thalweg"]
    full = driven(tmp_path, asked, limit=20_000)
    assert full.returncode == 1 and "Traceback" not in full.stderr
    assert "thalweg: m.thalweg: the model could not be written: File too large." in full.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_disk_that_fills_up_says_so(small_disk: Path, tmp_path: Path) -> None:
    path = many_words(tmp_path)
    asked = [str(path), "--target", "y", "--method", "sgd", "--stream", "--bits", "16", "-o", "m.thalweg"]
    full = driven(tmp_path, [*asked, "--checkpoint", str(small_disk), "--every", "0s"])
    assert full.returncode == 0, full.stderr
    assert "the checkpoint could not be written" in thalweg.load(tmp_path / "m.thalweg").notes[0]
    assert [left.name for left in small_disk.iterdir()] == ["run.checkpoint"]
    on = driven(tmp_path, [*asked, "--checkpoint", str(small_disk), "--every", "1h", "--resume"])
    assert on.returncode == 0, on.stderr
    filled = driven(tmp_path, [*asked[:-1], str(small_disk / "m.thalweg")], kills=0)
    assert filled.returncode in (0, 1) and "Traceback" not in filled.stderr
