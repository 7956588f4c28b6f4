"""The recipe: what raw columns become, learnt from the training rows alone, and replayed to the last bit."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import thalweg
from thalweg import native
from thalweg.errors import DataError, UsageError
from thalweg.readers import open_table
from thalweg.readers.chunk import Chunk
from thalweg.recipe import Recipe, learn
from thalweg.recipe.arrow_memory import located
from thalweg.recipe.hasher import Hasher
from thalweg.recipe.hashing import Hashing

FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.0, np.nan, 4.0, 5.0, 9.0],
        "colour": ["red", "blue", "red", None, "red", "green"],
        "member": [True, False, True, True, False, False],
        "day": pd.to_datetime(["2020-01-01", "2020-01-03", "2020-01-02", "2020-01-01", "2020-01-05", "2020-01-02"]),
        "y": [0, 1, 0, 1, 1, 0],
    }
)


def recipe_of(frame: pd.DataFrame, **options) -> tuple[Recipe, np.ndarray]:
    table = open_table(frame)
    recipe = learn(table, target="y", **options)
    return recipe, recipe.encode(table)


def test_each_kind_of_column_becomes_what_the_docs_say() -> None:
    recipe, X = recipe_of(FRAME, standardize=False)
    assert [term.name for term in recipe.terms] == [
        "size",
        "size is missing",
        "colour=blue",
        "colour=green",
        "colour=red",
        "colour=(missing)",
        "member=true",
        "day",
    ]
    assert X[:, 0].tolist() == [1.0, 2.0, 4.2, 4.0, 5.0, 9.0]  # the hole is the mean of the others
    assert X[:, 1].tolist() == [0, 0, 1, 0, 0, 0]
    assert X[:, 2].tolist() == [0, 1, 0, 0, 0, 0]
    assert X[:, 4].tolist() == [1, 0, 1, 0, 1, 0]
    assert X[:, 5].tolist() == [0, 0, 0, 1, 0, 0]
    assert X[:, 6].tolist() == [1, 0, 1, 1, 0, 0]
    assert (X[:, 7] - X[0, 7]).tolist() == [0, 2, 1, 0, 4, 1]


def scaled(recipe: Recipe) -> np.ndarray:
    """(p,) which columns are numbers: those that are divided by their deviation."""
    return np.array([term.kind in ("number", "date") for term in recipe.terms])


def test_standardised_columns_have_mean_zero_and_numbers_deviation_one() -> None:
    recipe, X = recipe_of(FRAME)
    plain = recipe_of(FRAME, standardize=False)[1]
    numbers = scaled(recipe)
    assert np.allclose(X.mean(axis=0), 0.0, atol=1e-12)
    assert np.allclose(X[:, numbers].std(axis=0), 1.0, rtol=1e-12)
    centred = plain[:, ~numbers] - plain[:, ~numbers].mean(axis=0)
    assert np.allclose(X[:, ~numbers], centred, atol=1e-15), "levels and indicators of holes keep their unit"


def test_without_an_intercept_numbers_are_scaled_and_nothing_is_centred() -> None:
    recipe, X = recipe_of(FRAME, intercept=False)
    numbers = scaled(recipe)
    assert not recipe.mean.any()
    assert np.allclose((X[:, numbers] ** 2).mean(axis=0), 1.0, rtol=1e-12)
    assert set(X[:, ~numbers].ravel()) == {0.0, 1.0}


@given(
    st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(lambda w: w[0] + w[2] + w[5] > 0 < w[1] + w[3] + w[4])
)
def test_a_weight_equals_so_many_rows_in_everything_learnt(weights: list[int]) -> None:
    weighted, _ = recipe_of(FRAME.assign(s=weights), weights="s")
    repeated, _ = recipe_of(FRAME.loc[FRAME.index.repeat(weights)].reset_index(drop=True))
    assert [term.name for term in weighted.terms] == [term.name for term in repeated.terms]
    # dates are 18,000 days from the origin, whose roundings are eps·18,000
    assert weighted.mean == pytest.approx(repeated.mean, rel=1e-12, abs=1e-11)
    assert weighted.scale == pytest.approx(repeated.scale, rel=1e-9)


def test_a_timestamp_keeps_its_digits() -> None:
    """1.6e9 ± 1e3: Σx² - (Σx)² would leave a deviation without one correct digit."""
    rng = np.random.default_rng(0)
    seconds = 1.6e9 + 1e3 * rng.standard_normal(5000)
    recipe, _ = recipe_of(pd.DataFrame({"t": seconds, "y": rng.integers(0, 2, 5000)}))
    assert recipe.scale[0] == pytest.approx(seconds.std(), rel=1e-9)


def test_held_out_rows_teach_nothing() -> None:
    training = np.array([True, True, True, True, True, False])
    recipe, X = recipe_of(FRAME, training=training, standardize=False)
    assert "colour=green" not in [term.name for term in recipe.terms]
    assert X[2, 0] == pytest.approx(3.0)  # the mean without the 9


def test_a_recipe_comes_back_from_json_and_encodes_to_the_last_bit() -> None:
    recipe, X = recipe_of(FRAME)
    back = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())), recipe.mean, recipe.scale)
    assert back.to_dict() == recipe.to_dict()
    assert back.encode(open_table(FRAME)).tobytes() == X.tobytes()


def test_rows_encode_alike_alone_and_together() -> None:
    recipe, X = recipe_of(FRAME)
    alone = [recipe.encode(open_table(FRAME.iloc[[i]].reset_index(drop=True))) for i in range(6)]
    assert np.vstack(alone).tobytes() == X.tobytes()


def test_a_number_never_missing_before_is_the_mean_and_a_value_never_seen_has_no_level() -> None:
    frame = FRAME.assign(size=range(6), colour=["red", "blue", "green"] * 2)
    recipe, _ = recipe_of(frame, standardize=False)
    new = pd.DataFrame(
        {"size": [np.nan] * 2, "colour": ["mauve", None], "member": [True] * 2, "day": ["2020-01-02"] * 2}
    )
    X = recipe.encode(open_table(new))
    names = [term.name for term in recipe.terms]
    assert X[:, names.index("size")].tolist() == [2.5, 2.5]
    levels = [names.index(f"colour={level}") for level in ("blue", "green", "red")]
    assert not X[:, levels].any()


def test_a_value_never_seen_is_the_average_row_where_0_in_every_column_is_the_reference() -> None:
    frame = FRAME.assign(size=range(6), colour=["red", "blue", "green"] * 2)
    recipe, _ = recipe_of(frame, reference=True)
    new = pd.DataFrame({"size": [np.nan], "colour": ["mauve"], "member": [True], "day": ["2020-01-02"]})
    names = [term.name for term in recipe.terms]
    row = recipe.encode(open_table(new))[0]
    assert {"colour=green", "colour=red"} < set(names) and "colour=blue" not in names
    assert all(row[i] == pytest.approx(0.0, abs=1e-12) for i, name in enumerate(names) if name.startswith("colour"))


def test_max_levels_pools_the_rarest_which_take_in_what_was_never_seen() -> None:
    frame = pd.DataFrame({"c": [*"aaaabbbccdde", "f", "g"], "y": [0, 1] * 7})
    recipe, _ = recipe_of(frame, max_levels=2, standardize=False)
    assert [term.name for term in recipe.terms] == ["c=a", "c=b", "c=(other)"]
    assert recipe.columns[0].shares == (4 / 14, 3 / 14, 7 / 14)
    assert recipe.notes == ("'c' has 7 levels; pooled as (other): 5 beyond --max-levels.",)
    encoded = recipe.encode(open_table(pd.DataFrame({"c": ["zzz", "a", "g"]})))
    assert encoded.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(("shared", "pooled"), [(30, True), (70, False)])
def test_values_of_one_row_each_are_pooled_where_most_rows_have_one(shared: int, pooled: bool) -> None:
    c = [f"shared {i % 3}" for i in range(shared)] + [f"own {i}" for i in range(100 - shared)]
    recipe, _ = recipe_of(pd.DataFrame({"c": [*c, None], "y": [0, 1] * 50 + [0]}))
    names = [term.name for term in recipe.terms]
    if pooled:
        assert names == ["c=shared 0", "c=shared 1", "c=shared 2", "c=(missing)", "c=(other)"]
        assert recipe.notes == ("'c' has 74 levels; pooled as (other): 70 that one row has alone.",)
    else:
        assert len(names) == 34
        assert not recipe.notes


def test_a_weight_of_two_speaks_for_a_value_as_two_rows_do() -> None:
    frame = pd.DataFrame({"c": [f"w{i:02}" for i in range(55)], "s": [1.0] * 40 + [2.0] * 15, "y": [0, 1] * 27 + [1]})
    frame = pd.concat([frame, frame.iloc[[54]]], ignore_index=True)  # all of one row each, it would be an identifier
    weighted, _ = recipe_of(frame, weights="s")
    repeated, _ = recipe_of(frame.loc[frame.index.repeat(frame["s"].astype(int))].drop(columns="s"))
    assert [term.name for term in weighted.terms] == [term.name for term in repeated.terms]
    assert [term.name for term in weighted.terms] == [f"c=w{i}" for i in range(40, 55)] + ["c=(other)"]
    assert weighted.notes == repeated.notes


@pytest.mark.parametrize("c", [[*"aababbab"], [False, True] * 4, [*"aaaaaa", None, None]])
def test_two_levels_are_one_column(c: list) -> None:
    frame = pd.DataFrame({"c": c, "y": [0, 1, 0, 1, 1, 0, 0, 1]})
    (name,) = thalweg.fit(frame, target="y").feature_names
    assert name in ("c=b", "c=true", "c=(missing)")


def test_a_fit_without_a_penalty_leaves_the_most_frequent_level_out() -> None:
    frame = pd.DataFrame({"c": [*"aabbbccc"], "y": [0, 1, 0, 1, 1, 0, 0, 1]})
    assert thalweg.fit(frame, target="y").feature_names == ("c=a", "c=b", "c=c")
    assert thalweg.fit(frame, target="y", l2=0.0, l1=0.01).feature_names == ("c=a", "c=b", "c=c")
    assert thalweg.fit(frame, target="y", l2=0.0).feature_names == ("c=a", "c=c")


def test_what_deserves_a_note_is_noted() -> None:
    n = 60
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, n)
    frame = pd.DataFrame(
        {
            "same": 7.0,
            "word": "x",
            "nothing": np.nan,
            "name": [f"person {i}" for i in range(n)],
            "row": np.arange(n),
            "leak": y * 2.0 + rng.random(n),
            "leak2": np.where(y == 1, "p", "q"),
            "fine": rng.random(n),
            "y": y,
        }
    )
    recipe, _ = recipe_of(frame)
    said = " ".join(recipe.notes)
    for words in (
        "'same' is constant (7): dropped",
        "'word' is constant (x): dropped",
        "'nothing' is empty: dropped",
        "'name' is an identifier",
        "'row' counts the rows",
        "'leak' alone separates",
        "'leak2' alone separates",
    ):
        assert words in said
    assert "fine" not in said


def test_a_constant_column_stays_where_there_is_no_intercept() -> None:
    frame = pd.DataFrame({"one": 1.0, "x": np.arange(30) % 7, "y": np.arange(30) % 2})
    recipe, _ = recipe_of(frame, intercept=False, standardize=False)
    assert [term.name for term in recipe.terms] == ["one", "x"]


def test_an_intercept_alone_is_a_model() -> None:
    frame = pd.DataFrame({"one": 1.0, "y": [0, 1, 1, 1]})
    model = thalweg.fit(frame, target="y", tol=1e-14)
    assert model.columns == 0
    # P's curvature there is 3/16, so a gap of 1e-14·P leaves b within √(2e-14·P·16/3)
    assert model.intercept == pytest.approx(np.log(3), abs=3e-7)


def test_labels_match_by_value_whatever_type_holds_them() -> None:
    recipe, _ = recipe_of(FRAME)
    assert recipe.target is not None and recipe.target.classes == (0, 1)
    for labels in ([0, 1], [0.0, 1.0], ["0", "1"], ["0.", "1."], [False, True][:0] or ["0.0", "1.0"]):
        table = open_table(pd.DataFrame({"y": labels}))
        assert recipe.target.encode(table).tolist() == [0.0, 1.0]
    with pytest.raises(DataError, match=r"row 2: column 'y' holds 2, but 0 or 1 was expected"):
        recipe.target.encode(open_table(pd.DataFrame({"y": [1, 2]})))


REFUSED = [
    ({"only": ["size"], "drop": ["size"]}, UsageError, "--only and by --drop"),
    ({"drop": ["y"]}, UsageError, "--target and to --drop"),
    ({"weights": "y"}, UsageError, "two of the roles"),
    ({"only": ["sise"]}, DataError, "did you mean 'size'"),
    ({"weights": "colour"}, DataError, "--weights needs numbers"),
    ({"offset": "size"}, DataError, "row 3: column 'size' holds no value"),
    ({"positive": "2"}, DataError, "--positive is '2'"),
]


@pytest.mark.parametrize(("options", "error", "words"), REFUSED)
def test_roles_that_cannot_be_are_refused(options: dict, error: type, words: str) -> None:
    with pytest.raises(error) as refusal:
        table = open_table(FRAME)
        learn(table, target="y", **options)
        if "offset" in options:
            thalweg.fit(FRAME, target="y", **options)
    assert words in str(refusal.value)


def test_an_infinite_value_is_named_with_its_row() -> None:
    with pytest.raises(DataError, match=r"row 2: column 'x' holds inf"):
        recipe_of(pd.DataFrame({"x": [1.0, np.inf, 2.0], "y": [0, 1, 1]}))
    recipe, _ = recipe_of(pd.DataFrame({"x": [1.0, 3.0, 2.0], "y": [0, 1, 1]}))
    with pytest.raises(DataError, match=r"row 1: column 'x' holds -inf"):
        recipe.encode(open_table(pd.DataFrame({"x": [-np.inf]})))


def test_the_coefficients_of_a_published_fit_come_out(shared_data) -> None:
    """GLM.jl's admit ~ gre + gpa + factor(rank), unpenalised; our reference level is the most frequent, rank 2."""
    expected = json.loads((shared_data / "reference" / "expected.json").read_text())["admit_logit"]
    model = thalweg.fit(
        shared_data / "reference" / "admit.csv", target="admit", categorical=["rank"], l2=0.0, gradient_tol=1e-10
    )
    found = dict(zip(model.feature_names, model.coef, strict=True))
    intercept, gre, gpa, rank2, rank3, rank4 = expected["coef"]
    wanted = {"gre": gre, "gpa": gpa, "rank=1": -rank2, "rank=3": rank3 - rank2, "rank=4": rank4 - rank2}
    for name, value in wanted.items():  # GLM.jl stops at a relative change of the deviance of 1e-6
        assert found[name] == pytest.approx(value, rel=1e-6), name
    assert model.intercept == pytest.approx(intercept + rank2, rel=1e-6)
    assert 2 * model.rows * model.objective == pytest.approx(expected["deviance"], rel=1e-10)


def murmur(data: bytes, seed: int) -> int:
    """MurmurHash64A (Appleby, 2008), as its author gives it, on Python's integers."""
    m, r, full = 0xC6A4A7935BD1E995, 47, (1 << 64) - 1
    h = seed ^ (len(data) * m & full)
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        k = int.from_bytes(data[at : at + 8], "little") * m & full
        k = (k ^ k >> r) * m & full
        h = (h ^ k) * m & full
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & full
    h = (h ^ h >> r) * m & full
    return h ^ h >> r


@given(words=st.lists(st.none() | st.text(), max_size=20), start=st.integers(0, 5), seed=st.integers(0, 2**64 - 1))
def test_words_are_hashed_by_murmurhash64a(words: list[str | None], start: int, seed: int) -> None:
    array = pa.array(words, pa.string())[start:]
    hashes = np.empty(len(array), np.uint64)
    loops = native.loops("thalweg.recipe.hashing_passes", "thalweg.recipe.number_passes")
    loops.hash_words(located([array])[0], np.uint64(seed), np.uint64(7), hashes)
    expected = [7 if word is None else murmur(word.encode(), seed) for word in words[start:]]
    assert hashes.tolist() == expected


TYPES = ["float64", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"]


@given(of=st.sampled_from(TYPES), cells=st.lists(st.none() | st.integers(0, 100), max_size=30), start=st.integers(0, 9))
def test_numbers_are_read_where_arrow_has_them(of: str, cells: list[int | None], start: int) -> None:
    array = pa.array(cells, getattr(pa, of)())[start:]
    found = np.empty((1, len(array)))
    native.loops("thalweg.recipe.number_passes").fill_numbers(located([array]), found)
    expected = [np.nan if cell is None else float(cell) for cell in cells[start:]]
    assert np.array_equal(found[0], expected, equal_nan=True)


@given(cells=st.lists(st.none() | st.sampled_from(["", "a", "bb", "Zürich", "a long word"]), min_size=1, max_size=30))
def test_words_are_hashed_to_the_same_columns_with_and_without_a_dictionary(cells: list[str | None]) -> None:
    hasher, none = Hasher(Hashing(10, (), ("c", "d"))), np.empty(0)
    plain, dictionary = pa.array(cells, pa.string()), pa.array(cells, pa.string()).dictionary_encode()
    made = []
    for columns in ({"c": plain, "d": dictionary}, {"c": dictionary, "d": plain}):
        chunk = Chunk(columns, len(cells), str, {})
        X, words = hasher.rows(chunk, hasher.numbers(chunk), none, none)
        named = set()
        for met in words:
            sources = np.broadcast_to(met.source, len(met.slots)).tolist()
            texts = met.named(np.arange(len(met.slots))).to_pylist()
            named |= set(zip(sources, texts, met.slots.tolist(), met.marks.tolist(), strict=True))
        made.append((X.indices.tolist(), named))
    assert made[0] == made[1]
    assert {text for _, text, _, _ in made[0][1]} == {"(missing)" if cell is None else cell for cell in cells}
