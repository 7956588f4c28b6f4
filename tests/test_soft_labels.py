"""Soft labels and binomial counts: a label y of weight s is two rows, through every door."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

import thalweg
from problems import EPS
from thalweg.cli import run
from thalweg.errors import DataError, UsageError
from thalweg.metrics import evaluate
from thalweg.readers import delimited_stream


def table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A number with holes, a category, weights; shares, and counts of 0 to 9 trials."""
    rng = np.random.default_rng(seed)
    x, town = rng.normal(size=n), rng.choice(["Ulm", "Bonn", "Trier"], n)
    p, trials = expit(1.5 * x + (town == "Bonn") - 0.5), rng.integers(0, 10, n)
    share = np.where(rng.random(n) < 0.1, np.round(p), p.round(3))
    successes = rng.binomial(trials, p)
    x = np.where(rng.random(n) < 0.1, np.nan, x.round(6))
    s = rng.integers(0, 4, n)
    return pd.DataFrame({"x": x, "town": town, "s": s, "share": share, "k": successes, "n": trials})


TABLE = table()
SOFT: dict[str, Any] = {"target": "share", "soft": True, "drop": ["k", "n"]}
COUNTS: dict[str, Any] = {"successes": "k", "trials": "n", "drop": ["share"]}
BOTH = pytest.mark.parametrize("how", [SOFT, COUNTS], ids=["soft", "counts"])


def two_rows(frame: pd.DataFrame, how: dict[str, Any], weights: str | None = None) -> pd.DataFrame:
    """Each row as one of label 1 and one of label 0, with their weights in `w`."""
    s = 1.0 if weights is None else frame[weights]
    if how is SOFT:
        positive, negative = s * frame.share, s * (1.0 - frame.share)
    else:
        positive, negative = s * frame.k, s * (frame.n - frame.k)
    parts = [frame.assign(y=1, w=positive), frame.assign(y=0, w=negative)]
    return pd.concat(parts).drop(columns=["s", "share", "k", "n"])


def assert_same_optimum(one: thalweg.Model, other: thalweg.Model) -> None:
    """Within what the two certificates leave open."""
    gaps = (one.certificate.gap or 0.0) + (other.certificate.gap or 0.0)
    assert one.outcome.converged and other.outcome.converged and one.feature_names == other.feature_names
    assert abs(one.objective - other.objective) <= gaps + 1e-12


def files(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """The table in every kind of source, and how it is read."""
    TABLE.to_csv(folder / "t.csv", index=False)
    TABLE.to_parquet(folder / "t.parquet")
    TABLE.to_json(folder / "t.jsonl", orient="records", lines=True)
    connection = duckdb.connect(str(folder / "t.duckdb"))
    connection.execute(f"CREATE TABLE t AS SELECT * FROM read_parquet('{folder / 't.parquet'}')")
    connection.close()
    plain = {kind: (str(folder / f"t.{kind}"), {}) for kind in ("csv", "parquet", "jsonl")}
    return {**plain, "sql": ("SELECT * FROM t", {"database": str(folder / "t.duckdb")})}


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of hundreds of rows come in several chunks."""
    monkeypatch.setattr(delimited_stream, "_PIECE", 4 << 10)


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(
    st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.0, 1.0)),
    st.one_of(st.sampled_from([-800.0, -1.0, 0.0, 800.0]), st.floats(-50.0, 50.0)),
    st.sampled_from([0.0, 0.5, 1.0, 3.0])), min_size=1, max_size=30),
    threshold=st.sampled_from([0.3, 0.5]))  # fmt: skip
def test_every_measure_takes_a_soft_label_for_two_rows(
    rows: list[tuple[float, float, float]], threshold: float
) -> None:
    y, z, s = (np.array(values) for values in zip(*rows, strict=True))
    if not s.any():
        return
    soft = evaluate(y, z, s, threshold)
    labels, weights = np.repeat([1.0, 0.0], len(y)), np.r_[s * y, s * (1.0 - y)]
    hard = evaluate(labels, np.r_[z, z], weights, threshold)
    tolerance = 8 * len(y) * EPS
    for name in ("log_loss", "brier", "accuracy"):
        assert getattr(soft, name) == pytest.approx(getattr(hard, name), rel=tolerance, abs=tolerance)
    assert (soft.auc is None) == (hard.auc is None)
    assert soft.auc is None or soft.auc == pytest.approx(hard.auc, abs=1e-12)
    for name, weight in soft.confusion.items():
        assert weight == pytest.approx(hard.confusion[name], rel=tolerance, abs=tolerance)


# arrays


X = np.random.default_rng(1).standard_normal((200, 2))
Y = expit(X[:, 0])


def test_arrays_with_soft_labels_are_evaluated_and_held_out() -> None:
    model = thalweg.fit((X[:150], Y[:150]), holdout=(X[150:], Y[150:]))
    judged = model.evaluate((X[150:], Y[150:]))
    assert model.holdout is not None
    assert all(getattr(judged, name) == pytest.approx(value, rel=1e-9) for name, value in model.holdout.items())
    assert model.evaluate((X, Y), weights=np.ones(200)) == model.evaluate((X, Y))
    best = evaluate(Y, logit(Y))
    assert model.evaluate((X, Y)).log_loss == pytest.approx(best.log_loss, abs=1e-3)


def test_a_stored_soft_model_evaluates_soft_and_hard_labels(tmp_path: Path) -> None:
    model = thalweg.fit((X, Y))
    model.save(tmp_path / "soft.thalweg")
    again = thalweg.load(tmp_path / "soft.thalweg")
    assert again.evaluate((X, Y)) == model.evaluate((X, Y))
    for labels in (np.round(Y), np.round(Y).astype(int), Y > 0.5, list(map(int, Y > 0.5)), np.round(Y)[:, None]):
        assert again.evaluate((X, labels)) == model.evaluate((X, np.round(Y)))


def test_the_values_tell_soft_labels_whatever_type_holds_them() -> None:
    expected = thalweg.fit((X, Y)).coef
    for labels in (Y.tolist(), Y.astype(object), Y[:, None], pd.Series(Y), pd.Series(Y, dtype="Float64")):
        assert thalweg.fit((X, labels)).coef.tobytes() == expected.tobytes()
    for more in ({"soft": True}, {"classes": (0, 1)}, {"positive": 1}):
        assert thalweg.fit((X, Y), **more).coef.tobytes() == expected.tobytes()
    hard = np.round(Y)
    assert thalweg.fit((X, hard), soft=True).coef.tobytes() == thalweg.fit((X, hard)).coef.tobytes()


def test_one_share_for_all_rows_is_of_both_classes() -> None:
    even = np.full(200, 0.25)
    for options in ({}, {"weights": np.arange(200.0)}, {"holdout": 0.2}):
        model = thalweg.fit((X, even), tol=1e-12, **options)
        assert model.predict_proba(X)[:, 1] == pytest.approx(even, abs=1e-6)


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (np.r_[Y[:-1], 1.5], {"soft": True}, "y holds 1.5 in row 199, but soft labels are numbers from 0 to 1"),
        (np.r_[Y[:-1], 1.5], {"classes": (0, 1)}, "y holds 1.5 in row 199, which is none of the classes 0 and 1"),
        (np.where(Y > 0.5, "a", "b"), {"soft": True}, "soft labels are numbers"),
        (Y > 0.5, {"soft": True}, "soft labels are numbers"),
        (np.zeros(200), {"soft": True}, "one class only, 0"),
        (Y, {"class_weight": "balanced"}, "--class-weight needs labels of two classes"),
        (Y, {"positive": 0}, "positive is 0, but y holds soft labels"),
        (Y, {"classes": ("a", "b")}, "none of the classes 'a' and 'b'"),
        (Y, {"holdout": (X, Y * 2)}, "in the held-out rows: y holds 1"),
    ],
)
def test_arrays_that_cannot_be_soft_are_refused(y: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as refusal:
        thalweg.fit((X, y), **options)
    assert words in str(refusal.value)


# tables


@BOTH
@pytest.mark.parametrize("weights", [None, "s"])
def test_a_table_is_fitted_as_its_rows_of_two_labels(how: dict[str, Any], weights: str | None) -> None:
    drop = how["drop"] if weights else [*how["drop"], "s"]
    model = thalweg.fit(TABLE, **{**how, "drop": drop}, weights=weights, tol=1e-10)
    hard = thalweg.fit(two_rows(TABLE, how, weights), "y", weights="w", tol=1e-10)
    assert model.classes == (0, 1)
    assert model.data["total_weight"] == pytest.approx(hard.data["total_weight"], rel=1e-12)
    assert_same_optimum(model, hard)
    assert np.allclose(model.recipe.mean, hard.recipe.mean, rtol=1e-12)
    mine, theirs = model.evaluate(TABLE), hard.evaluate(two_rows(TABLE, how, weights))
    for name in ("log_loss", "brier", "auc", "accuracy"):
        assert getattr(mine, name) == pytest.approx(getattr(theirs, name), rel=1e-4), name


@BOTH
def test_every_kind_of_source_gives_one_model_in_memory_and_streamed(
    how: dict[str, Any], tmp_path: Path, small_pieces: None
) -> None:
    how = {**how, "weights": "s", "tol": 1e-10}
    frame = thalweg.fit(TABLE, **how)
    others: list[Any] = [pl.from_pandas(TABLE), pa.Table.from_pandas(TABLE)]
    assert all(thalweg.fit(other, **how).coef.tobytes() == frame.coef.tobytes() for other in others)
    for kind, (source, reading) in files(tmp_path).items():
        memory = thalweg.fit(source, **how, **reading)
        assert memory.coef.tobytes() == frame.coef.tobytes(), kind
        streamed = thalweg.fit(source, **how, **reading, stream=True)
        assert_same_optimum(streamed, memory)
        assert streamed.evaluate(TABLE).log_loss == pytest.approx(memory.evaluate(TABLE).log_loss, rel=1e-6)


@BOTH
def test_a_cache_and_a_checkpoint_keep_the_labels(how: dict[str, Any], tmp_path: Path, small_pieces: None) -> None:
    source, _ = files(tmp_path)["csv"]
    plain = thalweg.fit(source, **how, stream=True)
    for _ in range(2):
        cached = thalweg.fit(source, **how, stream=True, cache=tmp_path / "cache")
        assert cached.coef.tobytes() == plain.coef.tobytes()
    with pytest.raises(DataError, match="another target"):
        thalweg.fit(source, **(COUNTS if how is SOFT else SOFT), stream=True, cache=tmp_path / "cache")
    for resume in (False, True):
        kept = thalweg.fit(source, **how, stream=True, checkpoint=tmp_path / "place", resume=resume)
        assert kept.coef.tobytes() == plain.coef.tobytes()


@BOTH
def test_class_weights_and_what_cannot_have_them(how: dict[str, Any], tmp_path: Path, small_pieces: None) -> None:
    source, _ = files(tmp_path)["csv"]
    factors: list[Any] = ["balanced", {0: 3.0, 1: 1.0}]
    for class_weight in factors:
        if how is SOFT:
            for options in ({}, {"stream": True}, {"stream": True, "method": "sgd"}):
                with pytest.raises(UsageError, match="soft labels between 0 and 1"):
                    thalweg.fit(source, **how, **options, class_weight=class_weight)
            with pytest.raises(UsageError, match="soft labels between 0 and 1"):
                thalweg.Online("share", soft=True, class_weight=class_weight)
            continue
        hard = two_rows(TABLE, how)
        by_rows = thalweg.fit(hard, "y", weights="w", class_weight=class_weight)
        memory = thalweg.fit(source, **{**how, "drop": ["share", "s"]}, class_weight=class_weight)
        streamed = thalweg.fit(source, **{**how, "drop": ["share", "s"]}, class_weight=class_weight, stream=True)
        assert_same_optimum(memory, by_rows)
        assert_same_optimum(streamed, by_rows)


@BOTH
def test_held_out_rows_are_read_like_the_others(how: dict[str, Any]) -> None:
    first, second = TABLE[:250], TABLE[250:]
    model = thalweg.fit(first, **how, holdout=second)
    assert model.holdout is not None
    judged = model.evaluate(second)
    assert all(getattr(judged, name) == pytest.approx(value, rel=1e-9) for name, value in model.holdout.items())
    assert thalweg.fit(TABLE, **how, holdout=0.25).data["holdout_rows"] == 100


def test_a_row_without_trials_says_nothing() -> None:
    some = TABLE[TABLE.n > 0]
    assert 0 < len(some) < len(TABLE)
    model = thalweg.fit(TABLE, **COUNTS)
    assert_same_optimum(model, thalweg.fit(some, **COUNTS))
    assert model.evaluate(TABLE).log_loss == pytest.approx(model.evaluate(some).log_loss, rel=1e-12)


@settings(max_examples=6)
@given(seed=st.integers(0, 2**16), n=st.integers(3, 25), l1=st.sampled_from([0.0, 0.01]))
def test_counts_are_the_rows_repeated(seed: int, n: int, l1: float) -> None:
    frame = table(n, seed)[["town", "k", "n"]].assign(x=np.random.default_rng(seed).normal(size=n))
    frame.loc[0, ["k", "n"]] = 1, 3  # both classes
    repeated = frame.loc[np.repeat(frame.index, frame.n)]
    labels = np.concatenate([np.r_[np.ones(k), np.zeros(n - k)] for k, n in zip(frame.k, frame.n, strict=True)])
    rows = repeated.drop(columns=["k", "n"]).assign(y=labels.astype(int))
    assert_same_optimum(thalweg.fit(frame, successes="k", trials="n", l1=l1), thalweg.fit(rows, "y", l1=l1))


# statsmodels/genmod/tests/results/results_glm.py, class Star98: fitted by R's glm and Stata's
STAR98 = [
    -0.0168150366, 0.0099254766, -0.0187242148, -0.0142385609, 0.2544871730, 0.2406936644, 0.0804086739, -1.9521605027,
    -0.3340864748, -0.1690221685, 0.0049167021, -0.0035799644, -0.0140765648, -0.0040049918, -0.0039063958,
    0.0917143006, 0.0489898381, 0.0080407389, 0.0002220095, -0.0022492486, 2.9588779262,
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
def test_star98_has_its_published_coefficients(shared_data: Path, stream: bool) -> None:
    path = shared_data / "reference" / "star98.csv"
    if not path.is_file():
        pytest.skip("needs reference/star98.csv in ../shared/data, which is not here")
    model = thalweg.fit(path, successes="PR50M", trials="MATHTOT", l2=0.0, gradient_tol=1e-12, stream=stream)
    rounding = 0.5e-10 / np.abs(STAR98) + 1e-7  # ten decimals are published, of an optimum to 1e-8 of the deviance
    assert np.all(np.abs(np.r_[model.coef, model.intercept] / STAR98 - 1.0) <= rounding)


def test_a_soft_column_of_zeros_and_ones_is_one_of_two_labels(tmp_path: Path, small_pieces: None) -> None:
    frame = TABLE.assign(share=TABLE.share.round().astype(int))
    frame.to_csv(tmp_path / "hard.csv", index=False)
    for options in ({}, {"stream": True}, {"stream": True, "method": "sgd", "bits": 10}):
        soft = thalweg.fit(tmp_path / "hard.csv", **SOFT, **options)
        hard = thalweg.fit(tmp_path / "hard.csv", "share", drop=["k", "n"], **options)
        assert soft.standardized_coef.tobytes() == hard.standardized_coef.tobytes()
        assert soft.classes == hard.classes and soft.notes == hard.notes


@pytest.mark.parametrize("y", [[0.0] * 20 + [1.0] * 20, [0.0] * 20 + [0.9] * 20])
def test_a_column_is_said_to_separate_the_classes_only_where_it_does(y: list[float], tmp_path: Path) -> None:
    shuffled = np.r_[np.random.default_rng(0).permutation(20), 20 + np.random.default_rng(1).permutation(20)]
    frame = pd.DataFrame({"x": shuffled * 1.5, "c": ["a"] * 20 + ["b"] * 20, "y": y})
    frame.to_csv(tmp_path / "t.csv", index=False)
    told = {stream: thalweg.fit(tmp_path / "t.csv", "y", soft=True, l2=1.0, stream=stream).notes
            for stream in (False, True)}  # fmt: skip
    assert told[False] == told[True]
    assert sum("alone separates" in note for note in told[False]) == (2 if max(y) == 1.0 else 0)


# rows that cannot be


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (SOFT, {"share": 1.5}, "column 'share' holds 1.5, but --soft needs a number from 0 to 1"),
    (SOFT, {"share": -0.25}, "column 'share' holds -0.25, but --soft needs"),
    (SOFT, {"share": np.nan}, "column 'share' holds no value, but --soft needs"),
    (COUNTS, {"k": 2.5, "n": 3}, "column 'k' holds 2.5, but --successes needs a whole number"),
    (COUNTS, {"k": -1, "n": 3}, "column 'k' holds -1, but --successes needs a whole number"),
    (COUNTS, {"k": 0, "n": np.inf}, "column 'n' holds inf, but --trials needs a whole number"),
    (COUNTS, {"k": 0, "n": np.nan}, "column 'n' holds no value, but --trials needs a whole number"),
    (COUNTS, {"k": 4, "n": 3}, "column 'k' holds 4, but --successes needs no more than the 3 in 'n'"),
]


@pytest.mark.parametrize(("how", "change", "words"), BAD)
def test_a_bad_value_is_refused_by_row_through_every_door(
    how: dict[str, Any], change: dict[str, float], words: str, tmp_path: Path
) -> None:
    frame = TABLE.astype({"k": float, "n": float})
    frame.loc[7, list(change)] = list(change.values())
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    doors: list[Callable[[], Any]] = [
        lambda: thalweg.fit(frame, **how),
        lambda: thalweg.fit(path, **how),
        lambda: thalweg.fit(path, **how, stream=True),
        lambda: thalweg.fit(path, **how, stream=True, method="sgd", bits=8),
        lambda: thalweg.Online(**how, bits=8).partial_fit(frame),
        lambda: thalweg.fit(TABLE, **how).evaluate(frame),
        lambda: thalweg.fit(TABLE, **how, holdout=frame),
    ]
    for door in doors:
        with pytest.raises(DataError) as refusal:
            door()
        assert words in str(refusal.value) and re.search("row 8|line 9", str(refusal.value))
    for options in ({}, {"method": "sgd", "bits": 8}):
        skipped = thalweg.fit(path, **how, stream=True, on_bad_row="skip", **options)
        good = frame.drop(index=7)
        good.to_csv(tmp_path / "good.csv", index=False)
        assert "1 row was skipped" in skipped.notes[-1] and words in skipped.notes[-1]
        assert skipped.coef == pytest.approx(thalweg.fit(tmp_path / "good.csv", **how, stream=True, **options).coef)


def test_words_in_a_column_of_shares_are_named(tmp_path: Path) -> None:
    frame = TABLE.astype({"share": object})
    frame.loc[3, "share"] = "oops"
    frame.to_csv(tmp_path / "t.csv", index=False)
    for options in ({}, {"stream": True}, {"stream": True, "method": "sgd"}):
        with pytest.raises(DataError, match=r"line 5\)?: column 'share' holds 'oops', but --soft needs"):
            thalweg.fit(tmp_path / "t.csv", **SOFT, **options)


USAGE: list[tuple[dict[str, Any], str]] = [
    ({"successes": "k"}, "--successes and --trials go together"),
    ({"trials": "n"}, "--successes and --trials go together"),
    ({"successes": "k", "trials": "n", "target": "share"}, "--target does not go with --successes"),
    ({"successes": "k", "trials": "n", "soft": True}, "--soft does not go with --successes"),
    ({"successes": "k", "trials": "n", "positive": 1}, "--positive names one of two labels"),
    ({"target": "share", "soft": True, "positive": 1}, "--positive names one of two labels"),
    ({"target": "share", "soft": "yes"}, "--soft is 'yes'"),
    ({"soft": True}, "--target is missing"),
    ({"successes": "k", "trials": "k"}, "two of the roles --successes, --trials, --weights and --offset"),
    ({"successes": "k", "trials": "n", "drop": ["n"]}, "'n' is given to --trials and to --drop as well"),
]


@pytest.mark.parametrize(("options", "words"), USAGE)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    source, _ = files(tmp_path)["csv"]
    for more in ({}, {"stream": True}, {"stream": True, "method": "sgd"}):
        with pytest.raises(UsageError) as refusal:
            thalweg.fit(source, **options, **more)
        assert words in str(refusal.value)
    with pytest.raises(UsageError) as refusal:
        thalweg.Online(**options).partial_fit(TABLE)
    assert words.removeprefix("--target is") in str(refusal.value)


def test_counts_are_columns_of_tables(tmp_path: Path) -> None:
    (tmp_path / "t.libsvm").write_text("1 1:2\n0 1:3\n")
    refused: list[Callable[[], Any]] = [
        lambda: thalweg.fit((X, Y), successes="k", trials="n"),
        lambda: thalweg.fit(tmp_path / "t.libsvm", successes="k", trials="n"),
        lambda: thalweg.fit(tmp_path / "t.libsvm").evaluate(tmp_path / "t.libsvm", successes="k", trials="n"),
        lambda: thalweg.Online(successes="k", trials="n").partial_fit((X, Y)),
        lambda: thalweg.fit((X, Y)).evaluate((X, Y), successes="k", trials="n"),
    ]
    for call in refused:
        with pytest.raises(UsageError, match=r"successes.* go(es)? with (a table|tables)"):
            call()


@pytest.mark.parametrize(("how", "column"), [(SOFT, "share"), (COUNTS, "k")], ids=["soft", "counts"])
@pytest.mark.parametrize("value", [0, 1])
def test_labels_of_one_class_are_refused(how: dict[str, Any], column: str, value: int, tmp_path: Path) -> None:
    frame = TABLE.assign(**{column: value * TABLE.n if how is COUNTS else value})
    frame.to_csv(tmp_path / "t.csv", index=False)
    for options in ({}, {"stream": True}, {"stream": True, "method": "sgd", "bits": 8}):
        with pytest.raises(DataError, match="one class only"):
            thalweg.fit(tmp_path / "t.csv", **how, **options)
    if how is COUNTS:
        TABLE.assign(k=0, n=0).to_csv(tmp_path / "t.csv", index=False)
        for options in ({}, {"stream": True}, {"stream": True, "method": "sgd", "bits": 8}):
            with pytest.raises(DataError, match=r"all zero: no row counts|no row has a weight above 0|no row counts"):
                thalweg.fit(tmp_path / "t.csv", **how, **options)


def test_shares_that_are_not_asked_for_are_refused_with_the_way_out(tmp_path: Path) -> None:
    source, _ = files(tmp_path)["csv"]
    for options in ({}, {"stream": True}, {"stream": True, "method": "sgd"}):
        with pytest.raises(DataError, match=r"classes \(.* shares of label 1, soft=True \(--soft\) takes them so"):
            thalweg.fit(source, "share", **options)
    for rows in (TABLE, (X, Y)):
        with pytest.raises(DataError, match=r"shares of label 1, soft=True \(--soft\)"):
            thalweg.Online(None if isinstance(rows, tuple) else "share").partial_fit(rows)
    hard = TABLE.assign(share=TABLE.share.round().astype(int))
    with pytest.raises(DataError, match=r"row \d+: .* holds 0\.\d+, but 0 or 1 was expected; .*soft=True \(--soft\)"):
        thalweg.fit(hard, "share", drop=["k", "n"]).evaluate(TABLE)
    with pytest.raises(DataError, match=r"3 classes \(0.1, 0.5, 2\), .* against the rest\.$"):
        thalweg.fit(TABLE.assign(share=np.resize([0.1, 0.5, 2], 400)), "share")


# evaluation


def test_a_model_is_judged_by_its_own_columns_or_others() -> None:
    hard = TABLE.assign(share=TABLE.share.round().astype(int))
    for how in (SOFT, COUNTS):
        model = thalweg.fit(TABLE, **how)
        renamed = TABLE.rename(columns={"k": "hits", "n": "tries", "share": "part"})
        assert model.evaluate(renamed, "part", soft=True) == model.evaluate(TABLE, "share", soft=True)
        counted = model.evaluate(renamed, successes="hits", trials="tries")
        assert counted == model.evaluate(TABLE, successes="k", trials="n")
        assert model.evaluate(hard, "share") == model.evaluate(hard, "share", soft=True)
    words = hard.assign(share=np.where(hard.share == 1, "yes", "no"))
    model = thalweg.fit(words, "share", drop=["k", "n"])
    assert (
        model.evaluate(TABLE, soft=True).log_loss
        == thalweg.fit(hard, "share", drop=["k", "n"]).evaluate(TABLE, soft=True).log_loss
    )


@BOTH
def test_the_model_file_says_what_the_target_is(how: dict[str, Any], tmp_path: Path) -> None:
    model = thalweg.fit(TABLE, **how, weights="s")
    model.save(tmp_path / "m.thalweg")
    again = thalweg.load(tmp_path / "m.thalweg")
    assert again.recipe.target == model.recipe.target
    assert again.evaluate(TABLE) == model.evaluate(TABLE)
    assert set(again.predict(TABLE)) == {0, 1}


# libsvm


def test_the_label_of_a_libsvm_file_may_be_a_share(tmp_path: Path) -> None:
    path = tmp_path / "t.libsvm"
    path.write_text("".join(f"{y!r} 1:{a!r} 2:{b!r}\n" for y, (a, b) in zip(Y.tolist(), X.tolist(), strict=True)))
    with pytest.raises(DataError, match=r"soft=True \(--soft\) takes them so"):
        thalweg.fit(path)
    model = thalweg.fit(path, soft=True)
    assert model.coef == pytest.approx(thalweg.fit((X, Y)).coef, rel=1e-12)
    assert model.evaluate(path).log_loss == pytest.approx(thalweg.fit((X, Y)).evaluate((X, Y)).log_loss, rel=1e-12)
    path.write_text(path.read_text() + "1.5 1:2\n")
    with pytest.raises(DataError, match=r"holds 1\.5, but --soft needs"):
        thalweg.fit(path, soft=True)


# online


@BOTH
def test_online_learns_the_same_from_frames_and_files(how: dict[str, Any], tmp_path: Path) -> None:
    source, _ = files(tmp_path)["parquet"]
    streamed = thalweg.fit(source, **how, stream=True, method="sgd", bits=10)
    learner = thalweg.Online(**how, bits=10).partial_fit(TABLE)
    framed = learner.model()
    assert framed.standardized_coef.tobytes() == streamed.standardized_coef.tobytes()
    assert framed.evaluate(TABLE) == streamed.evaluate(TABLE)
    assert learner.progressive == streamed.progressive
    framed.save(tmp_path / "m.thalweg")
    assert thalweg.load(tmp_path / "m.thalweg").evaluate(TABLE) == framed.evaluate(TABLE)


def test_online_learns_arrays_with_soft_labels() -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((4000, 2))
    shares = expit(rows[:, 0] - 0.5)
    learner = thalweg.Online(soft=True)
    for part in np.array_split(np.arange(4000), 8):
        learner.partial_fit((rows[part], shares[part]))
    model = learner.model()
    assert model.classes == (0, 1)
    best = evaluate(shares, logit(shares))
    assert model.evaluate((rows, shares)).log_loss == pytest.approx(best.log_loss, abs=2e-3)
    frame = pd.DataFrame({"x0": rows[:, 0], "x1": rows[:, 1], "y": shares})
    framed = thalweg.Online("y", soft=True)
    for part in np.array_split(np.arange(4000), 8):
        framed.partial_fit(frame.iloc[part])
    assert framed.model().standardized_coef.tobytes() == model.standardized_coef.tobytes()


def test_progressive_measures_take_a_soft_label_for_two_rows() -> None:
    """While nothing is learnt, rate next to 0, what is predicted is even odds."""
    learner = thalweg.Online(soft=True, rate=1e-12).partial_fit((X, Y))
    assert learner.progressive["log_loss"] == pytest.approx(np.log(2.0))
    q = Y.mean()
    assert learner.progressive["baseline"] == pytest.approx(-q * np.log(q) - (1 - q) * np.log(1 - q))


# the command line


def test_the_command_line_fits_evaluates_shows_and_follows_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    files(Path())
    soft, counts = ["--target", "share", "--soft"], ["--successes", "k", "--trials", "n"]
    for asked, how in ((soft, SOFT), (counts, COUNTS)):
        drop = [word for name in how["drop"] for word in ("--drop", name)]
        model = thalweg.fit("t.csv", **how)
        assert run(["fit", "t.csv", *asked, *drop, "-o", "m.thalweg", "--progress", "off"]) == 0
        assert run(["fit", "t.csv", *asked, *drop, "-o", "s.thalweg", "--progress", "off", "--stream"]) == 0
        assert thalweg.load("m.thalweg").coef.tobytes() == model.coef.tobytes()
        capsys.readouterr()
        for words in ([], asked):
            assert run(["evaluate", "m.thalweg", "t.parquet", *words, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["log_loss"] == model.evaluate("t.csv").log_loss
        assert run(["show", "m.thalweg"]) == 0
        told = "'share': the share of label 1" if how is SOFT else "'k' successes of 'n' trials"
        assert told in capsys.readouterr().out
        assert run(["path", "t.csv", *asked, *drop, "--points", "2", "--holdout", "0.3", "--progress", "off"]) == 0
        capsys.readouterr()
    assert run(["fit", "t.csv", "--target", "share", "--progress", "off"]) == 1
    assert "soft=True (--soft) takes them so" in capsys.readouterr().err
