"""The target: the column or columns that are learnt, and how they become labels in [0, 1]; a column of two labels."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from thalweg.cached import cached_property
from thalweg.errors import DataError, UsageError
from thalweg.readers import Matrix, Table
from thalweg.readers.chunk import Chunk
from thalweg.readers.database import literal
from thalweg.readers.forms import number, whole
from thalweg.recipe.roles import read_weights, refuse_useless
from thalweg.schema import Either, Flag, Number, Record, Several, Text

Label = str | int | float | bool
LIBSVM_TARGET = "label"
_LABEL = Either((Flag(), Text(), Number()))
CLASSES = Several(_LABEL, 2, distinct=True)
SKIP = "--on-bad-row skip leaves such rows out."


class Target(ABC):
    """Column or columns -> (n,) y in [0, 1], and (n,) what a row weighs by them, or None where all weigh 1.

    classes  labels (negative, positive)
    """

    classes: tuple[Label, Label]

    @property
    @abstractmethod
    def columns(self) -> dict[str, str]:
        """Option that names a column -> the column."""

    @property
    @abstractmethod
    def numbers(self) -> dict[str, str]:
        """Column that has to hold numbers -> the option that asks for it."""

    @property
    @abstractmethod
    def forms(self) -> dict[str, str]:
        """Each column in the form a stream has to give it."""

    @abstractmethod
    def encode(self, rows: Table | Matrix) -> np.ndarray:
        """(n,) y. Raises DataError for the first row that has none, with row and value."""

    @abstractmethod
    def weights_by(self, table: Table) -> np.ndarray | None:
        """What the rows weigh by it. Raises DataError as `encode` does, where the columns are numbers."""

    @abstractmethod
    def of_chunk(self, chunk: Chunk, bad: dict[int, str]) -> tuple[np.ndarray, np.ndarray | None]:
        """(m,) y and weights of a stream's rows; what is wrong with some comes into `bad`, row -> sentence."""

    @abstractmethod
    def side(self, table: Table) -> str:
        """The SQL of 0 for a row of the negative class, 1 for one of the positive, and 0.5 for one of both."""

    @abstractmethod
    def named(self, column: str) -> "Target":
        """The labels that another column holds."""

    @abstractmethod
    def words(self) -> str:
        """What it is, in words."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""

    def found(self, two: "TwoOf") -> "Target":
        """Itself: there is nothing to be found."""
        return self


TwoOf = Callable[[str, Any], tuple[Label, Label]]  # column, label that is to be 1 -> its labels (negative, positive)


@dataclass(frozen=True)
class LabelColumn:
    """A target whose two labels are not known yet; `positive` is the one that has to be 1, or None."""

    name: str
    positive: Any = None

    @property
    def columns(self) -> dict[str, str]:
        """As those of `Target`."""
        return {"--target": self.name}

    @property
    def numbers(self) -> dict[str, str]:
        """None: labels may be anything."""
        return {}

    def weights_by(self, table: Table) -> None:
        """Rows of two labels all weigh 1."""

    def found(self, two: TwoOf) -> Target:
        """The target, once its labels are found."""
        return TwoLabels(self.name, two(self.name, self.positive))


@dataclass(frozen=True)
class TwoLabels(Target):
    """A column of two labels, (negative, positive)."""

    name: str
    classes: tuple[Label, Label]

    SCHEMA: ClassVar = Record({"name": Text(), "classes": CLASSES})

    @property
    def columns(self) -> dict[str, str]:
        return {"--target": self.name}

    @property
    def numbers(self) -> dict[str, str]:
        return {}

    @property
    def forms(self) -> dict[str, str]:
        return {self.name: "text"}

    def encode(self, rows: Table | Matrix) -> np.ndarray:
        """(n,) 0 or 1 for each row; a libsvm file has its own labels.

        A label ending in a dot that is known without it is read without it, as the UCI Adult test file wants. Raises
        DataError for a hole, or a label that is neither class, with row and value.
        """
        if isinstance(rows, Matrix):
            return self._of_numbers(rows)
        found = distinct(rows, self.name)
        dotted = not any(label_key(label) in self._known for label, _, _ in found)
        codes: dict[str, int] = {}
        for label, _, row in found:
            key = label_key(label)
            plain = key[:-1] if dotted and key.endswith(".") else key
            if plain not in self._known:
                raise DataError(
                    f"{rows.place(row)}: column {self.name!r} holds {label!r}, but {self._expected(label)}."
                )
            codes[key] = self._known[plain]
        return _coded(rows, self.name, codes)

    def weights_by(self, table: Table) -> None:
        return None

    def of_chunk(self, chunk: Chunk, bad: dict[int, str]) -> tuple[np.ndarray, None]:
        codes, words = chunk.codes(self.name)
        known = [float(self._known.get(label_key(word), -1)) for word in words.to_pylist()]
        y = np.array([*known, -2.0])[codes]
        for row in np.flatnonzero(y < 0.0):
            word = words[int(codes[row])].as_py() if y[row] == -1.0 else None
            found = f"the target {self.name!r} has no value" if word is None else f"column {self.name!r} holds {word!r}"
            bad[int(row)] = f"{found}, but {self._expected(word)}; {SKIP}"
        return y, None

    def side(self, table: Table) -> str:
        kind, positive = table.columns[self.name], self.classes[1]
        if kind == "number":
            condition = f"{table.sql(self.name)}::DOUBLE = {float(positive)!r}"
        else:
            value = str(positive).lower() if kind == "boolean" else str(positive)
            condition = f"{table.text(self.name)} = {literal(value)}"
        return f"(CASE WHEN {condition} THEN 1.0 ELSE 0.0 END)::DOUBLE"

    def named(self, column: str) -> "TwoLabels":
        return TwoLabels(column, self.classes)

    def words(self) -> str:
        return f"{self.name!r}: {self.classes[1]!r} against {self.classes[0]!r}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @cached_property
    def _known(self) -> dict[str, int]:
        return {label_key(label): i for i, label in enumerate(self.classes)}

    def _expected(self, found: Any) -> str:
        """What was, where something else is found; and the way out, where that may be a share."""
        expected = " or ".join(repr(label) for label in self.classes) + " was expected"
        with suppress(TypeError, ValueError):
            if 0.0 < float(found) < 1.0 and set(self._known) == {"0", "1"}:
                expected += "; if the target holds shares of label 1, soft=True (--soft) takes them so"
        return expected

    def _of_numbers(self, rows: Matrix) -> np.ndarray:
        refuse_named(self.name)
        values, places = np.unique(rows.y, return_inverse=True)
        codes = [self._known.get(label_key(value), -1) for value in values]
        coded = np.array(codes, dtype=np.float64)[places]
        if (coded < 0).any():
            row = int(np.argmax(coded < 0))
            raise DataError(f"{rows.place(row)}: the label is {rows.y[row]:g}, but {self._expected(rows.y[row])}.")
        return coded


def refuse_named(target: str) -> None:
    """Raise UsageError for a target of a libsvm file other than its own."""
    if target != LIBSVM_TARGET:
        raise UsageError(f"--target {target}: a libsvm file has one target, the number its lines begin with.")


def row_weights(table: Table, name: str | None, target: Target | LabelColumn) -> np.ndarray | None:
    """(n,) the column of weights times what the target weighs, or None where all rows weigh 1.

    Raises DataError as `read_weights` does.
    """
    weights = None if name is None else read_weights(table, name)
    more = target.weights_by(table)
    if more is None:
        return weights
    weights = more if weights is None else weights * more
    refuse_useless(weights, f"{table.name}: the weights of the rows by {' and '.join(target.columns)}")
    return weights


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


def find(table: Table, name: str, condition: str, positive: Any) -> tuple[Label, Label]:
    """The two classes (negative, positive) of the rows a condition keeps.

    Raises DataError for one class, more than two, or a `positive` that is neither.
    """
    found = distinct(table, name, f"(FROM learning WHERE {condition})", "row")
    labels = {label_key(label): label for label, _, _ in found}
    return _two(list(labels.values()), name, table.name, positive)


def find_in(rows: Matrix, positive: Any) -> tuple[Label, Label]:
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
    return _two(list(labels.values()), name, source, positive)


def _two(labels: list[Label], name: str, source: str, positive: Any) -> tuple[Label, Label]:
    labels.sort(key=lambda label: (isinstance(label, str), label))
    shown = ", ".join(repr(label) for label in labels[:5])
    if len(labels) == 1:
        raise DataError(f"{source}: the target {name!r} has one class only, {shown}: nothing tells classes apart.")
    if len(labels) > 2:
        count = "over 1,000" if len(labels) > 1000 else str(len(labels))
        shares = all(isinstance(one, int | float) and 0 <= one <= 1 for one in labels)
        raise DataError(
            f"{source}: the target {name!r} has {count} classes ({shown}{' ...' if len(labels) > 5 else ''}), "
            "but only targets of two classes are fitted yet; keep two of them, or make one against the rest."
            + (" If its values are shares of label 1, soft=True (--soft) takes them so." if shares else "")
        )
    if not labels:
        raise DataError(f"{source}: no row has a weight above 0.")
    if positive is not None:
        matching = [label for label in labels if label_key(label) == label_key(positive)]
        if not matching:
            raise DataError(f"{source}: --positive is {positive!r}, but the labels of {name!r} are {shown}.")
        labels.sort(key=lambda label: label == matching[0])
    return labels[0], labels[1]


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
