"""Sparse rows and l1: the dense answer at a sparse price, the same bits on any threads, exact zeros, and proofs."""

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression as Reference

import thalweg
from thalweg.errors import DataError, UsageError
from thalweg.kernels import compiled
from thalweg.readers import libsvm, open_table
from thalweg.readers.libsvm import read_libsvm
from thalweg.recipe import TextOptions, learn
from thalweg.rows import Csr, DenseRows, SparseRows, centre_and_scale
from thalweg.train import plan

SHARED = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not beside the project")


def random_rows(seed: int, n: int = 300, p: int = 40, share: float = 0.2) -> tuple[sp.csr_array, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, p), density=share, rng=rng, format="csr")
    X.data = rng.standard_normal(X.nnz) * 3.0
    y = (np.asarray(X @ rng.standard_normal(p)) + rng.standard_normal(n) > 0.3).astype(int)
    return X, y


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("l1", [0.0, 0.01])
def test_sparse_and_dense_rows_have_one_optimum(seed: int, standardize: bool, l1: float) -> None:
    X, y = random_rows(seed)
    rng = np.random.default_rng(seed)
    more = {"weights": rng.random(300), "offset": rng.standard_normal(300), "intercept": seed % 2 == 0}
    options = {"standardize": standardize, "l1": l1, "l2": 0.01, "tol": 1e-10, **more}
    ours, dense = thalweg.fit((X, y), **options), thalweg.fit((X.toarray(), y), **options)
    assert ours.objective == pytest.approx(dense.objective, rel=1e-9)
    assert np.allclose(ours.coef, dense.coef, atol=1e-5)
    assert np.array_equal(ours.coef == 0.0, dense.coef == 0.0)


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csc_array, sp.coo_array], ids=lambda make: make.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.bool_])
def test_any_sparse_matrix_is_read_as_it_stands(make, dtype) -> None:
    X = (np.random.default_rng(0).random((50, 7)) < 0.3).astype(dtype)
    y = np.arange(50) % 2
    assert np.allclose(thalweg.fit((make(X), y)).coef, thalweg.fit((X.astype(float), y)).coef, atol=1e-6)


def test_entries_of_one_place_add_up_whatever_their_order_and_the_width_of_their_indices() -> None:
    rows, columns, data = [0, 0, 0, 1, 1, 2], [2, 0, 2, 1, 1, 0], [1.0, 2.0, 3.0, 4.0, -1.0, 5.0]
    whole = sp.coo_array((data, (rows, columns)), shape=(3, 3))
    untidy = sp.csr_matrix((3, 3))
    untidy.data, untidy.indices = np.array(data), np.array(columns, dtype=np.int64)
    untidy.indptr = np.array([0, 3, 5, 6], dtype=np.int64)
    csr = Csr.of_scipy(untidy)
    assert np.array_equal(np.asarray(csr), whole.toarray())
    assert csr.indices.dtype == np.int32 and csr.indptr.dtype == np.int64


def test_nothing_is_copied_that_need_not_be() -> None:
    X, _ = random_rows(0)
    csr = Csr.of_scipy(X)
    assert np.shares_memory(csr.data, X.data) and np.shares_memory(csr.indices, X.indices)


def test_arrays_of_a_sparse_matrix_may_be_views_of_others() -> None:
    X = sp.random(50, 8, 0.4, format="csr", random_state=0)
    y = np.arange(50) % 2
    views = sp.csr_matrix((np.repeat(X.data, 2)[::2], np.repeat(X.indices, 2)[::2], X.indptr), shape=X.shape)
    assert not views.data.flags.c_contiguous
    fits = [thalweg.fit((given, y), kernel="compiled").coef for given in (X, views)]
    assert np.array_equal(*fits)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("centre", [True, False])
def test_means_and_deviations_of_sparse_columns_keep_their_digits(weighted: bool, centre: bool) -> None:
    X, y = random_rows(3)
    X.data[X.indices == 5] += 1e7
    weight = np.random.default_rng(0).integers(0, 3, 300).astype(float) if weighted else None
    sparse = centre_and_scale(SparseRows(Csr.of_scipy(X), y, weight), centre)
    dense = centre_and_scale(DenseRows(X.toarray(), y, weight), centre)
    assert sparse[0] == pytest.approx(dense[0], rel=1e-12, abs=1e-12)
    assert sparse[1] == pytest.approx(dense[1], rel=1e-9)


@pytest.mark.filterwarnings("ignore:Perfectly separated")
def test_a_constant_column_weighs_nothing_sparse_or_dense() -> None:
    X, y = random_rows(7)
    X = sp.hstack([X, sp.csr_array(np.full((300, 1), 0.1)), sp.csr_array(np.full((300, 1), 1e6))], format="csr")
    for rows in (X, X.toarray()):
        for l2 in (0.0, 1e-3):
            model = thalweg.fit((rows, y), l2=l2)
            assert (model.coef[-2:] == 0.0).all() and model.outcome is not thalweg.Outcome.STALLED
            assert np.isfinite(model.predict_proba(rows)).all()


def test_empty_rows_and_columns_are_no_trouble() -> None:
    X, y = random_rows(4)
    X = sp.vstack([sp.hstack([X, sp.csr_array((300, 2))]), sp.csr_array((5, 42))], format="csr")
    model = thalweg.fit((X, np.append(y, [0, 1, 0, 1, 1])))
    assert model.outcome is thalweg.Outcome.CERTIFIED and (model.coef[-2:] == 0.0).all()


def large(seed: int = 0) -> tuple[sp.csr_array, np.ndarray]:
    return random_rows(seed, n=40_000, p=2_000, share=0.03)


@pytest.mark.parametrize("l1", [0.0, 1e-3])
def test_compiled_loops_give_the_same_bits_on_1_2_and_3_threads(l1: float) -> None:
    X, y = large()
    fits = [thalweg.fit((X, y), l1=l1, kernel="compiled", threads=threads) for threads in (1, 2, 3)]
    assert len({model.standardized_coef.tobytes() for model in fits}) == 1
    by_scipy = thalweg.fit((X, y), l1=l1, kernel="sparse")
    assert by_scipy.objective == pytest.approx(fits[0].objective, rel=2e-6)


def test_several_fits_in_several_threads_do_not_disturb_each_other() -> None:
    X, y = large(1)
    alone = thalweg.fit((X, y), kernel="compiled").standardized_coef.tobytes()
    found: list[bytes] = []

    def run() -> None:
        found.append(thalweg.fit((X, y), kernel="compiled").standardized_coef.tobytes())

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 3


FORKED = """
import os, warnings
import numpy as np, scipy.sparse as sp, thalweg
warnings.simplefilter("ignore")  # Python itself warns of forks beside threads; none of ours outlives a pass
rng = np.random.default_rng(2)
X = sp.random_array((40_000, 2_000), density=0.03, rng=rng, format="csr")
y = (X @ rng.standard_normal(2_000) + rng.standard_normal(40_000) > 0.3).astype(int)
fit = lambda: thalweg.fit((X, y), kernel="compiled").standardized_coef.tobytes()
before = fit()
child = os.fork()
if child == 0:
    os._exit(0 if fit() == before else 1)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fit_works_after_a_fork() -> None:
    """In a process of its own: other libraries that the suite has loaded do not bear a fork."""
    assert subprocess.run([sys.executable, "-c", FORKED], check=False, timeout=120).returncode == 0


def test_who_waits_for_compilation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_UNNOTICED", 0.0)
    monkeypatch.setattr(compiled, "_call_on_nothing", lambda dtype: threading.Event().wait(0.2))
    X, y = large()
    kinds: list[tuple[str, str]] = []
    thalweg.fit((X, y), observers=[lambda event: kinds.append((event.kind, event.stage))])
    assert kinds[0] == ("wait", "compiling loops for sparse rows, once: a few seconds")


def test_auto_says_why_and_small_problems_load_no_compiler() -> None:
    X, y = random_rows(0)
    assert thalweg.fit((X, y)).reason == "a Hessian of 40 columns is cheap to build and to factorise"
    wide = sp.hstack([X] * 60, format="csr")
    assert "products with the Hessian" in thalweg.fit((wide, y)).reason
    assert thalweg.fit((X, y), l1=0.01).method == "orthant-newton"
    assert thalweg.fit((X, y), method="lbfgs").reason == ""


@pytest.mark.parametrize("columns", [40, 2000])
def test_sparse_rows_are_warmed_on_samples_where_they_are_many(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_ROWS_PER_PARAMETER", 1)
    monkeypatch.setattr(plan, "_FEWEST_SAMPLED_ROWS", 100)
    X, y = random_rows(8, n=20_000, p=columns, share=0.02)
    stages: list[str] = []
    model = thalweg.fit((X, y), observers=[lambda event: stages.append(event.stage)])
    assert any(stage.endswith("of the rows") for stage in stages) and stages[-1] == "all rows"
    assert model.outcome is thalweg.Outcome.CERTIFIED
    assert model.objective == pytest.approx(thalweg.fit((X, y), method="lbfgs", tol=1e-9).objective, rel=2e-6)


# L1


@pytest.mark.filterwarnings("ignore:Stopped before")  # nesterov has too few epochs for some
@pytest.mark.parametrize("seed", range(40))
def test_orthant_newton_certifies_what_others_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(6, 120)), int(rng.integers(1, 60))
    X = rng.standard_normal((n, p)) * np.exp(rng.normal(size=p) * rng.choice([0, 2]))
    y = np.append(rng.random(n - 2) < 0.4, [True, False]).astype(int)
    options = {
        "l1": 10.0 ** rng.uniform(-4, -0.5),
        "l2": float(rng.choice([0.0, 10.0 ** rng.uniform(-5, 0)])),
        "standardize": bool(rng.integers(2)),
        "intercept": bool(rng.integers(2)),
        "weights": rng.random(n) if seed % 2 else None,
    }
    model = thalweg.fit((X, y), tol=1e-9, **options)
    assert model.certificate.relative_gap is not None and model.certificate.relative_gap <= 1e-9
    other = thalweg.fit((X, y), method="nesterov", tol=1e-5, epochs=3000, **options)
    assert model.objective <= other.objective * (1.0 + 1e-9)


def test_glmnets_figures_come_out() -> None:
    path = SHARED / "reference"
    if not path.is_dir():
        pytest.skip("../shared/data is not beside the project")
    # the figures are for the rows after the first, which was taken for a header, scaled by R's sd, of n - 1
    table = np.loadtxt(path / "enet_binomial.csv", delimiter=",")[1:]
    y, X = table[:, 0].astype(int), table[:, 1:]
    X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    for alpha, strength, *coefficients in json.loads((path / "glmnet_binomial.json").read_text())["rows"]:
        options = {"l1": alpha * strength, "l2": (1 - alpha) * strength, "standardize": False, "intercept": False}
        model = thalweg.fit((X, y), tol=1e-11, **options)
        assert model.coef == pytest.approx(coefficients, rel=2e-4, abs=2e-5)
        assert [w == 0.0 for w in model.coef] == [w == 0.0 for w in coefficients]


@pytest.mark.parametrize("seed", range(3))
def test_a_column_screened_out_is_zero_at_the_optimum(seed: int) -> None:
    X, y = random_rows(seed, n=200, p=300, share=0.1)
    events = []
    model = thalweg.fit((X, y), l1=0.02, l2=0.0, tol=1e-12, observers=[events.append])
    screened = np.logical_or.reduce([event.state.screened for event in events if event.stage == "all rows"])
    assert screened.sum() > 100  # most columns are proved to be zero
    assert (model.coef[screened] == 0.0).all()


def test_a_path_is_the_fits_it_stands_for() -> None:
    X, y = random_rows(5)
    path = thalweg.fit_path((X, y), points=12, ratio=0.01, tol=1e-9, holdout=0.25)
    assert path.nonzero[0] == 0 and (np.diff(path.l1) < 0).all() and not path.interrupted
    assert (path.gap <= 1e-9 * path.objective).all()
    for i in (3, 7, 11):
        single = thalweg.fit((X, y), l1=path.l1[i], l2=0.0, tol=1e-9, holdout=0.25)
        model = path.model(i)
        assert single.objective == pytest.approx(model.objective, rel=1e-8)
        assert np.allclose(path.coef[[i]].toarray()[0], model.coef, rtol=1e-12)
        assert model.intercept == pytest.approx(path.intercept[i], rel=1e-9)
        assert model.holdout is not None and path.holdout_loss is not None
        assert model.holdout["log_loss"] == pytest.approx(path.holdout_loss[i], rel=1e-9)
    assert path.best == int(np.argmin(path.holdout_loss))


def test_a_path_of_given_strengths_and_of_elastic_nets() -> None:
    X, y = random_rows(6)
    path = thalweg.fit_path((X.toarray(), y), l1s=[0.001, 0.1, 0.01], l1_ratio=0.5, tol=1e-9)
    assert path.l1.tolist() == path.l2.tolist() == [0.1, 0.01, 0.001]
    single = thalweg.fit((X, y), l1=0.01, l2=0.01, tol=1e-9)
    assert single.objective == pytest.approx(path.objective[1], rel=1e-8)
    with pytest.raises(UsageError, match="no rows were held out"):
        _ = path.best


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": 1}, "points is 1"),
        ({"ratio": 0.0}, "ratio is 0.0"),
        ({"l1_ratio": 2}, "l1_ratio is 2"),
        ({"l1s": []}, "at least one"),
        ({"l1s": [0.1, -1]}, "numbers above 0"),
        ({"l1s": ["a"]}, "must be numbers above 0"),
        ({"l1": 0.1}, "l1s gives the strengths"),
        ({"method": "lbfgs"}, "fitted by orthant-newton"),
    ],
)
def test_a_path_refuses_what_it_cannot_do(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        thalweg.fit_path(random_rows(0), **options)


# libsvm


def test_large_files_go_through_compiled_code_and_come_out_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "t.libsvm"
    numbers = [repr(rng.random()), "1", "-2.5e-7", "3e300", "1e-320", "00012.50", ".5", "7.", "12345678901234567890123"]
    lines = []
    for i in range(3000):
        columns = np.sort(rng.choice(500, 9, replace=False)) + 1
        words = " ".join(f"{j}:{numbers[k]}" for k, j in enumerate(columns))
        comment = " # a note" if i % 7 == 0 else ""
        lines.append(f"{'+1' if i % 2 else '-1'}{' qid:3' if i % 3 == 0 else ''} {words}{comment}")
        lines += ["", "# only a comment"] if i % 100 == 0 else []
    path.write_text("\n".join(lines))
    plain = read_libsvm(path)
    monkeypatch.setattr(libsvm, "_COMPILED_FROM", 0)
    monkeypatch.setattr(libsvm, "_CHUNK", 10_000)
    fast = read_libsvm(path)
    for name in ("indptr", "indices", "data"):
        assert getattr(fast.X, name).tobytes() == getattr(plain.X, name).tobytes()
    assert fast.y.tobytes() == plain.y.tobytes()


@settings(max_examples=200)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20), st.booleans())
def test_every_number_is_rounded_as_python_rounds_it(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], short: bool
) -> None:
    path = tmp_path_factory.mktemp("svm") / "t.libsvm"
    words = [f"{value:.6g}" if short else repr(value) for value in values]
    path.write_text("1 " + " ".join(f"{j}:{word}" for j, word in enumerate(words, 1)) + "\n")
    original, libsvm._COMPILED_FROM = libsvm._COMPILED_FROM, 0
    try:
        assert read_libsvm(path).X.data.tolist() == [float(word) for word in words]
    finally:
        libsvm._COMPILED_FROM = original


@pytest.mark.parametrize("compiled_from", [0, 1 << 30])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 2:x", "line 3: 'x' at index 2"),
        ("1 5:1 4:1", "line 3: index 4 follows 5"),
        ("1 -1:1", "line 3: found '-1:1'"),
        ("1 1:1e999", "line 3: '1e999'"),
        ("1 1:1 2", "line 3: found '2'"),
        ("x 1:1", "line 3: the line starts with 'x'"),
        ("1 1:1_0", "line 3: '1_0'"),
        ("nan 1:1", "line 3: the line starts with 'nan'"),
    ],
)
def test_bad_lines_are_named_by_either_parser(
    line: str, words: str, compiled_from: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libsvm, "_COMPILED_FROM", compiled_from)
    path = tmp_path / "t.libsvm"
    path.write_text(f"1 1:1\n-1 2:1\n{line}\n1 1:2\n")
    with pytest.raises(DataError, match=words):
        read_libsvm(path)


def test_an_index_0_makes_the_file_count_from_0_and_the_model_remembers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def write(name: str, first: int, n: int = 60) -> Path:
        lines = [f"{i % 2} {first}:{rng.random()} {first + 2}:{i % 2 + rng.random()}" for i in range(n)]
        (tmp_path / name).write_text("\n".join(lines))
        return tmp_path / name

    zero = thalweg.fit(write("zero.libsvm", 0))
    assert zero.feature_names == ("0", "1", "2")
    (tmp_path / "later.libsvm").write_text("1 2:5\n")  # counted from 0 as well, though no 0 stands in it
    by_hand = zero.decision_function(tmp_path / "later.libsvm")
    assert by_hand[0] == pytest.approx(zero.intercept + 5 * zero.coef[2])
    one = thalweg.fit(write("one.libsvm", 1))
    assert one.feature_names == ("1", "2", "3")
    with pytest.raises(DataError, match="index 0, but the model's columns are counted from 1"):
        one.predict(tmp_path / "zero.libsvm")
    (tmp_path / "wide.libsvm").write_text("1 1:2 900:7\n")  # a column the model never saw weighs nothing
    assert one.decision_function(tmp_path / "wide.libsvm")[0] == pytest.approx(one.intercept + 2 * one.coef[0])


def test_one_wide_index_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.libsvm"
    path.write_text("1 1:1 2000000:1\n-1 1:0.5\n1 2:1\n-1 7:1\n")
    model = thalweg.fit(path)
    assert model.columns == 2_000_000 and model.certificate.relative_gap is not None
    model.save(tmp_path / "m.thalweg")
    assert np.array_equal(thalweg.load(tmp_path / "m.thalweg").predict(path), model.predict(path))


def test_options_of_tables_are_refused_for_libsvm(tmp_path: Path) -> None:
    path = tmp_path / "t.libsvm"
    path.write_text("1 1:1\n-1 2:1\n" * 5)
    for options, words in (
        ({"only": ["1"]}, "--only goes with a table"),
        ({"weights": "1"}, "weights goes with tables"),
        ({"target": "y"}, "--target y: a libsvm file has one target"),
    ):
        with pytest.raises(UsageError, match=words):
            thalweg.fit(path, **options)
    frame_model = thalweg.fit(pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [0, 1, 0, 1]}), target="y")
    with pytest.raises(DataError, match="a libsvm file has no named columns"):
        frame_model.predict(path)


# Wide tables and text


def test_a_category_of_many_levels_costs_its_codes() -> None:
    rng = np.random.default_rng(0)
    n = 30_000
    frame = pd.DataFrame(
        {"id": rng.integers(0, 8000, n).astype(str), "x": rng.standard_normal(n), "y": rng.integers(0, 2, n)}
    )
    table = open_table(frame)
    recipe = learn(table, target="y")
    X = recipe.encode(table)
    assert isinstance(X, Csr) and X.shape[1] > 7000 and len(X.data) == 2 * n
    assert recipe.mean.any()  # centred, without one cell filled in
    model = thalweg.fit(frame, target="y")
    assert model.certificate.relative_gap is not None and model.certificate.relative_gap <= 1e-6
    unseen = model.decision_function(pd.DataFrame({"id": ["never seen"], "x": [0.0]}))
    assert unseen == pytest.approx(model.intercept)  # 0 in the column of every level


def test_wide_and_narrow_encodings_are_one_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    n = 3000
    frame = pd.DataFrame(
        {
            "c": rng.integers(0, 900, n).astype(str),
            "d": rng.integers(0, 900, n).astype(str),
            "x": np.where(rng.random(n) < 0.1, np.nan, rng.standard_normal(n)),
            "y": rng.integers(0, 2, n),
        }
    )
    table = open_table(frame)
    recipe = learn(table, target="y")
    X = recipe.encode(table)
    new = open_table(frame.assign(c="unseen").iloc[:50].reset_index(drop=True))
    from thalweg.recipe import encode

    monkeypatch.setattr(encode, "_DENSE_COLUMNS", 10**9)
    monkeypatch.setattr(encode, "_NARROW", 10**9)
    dense, dense_new = recipe.encode(table), recipe.encode(new)
    assert isinstance(X, Csr) and isinstance(dense, np.ndarray)
    assert np.allclose(np.asarray(X), dense, atol=1e-12)
    assert np.allclose(np.asarray(recipe.encode(new)), dense_new, atol=1e-12)


TEXTS = ["a good film, good indeed", "bad bad film", "not good", "a film", "indeed bad", "", None, "good"] * 6


def test_words_are_scikit_learns_tfidf() -> None:
    frame = pd.DataFrame({"review": TEXTS, "y": [1, 0, 0, 1, 0, 1, 0, 1] * 6})
    table = open_table(frame)
    recipe = learn(table, target="y", text=TextOptions(("review",), ngrams=2))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2)
    expected = vectorizer.fit_transform([text or "" for text in TEXTS]).toarray()
    assert [term.level for term in recipe.terms] == vectorizer.get_feature_names_out().tolist()
    assert np.allclose(np.asarray(recipe.encode(table)), expected, atol=1e-12)
    model = thalweg.fit(frame, target="y", text=["review"], ngrams=2, l2=0.01, tol=1e-10)
    reference = Reference(C=1 / (0.01 * len(frame)), tol=1e-10, max_iter=10_000).fit(expected, frame.y)
    assert np.allclose(model.coef, reference.coef_[0], atol=1e-4)


def test_a_text_model_is_saved_with_its_words(tmp_path: Path) -> None:
    frame = pd.DataFrame({"review": TEXTS, "n": range(48), "y": [1, 0, 0, 1, 0, 1, 0, 1] * 6})
    model = thalweg.fit(frame, target="y", text="review")
    model.save(tmp_path / "m.thalweg")
    back = thalweg.load(tmp_path / "m.thalweg")
    assert back.predict_proba(frame).tobytes() == model.predict_proba(frame).tobytes()
    assert "review:good" in back.feature_names


def test_chinese_is_read_by_characters_and_pairs_of_them() -> None:
    frame = pd.DataFrame(
        {
            "评论": ["很好的电影", "不好看", "电影很好", "太差了", "好看的电影", "差电影"] * 5,
            "y": [1, 0, 1, 0, 1, 0] * 5,
        }
    )
    model = thalweg.fit(frame, target="y", text=["评论"])
    assert model.recipe.columns[0].tokens == "characters"
    assert {"评论:好", "评论:很好", "评论:电影"} <= set(model.feature_names)
    assert (model.predict(frame) == frame.y).all()


def test_a_weight_equals_so_many_rows_in_the_words_too() -> None:
    frame = pd.DataFrame({"t": ["a b c d", "aa bb", "aa cc", "bb cc dd"], "y": [0, 1, 0, 1], "s": [2, 1, 3, 1]})
    weighted = learn(open_table(frame), target="y", weights="s", text=TextOptions(("t",), min_rows=1))
    repeated = learn(
        open_table(frame.loc[frame.index.repeat(frame.s)].reset_index(drop=True)),
        target="y",
        drop=["s"],
        text=TextOptions(("t",), min_rows=1),
    )
    assert weighted.columns[0].words == repeated.columns[0].words
    assert weighted.columns[0].idf == pytest.approx(repeated.columns[0].idf)


def test_text_that_holds_no_words_is_named() -> None:
    frame = pd.DataFrame({"t": ["!!", "?", "", "..."] * 5, "y": [0, 1] * 10})
    with pytest.raises(DataError, match="column 't' holds no words"):
        thalweg.fit(frame, target="y", text=["t"])
    frame["t"] = [f"word{i}" for i in range(20)]
    with pytest.raises(DataError, match="no word of column 't' stands in 2 rows"):
        thalweg.fit(frame, target="y", text=["t"])


@needs_data
@pytest.mark.parametrize(
    ("name", "key", "strength"),
    [
        *(("a9a/a9a.gz", "a9a", strength) for strength in ("1/n", "0.01/n", "0.01")),
        ("mushrooms/agaricus.train.gz", "agaricus.train", "1/n"),
    ],
)
@pytest.mark.filterwarnings("ignore:Stopped before")  # lbfgs has too few epochs for some
@pytest.mark.parametrize("intercept", [True, False])
def test_the_files_reach_the_optima_of_an_independent_solver(
    name: str, key: str, strength: str, intercept: bool
) -> None:
    entry = json.loads((SHARED / "optima.json").read_text())[f"{key}|l2={strength}|intercept={intercept}"]
    for method in ("auto", "newton-cg", "lbfgs"):
        model = thalweg.fit(
            SHARED / name, l2=entry["l2"], standardize=False, intercept=intercept, method=method, tol=1e-9
        )
        if method != "lbfgs":
            assert model.outcome is thalweg.Outcome.CERTIFIED
        assert -1e-14 <= model.objective - entry["P"] <= model.certificate.gap + entry["bound"] + 1e-14


@needs_data
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("method", ["auto", "newton-cg"])
@pytest.mark.filterwarnings("ignore:Perfectly separated")
def test_a_separable_set_says_so(standardize: bool, method: str) -> None:
    path = SHARED / "mushrooms" / "agaricus.train.gz"
    model = thalweg.fit(path, l2=0.0, standardize=standardize, method=method)
    assert model.outcome is thalweg.Outcome.SEPARATED and model.certificate.gap is None


@needs_data
@pytest.mark.parametrize("name", ["a9a/a9a.gz", "mushrooms/agaricus.train.gz"])
def test_libsvm_sets_are_the_same_sparse_as_dense(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    rows = read_libsvm(path)
    sparse = thalweg.fit((rows.X.raw, rows.y), standardize=False, tol=1e-9)
    dense = thalweg.fit((np.asarray(rows.X), rows.y), standardize=False, tol=1e-9)
    assert sparse.objective == pytest.approx(dense.objective, rel=1e-8)


@pytest.mark.parametrize("kernel", ["loops", "vectorized", "blocked", "sparse", "compiled"])
@pytest.mark.parametrize("standardize", [True, False])
def test_every_kernel_takes_sparse_rows(kernel: str, standardize: bool) -> None:
    X, y = random_rows(9, n=60, p=8)
    options = {"kernel": kernel, "standardize": standardize, "tol": 1e-10}
    for more in ({}, {"method": "newton-cg"}, {"l1": 0.02}):
        model = thalweg.fit((X, y), **options, **more)
        dense = thalweg.fit((X.toarray(), y), **{**options, "kernel": "loops"}, **more)
        assert model.objective == pytest.approx(dense.objective, rel=1e-9)


def test_a_timestamp_beside_words_keeps_its_digits() -> None:
    rng = np.random.default_rng(0)
    n = 400
    milliseconds = 1.7e12 + rng.standard_normal(n) * 1000.0
    y = (milliseconds - 1.7e12 + 500.0 * rng.standard_normal(n) > 0).astype(int)
    frame = pd.DataFrame({"t": milliseconds, "review": rng.choice(["good film", "bad film", "dull"], n), "y": y})
    beside = thalweg.fit(frame, target="y", text=["review"], tol=1e-9)
    alone = thalweg.fit(frame.drop(columns="review"), target="y", tol=1e-9)
    assert beside.outcome is thalweg.Outcome.CERTIFIED and beside.objective <= alone.objective * 1.001


def test_a_sparse_column_far_from_zero_keeps_its_digits() -> None:
    X, y = random_rows(13)
    shifts = np.arange(300.0)[:, None] - 150.0
    near = thalweg.fit((sp.hstack([X, sp.csr_array(shifts + 500.0)], format="csr"), y), tol=1e-12)
    for base in (1e8, 1e12, 1e15):
        far = thalweg.fit((sp.hstack([X, sp.csr_array(base + shifts)], format="csr"), y), tol=1e-12)
        assert far.objective == pytest.approx(near.objective, rel=1e-11) and far.notes == ()


def test_a_sparse_column_far_from_zero_whose_zeros_weigh_nothing_gets_a_note() -> None:
    X, y = random_rows(13)
    column = 1e8 + np.arange(300.0)[:, None]
    column[7], weight = 0.0, np.ones(300)
    weight[7] = 0.0
    far = sp.hstack([X, sp.csr_array(column)], format="csr")
    (note,) = thalweg.fit((far, y), weights=weight).notes
    assert "'x40' lies 1e+06 deviations from 0" in note


@pytest.mark.parametrize("C", [0.3, 3.0])
def test_liblinears_l1_optimum_is_ours(C: float) -> None:
    X, y = random_rows(10)
    reference = Reference(C=C, l1_ratio=1.0, solver="liblinear", fit_intercept=False, tol=1e-8, max_iter=5000)
    coef = reference.fit(X, y).coef_[0]
    model = thalweg.fit((X, y), l1=1.0 / (C * len(y)), l2=0.0, standardize=False, intercept=False, tol=1e-10)
    assert np.allclose(model.coef, coef, atol=1e-4)
    assert np.array_equal(model.coef == 0.0, np.abs(coef) < 1e-9)


@pytest.mark.parametrize(
    ("l1", "minimum", "nonzero"),
    [(0.05, 0.583757166976234, 29), (0.01, 0.301049162135452, 36), (0.002, 0.128233353243791, 36)],
)
def test_celer_skglm_and_liblinear_end_at_the_same_minimum(l1: float, minimum: float, nonzero: int) -> None:
    """celer 0.7.4, skglm 0.5 and liblinear 2.50 -s 6, each at its tightest tolerance, agree on these to 15 digits."""
    X, y = random_rows(10)
    model = thalweg.fit((X, y), l1=l1, l2=0.0, standardize=False, intercept=False, tol=1e-11)
    assert model.objective == pytest.approx(minimum, rel=1e-13)
    assert np.count_nonzero(model.coef) == nonzero


def test_a_path_wastes_no_passes_on_what_rounding_hides() -> None:
    X, y = random_rows(11, n=20_000, p=3_000, share=0.01)
    path = thalweg.fit_path((X, y), points=15, standardize=False)
    assert all(run.passes < 40 * (run.solution.steps + 1) for run, _ in path._runs)  # a search that fails takes 40
    assert all(run.solution.state is None for run, _ in path._runs)


@pytest.mark.parametrize("compiled_from", [0, 1 << 30])
@pytest.mark.parametrize(
    ("line", "words"),
    [("1 qidx:3 1:1", "found 'qidx:3'"), ("1 qid:3\u00a04:1 2:1", "line 1"), ("1 qid 1:1", "found 'qid'")],
)
def test_only_qid_with_digits_is_skipped(
    line: str, words: str, compiled_from: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libsvm, "_COMPILED_FROM", compiled_from)
    (tmp_path / "t.libsvm").write_text(f"{line}\n-1 1:1\n", encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_libsvm(tmp_path / "t.libsvm")
    (tmp_path / "t.libsvm").write_text("1 qid:3#c 5:1\n-1 qid: 1:1\n")
    assert read_libsvm(tmp_path / "t.libsvm").X.data.tolist() == [1.0]


def test_libsvm_is_known_by_its_first_lines_however_long_they_are(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    words = " ".join(f"{j}:0.25" for j in range(1, 12_000))
    path.write_text(f"1 {words}\n-1\n-1 2:1\n1 {words}\n")
    assert thalweg.fit(path).columns == 11_999


def test_packed_files_of_several_streams_are_read_whole_and_cut_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "t.libsvm.gz"
    path.write_bytes(gzip.compress(b"1 1:1\n-1 2") + gzip.compress(b":1\n1 3:1\n") + bytes(64))
    assert read_libsvm(path).X.indices.tolist() == [0, 1, 2]
    whole = gzip.compress(b"".join(b"1 %d:1\n" % (i + 1) for i in range(5000)))
    for length in (len(whole) - 1, len(whole) // 2, 12):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="cannot be unpacked"):
            read_libsvm(path)


def test_a_gzip_file_damaged_in_its_middle_is_named(tmp_path: Path) -> None:
    for name, line in (("t.libsvm.gz", "1 1:0.5\n-1 2:1\n"), ("t.csv.gz", "x,y\n" + "1,0\n2,1\n")):
        content = bytearray(gzip.compress((line * 40_000).encode(), compresslevel=1))
        content[len(content) // 2 : len(content) // 2 + 8] = bytes(8)
        (tmp_path / name).write_bytes(bytes(content))
        with pytest.raises(DataError, match=name):
            thalweg.fit(tmp_path / name, **({"target": "y"} if "csv" in name else {}))


def test_a_bad_value_is_told_by_its_row_in_the_whole_table() -> None:
    X, y = random_rows(12)
    X.data[X.indptr[90]] = np.nan
    for rows in (X, X.toarray()):
        with pytest.raises(DataError, match="nan in row 90"):
            thalweg.fit((rows, y), holdout=0.3, standardize=False)
        with pytest.raises(DataError, match="nan in row 90"):
            thalweg.fit_path((rows, y), standardize=False)


def test_a_million_words_are_saved(tmp_path: Path) -> None:
    frame = pd.DataFrame({"t": [" ".join(f"word{i}x{j}" for j in range(200)) for i in range(400)], "y": [0, 1] * 200})
    model = thalweg.fit(frame, target="y", text=["t"], min_rows=1, ngrams=2)
    model.save(tmp_path / "m.thalweg")
    back = thalweg.load(tmp_path / "m.thalweg")
    assert back.recipe.columns == model.recipe.columns and back.columns > 150_000
