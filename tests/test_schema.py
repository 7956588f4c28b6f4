"""Schemas: what fits passes, what does not is refused at its place, with the value and what was expected."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.json_text import DEEPEST, _depth, parsed
from thalweg.schema import (
    Array,
    Either,
    Flag,
    Named,
    Number,
    OneOf,
    OrNone,
    Plain,
    Record,
    Row,
    Schema,
    SchemaError,
    Several,
    Tagged,
    Text,
    Whole,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
F4, F8, I4 = np.float32, np.float64, np.int32


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(value=JSON)
def test_the_text_of_any_value_is_as_deep_as_the_value_and_read_as_it(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert _depth(text) == depth_of(value)
        assert parsed(text) == value


@pytest.mark.parametrize("depth", [DEEPEST + 1, 1_000_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_a_deep_text_is_refused_before_it_is_parsed(depth: int, brackets: str) -> None:
    with pytest.raises(SchemaError, match=f"the text is nested {depth:,} deep, but must be at most {DEEPEST}"):
        parsed(brackets[:-1] * depth + brackets[-1] * depth)
    assert parsed("[" * DEEPEST + "]" * DEEPEST)


FITS: list[tuple[Schema, Any]] = [
    (Flag(), True),
    (Text(), "Köln"),
    (OneOf(("a", "b")), "a"),
    (Number(), 3),
    (Number(0.0), 1e308),
    (Number(infinite=True), math.nan),
    (Number(infinite=True), -math.inf),
    (Whole(), 0),
    (Either((Flag(), Text())), False),
    (OrNone(Text()), None),
    (Several(Whole(), 2), [1, 2]),
    (Row((Text(), Flag())), ["a", True]),
    (Row((Whole(),), Text()), [1, "a", "b"]),
    (Named(Number()), {"x": 1.5}),
    (Plain(), {"a": [1, None, {"b": "c"}]}),
    (Record({"a": Text()}, {"b": Flag()}), {"a": "x"}),
    (Tagged("t", {"k": Record({"a": Text()})}), {"t": "k", "a": ""}),
    (Array(F8, ("p",)), np.zeros(0)),
    (Array(F8, (2, "p"), infinite=True), np.array([[np.inf], [-np.inf]])),
    (Array(F8, ("n",), nan=True), np.array([np.nan, 1.0])),
    (Array(F4, None), np.ones((2, 3), F4)),
]


@pytest.mark.parametrize(("schema", "value"), FITS, ids=str)
def test_what_fits_passes(schema: Schema, value: Any) -> None:
    schema.check(value, "here")


REFUSED: list[tuple[Schema, Any, str]] = [
    (Flag(), 1, "here is 1, but must be true or false"),
    (Text(), "\ud800", r"here is '\ud800', but must be a text"),
    (OneOf(("a", "b")), "c", "here is 'c', but must be one of a, b"),
    (OneOf(("a", "b")), ["a"], "here is ['a'], but must be one of a, b"),
    (Number(), True, "here is True, but must be a finite number"),
    (Number(), math.nan, "here is nan, but must be a finite number"),
    (Number(), 10**400, "here is a very large number, but must be a finite number"),
    (Number(0.0), -1, "here is -1, but must be a finite number of at least 0"),
    (Number(above=0.0), 0.0, "here is 0.0, but must be a finite number above 0"),
    (Number(0.0, 1.0), 2.0, "here is 2.0, but must be a finite number of at least 0 and at most 1"),
    (Whole(), 1.0, "here is 1.0, but must be a whole number of at least 0"),
    (Whole(1, 28), 29, "here is 29, but must be a whole number from 1 to 28"),
    (Several(Whole()), "12", "here is '12', but must be a list"),
    (Several(Whole()), [1, "x"], "here[1] is 'x', but must be a whole number of at least 0"),
    (Several(Whole(), 2), [1], "here has 1 entries, but must have 2"),
    (Several(Text(), distinct=True), ["a", "b", "a"], "here holds 'a' twice, but its entries must differ"),
    (Several(Text(), least=1), [], "here has 0 entries, but must have at least 1"),
    (Row((Text(), Text())), ["a"], "here is ['a'], but must be a list of 2 values"),
    (Row((Whole(),), Text()), [1, 2], "here[1] is 2, but must be a text"),
    (Named(Number()), {"x": "1"}, "here.x is '1', but must be a finite number"),
    (Plain(), {"a": [math.inf]}, "here is {'a': [inf]}, but must be texts, finite numbers"),
    (Record({"a": Text()}), {}, "here.a is missing"),
    (Record({"a": Text()}), {"a": "", "b": 1}, "here.b is there, but no such name is known"),
    (Record({"a": Text()}, rules={"an a": lambda r: r["a"] == "a"}), {"a": "b"}, "here must have an a"),
    (Tagged("t", {"k": Record({})}), {"t": "x"}, "here.t is 'x', but must be one of k"),
    (Tagged("t", {"k": Record({})}), {"t": []}, "here.t is [], but must be one of k"),
    (Array(F8, ("p",)), [1.0], "here is [1.0], but must be an array of float64 with the shape (p)"),
    (
        Array(F8, ("p",)),
        np.zeros(2, I4),
        "here is an array of int32 with the shape (2,), but must be an array of",
    ),
    (Array(F8, ("p", 2)), np.zeros(4), "here is an array of float64 with the shape (4,), but must be"),
    (Array(F8, (2,)), np.zeros(3), "here has the shape (3,), but must have 2"),
    (Array(F8, ("p", "p")), np.zeros((2, 3)), "here has the shape (2, 3), but must have 2 (p)"),
    (Array(F8, (2, 2)), np.array([[1.0, 2.0], [np.nan, 3.0]]), "here[1, 0] is nan, but must be a finite number"),
    (Array(F8, (1,), infinite=True), np.array([np.nan]), "here[0] is nan, but must be a number"),
    (Array(F8, (1,), nan=True), np.array([np.inf]), "here[0] is inf, but must be a finite number"),
    (Array(F8, (2,), above=0.0), np.array([1.0, 0.0]), "here[1] is 0.0, but must be a finite number above 0"),
    (
        Array(I4, (2,), 0, "last"),
        np.array([0, 8], I4),
        "here[1] is 8, but must be a whole number of at least 0 and at most 7",
    ),
    (Array(F4, (1,)), np.array([np.inf], F4), "here[0] is inf, but must be a finite number"),
]


@pytest.mark.parametrize(("schema", "value", "words"), REFUSED)
def test_what_does_not_fit_is_refused_with_place_value_and_expectation(schema: Schema, value: Any, words: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        schema.check(value, "here", {"last": 7})
    assert str(refusal.value).startswith(words)


def test_a_name_has_one_size_in_a_record_and_in_those_within_but_not_beside() -> None:
    pair = Record({"levels": Several(Text(), "k"), "shares": Array(F8, ("k",))})
    pair.check({"levels": ["a"], "shares": np.zeros(1)}, "pair")
    with pytest.raises(SchemaError, match=r"pair\.shares has the shape \(2,\), but must have 1 \(k\)"):
        pair.check({"levels": ["a"], "shares": np.zeros(2)}, "pair")
    Several(pair).check([{"levels": ["a"] * n, "shares": np.zeros(n)} for n in (1, 2, 0)], "pairs")
    whole = Record({"n": Several(Text(), "k"), "pair": pair})
    with pytest.raises(SchemaError, match=r"all\.pair\.levels has 1 entries, but must have 3"):
        whole.check({"n": ["a"] * 3, "pair": {"levels": ["a"], "shares": np.zeros(1)}}, "all")
