"""The fitted model: frozen, complete, and able to judge new rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from thalweg.certificate import Certificate
from thalweg.errors import DataError, UsageError
from thalweg.metrics import Report, evaluate
from thalweg.readers import Matrix, Table, arrays, open_rows
from thalweg.recipe import LabelColumn, Recipe, Target, asked_target, listed, read_offset, row_weights
from thalweg.rows import Csr, in_memory
from thalweg.stopping import Outcome

Label = str | int | float | bool


@dataclass(frozen=True)
class Model:
    """A logistic regression, its proof and its provenance.

    recipe                  how raw columns become the matrix; `recipe.terms` names its p columns
    classes                 (negative, positive) labels
    standardized_coef       (p,) weights of the centred and scaled columns, the scale penalties act on
    standardized_intercept  intercept on that scale
    objective               P at the end; None of a model learnt online, whose P no pass has computed
    outcome, sentence       why the run ended; the sentence adds the particulars
    certificate             how far P can be from its minimum
    method, reason          that ran, and why `auto` chose it
    steps, passes, seconds  what it took; passes over all rows, samples counted by their share
    rows, columns           n and p of the training matrix
    history                 one mapping a step: stage, step, passes, seconds, objective, gradient_norm, gap, rate,
                            holdout_loss
    holdout                 quality on the held-out rows, or None
    progressive             of a model learnt online: how well rows were predicted before they were learnt from
                            (rows, log_loss, auc, baseline, skipped); else None
    options, data, versions what it was fitted with, on, and by
    """

    recipe: Recipe
    classes: tuple[Label, Label]
    standardized_coef: np.ndarray
    standardized_intercept: float
    objective: float | None
    outcome: Outcome
    sentence: str
    certificate: Certificate
    method: str
    steps: int
    passes: float
    seconds: float
    rows: int
    history: tuple[Mapping[str, Any], ...] = field(repr=False, default=())
    holdout: Mapping[str, Any] | None = None
    progressive: Mapping[str, Any] | None = None
    reason: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    versions: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def columns(self) -> int:
        """p, the columns of the matrix."""
        return self.recipe.p

    @property
    def feature_names(self) -> tuple[str, ...]:
        """(p,) names of the matrix's columns."""
        return tuple(term.name for term in self.recipe.terms)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the recipe found worth saying about the columns."""
        return self.recipe.notes

    @property
    def coef(self) -> np.ndarray:
        """(p,) weights in the raw columns' units: log-odds per unit."""
        return self.standardized_coef / self.recipe.scale

    @property
    def intercept(self) -> float:
        """Log-odds where every raw column of the matrix is 0."""
        return float(self.standardized_intercept - self.coef @ self.recipe.mean)

    def decision_function(self, rows: Any, **reading: Any) -> np.ndarray:
        """(n,) margins z of the rows.

        rows     as for `thalweg.fit`, without need of the target; or an (n, p) array, sparse or not, for a model
                 fitted on arrays
        reading  as for `thalweg.fit`: header, format, database, connection, sql_files, missing, and offset for arrays

        Raises DataError where the rows do not fit the recipe.
        """
        if is_array(rows):
            return self._margins_of_array(rows, **reading)
        return self._margins(open_rows(rows, **reading))

    def predict_proba(self, rows: Any, **reading: Any) -> np.ndarray:
        """(n, 2) probabilities of the negative and the positive class."""
        z = self.decision_function(rows, **reading)
        return probabilities(z)

    def predict(self, rows: Any, threshold: float = 0.5, **reading: Any) -> np.ndarray:
        """(n,) labels: the positive one where its probability exceeds the threshold."""
        return self.labels(self.predict_proba(rows, **reading)[:, 1], threshold)

    def labels(self, probability: np.ndarray, threshold: float = 0.5) -> np.ndarray:
        """(n,) labels for probabilities (n,) of the positive class.

        Raises UsageError for a threshold outside [0, 1].
        """
        return predicted(probability, self.classes, threshold)

    def evaluate(
        self,
        rows: Any,
        target: str | None = None,
        *,
        soft: bool = False,
        successes: str | None = None,
        trials: str | None = None,
        weights: Any = None,
        threshold: float = 0.5,
        **reading: Any,
    ) -> Report:
        """Quality on labelled rows: log-loss, Brier score, AUC, accuracy, confusion, calibration.

        rows     as for `thalweg.fit`: a table with its target, or (X, y)
        target   the column; None for the one the model was fitted on
        soft, successes, trials
                 as for `thalweg.fit`, where the rows are not labelled as those of the fit
        weights  a column, or an (n,) array for (X, y)

        A label y between 0 and 1 of weight s counts as two rows, of label 1 and weight s·y, of label 0 and s·(1 - y).
        """
        if isinstance(rows, tuple):
            for name, given in (("target", target), ("successes", successes), ("trials", trials)):
                if given is not None:
                    raise UsageError(f"{name} goes with a table; for arrays (X, y), y is the target.")
            X, y = rows
            z = self._margins_of_array(X, **reading)
            coded, _ = arrays.labels(y, len(z), classes=self.classes, soft=soft)
            weight = arrays.sample_weights(weights, len(z))
        else:
            table = open_rows(rows, **reading)
            z = self._margins(table)
            labels = self._judged_by(target, soft, successes, trials)
            coded = labels.encode(table)
            weight = self._weights(table, weights, labels)
        return evaluate(coded, z, weight, threshold)

    def save(self, path: str | Path) -> None:
        """Write the model file, whole or not at all.

        Raises OutputError where it cannot be written, naming the cause.
        """
        # the file's module needs this one to build a model again, so it cannot be imported above
        from thalweg.model_file import save

        save(self, path)

    def _judged_by(self, name: str | None, soft: bool, successes: str | None, trials: str | None) -> Target:
        """The target asked for; or that of the fit."""
        own = self.recipe.target
        if soft and name is None and own is not None:
            name = next(iter(own.columns.values()))
        asked = asked_target(name, None, soft, successes, trials, self.classes)
        if asked is None and own is None:
            raise DataError("this model was fitted on arrays, so it has no target column; evaluate it on (X, y).")
        if isinstance(asked, LabelColumn) and own is not None:
            return own.named(asked.name)
        found = asked or own
        assert found is not None
        return found.found(lambda *_: self.classes)

    def _weights(self, table: Table | Matrix, column: Any, labels: Target) -> np.ndarray | None:
        """The column asked for, or that of the fit, where it is there; times what the target weighs."""
        if isinstance(table, Matrix):
            if column is not None:
                raise UsageError("--weights goes with tables and arrays; a libsvm file has labels and columns only.")
            return None
        if column is not None and not isinstance(column, str):
            raise UsageError("weights must be the name of a column when the rows are a table.")
        if column is None and self.recipe.weights in table.columns:
            column = self.recipe.weights
        return row_weights(table, column, labels)

    def _margins(self, table: Table | Matrix) -> np.ndarray:
        if self.recipe.matrix is not None and self.recipe.offset is not None:
            raise DataError("this model was fitted on arrays with an offset: give the rows as an array, with offset=.")
        with np.errstate(over="ignore", invalid="ignore"):
            margins = self.recipe.encode(table) @ self.standardized_coef + self.standardized_intercept
            if self.recipe.offset is not None and not isinstance(table, Matrix):
                margins = margins + read_offset(table, self.recipe.offset)
        refuse_overflow(margins, table.place)
        return margins

    def _margins_of_array(self, X: Any, offset: Any = None, **reading: Any) -> np.ndarray:
        for option in reading:
            raise UsageError(f"{option} goes with files; X is an array.")
        if self.recipe.matrix is None:
            raise DataError(
                "this model was fitted on a table with named columns, so it cannot read a bare array; "
                f"give a path or a data frame with the columns {listed(self.recipe.raw_columns)}."
            )
        array = arrays.matrix(X)
        if array.shape[1] != self.columns:
            raise DataError(f"X has shape {array.shape}, but this model reads rows of {self.columns} columns.")
        if self.recipe.offset is not None and offset is None:
            raise DataError("this model was fitted with an offset: give one for these rows too, offset= an (n,) array.")
        arrays.refuse_non_finite(array)
        added = arrays.per_row(offset, array.shape[0], "offset")
        with np.errstate(over="ignore", invalid="ignore"):
            margins = self._margins_as_fitted(array)
            margins = margins if added is None else margins + added
        refuse_overflow(margins, lambda row: f"X, row {row}")
        return margins

    def _margins_as_fitted(self, array: np.ndarray | Csr) -> np.ndarray:
        """On the scale the point was certified on: coefficients in raw units lose digits of columns far from 0."""
        rows = in_memory(array, np.empty(array.shape[0]))
        if self.recipe.standardized:
            rows = rows.standardized(self.recipe.mean, self.recipe.scale)
        parts = [block.X @ self.standardized_coef for block in rows.blocks()]
        return np.concatenate(parts) + self.standardized_intercept


def predicted(probability: np.ndarray, classes: tuple[Label, Label], threshold: float) -> np.ndarray:
    """(n,) labels for probabilities (n,) of the positive class. Raises UsageError for a threshold outside [0, 1]."""
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"threshold is {threshold!r}, but must lie between 0 and 1.")
    return np.array(classes)[(probability > threshold).astype(int)]


def refuse_overflow(z: np.ndarray, place: Callable[[int], str]) -> None:
    """Raise DataError for the first of the margins (n,) that is no finite number: no probability comes of it."""
    bad = ~np.isfinite(z)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{place(row)}: the margin of this row is {z[row]:g}, but must be finite: a number in it is too large for "
            "the model's weights; correct it, or leave the row out."
        )


def is_array(rows: Any) -> bool:
    """Whether rows is a bare array rather than a table with named columns."""
    return isinstance(rows, np.ndarray | list) or hasattr(rows, "toarray")


def probabilities(z: np.ndarray) -> np.ndarray:
    """(n, 2) probabilities of the two classes from margins (n,), each accurate relative to itself."""
    return np.column_stack([expit(-z), expit(z)])
