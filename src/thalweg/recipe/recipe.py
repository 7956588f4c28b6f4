"""The recipe itself: replayed on a table, and turned into JSON and back."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.readers import Table
from thalweg.readers.database import literal, quoted
from thalweg.readers.table import hole_sql, number_sql, text_sql
from thalweg.recipe.columns import MISSING, OTHER, CategoryColumn, Column, NumberColumn, Term
from thalweg.recipe.target import Target


@dataclass(frozen=True)
class Recipe:
    """Raw columns -> (n, p) matrix.

    columns         in the order of the table they were learnt from
    terms           (p,) the matrix's columns
    target          its name and labels; None for arrays
    weights, offset columns of that role, or None
    standardized    whether terms are centred and scaled
    notes           what is worth knowing: columns dropped, pooled, suspicious
    missing         texts that are holes
    plain           whether a bare (n, p) array fits: learnt from one
    """

    columns: tuple[Column, ...]
    terms: tuple[Term, ...]
    target: Target | None = None
    weights: str | None = None
    offset: str | None = None
    standardized: bool = True
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    plain: bool = False

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Names of the raw columns a table must have."""
        return tuple(column.name for column in self.columns)

    def encode(self, table: Table) -> np.ndarray:
        """(n, p) float64, C order, centred and scaled as learnt.

        Raises DataError for a column that is missing, or whose values are of another kind, with row and value.
        """
        expressions = [self._expression(table, column) for column in self.columns]
        X = np.empty((table.n, len(self.terms)))
        for places, batch in table.batches(expressions) if expressions else ():
            j = 0
            for i, column in enumerate(self.columns):
                raw = batch.column(i).to_numpy(zero_copy_only=False)
                if isinstance(column, NumberColumn):
                    self._refuse_infinite(table, column, raw, places)
                for values in column.values(raw):
                    term = self.terms[j]
                    X[places, j] = (values - term.mean) / term.scale
                    j += 1
        return X

    def encode_target(self, table: Table, column: str | None = None) -> np.ndarray:
        """(n,) labels as 0 and 1."""
        if self.target is None:
            raise DataError("this model was fitted on arrays, so it has no target column; evaluate it on (X, y).")
        return self.target.encode(table, column)

    def _expression(self, table: Table, column: Column) -> str:
        if column.name not in table.columns and table.absent_is_zero and isinstance(column, NumberColumn):
            return "CAST(0 AS DOUBLE)"
        kind = table.require(column.name, "this model")
        if isinstance(column, NumberColumn):
            return self._number(table, column, kind)
        text = text_sql(column.name, kind, self.missing)
        if kind == "number":  # 1 and 1.0 are one level
            text = f"regexp_replace({text}, '\\.0$', '')"
        known = [code for code in column.codes if code not in (MISSING, OTHER)]
        codes = {code: column.codes.index(code) for code in known}
        listed = ", ".join(literal(code) for code in known)
        numbers = ", ".join(str(codes[code]) for code in known)
        position = f"list_position([{listed}]::VARCHAR[], {text})"
        return (
            f"CAST(CASE WHEN {text} IS NULL THEN -1 ELSE coalesce(([{numbers}]::INT[])[{position}], -2) END AS DOUBLE)"
        )

    def _number(self, table: Table, column: NumberColumn, kind: str) -> str:
        if kind == column.kind:
            return f"coalesce({number_sql(column.name, kind)}, 'nan'::DOUBLE)"
        name = quoted(column.name)
        filled = table.database.run(f"SELECT count({hole_sql(f'trim({name}::VARCHAR)', self.missing)}) FROM rows")
        if filled[0][0] == 0:  # nothing but holes has no kind of its own
            return "CAST('nan' AS DOUBLE)"
        text = hole_sql(f"trim({name}::VARCHAR)", self.missing)
        cast = "DOUBLE" if column.kind == "number" else "TIMESTAMP"
        found = table.first_row(f"{text} IS NOT NULL AND TRY_CAST({text} AS {cast}) IS NULL", column.name)
        if found is None and column.kind == "number":
            return f"coalesce(TRY_CAST({text} AS DOUBLE), 'nan'::DOUBLE)"
        if found is None:
            return f"coalesce(epoch_us(TRY_CAST({text} AS TIMESTAMP)) / 86400e6, 'nan'::DOUBLE)"
        row, value = found
        raise DataError(
            f"{table.place(row)}: column {column.name!r} holds {value!r}, but the model learnt a {column.kind} there."
        )

    def _refuse_infinite(self, table: Table, column: NumberColumn, raw: np.ndarray, places: np.ndarray | slice) -> None:
        if np.isinf(raw).any():
            found = int(np.argmax(np.isinf(raw)))
            row = places.start + found if isinstance(places, slice) else int(places[found])
            raise DataError(
                f"{table.place(row)}: column {column.name!r} holds {raw[found]}; a finite number was expected, "
                "or nothing at all for a hole."
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        body = asdict(self)
        for column, described in zip(self.columns, body["columns"], strict=True):
            described["type"] = "number" if isinstance(column, NumberColumn) else "category"
        return body

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> "Recipe":
        """The recipe `to_dict` described. Raises KeyError, TypeError or ValueError for anything else."""
        columns: list[Column] = []
        for described in body["columns"]:
            fields = {key: value for key, value in described.items() if key != "type"}
            if described["type"] == "number":
                columns.append(NumberColumn(**fields))
            else:
                fields |= {"levels": tuple(fields["levels"]), "shares": tuple(fields["shares"])}
                columns.append(CategoryColumn(**fields))
        target = body["target"]
        recipe = cls(
            columns=tuple(columns),
            terms=tuple(Term(**term) for term in body["terms"]),
            target=None if target is None else Target(target["name"], (target["classes"][0], target["classes"][1])),
            weights=body["weights"],
            offset=body["offset"],
            standardized=body["standardized"],
            notes=tuple(body["notes"]),
            missing=tuple(body["missing"]),
            plain=body["plain"],
        )
        expected = [term.name for column in recipe.columns for term in column.terms()]
        if expected != [term.name for term in recipe.terms]:
            raise ValueError("the recipe's terms are not those of its columns")
        return recipe


def from_arrays(names: tuple[str, ...], mean: np.ndarray, scale: np.ndarray, standardized: bool) -> Recipe:
    """The recipe of a bare (n, p) array: each column a number without holes."""
    return Recipe(
        columns=tuple(NumberColumn(name, "number", float(m), False) for name, m in zip(names, mean, strict=True)),
        terms=tuple(
            Term(name, name, "number", None, float(m), float(s)) for name, m, s in zip(names, mean, scale, strict=True)
        ),
        standardized=standardized,
        plain=True,
    )
