"""The target: which two labels there are, and which of them is 1."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.readers import Matrix, Table
from thalweg.readers.forms import number, whole

Label = str | int | float | bool
LIBSVM_TARGET = "label"


@dataclass(frozen=True)
class Target:
    """The column's name, and its labels (negative, positive)."""

    name: str
    classes: tuple[Label, Label]

    def encode(self, table: Table | Matrix, column: str | None = None) -> np.ndarray:
        """(n,) 0 or 1 for each row; a libsvm file has its own labels.

        A label ending in a dot that is known without it is read without it, as the UCI Adult test file wants. Raises
        DataError for a hole, or a label that is neither class, with row and value.
        """
        if isinstance(table, Matrix):
            return self._of_numbers(table, column)
        name = column or self.name
        found = distinct(table, name)
        known = {label_key(label): i for i, label in enumerate(self.classes)}
        dotted = not any(label_key(label) in known for label, _, _ in found)
        codes: dict[str, int] = {}
        for label, _, row in found:
            key = label_key(label)
            plain = key[:-1] if dotted and key.endswith(".") else key
            if plain not in known:
                expected = " or ".join(repr(one) for one in self.classes)
                raise DataError(f"{table.place(row)}: column {name!r} holds {label!r}, but {expected} was expected.")
            codes[key] = known[plain]
        return _coded(table, name, codes)

    def _of_numbers(self, rows: Matrix, column: str | None) -> np.ndarray:
        if column is not None and column != LIBSVM_TARGET:
            raise UsageError(f"--target {column}: a libsvm file has one target, the number its lines begin with.")
        known = {label_key(label): i for i, label in enumerate(self.classes)}
        values, places = np.unique(rows.y, return_inverse=True)
        codes = [known.get(label_key(value), -1) for value in values]
        coded = np.array(codes, dtype=np.float64)[places]
        if (coded < 0).any():
            row = int(np.argmax(coded < 0))
            expected = " or ".join(repr(one) for one in self.classes)
            raise DataError(f"{rows.place(row)}: the label is {rows.y[row]:g}, but {expected} was expected.")
        return coded


def _coded(table: Table, name: str, codes: dict[str, int]) -> np.ndarray:
    out = np.empty(table.n)
    for places, batch in table.batches([table.text(name)]):
        values = batch.column(0).dictionary_encode()
        mapping = np.array([codes[label_key(value)] for value in values.dictionary.to_pylist()], dtype=np.float64)
        out[places] = mapping[values.indices.to_numpy(zero_copy_only=False)]
    return out


def distinct(table: Table, name: str, source: str = "rows", row: str = "rowid") -> list[tuple[Any, int, int]]:
    """The labels in a source of SQL, how often, and the first row of each.

    Raises DataError for holes, and for numbers that are not finite.
    """
    kind = table.require(name, "--target")
    text = table.text(name)
    rows = table.database.run(
        f"SELECT {text} AS label, any_value({table.sql(name)}), count(*), min({row}) FROM {source} "
        "GROUP BY label ORDER BY label LIMIT 1001"
    )
    for text_label, _, count, first in rows:
        if text_label is None:
            raise DataError(
                f"{table.place(first)}: the target {name!r} has no value here ({count} such rows in all); "
                "drop those rows, or fill them."
            )
        if kind == "number" and is_infinite(text_label):
            raise DataError(f"{table.place(first)}: {infinite_label(name, text_label)}")
    return [(label_of(value, text_label, kind), int(count), int(first)) for text_label, value, count, first in rows]


def find(table: Table, name: str, condition: str, positive: Any) -> Target:
    """The two classes of the rows a condition keeps.

    Raises DataError for one class, more than two, or a `positive` that is neither.
    """
    found = distinct(table, name, f"(FROM learning WHERE {condition})", "row")
    labels = {label_key(label): label for label, _, _ in found}
    return _two(list(labels.values()), name, table.name, positive)


def find_in(rows: Matrix, positive: Any) -> Target:
    """The two classes of a libsvm file. Raises DataError as `find` does."""
    return _two([label_of(value, "", "number") for value in np.unique(rows.y)], LIBSVM_TARGET, rows.name, positive)


def two_labels(words: list[str], kind: str, name: str, source: str, positive: Any) -> tuple[Label, Label]:
    """The classes (negative, positive) of a target of that kind, from the words of its labels.

    Raises DataError as `find` does.
    """
    labels: dict[str, Label] = {}
    for word in words:
        label = word.lower() == "true" if kind == "boolean" else label_of(word, word, kind)
        if kind == "number" and is_infinite(word):
            raise DataError(f"{source}: {infinite_label(name, word)}")
        labels.setdefault(label_key(label), label)
    if not labels:
        raise DataError(f"{source}: the target {name!r} has no value in any row.")
    return _two(list(labels.values()), name, source, positive).classes


def _two(labels: list[Label], name: str, source: str, positive: Any) -> Target:
    labels.sort(key=lambda label: (isinstance(label, str), label))
    shown = ", ".join(repr(label) for label in labels[:5])
    if len(labels) == 1:
        raise DataError(f"{source}: the target {name!r} has one class only, {shown}: nothing tells classes apart.")
    if len(labels) > 2:
        count = "over 1,000" if len(labels) > 1000 else str(len(labels))
        raise DataError(
            f"{source}: the target {name!r} has {count} classes ({shown}{' ...' if len(labels) > 5 else ''}), "
            "but only targets of two classes are fitted yet; keep two of them, or make one against the rest."
        )
    if not labels:
        raise DataError(f"{source}: no row has a weight above 0.")
    if positive is not None:
        matching = [label for label in labels if label_key(label) == label_key(positive)]
        if not matching:
            raise DataError(f"{source}: --positive is {positive!r}, but the labels of {name!r} are {shown}.")
        labels.sort(key=lambda label: label == matching[0])
    return Target(name, (labels[0], labels[1]))


def label_of(value: Any, text: str, kind: str) -> Label:
    """A label as a Python value: whole numbers of 64 bits as int, words trimmed."""
    if kind == "boolean":
        return bool(value)
    if kind != "number":
        return text
    exact = whole(str(value))
    found = number(str(value)) if exact is None else float(exact)
    if found is None:  # a word among numbers
        return text
    exact = int(found) if exact is None and found.is_integer() else exact
    return exact if exact is not None and _fits(exact) else found


def _fits(exact: int) -> bool:
    """Whether an array can hold a whole number as it is."""
    return -(2**63) <= exact < 2**64


def is_infinite(text: str) -> bool:
    """Whether a text is a number that is not finite, as inf, or 1e309, which no float can hold."""
    found = number(text)
    return found is not None and not isfinite(found)


def infinite_label(name: str, text: str) -> str:
    """The sentence about a label that is none."""
    return (
        f"the target {name!r} holds {text}, but a label that is a number must be finite; correct it, or drop such rows."
    )


def label_key(label: Any) -> str:
    """What makes two labels the same whatever type holds them: 1, 1.0, "1" and "1.0" are one label."""
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    text = str(label).strip()
    exact, found = whole(text), number(text)
    if exact is not None and _fits(exact):
        return str(exact)
    if found is None or not isfinite(found):
        return text.lower() if text.lower() in ("true", "false") else text
    return repr(int(found)) if found.is_integer() else repr(found)
