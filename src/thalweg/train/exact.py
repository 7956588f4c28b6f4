"""The exact optimum of streamed rows: one pass that learns the recipe and takes a sample, then a few full ones.

The sample leads to where the optimum of all rows is near; each pass over all of them gives loss, gradient, curvature
and certificate from the same read. It is the same P as in memory, so it ends at the same minimum.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.ahead import ahead
from thalweg.certificate import Certificate
from thalweg.checkpoint import POSITION, SECONDS, SKIPPED, Checkpoint
from thalweg.engines import Threads
from thalweg.engines.kept import PLACE, Kept
from thalweg.errors import DataError, RunError
from thalweg.events import Event, Observer
from thalweg.interrupts import gently
from thalweg.kernels.compiled import Compiled, get_ready
from thalweg.model import Model
from thalweg.model_file import refuse_unsavable
from thalweg.objective import Evaluation
from thalweg.observers import Trace
from thalweg.readers import DEFAULT_MISSING
from thalweg.readers.chunk import Position
from thalweg.readers.stream import Stream
from thalweg.recipe.roles import chosen
from thalweg.recipe.text import how_to_read
from thalweg.rows import Csr, Labels
from thalweg.schema import OneOf, OrNone, taken
from thalweg.solve import Clock, Solution
from thalweg.stopping import Outcome
from thalweg.train.class_weights import class_factors
from thalweg.train.data import Prepared
from thalweg.train.data import Source as Asked
from thalweg.train.learnt import Learnt, encoded_sample
from thalweg.train.options import Options
from thalweg.train.plan import choose, kernel_for, stages
from thalweg.train.request import Request, model_of
from thalweg.train.row_cache import CachingRows
from thalweg.train.row_check import Roles, RowCheck
from thalweg.train.run import Begun, Run, run_stages
from thalweg.train.stream_learning import StreamLearning, ToLearn
from thalweg.train.stream_rows import OtherRows, Source, StreamRows, StreamSource
from thalweg.train.streamed import Skipped, classes_in, first_texts
from thalweg.train.versions import library_versions

State = tuple[dict[str, np.ndarray], dict[str, Any]]  # of a checkpoint
_OF_LEARNING = {"phase": OneOf(("learning",)), "after": POSITION, "skipped": SKIPPED, "seconds": SECONDS}
_OF_PASSES = {"phase": OneOf(("passes",)), "place": OrNone(PLACE), "seconds": SECONDS}


class Exact:
    """One exact fit of a stream: its phases, and what each leaves for those after it."""

    def __init__(
        self,
        stream: Stream,
        options: Options,
        asked: Asked,
        skip: bool,
        cache: Path | None,
        checkpoint: Checkpoint | None,
        observers: Sequence[Observer],
    ) -> None:
        self.stream, self.options, self.asked, self.observers = stream, options, asked, observers
        self.missing = (asked.reading or {}).get("missing") or DEFAULT_MISSING
        self.checkpoint, self.began = checkpoint, time.perf_counter()
        self.interrupted: Callable[[], bool] = lambda: False
        self.trace, self.skipped = Trace(), Skipped()
        target = asked.asked(stream)
        self.names = chosen(
            stream, target.columns, asked.weights, asked.offset, asked.only, asked.drop, asked.categorical,
            asked.text.columns,
        )  # fmt: skip
        self.what = self._to_learn(skip)
        self.target = target.found(lambda name, positive: classes_in(stream, name, positive, skip))
        self.classes = self.target.classes
        roles = Roles(self.target, asked.weights, asked.offset)
        forms = {**self.what.forms, **roles.forms}
        check = RowCheck(roles, tuple(self.what.numbers), skip)
        self.source: Source = StreamSource(stream, forms, check, skip)
        if cache is not None:
            identity = {
                "input": stream.fingerprint,
                "target": self.target.to_dict(),
                "weights": asked.weights,
                "offset": asked.offset,
                "columns": forms,
                "missing": list(self.missing),
                "labels": [str(one) for one in self.classes],
                "on-bad-row": skip,
                "thalweg": library_versions()["thalweg"],
            }
            caching = CachingRows(self.source, cache, identity, lambda sentence: self._tell("note", sentence))
            if not caching.made:
                stream.count()  # for the size that the cache will have
            self.source = caching

    def model(self) -> Model:
        """Run it all. Raises KeyboardInterrupt where Ctrl-C came before there was anything to keep."""
        state = None if self.checkpoint is None else self.checkpoint.begin()
        if self.checkpoint is not None and self.checkpoint.began_anew:
            self._tell("note", f"{self.checkpoint.folder}: no checkpoint to go on from: beginning at the first row")
        resumed: AbstractContextManager[None] = (
            nullcontext() if self.checkpoint is None or state is None else self.checkpoint.within()
        )
        try:
            with gently() as interrupted, resumed:
                self.interrupted = interrupted
                if state is not None:
                    own, _ = taken({"phase": OneOf(("learning", "passes")), "seconds": SECONDS}, state[1])
                    self.began -= own["seconds"]
                learnt = self._learnt(state)
                return self._minimised(learnt, state)
        except OtherRows as error:
            if self.checkpoint is None or state is None:
                raise
            raise self.checkpoint.refused(error) from None
        except KeyboardInterrupt as early:
            if self.checkpoint is None or not self.checkpoint.kept:
                raise
            kept = f"{self.checkpoint.path}: the place is kept; --resume goes on from it."
            raise KeyboardInterrupt(f"{early} {kept}".lstrip()) from None

    def _to_learn(self, skip: bool) -> ToLearn:
        stream, asked = self.stream, self.asked
        kinds = {name: stream.columns[name] for name in self.names if name not in asked.text.columns}
        numbers = {n: kind for n, kind in kinds.items() if kind in ("number", "date") and n not in asked.categorical}
        words = {n: kind == "boolean" for n, kind in kinds.items() if n not in numbers}
        texts = [text for name in asked.text.columns for text in first_texts(stream, name, skip)]
        return ToLearn(numbers, words, asked.text.columns, asked.text, *how_to_read(texts, asked.text))

    # the first pass

    def _learnt(self, state: State | None) -> Learnt:
        if state is not None and state[1]["phase"] == "passes":
            learnt = Learnt.restored(state[0], taken(_OF_PASSES, state[1])[1])
            learnt.check_run(self.options, self.what.forms, self.classes)
            return learnt
        learning, at = StreamLearning(self.what), None
        if state is not None:
            own, body = taken(_OF_LEARNING, state[1])
            learning.restore(state[0], body)
            at = own["after"]
            self.source.check_position(at)
            self.skipped.restore(own["skipped"])
        with ahead(self.source.rows(at)) as coming:
            for rows in coming:
                learning.update(rows)
                at = rows.chunk.after
                self.skipped.add(rows.chunk.bad)
                self._tell("rows", "reading", rows=learning.rows, share=rows.chunk.share)
                if self.interrupted():
                    break
                if self.checkpoint is not None and self.checkpoint.due():
                    self._save_learning(learning, at)
        self._save_learning(learning, at)  # the samples to come have no checkpoints of their own
        if not self.interrupted():
            return self._concluded(learning)
        self._tell("note", f"interrupted: fitting a sample of the {learning.rows:,} rows read; Ctrl-C again ends that")
        try:
            return replace(self._concluded(learning), partial=True)
        except DataError as error:  # too few rows for a recipe
            raise KeyboardInterrupt(f"Of the rows read so far: {error}") from None

    def _save_learning(self, learning: StreamLearning, at: Position | None) -> None:
        if self.checkpoint is not None and at is not None:
            arrays, body = learning.state()
            self._save(arrays, {**body, "phase": "learning", "after": at})

    def _concluded(self, learning: StreamLearning) -> Learnt:
        asked, options = self.asked, self.options
        recipe = learning.recipe(
            self.target, self.names, options.standardize, options.intercept,
            asked.max_levels, options.unpenalised, asked.weights, asked.offset, self.missing, self.stream.name,
        )  # fmt: skip
        refuse_unsavable({}, self.classes, recipe)
        negative = learning.total - learning.positive
        if min(negative, learning.positive) <= 0.0:
            raise DataError(f"{self.stream.name}: the rows that weigh anything are of one class only.")
        factors = None
        total, positive, smallest = learning.total, learning.positive, learning.smallest
        if options.class_weight is not None:
            factors = class_factors(options.class_weight, self.classes, (negative, positive))
            total, positive = negative * factors[0] + positive * factors[1], positive * factors[1]
            smallest *= min((factor for factor in factors if factor > 0.0), default=0.0)
        labels = Labels(positive, smallest, learning.hard and not learning.offsets)
        stride, sample = encoded_sample(learning, recipe, factors, self.stream.name)
        return Learnt(
            recipe, learning.rows, total, labels, factors, stride, sample, self.skipped.state(), learning.mark
        )  # fmt: skip

    # the passes over all rows

    def _minimised(self, learnt: Learnt, state: State | None) -> Model:
        options = self.options
        rows = StreamRows(self.source, learnt.recipe, learnt.factors, learnt.n, learnt.total, learnt.labels,
                          learnt.mark, learnt.sample, learnt.stride)  # fmt: skip
        l2 = 1.0 / rows.total_weight if options.l2 is None else float(options.l2)
        method, reason = learnt.method or choose(options, rows)
        plan = stages(options, method, rows.n, rows.p, learnt.stride)
        clock = Clock(self.began, 0.0 if learnt.begun is None else learnt.passes)
        engine = Kept(
            Threads(options.threads),
            lambda share: self._between(share, engine, learnt, clock),
            keep=self.checkpoint is not None,
        )
        begun = learnt.begun
        if begun is not None and state is not None:
            engine.restore(state[0], state[1]["place"])
            if engine.partial is not None:
                self.source.check_position(engine.partial[0]["at"])
            self.trace.rows = list(learnt.history)
        else:
            clock.passes = 1.0  # the one that learnt

        def sampled(found: Begun) -> None:
            learnt.begun, learnt.passes, learnt.method = found, clock.passes, (method, reason)
            learnt.history = list(self.trace.rows)
            if learnt.partial:
                raise KeyboardInterrupt

        if isinstance(kernel_for(rows, options.kernel), Compiled):
            empty = Csr(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0), rows.p)
            get_ready(empty, lambda what: self._tell("wait", what))
        observers: list[Observer] = [self.trace, *self.observers]
        try:
            with engine.running():
                solution = run_stages(rows, plan, options, l2, observers, None, clock, engine, begun, sampled,
                                      learnt.recipe.mean_squares)  # fmt: skip
        except KeyboardInterrupt:  # before the first pass over all rows ended: what the samples led to is what there is
            if learnt.begun is None or not learnt.begun.rows:
                raise
            solution = _of_the_sample(learnt.begun)
        except RunError as error:
            raise RunError(f"{error} (streamed rows of {self.stream.name})") from None
        if solution.outcome is not Outcome.INTERRUPTED:
            self._keep(engine, learnt, done=True)
        self.skipped.restore(learnt.skipped)
        recipe = replace(learnt.recipe, notes=(*learnt.recipe.notes, *self.skipped.notes(), *self._failures()))
        origin = {"source": self.stream.name, "fingerprint": self.stream.fingerprint}
        request = Request(options, self.asked, Prepared(rows, None, recipe, self.classes, origin))
        seconds = time.perf_counter() - self.began
        return model_of(request, Run(solution, method, reason, l2, clock.passes, seconds), self.trace)

    def _between(self, share: float | None, engine: Kept, learnt: Learnt, clock: Clock) -> None:
        """Between two blocks of a pass, and before each pass over a sample."""
        if share is not None:
            self._tell("rows", clock.stage, rows=round(share * learnt.n), share=share)
        if learnt.begun is None and (learnt.partial or not any(row["step"] for row in self.trace.rows)):
            return  # a sample's optimum, or at least its first step, is worth waiting for
        if self.interrupted() or (self.checkpoint is not None and self.checkpoint.due()):
            self._keep(engine, learnt)  # here, where the sums are whole: a second Ctrl-C may come while they are added
        if self.interrupted():
            raise KeyboardInterrupt

    def _keep(self, engine: Kept, learnt: Learnt, done: bool = False) -> None:
        if self.checkpoint is not None and learnt.begun is not None:
            arrays, place = engine.state()
            more, body = learnt.state()
            self._save({**arrays, **more}, {**body, "phase": "passes", "place": place}, done)

    def _save(self, arrays: Mapping[str, np.ndarray], body: Mapping[str, Any], done: bool = False) -> None:
        assert self.checkpoint is not None
        before = len(self.checkpoint.failures)
        seconds = time.perf_counter() - self.began
        self.checkpoint.save(arrays, {"skipped": self.skipped.state(), **body, "seconds": seconds}, done)
        for failure in self.checkpoint.failures[before:]:
            self._tell("note", failure)

    def _failures(self) -> list[str]:
        failures = [] if self.checkpoint is None else self.checkpoint.failures
        cached = [self.source.failed] if isinstance(self.source, CachingRows) and self.source.failed else []
        return list(dict.fromkeys((*cached, *failures)))

    def _tell(self, kind: str, stage: str, **more: Any) -> None:
        for observer in self.observers:
            observer(Event(kind, stage, 0, 0.0, time.perf_counter() - self.began, **more))


def _of_the_sample(begun: Begun) -> Solution:
    """Where Ctrl-C came before all rows were seen at one point."""
    value = np.array([begun.value])
    reason = f"the run was interrupted before all rows were seen together, and P is that of {begun.rows:,} of them"
    certificate = Certificate(None, None, None, reason, float("nan"))
    sentence = f"Interrupted: the best point for a sample of {begun.rows:,} rows was kept."
    at = Evaluation(begun.best, value, value)
    return Solution(begun.best, at, certificate, Outcome.INTERRUPTED, sentence, 0, None)
