"""A fit of rows that are streamed: what was asked is checked, and either learnt online or minimised exactly."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from thalweg.ahead import ahead
from thalweg.checkpoint import NAME, SECONDS, Checkpoint, seconds_of
from thalweg.engines.blas import one_blas_thread
from thalweg.errors import DataError, UsageError
from thalweg.events import Event, Observer
from thalweg.interrupts import gently
from thalweg.model import Model
from thalweg.model_file import refuse_unsavable
from thalweg.observers import Trace
from thalweg.readers import DEFAULT_MISSING
from thalweg.readers.forms import unexpected_in
from thalweg.readers.open_stream import open_stream
from thalweg.readers.stream import Stream
from thalweg.recipe import TextOptions
from thalweg.schema import taken
from thalweg.stopping import Outcome
from thalweg.train import row_cache
from thalweg.train.data import Source
from thalweg.train.exact import Exact
from thalweg.train.learner import Progress
from thalweg.train.online import OnlineOptions, OnlineRun, layout_of, pairs
from thalweg.train.online_rows import OnlineRows
from thalweg.train.options import Options, flag
from thalweg.train.streamed import classes_in, first_texts
from thalweg.train.versions import library_versions

ONLINE = "sgd"
_ONLINE_OPTIONS = ("bits", "cross")
_NOT_ONLINE = (
    "gradient_tol", "patience", "holdout", "schedule", "batch_size", "average", "threads", "kernel", "max_levels",
    "cache",
)  # fmt: skip


def fit_stream(rows: Any, given: Mapping[str, Any], source: Source, observers: Sequence[Observer]) -> Model:
    """The model of streamed rows; `given` are the keywords of `fit`, of which `source` is made.

    Raises UsageError for options that streaming has no use for.
    """
    if source.classes is not None:
        raise UsageError("classes goes with arrays (X, y); for a stream, --positive names the label that is 1.")
    if given["method"] == "minibatch":
        raise UsageError(
            "--method minibatch draws rows at random, which a stream cannot give; sgd goes row by row in the order of "
            "the file."
        )
    online = given["method"] == ONLINE
    _refuse_idle(given, online)
    stream = open_stream(rows, **(source.reading or {}))
    roles = {name: flag(role) for role in ("weights", "offset") if (name := getattr(source, role)) is not None}
    stream.complaint = unexpected_in({**roles, **source.asked(stream).numbers})
    kept = Checkpoints(given, stream)
    with closing(stream), one_blas_thread():  # BLAS' own threads would wait busily on the core that reads
        if online:
            return fit_online(stream, given, source, kept, observers)
        return fit_exact(stream, given, source, kept, observers)


def _refuse_idle(given: Mapping[str, Any], online: bool) -> None:
    """Raise UsageError for an option that would do nothing."""
    if given["seed"] != 0:
        raise UsageError("--seed has no meaning with --stream: rows come in the file's order.")
    if online:
        for name in _NOT_ONLINE:
            if given[name] not in (None, False, "auto"):
                raise UsageError(f"{flag(name)} has no meaning for --method sgd with --stream.")
        if not given["standardize"]:
            raise UsageError("--no-standardize has no meaning for --method sgd with --stream: rates follow the scales.")
        if given["tol"] != 1e-6:
            raise UsageError("--tol has no meaning for --method sgd with --stream, which ends with the rows.")
        if given["min_rows"] != 2:
            raise UsageError("--min-rows has no meaning for --method sgd with --stream, which hashes every word.")
    else:
        for name in _ONLINE_OPTIONS:
            if given[name] not in (None, ()):
                raise UsageError(f"{flag(name)} goes with --method sgd and --stream.")


class Checkpoints:
    """Where a fit keeps its place, if anywhere, and what of."""

    def __init__(self, given: Mapping[str, Any], stream: Stream) -> None:
        self._given, self._stream = given, stream
        self.folder = None if given["checkpoint"] is None else Path(given["checkpoint"])
        self.every = seconds_of(given["every"])
        if self.folder is None and given["resume"]:
            raise UsageError("--resume goes with --checkpoint: which folder is to be gone on from?")
        if self.folder is None and self.every != 60.0:
            raise UsageError("--every goes with --checkpoint: which folder are the checkpoints kept in?")
        if self.folder is not None:
            stream.refuse_output(self.folder / NAME)

    def of(self, options: Mapping[str, Any]) -> Checkpoint | None:
        """The checkpoint of a run with those options, which have to be the same when it goes on."""
        if self.folder is None:
            return None
        identity = {
            "the input": self._stream.fingerprint,
            **{flag(name): value for name, value in options.items()},
            "thalweg": library_versions()["thalweg"],
        }
        return Checkpoint(self.folder, identity, self.every, bool(self._given["resume"]))


def columns_of(source: Source) -> dict[str, Any]:
    """The keywords that say which column does what."""
    return {name: getattr(source, name) for name in ("weights", "offset", "only", "drop", "categorical", "text")}


def told(source: Source) -> dict[str, Any]:
    """The same, and what goes with them, as JSON can hold it."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in columns_of(source).items()}
    labels = {name: getattr(source, name) for name in ("target", "soft", "successes", "trials", "positive")}
    return {**labels, **plain, "text": _without_defaults(source.text),
            "missing": (source.reading or {}).get("missing")}  # fmt: skip


def _without_defaults(text: TextOptions) -> dict[str, Any] | None:
    return asdict(text) if text.columns else None


def fit_online(
    stream: Stream, given: Mapping[str, Any], source: Source, kept: Checkpoints, observers: Sequence[Observer]
) -> Model:
    """Learn the stream online, one pass or `epochs` of them."""
    options = OnlineOptions(
        **{name: given[name] for name in ("rate", "l1", "intercept", "class_weight", "on_bad_row")},
        bits=22 if given["bits"] is None else given["bits"],
        cross=pairs(given["cross"]),
        l2=0.0 if given["l2"] is None else given["l2"],
    )
    Options(epochs=given["epochs"])
    missing = (source.reading or {}).get("missing") or DEFAULT_MISSING
    asked = source.asked(stream)
    skip = options.on_bad_row == "skip"
    began = time.perf_counter()
    layout = layout_of(
        stream, asked.columns, options, lambda name: first_texts(stream, name, skip), **columns_of(source)
    )
    target = asked.found(lambda name, positive: classes_in(stream, name, positive, skip))
    run = OnlineRun(layout, target, options)
    epochs = given["epochs"] or 1
    named = {field.name: getattr(options, field.name) for field in fields(OnlineOptions)}
    named["cross"] = [list(pair) for pair in options.cross]
    named = {**named, "method": ONLINE, "stream": True, "epochs": epochs, **told(source)}
    refuse_unsavable({flag(name): value for name, value in named.items()}, target.classes)
    checkpoint = kept.of(named)
    spent = 0.0
    found = None if checkpoint is None else checkpoint.begin()
    resumed: AbstractContextManager[None] = nullcontext()
    if checkpoint is not None and found is not None:
        resumed = checkpoint.within()
        with checkpoint.within():
            own, state = taken({"seconds": SECONDS}, found[1])
            run.restore(found[0], state)
            stream.check_position(run.after)
        spent = own["seconds"]
    trace = Trace()
    report = _Report(run, (trace, *observers), began - spent, epochs)
    if checkpoint is not None and checkpoint.began_anew:
        report.note(f"{checkpoint.folder}: no checkpoint to go on from: beginning at the first row")
    with resumed:
        outcome = _learn(run, stream, epochs, checkpoint, report)
    if outcome is Outcome.LEARNT and 0.0 in run.totals and run.totals.any():
        raise DataError(f"{stream.name}: the rows that weigh anything are of one class only.")
    notes = [] if checkpoint is None else list(dict.fromkeys(checkpoint.failures))
    report.end(outcome)
    return run.model(
        outcome,
        missing,
        notes,
        seconds=report.seconds,
        passes=report.passes,
        options=named,
        history=tuple(trace.rows),
        data={
            "source": stream.name,
            "fingerprint": stream.fingerprint,
            "rows": run.progressive.rows,
            "total_weight": float(run.totals.sum() / run.passes),
        },
    )


def _learn(run: OnlineRun, stream: Stream, epochs: int, checkpoint: Checkpoint | None, report: "_Report") -> Outcome:
    """Pass after pass, reading and hashing each on a thread of its own while this one learns.

    Two blocks wait to be learnt, since some take longer to be read or hashed than others.
    """

    def rows() -> Generator[OnlineRows]:
        preparation = run.preparation()
        with ahead(stream.chunks(run.forms, run.after, run.options.on_bad_row == "skip")) as chunks:
            for chunk in chunks:
                yield preparation.rows(chunk)

    with gently() as interrupted:
        while True:
            report.begin()
            with ahead(rows(), 2) as prepared:
                for block in prepared:
                    run.learn(block)
                    report.block(block.share)
                    if interrupted():
                        _keep(run, checkpoint, report, False)
                        return Outcome.INTERRUPTED
                    if checkpoint is not None and checkpoint.due():
                        _keep(run, checkpoint, report, False)
            if run.passes >= epochs:
                _keep(run, checkpoint, report, True)
                return Outcome.LEARNT
            run.next_pass()


def _keep(run: OnlineRun, checkpoint: Checkpoint | None, report: "_Report", done: bool) -> None:
    if checkpoint is None:
        return
    arrays, body = run.state()
    failures = len(checkpoint.failures)
    checkpoint.save(arrays, {**body, "seconds": report.seconds}, done)
    for failure in checkpoint.failures[failures:]:
        report.note(failure)


def fit_exact(
    stream: Stream, given: Mapping[str, Any], source: Source, kept: Checkpoints, observers: Sequence[Observer]
) -> Model:
    """Find the optimum of the streamed rows, and prove it."""
    for name in ("holdout", "patience"):
        if given[name] is not None:
            raise UsageError(
                f"--{name} does not go with --stream; fit without it, and judge on rows of their own with "
                "thalweg evaluate."
            )
    if given["on_bad_row"] not in ("stop", "skip"):
        raise UsageError(f"--on-bad-row is {given['on_bad_row']!r}, but must be stop or skip.")
    options = Options(**{field.name: given[field.name] for field in fields(Options)})
    named = {**options.to_dict(), **told(source), "max_levels": source.max_levels, "on_bad_row": given["on_bad_row"]}
    del named["threads"], named["seed"]  # they change no bit
    cache = None if given["cache"] is None else Path(given["cache"])
    if cache is not None:
        stream.refuse_output(cache / row_cache.NAME)
    skip = given["on_bad_row"] == "skip"
    exact = Exact(stream, options, source, skip, cache, kept.of({**named, "stream": True}), observers)
    refuse_unsavable({flag(name): value for name, value in named.items()}, exact.classes)
    return exact.model()


class _Report:
    """What observers hear of a run: a step whenever its rows have doubled, and rows in between."""

    def __init__(self, run: OnlineRun, observers: Sequence[Observer], began: float, epochs: int) -> None:
        self._run, self._observers, self._began, self._epochs = run, observers, began, epochs
        self._next = 0
        self._share: float | None = 0.0

    @property
    def seconds(self) -> float:
        """Since the run began, in this process and those before."""
        return time.perf_counter() - self._began

    @property
    def passes(self) -> float:
        """Over the rows, where their share is known; else the whole ones."""
        return self._run.passes - 1 + (self._share if self._share is not None else 0.0)

    def begin(self) -> None:
        """A pass begins, or goes on."""
        self._next = 2 * self._run.progress.rows
        self._share = 0.0
        if self._run.passes == 1 and not self._run.progress.rows:
            self._send("start")

    def block(self, share: float | None) -> None:
        """A block is done."""
        self._share = share
        doubled = self._run.progress.rows >= self._next
        if doubled:
            self._next = 2 * self._run.progress.rows
        self._send("step" if doubled else "rows")

    def note(self, sentence: str) -> None:
        """Something went wrong without ending the run."""
        for observer in self._observers:
            observer(Event("note", sentence, 0, 0.0, self.seconds))

    def end(self, outcome: Outcome) -> None:
        """The run is over."""
        if outcome is Outcome.LEARNT:  # also where it was over when it was gone on from
            self._share = 1.0
        self._send("end", outcome=outcome.value)

    def _send(self, kind: str, **more: Any) -> None:
        now: Progress = self._run.progress
        some = now.rows > 0
        stage = "rows" if self._epochs == 1 else f"pass {self._run.passes} of {self._epochs}"
        event = Event(
            kind=kind,
            stage=stage,
            step=now.rows,
            passes=self.passes,
            seconds=self.seconds,
            objective=now.log_loss if some else None,
            rate=self._run.learner.step or None,
            rows=now.rows,
            share=self._share,
            auc=now.auc if some else None,
            baseline=now.baseline if some else None,
            **more,
        )
        for observer in self._observers:
            observer(event)
