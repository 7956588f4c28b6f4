"""Categories: the penalty acts on levels as on one-hot columns, however many there are and however rare."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import thalweg
from thalweg.readers import parquet_stream

SHARED = Path(__file__).parents[2] / "shared" / "data"
beside_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there")

pytestmark = pytest.mark.filterwarnings("ignore:Found unknown categories")  # what handle_unknown="ignore" asks for

LEVELS = [7500, 4250, 130, 180, 450, 345, 2360, 67, 343]  # of the columns of Amazon's access permissions


def permissions(seed: int, rows: int, levels: list[int] = LEVELS) -> pd.DataFrame:
    """Categories by Zipf's law, a normal effect of each level, and y, some 94 % of it 1."""
    rng = np.random.default_rng(seed)
    columns, z = {}, np.full(rows, 4.5)
    for j, count in enumerate(levels):
        frequency = 1.0 / np.arange(1, count + 1) ** 0.9
        level = rng.choice(count, rows, p=frequency / frequency.sum())
        effect = rng.standard_normal(count)
        z += effect[level] - effect[level].mean()
        columns[f"c{j}"] = [f"l{k}" for k in level]
    return pd.DataFrame({**columns, "y": (rng.random(rows) < expit(z)).astype(int)})


def halves(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    cut = len(table) * 4 // 5
    return table.iloc[:cut].reset_index(drop=True), table.iloc[cut:].reset_index(drop=True)


def one_hot(train: pd.DataFrame, C: float = 1.0, weight: Any = None, tol: float = 1e-12) -> Any:
    """scikit-learn's model of the same P, whose C is 1/(l2·S)."""
    X = train.drop(columns="y")
    numbers = list(X.select_dtypes("number").columns)
    encoder = OneHotEncoder(handle_unknown="ignore", drop="if_binary")
    columns = make_column_transformer((StandardScaler(), numbers), remainder=encoder)
    solver = LogisticRegression(C=C, solver="newton-cg", tol=tol, max_iter=1000)
    return make_pipeline(columns, solver).fit(X, train["y"], logisticregression__sample_weight=weight)


SMALL = [300, 40, 7, 2, 3]  # the first of them with levels that few rows have, or only held-out ones


@pytest.mark.parametrize("kind", ["plain", "stronger", "weights", "numbers"])
def test_predictions_are_those_of_one_hot_columns_at_the_same_penalty(kind: str) -> None:
    table = permissions(0, 1500, SMALL)
    table.loc[::7, "c1"] = None
    if kind == "numbers":
        table["x"] = np.random.default_rng(1).normal(5.0, 3.0, len(table))
    train, test = halves(table)
    s = np.random.default_rng(2).integers(1, 4, len(train)).astype(float) if kind == "weights" else np.ones(len(train))
    C = 0.1 if kind == "stronger" else 1.0
    model = thalweg.fit(train.assign(s=s), "y", weights="s", l2=1.0 / (C * s.sum()), tol=1e-12)
    z = one_hot(train, C, s).decision_function(test.drop(columns="y"))
    # a gap of 1e-12·P leaves w within √(2·gap/l2) of the optimum; a row has up to 6 columns; twice, for the peer's
    near = 2.0 * np.sqrt(6.0 * 2.0 * 1e-12 * model.objective * C * s.sum())
    assert model.decision_function(test) == pytest.approx(z, abs=near)


@pytest.mark.parametrize("rows", [6000, pytest.param(32_769, marks=pytest.mark.slow)])
def test_thousands_of_levels_predict_no_worse_than_one_hot_columns(rows: int) -> None:
    train, test = halves(permissions(1, rows))
    model = thalweg.fit(train, "y")
    ours = model.evaluate(test).log_loss
    theirs = log_loss(test["y"], one_hot(train, tol=1e-6).predict_proba(test.drop(columns="y"))[:, 1])
    assert model.columns > 2000 and not model.notes
    assert ours <= theirs + 1e-4, "both stop near their optimum, within 1e-6 of P"
    assert ours < 0.95 * log_loss(test["y"], np.full(len(test), train["y"].mean()))


@beside_shared_data
@pytest.mark.parametrize("name", ["adult", "bank"])
def test_real_categories_predict_as_one_hot_columns(name: str) -> None:
    if name == "adult":
        table = pd.read_csv(SHARED / "adult" / "adult.data.gz", header=None, skipinitialspace=True)
        table.columns = [*(f"c{j}" for j in range(14)), "y"]
        table["y"] = (table["y"] == ">50K").astype(int)
    else:
        table = pd.read_csv(SHARED / "bank" / "bank-full.csv.gz", sep=None, engine="python")
        table["y"] = (table["y"] == "yes").astype(int)
    train, test = halves(table[[*table.select_dtypes(exclude="number").columns, "y"]])
    ours = thalweg.fit(train, "y", tol=1e-9).predict_proba(test)[:, 1]
    assert ours == pytest.approx(one_hot(train, tol=1e-9).predict_proba(test.drop(columns="y"))[:, 1], abs=2e-3)


def test_many_levels_have_one_optimum_streamed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_stream, "ROWS", 700)
    rng = np.random.default_rng(3)
    table = permissions(2, 4000, [1200, 300, 30])
    names = np.where(rng.random(4000) < 0.8, [f"person {i}" for i in range(4000)], "nobody")
    table = table.assign(name=names, x=rng.standard_normal(4000), s=rng.integers(0, 2, 4000))
    parquet.write_table(pa.Table.from_pandas(table), tmp_path / "rows.parquet")
    memory, streamed = (
        thalweg.fit(tmp_path / "rows.parquet", "y", weights="s", l2=1e-3, tol=1e-9, stream=stream)
        for stream in (False, True)
    )
    assert memory.columns > 900 and memory.feature_names == streamed.feature_names
    assert {"name=nobody", "name=(other)"} & set(memory.feature_names)
    assert memory.notes == streamed.notes and any("that one row has alone" in note for note in memory.notes)
    apart = np.linalg.norm(memory.standardized_coef - streamed.standardized_coef)
    gaps = [model.certificate.gap or 0.0 for model in (memory, streamed)]
    assert apart <= sum(np.sqrt(2.0 * gap / 1e-3) for gap in gaps) + 1e-9, "l2/2·‖w - w*‖² is at most the gap"


def test_a_value_that_training_rows_miss_is_scored_as_its_pool_or_as_no_level() -> None:
    train, _ = halves(permissions(4, 400, [5, 30]))
    new = pd.DataFrame({"c0": ["l0", "new"], "c1": ["new", "l0"]})
    model = thalweg.fit(train, "y")
    coef = dict(zip(model.feature_names, model.coef, strict=True))
    wanted = [model.intercept + coef["c0=l0"], model.intercept + coef["c1=l0"]]
    assert model.decision_function(new) == pytest.approx(wanted, abs=1e-12)
    pooled = thalweg.fit(train, "y", max_levels=10)
    coef = dict(zip(pooled.feature_names, pooled.coef, strict=True))
    wanted[0] = pooled.intercept + coef["c0=l0"] + coef["c1=(other)"]
    assert pooled.decision_function(new.iloc[:1]) == pytest.approx(wanted[:1], abs=1e-12)


def test_a_model_whose_levels_were_scaled_loads_and_predicts_by_its_own_scale(tmp_path: Path) -> None:
    """As models were made before levels kept 0 and 1: with a reference, and divided by the deviation."""
    train, test = halves(permissions(5, 500, [6, 4]))
    model = thalweg.fit(train, "y", l2=0.0, gradient_tol=1e-6)
    shares = np.concatenate([column.shares for column in model.recipe.columns])
    deviation = np.sqrt(shares * (1.0 - shares))
    old = replace(
        model,
        recipe=replace(model.recipe, scale=deviation),
        standardized_coef=model.standardized_coef * deviation,
    )
    old.save(tmp_path / "old.thalweg")
    loaded = thalweg.load(tmp_path / "old.thalweg")
    assert all(column.reference is not None for column in loaded.recipe.columns)
    assert loaded.decision_function(test) == pytest.approx(model.decision_function(test), abs=1e-12)
    assert loaded.coef == pytest.approx(model.coef, rel=1e-12)
