"""Online learning from tables that somebody hands over one by one: `thalweg.Online`."""

import time
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from thalweg.errors import DataError, UsageError
from thalweg.model import Model
from thalweg.model_file import refuse_unsavable
from thalweg.readers import DEFAULT_MISSING
from thalweg.readers.arrays import both
from thalweg.readers.forms import readable, unexpected_in
from thalweg.readers.frames import frame_batch
from thalweg.readers.stream import Columns
from thalweg.readers.table import missing_words
from thalweg.recipe import LabelColumn, Target, TextOptions, asked_target
from thalweg.recipe.target import Label, label_key, two_labels
from thalweg.stopping import Outcome
from thalweg.train.class_weights import refuse_soft
from thalweg.train.online import OnlineOptions, OnlineRun, layout_of, pairs
from thalweg.train.online_rows import Preparation
from thalweg.train.options import flag, plain


class Online:
    """A logistic regression that learns from rows as they come, a table at a time.

        learner = thalweg.Online(target="click", bits=22)
        for frame in frames:
            learner.partial_fit(frame, classes=(0, 1))
        learner.progressive["log_loss"]; learner.model().save("clicks.thalweg")

    target      the column to learn; for arrays (X, y) none
    soft, successes, trials
                as for `thalweg.fit`: shares of label 1, for arrays too; or counts in place of a target
    bits, cross, rate, l1, l2, intercept, class_weight, on_bad_row
                as `OnlineOptions` says
    weights, offset, only, drop, categorical, text, tokens, ngrams, text_weights, missing
                columns and their roles, as for `thalweg.fit`
    positive    the label that is 1

    Columns and kinds are those of the first rows. Raises UsageError for options that contradict each other.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        bits: int = 22,
        cross: Sequence[str | tuple[str, str]] = (),
        rate: float | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        intercept: bool = True,
        class_weight: Any = None,
        on_bad_row: str = "stop",
        soft: bool = False,
        successes: str | None = None,
        trials: str | None = None,
        weights: str | None = None,
        offset: str | None = None,
        only: Sequence[str] = (),
        drop: Sequence[str] = (),
        categorical: Sequence[str] = (),
        text: Sequence[str] = (),
        tokens: str = "auto",
        ngrams: int | None = None,
        text_weights: str = "tfidf",
        positive: Any = None,
        missing: Sequence[str] = DEFAULT_MISSING,
    ) -> None:
        self._options = OnlineOptions(
            **plain({"bits": bits, "cross": pairs(cross), "rate": rate, "l1": l1, "l2": l2, "intercept": intercept,
                     "class_weight": class_weight, "on_bad_row": on_bad_row})
        )  # fmt: skip
        refuse_soft(class_weight, plain(soft))
        # frames may have numbers for names
        names = (str(name) if isinstance(name, int) else name for name in (target, successes, trials))
        self._target, self._successes, self._trials = names
        self._positive, self._soft, self._missing = positive, plain(soft), missing_words(missing)
        self._asked(self._target)
        self._roles: dict[str, Any] = {"weights": weights, "offset": offset, "only": tuple(only), "drop": tuple(drop),
                       "categorical": tuple(categorical),
                       "text": TextOptions(tuple(text), tokens, plain(ngrams), text_weights)}  # fmt: skip
        self._run: OnlineRun | None = None
        self._width = 0
        self._preparation: Preparation | None = None
        self._seconds = 0.0

    def partial_fit(self, rows: Any, classes: tuple[Any, Any] | None = None) -> "Online":
        """Predict some rows, then learn from them.

        rows     a pandas or polars frame, an Arrow table or batch, or arrays (X, y)
        classes  both labels (in any order); needed only where the first rows have but one of them

        Raises DataError for rows that cannot be used; what was learnt before stays.
        """
        began = time.perf_counter()
        batch, target, kinds = frame_batch(rows, self._target)
        width = batch.num_columns - 1
        if isinstance(rows, tuple) and self._run is not None and width != self._width:
            raise DataError(f"X has {width} columns, but the first rows had {self._width}; give those again.")
        run = self._run or self._begin(batch, target, kinds, classes, isinstance(rows, tuple))
        preparation = self._preparation or run.preparation()
        if classes is not None and {*map(label_key, both(classes))} != {*map(label_key, run.classes)}:
            raise UsageError(f"classes is {classes!r}, but the first rows had {run.classes!r}.")
        for name in run.forms:
            if name not in batch.schema.names:
                raise DataError(f"data frame: there is no column {name!r}, which the first rows had.")
        before = preparation.moments.state
        try:
            skip, complaint = self._options.on_bad_row == "skip", unexpected_in(run.roles.options)
            chunk = readable(batch, run.forms, self._missing, _row_of_frame, skip, complaint)
            run.learn(preparation.rows(chunk))
        except BaseException:
            preparation.moments.state = before
            raise
        self._run, self._preparation, self._width = run, preparation, width
        self._seconds += time.perf_counter() - began
        return self

    def _asked(self, name: str | None) -> LabelColumn | Target | None:
        return asked_target(name, self._positive, self._soft, self._successes, self._trials)

    def _begin(
        self, batch: Any, name: str | None, kinds: dict[str, str], classes: tuple[Any, Any] | None, arrays: bool
    ) -> OnlineRun:
        if arrays and self._successes is not None:
            raise UsageError("--successes and --trials go with a table; for arrays (X, y), y is the target.")
        asked = self._asked(name)
        if asked is None:
            raise UsageError("target is missing: which column of the rows is to be learnt?")
        source = Columns("data frame", kinds)
        layout = layout_of(
            source, asked.columns, self._options, lambda name: batch.column(name).to_pylist(), **self._roles
        )
        target = asked.found(lambda name, positive: self._labels(batch, source, name, positive, classes))
        refuse_unsavable({flag(name): value for name, value in self._plain_options().items()}, target.classes)
        return OnlineRun(replace(layout, arrays=arrays), target, self._options)

    def _labels(
        self, batch: Any, source: Columns, name: str, positive: Any, classes: tuple[Any, Any] | None
    ) -> tuple[Label, Label]:
        """Those of the first rows."""
        kind = source.columns[name]
        if classes is not None:
            return two_labels([str(label) for label in both(classes)], kind, name, source.name, positive)
        chunk = readable(batch, {name: "text"}, self._missing, _row_of_frame, False)
        codes, dictionary = chunk.codes(name)
        met = {dictionary[int(code)].as_py() for code in np.unique(codes[codes < len(dictionary)])}
        if len(met) == 1:
            raise DataError(
                f"the first rows have one label only, {next(iter(met))!r}; say which there will be: classes=(0, 1)."
            )
        return two_labels(sorted(met), kind, name, source.name, positive)

    def _plain_options(self) -> dict[str, Any]:
        """The options that a model keeps."""
        options = {field.name: getattr(self._options, field.name) for field in fields(OnlineOptions)}
        return {**options, "cross": [list(pair) for pair in self._options.cross]}

    @property
    def progressive(self) -> dict[str, Any]:
        """How well rows were predicted before they were learnt from: rows, log_loss, auc, baseline, skipped."""
        return OnlineRun.quality(self._need())

    def model(self) -> Model:
        """The model so far; learning may go on."""
        return self._need().model(Outcome.LEARNT, self._missing, seconds=self._seconds, options=self._plain_options())

    def _need(self) -> OnlineRun:
        if self._run is None:
            raise UsageError("nothing has been learnt yet: call partial_fit with some rows first.")
        return self._run


def _row_of_frame(row: int) -> str:
    return f"data frame, row {row + 1}"
