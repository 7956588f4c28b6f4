"""libsvm files, `label index:value ...`: parsed here, since no reader of tables knows the format."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.errors import DataError

_LOOKS = re.compile(rb"^\s*[+-]?[0-9.eE+-]+(\s+qid:\d+)?(\s+\d+:\S+)+\s*(#.*)?$")
_LARGEST = 1_000_000  # more columns than this would not fit as dense rows anyway


def looks_like_libsvm(lines: list[bytes]) -> bool:
    """Whether these first lines of a file are in the format."""
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith(b"#")]
    return bool(kept) and all(_LOOKS.match(line) for line in kept)


def read_libsvm(path: Path) -> Any:
    """An Arrow table with the columns "label", "1", "2", ... as float64, absent entries 0.

    Raises DataError naming file and line: a missing label, an index that is 0, not a number, or not greater than the
    one before, a value that is not a finite number.
    """
    import pyarrow

    labels: list[float] = []
    entries: list[tuple[list[int], list[float]]] = []
    for number, line in _lines(path):
        parts = line.split("#", 1)[0].split()
        if not parts:
            continue
        labels.append(_label(path, number, parts[0]))
        entries.append(_entries(path, number, parts[1:]))
    if not labels:
        raise DataError(f"{path}: there are no rows.")
    X = np.zeros((max((indices[-1] for indices, _ in entries if indices), default=0), len(labels)))
    for row, (indices, values) in enumerate(entries):
        if indices:
            X[np.array(indices) - 1, row] = values
    return pyarrow.table({"label": np.array(labels), **{str(j + 1): X[j] for j in range(len(X))}})


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}, line {number}: this is not UTF-8 text.") from None
    except (EOFError, OSError) as error:
        raise DataError(f"{path}, after line {number}: the file cannot be unpacked ({error}); is it whole?") from None


def _label(path: Path, number: int, text: str) -> float:
    value = _number(text)
    if value is None:
        raise DataError(f"{path}, line {number}: the line starts with {text!r}, but a number, its label, was expected.")
    return value


def _entries(path: Path, number: int, parts: list[str]) -> tuple[list[int], list[float]]:
    indices: list[int] = []
    values: list[float] = []
    for part in parts:
        index, colon, text = part.partition(":")
        if index == "qid":
            continue
        if not colon or not (index.isascii() and index.isdigit()):
            raise DataError(f"{path}, line {number}: found {part!r}, but index:value was expected, as in 3:0.5.")
        place = int(index)
        if place == 0:
            raise DataError(f"{path}, line {number}: index 0 in {part!r}; libsvm counts columns from 1.")
        if place > _LARGEST:
            raise DataError(
                f"{path}, line {number}: index {place} is above {_LARGEST:,}, more than dense rows can hold."
            )
        if indices and place <= indices[-1]:
            raise DataError(f"{path}, line {number}: index {place} follows {indices[-1]}; indices must increase.")
        value = _number(text)
        if value is None:
            raise DataError(f"{path}, line {number}: {text!r} at index {place} is not a finite number.")
        indices.append(place)
        values.append(value)
    return indices, values


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
