"""The recipe itself: what each column becomes, replayed on a table, and turned into JSON and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from thalweg.cached import cached_property
from thalweg.errors import DataError
from thalweg.readers import Matrix, Table
from thalweg.readers.chunk import Chunk
from thalweg.recipe.columns import CategoryColumn, MatrixColumns, NumberColumn, Term, TextColumn
from thalweg.recipe.encode import ChunkEncoder, Column, encode, forms_of
from thalweg.recipe.hashing import HashedColumns, Hashing
from thalweg.recipe.shares import TARGET, target_of
from thalweg.recipe.target import Target
from thalweg.rows import Csr
from thalweg.schema import Array, Flag, OrNone, Record, SchemaError, Several, Tagged, Text

_TYPES: dict[str, Any] = {
    "number": NumberColumn,
    "category": CategoryColumn,
    "text": TextColumn,
    "matrix": MatrixColumns,
    "hashed": HashedColumns,
}


@dataclass(frozen=True, eq=False)
class Recipe:
    """Raw columns -> (n, p) matrix (raw - mean) / scale.

    columns         in the order of the table they were learnt from
    mean, scale     (p,) weighted means of the columns, and standard deviations of numbers, over the training rows; 0
                    and 1 where a column is not centred or scaled, and a scale of infinity where a column of arrays is
                    constant
    target          its columns, and how they become labels; None for arrays
    weights, offset columns of that role, or None; for arrays, offset is "offset" where there was one
    standardized    whether columns are centred, and numbers scaled; words are neither
    notes           what is worth knowing: columns dropped, pooled, suspicious
    missing         texts that are holes
    """

    columns: tuple[Column, ...]
    mean: np.ndarray
    scale: np.ndarray
    target: Target | None = None
    weights: str | None = None
    offset: str | None = None
    standardized: bool = True
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    SCHEMA: ClassVar = Record(
        {
            "columns": Several(Tagged("type", {name: kind.SCHEMA for name, kind in _TYPES.items()})),
            "mean": Array(np.float64, ("p",)),
            "scale": Array(np.float64, ("p",), above=0.0, infinite=True),
            "target": OrNone(TARGET),
            "weights": OrNone(Text()),
            "offset": OrNone(Text()),
            "standardized": Flag(),
            "notes": Several(Text()),
            "missing": Several(Text()),
        },
        rules={
            "a matrix alone, or columns of other names each": lambda r: _go_together(r["columns"], r["offset"]),
            "numbers, then the hashed columns that count them": lambda r: _hashed_last(r["columns"]),
            "means of 0 and scales of 1 where it is not standardized": lambda r: (
                r["standardized"] or not (r["mean"].any() or (r["scale"] != 1.0).any())
            ),
        },
    )

    @property
    def p(self) -> int:
        """Columns of the matrix."""
        return len(self.mean)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """(p,) the matrix's columns."""
        return tuple(term for column in self.columns for term in column.terms())

    @property
    def mean_squares(self) -> np.ndarray:
        """(p,) mean squares of the matrix's columns over the training rows, NaN where they are not known.

        Where columns are standardised, 1 also stands for words, of which nothing better is known.
        """
        usual = 1.0 if self.standardized else np.nan
        squares, j = np.full(self.p, usual), 0
        for column in self.columns:
            mean = self.mean[j : j + column.width]
            if isinstance(column, CategoryColumn):
                shares = np.array(column.shares)
                squares[j : j + column.width] = shares - 2.0 * mean * shares + mean**2
            elif isinstance(column, NumberColumn) and column.holes:
                squares[j + 1] = mean[1] * (1.0 - mean[1]) if mean[1] > 0.0 else np.nan
            j += column.width
        return squares

    @property
    def matrix(self) -> MatrixColumns | None:
        """The columns of the bare matrix it was learnt from, which then fits it; None where that was a table."""
        only = self.columns[0] if len(self.columns) == 1 else None
        return only if isinstance(only, MatrixColumns) else None

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Names of the raw columns a table must have."""
        return tuple(dict.fromkeys(name for column in self.columns for name in column.sources))

    @property
    def hashed(self) -> HashedColumns | None:
        """The hashed columns, where there are any."""
        return next((column for column in self.columns if isinstance(column, HashedColumns)), None)

    @property
    def forms(self) -> dict[str, str]:
        """The raw columns in the form a stream has to give them: "number", "date", "text" or "words"."""
        return forms_of(self.columns)

    def encode(self, table: Table | Matrix) -> np.ndarray | Csr:
        """(n, p) centred and scaled as learnt: a float64 array, or compressed.

        Raises DataError for a column that is missing, or whose values are of another kind, with row and value.
        """
        if isinstance(table, Table):
            return encode(table, self.columns, self.mean, self.scale, self.missing)
        if self.matrix is None:
            raise DataError(
                f"{table.name}: a libsvm file has no named columns, but this model was fitted on a table with the "
                f"columns {listed(self.raw_columns)}."
            )
        return self.standardize(table.counted_from(self.matrix.first, self.p))

    def encode_chunk(self, chunk: Chunk) -> np.ndarray | Csr:
        """(n, p) rows of a stream, as `encode` gives those of a table; the chunk has the columns of `forms`."""
        return self._encoder(chunk)

    def margins_of(self, coef: np.ndarray) -> Callable[[Chunk], np.ndarray]:
        """A function from chunks to X·coef (n,), for coef (p,)."""
        if self.hashed is None:
            return lambda chunk: self.encode_chunk(chunk) @ coef
        from thalweg.recipe.hashed_margins import HashedMargins

        holes = [column.holes for column in self.columns if isinstance(column, NumberColumn)]
        return HashedMargins(self.hashed, holes, coef)

    @property
    def compressed(self) -> bool:
        """Whether `encode_chunk` gives compressed rows."""
        return self._encoder.compressed

    @cached_property
    def _encoder(self) -> ChunkEncoder:
        return ChunkEncoder(self.columns, self.mean, self.scale)

    def standardize(self, X: Csr) -> Csr:
        """Those raw rows, standing for the centred and scaled ones."""
        return Csr(X.indptr, X.indices, X.data, X.p, self.mean, self.scale) if self.standardized else X

    def encode_target(self, table: Table | Matrix) -> np.ndarray:
        """(n,) labels in [0, 1]."""
        assert self.target is not None
        return self.target.encode(table)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, but for mean and scale, which are arrays."""
        names = {kind: name for name, kind in _TYPES.items()}
        columns = [{"type": names[type(column)], **_described(column)} for column in self.columns]
        plain = {field.name: getattr(self, field.name) for field in fields(self)[3:]}
        return {"columns": columns, **plain, "target": None if self.target is None else self.target.to_dict()}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any], mean: np.ndarray, scale: np.ndarray) -> "Recipe":
        """The recipe `to_dict` described. Raises SchemaError for anything else."""
        cls.SCHEMA.check({**body, "mean": mean, "scale": scale}, "recipe")
        columns = []
        for described in body["columns"]:
            given = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in described.items()
                if key != "type"
            }
            if "hashing" in given:
                given["hashing"] = Hashing.from_dict(described["hashing"])
            columns.append(_TYPES[described["type"]](**given))
        if sum(column.width for column in columns) != len(mean):
            raise SchemaError("recipe must have a mean and a scale for each column of the matrix")
        target = body["target"]
        return cls(
            columns=tuple(columns),
            mean=mean,
            scale=scale,
            target=None if target is None else target_of(target),
            weights=body["weights"],
            offset=body["offset"],
            standardized=body["standardized"],
            notes=tuple(body["notes"]),
            missing=tuple(body["missing"]),
        )


def _described(column: Column) -> dict[str, Any]:
    """Its fields but for arrays, which are stored beside."""
    plain = {field.name: getattr(column, field.name) for field in fields(column)}
    plain = {name: value for name, value in plain.items() if not isinstance(value, np.ndarray)}
    return {name: asdict(value) if isinstance(value, Hashing) else value for name, value in plain.items()}


def _go_together(columns: Sequence[Mapping[str, Any]], offset: str | None) -> bool:
    """Whether each raw column is read in one form: a matrix has names that may be the same, and so is alone."""
    if any(column["type"] == "matrix" for column in columns):
        return len(columns) == 1
    names = [column["name"] for column in columns if "name" in column] + [offset] * (offset is not None)
    for column in columns:
        if column["type"] == "hashed":
            names += [*column["hashing"]["categories"], *column["hashing"]["texts"]]
    return len(set(names)) == len(names)


def _hashed_last(columns: Sequence[Mapping[str, Any]]) -> bool:
    """Whether hashed columns, where there are any, come after the numbers they know of, and nothing else does."""
    if all(column["type"] != "hashed" for column in columns):
        return True
    *others, last = columns
    numbers = [column["name"] for column in others if column["type"] == "number"]
    return last["type"] == "hashed" and len(numbers) == len(others) and numbers == list(last["hashing"]["numbers"])


def listed(names: tuple[str, ...], most: int = 20) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
