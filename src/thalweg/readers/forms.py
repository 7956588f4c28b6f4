"""Arrow arrays of any type in the two forms a `Chunk` has: numbers, and words."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow
from pyarrow import compute, types

from thalweg.errors import DataError
from thalweg.readers.chunk import WORDY, Chunk

_FEW = 4  # values of a column whose dictionaries are all kept: of few values the order differs from batch to batch
_LONG = 300  # digits; a longer number is none that fits
_WHOLE = re.compile("[+-]?[0-9]+")
_DAY = 86400e6  # microseconds

Complaint = Callable[[str, str, str], str]  # column, value, form wanted -> what is wrong


def mostly(some: float, of: float) -> bool:
    """Whether they are nine in ten: so many numbers make a column of numbers, of which the others are bad values."""
    return some >= 0.9 * of


def kind_of_type(of: Any) -> str:
    """What an Arrow type is to us: "number", "text", "boolean", "date" or "other"."""
    if types.is_dictionary(of):
        return "text" if kind_of_type(of.value_type) in ("text", "number", "boolean") else "other"
    if types.is_integer(of) or types.is_floating(of) or types.is_decimal(of) or types.is_null(of):
        return "number"
    if types.is_boolean(of):
        return "boolean"
    if types.is_string(of) or types.is_large_string(of) or types.is_string_view(of):
        return "text"
    return "date" if types.is_date(of) or types.is_timestamp(of) else "other"


def readable(
    batch: Any,
    forms: Mapping[str, str],
    missing: Sequence[str],
    place: Callable[[int], str],
    skip: bool,
    complaint: Complaint | None = None,
    seen: dict[str, Any] | None = None,
    settled: Collection[str] = (),
    lost: Mapping[int, str] | None = None,
    number: Callable[[int], int] = int,
) -> Chunk:
    """The columns wanted of an Arrow batch; rows with a value that is not of its form are left out, or refused.

    seen     where given, keeps each column's last dictionaries, which batches of one file often share
    settled  columns that are as a `Chunk` has them already
    lost     what is wrong with records that did not come as far as the batch, by their numbers
    number   row of the batch -> the number of its record

    Raises DataError for the first record that is wrong, unless it may be left out.
    """
    complaint = complaint or unexpected
    columns: dict[str, Any] = {}
    sentences: dict[int, str] = dict(lost or {})
    good = np.ones(batch.num_rows, dtype=bool)
    for name, form in forms.items():
        array = batch.column(name)
        if name in settled:
            columns[name] = array
            continue
        shared = types.is_dictionary(array.type) or types.is_integer(array.type)
        try:
            if seen is not None and form in WORDY and shared:
                columns[name] = _again(array, seen, name, missing)
                continue
            columns[name], found = in_form(array, form, missing)
        except pyarrow.ArrowInvalid as error:  # as text that is not UTF-8
            cause = str(error).splitlines()[0]
            raise DataError(f"{place(0)}: from this row on, column {name!r} cannot be read ({cause}).") from None
        for row, value in found.items():
            sentences.setdefault(number(row), f"{place(row)}: {complaint(name, value, form)}")
            good[row] = False
    if sentences and not skip:
        raise DataError(sentences[min(sentences)])
    chunk = Chunk(columns, batch.num_rows, place, {}, tuple(sentences[at] for at in sorted(sentences)))
    return chunk if good.all() else chunk.kept(good)


def not_as_learnt(column: str, value: str, form: str) -> str:
    """What is wrong with a value that is to be scored."""
    return f"column {column!r} holds {value!r}, but the model learnt a {form} there."


def unexpected_in(roles: Mapping[str, str]) -> Complaint:
    """The same where columns may have a role (name -> option) for which only numbers will do."""

    def complaint(column: str, value: str, form: str) -> str:
        if column not in roles:
            return unexpected(column, value, form)
        return (
            f"column {column!r} holds {value!r}, but {roles[column]} needs a number; "
            "--on-bad-row skip leaves such rows out."
        )

    return complaint


def unexpected(column: str, value: str, form: str) -> str:
    """What is wrong with a value, and the ways out."""
    return (
        f"column {column!r} holds {value!r}, but a {form} was expected; --missing {value!r} counts it as a hole, "
        f"--categorical {column} takes the column as words, --on-bad-row skip leaves such rows out."
    )


def in_form(array: Any, form: str, missing: Sequence[str]) -> tuple[Any, dict[int, str]]:
    """An Arrow array as `Chunk` has it, form being "number", "date", "text" or "words"; row -> value of what cannot be.

    That is null in the array.
    """
    if types.is_null(array.type):
        array = array.cast(pyarrow.string() if form in WORDY else pyarrow.float64())
    kind = kind_of_type(array.type)
    if form in WORDY:
        return _as_words(array, kind, missing), {}
    if kind == "number" and form == "number":
        if types.is_integer(array.type):
            return array, {}
        values = array if types.is_float64(array.type) else array.cast(pyarrow.float64(), safe=False)
        if types.is_floating(array.type) and np.isnan(np.frombuffer(values.buffers()[1])).any():
            values = compute.if_else(compute.is_nan(values), None, values)
        return values, {}
    if kind == "date" and form == "date":
        instants = array.cast(pyarrow.timestamp("us"), safe=False).cast(pyarrow.int64())
        return compute.divide(instants.cast(pyarrow.float64(), safe=False), _DAY), {}
    return _parsed(_as_words(array, kind, missing), form)


def _as_words(array: Any, kind: str, missing: Sequence[str]) -> Any:
    """Numbers and dates as DuckDB writes them, so that a model reads the same words from any source."""
    if not types.is_dictionary(array.type):
        array = (array if kind in ("number", "date") else array.cast(pyarrow.string())).dictionary_encode()
    if types.is_floating(array.type.value_type):
        words = pyarrow.array([number_word(str(value)) for value in array.dictionary.to_numpy()], pyarrow.string())
    elif kind == "date":
        words = _plain_seconds(array.dictionary.cast(pyarrow.string()))
    else:
        words = array.dictionary.cast(pyarrow.string())
    words.validate(full=True)  # Parquet files may have text that is not UTF-8
    trimmed = compute.utf8_trim(words, " ")
    if trimmed.equals(words):
        trimmed = words  # one copy is enough
    hole = compute.is_in(trimmed, value_set=pyarrow.array(missing, pyarrow.string()))
    indices = _in_words(array.indices)
    if compute.any(hole).as_py():  # words that stand for holes are no words
        gone = hole.to_numpy(zero_copy_only=False)
        places = pyarrow.array(np.cumsum(~gone, dtype=np.int32) - np.int32(1), mask=gone)
        indices, trimmed = places.take(indices), trimmed.filter(compute.invert(hole))
    return pyarrow.DictionaryArray.from_arrays(indices, trimmed)


def _again(array: Any, seen: dict[str, Any], name: str, missing: Sequence[str]) -> Any:
    """The words of a column whose dictionary may be that of the batch before: then they are not trimmed again."""
    array = array if types.is_dictionary(array.type) else array.dictionary_encode()
    raw, last = array.dictionary, seen.get(name, ())
    found = next((known for known in last if _same_words(raw, known[0])), None)
    if found is None:
        places = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.arange(len(raw), dtype=np.int32)), raw)
        known = _as_words(places, kind_of_type(array.type), missing)
        found = (raw, known.dictionary, known.indices if known.null_count else None)
        seen[name] = [found, *last][: _FEW if len(raw) <= _FEW else 1]
    _, words, kept = found
    indices = _in_words(array.indices)
    return pyarrow.DictionaryArray.from_arrays(indices if kept is None else kept.take(indices), words)


def _in_words(indices: Any) -> Any:
    """Places in a dictionary, as a `Chunk` has them."""
    return indices if types.is_int32(indices.type) else indices.cast(pyarrow.int32())


def _same_words(one: Any, other: Any) -> bool:
    """Whether two arrays of strings have the same bytes; arrays that are equal otherwise may be told apart."""
    if one.type != other.type or len(one) != len(other) or one.offset or other.offset:
        return False
    pairs = zip(one.buffers(), other.buffers(), strict=True)
    return all(a is b or (a is not None and b is not None and a.equals(b)) for a, b in pairs)


def _plain_seconds(words: Any) -> Any:
    """Instants without the zeros at their end."""
    return compute.replace_substring_regex(compute.replace_substring_regex(words, r"(\.\d*?)0+$", r"\1"), r"\.$", "")


def as_read(words: Any, kind: str) -> Any:
    """The words of a text file's column of numbers or dates, as `in_form` has those of typed columns: 1.0 is 1."""
    if kind not in ("number", "date"):
        return words
    written = number_word if kind == "number" else _date_word
    known = [written(word.strip(" ")) for word in words.dictionary.to_pylist()]
    return pyarrow.DictionaryArray.from_arrays(words.indices, pyarrow.array(known, pyarrow.string()))


def number_word(text: str) -> str:
    """A number as a word: 1.0 and 1 are the same."""
    exact = whole(text)
    if exact is not None:
        return str(exact)
    value = number(text)
    return text if value is None or value != value else repr(value).removesuffix(".0")


def _date_word(text: str) -> str:
    instant = _instant(text)
    if instant is None:
        return text
    return instant.isoformat(" ", "microseconds").rstrip("0").rstrip(".") if instant.microsecond else str(instant)


def _parsed(words: Any, form: str) -> tuple[Any, dict[int, str]]:
    parse, known = number if form == "number" else days, words.dictionary.to_pylist()
    parsed = [parse(word) for word in known]
    failed = np.array([value is None for value in parsed], dtype=bool)
    bad: dict[int, str] = {}
    if failed.any():
        codes = words.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        bad = {int(row): known[codes[row]] for row in np.flatnonzero((codes >= 0) & failed[codes])}
    values = pyarrow.array([None if value is None or value != value else value for value in parsed], pyarrow.float64())
    return values.take(words.indices), bad


def whole(text: str) -> int | None:
    """The whole number that digits are, or None."""
    return int(text) if len(text) < _LONG and _WHOLE.fullmatch(text) else None


def number(text: str) -> float | None:
    """The number a text is, or None."""
    try:
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def days(text: str) -> float | None:
    """The date a text is, in days since 1970-01-01, or None; year first."""
    instant = _instant(text)
    return None if instant is None else (instant - datetime(1970, 1, 1)).total_seconds() / 86400.0


def _instant(text: str) -> datetime | None:
    """UTC where there is an offset."""
    found = re.fullmatch(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})(.*)", text.strip())
    if found is None:
        return None
    year, _, month, day, rest = found.groups()
    try:
        instant = datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}{rest}")
    except ValueError:
        return None
    offset = instant.utcoffset()
    instant = instant.replace(tzinfo=None)
    return instant if offset is None else instant - offset
