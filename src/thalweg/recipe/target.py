"""The target: which two labels there are, and which of them is 1."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.readers import Table
from thalweg.readers.database import quoted
from thalweg.readers.table import text_sql

Label = str | int | float | bool


@dataclass(frozen=True)
class Target:
    """The column's name, and its labels (negative, positive)."""

    name: str
    classes: tuple[Label, Label]

    def encode(self, table: Table, column: str | None = None) -> np.ndarray:
        """(n,) 0 or 1 for each row.

        A label ending in a dot that is known without it is read without it, as the UCI Adult test file wants. Raises
        DataError for a hole, or a label that is neither class, with row and value.
        """
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


def _coded(table: Table, name: str, codes: dict[str, int]) -> np.ndarray:
    out = np.empty(table.n)
    for places, batch in table.batches([text_sql(name, table.columns[name])]):
        values = batch.column(0).dictionary_encode()
        mapping = np.array([codes[label_key(value)] for value in values.dictionary.to_pylist()], dtype=np.float64)
        out[places] = mapping[values.indices.to_numpy(zero_copy_only=False)]
    return out


def distinct(table: Table, name: str, source: str = "rows", row: str = "rowid") -> list[tuple[Any, int, int]]:
    """The labels in a source of SQL, how often, and the first row of each. Raises DataError for holes."""
    kind = table.require(name, "--target")
    text = text_sql(name, kind)
    rows = table.database.run(
        f"SELECT {text} AS label, any_value({quoted(name)}), count(*), min({row}) FROM {source} "
        "GROUP BY label ORDER BY label LIMIT 1001"
    )
    for text_label, _, count, first in rows:
        if text_label is None:
            raise DataError(
                f"{table.place(first)}: the target {name!r} has no value here ({count} such rows in all); "
                "drop those rows, or fill them."
            )
    return [(label_of(value, text_label, kind), int(count), int(first)) for text_label, value, count, first in rows]


def find(table: Table, name: str, condition: str, positive: Any) -> Target:
    """The two classes of the rows a condition keeps.

    Raises DataError for one class, more than two, or a `positive` that is neither.
    """
    labels = [label for label, _, _ in distinct(table, name, f"(FROM learning WHERE {condition})", "__row")]
    labels.sort(key=lambda label: (isinstance(label, str), label))
    shown = ", ".join(repr(label) for label in labels[:5])
    if len(labels) == 1:
        raise DataError(f"{table.name}: the target {name!r} has one class only, {shown}: nothing tells classes apart.")
    if len(labels) > 2:
        count = "over 1,000" if len(labels) > 1000 else str(len(labels))
        raise DataError(
            f"{table.name}: the target {name!r} has {count} classes ({shown}{' ...' if len(labels) > 5 else ''}), "
            "but only targets of two classes are fitted yet; keep two of them, or make one against the rest."
        )
    if not labels:
        raise DataError(f"{table.name}: no row has a weight above 0.")
    if positive is not None:
        matching = [label for label in labels if label_key(label) == label_key(positive)]
        if not matching:
            raise DataError(f"{table.name}: --positive is {positive!r}, but the labels of {name!r} are {shown}.")
        labels.sort(key=lambda label: label == matching[0])
    return Target(name, (labels[0], labels[1]))


def label_of(value: Any, text: str, kind: str) -> Label:
    """A label as a Python value: whole numbers as int, words trimmed."""
    if kind == "boolean":
        return bool(value)
    if kind == "number":
        number = float(value)
        return int(number) if number.is_integer() else number
    return text


def label_key(label: Any) -> str:
    """What makes two labels the same whatever type holds them: 1, 1.0, "1" and "1.0" are one label."""
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    text = str(label).strip()
    try:
        number = float(text)
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text
    return repr(int(number)) if np.isfinite(number) and number.is_integer() else repr(number)
