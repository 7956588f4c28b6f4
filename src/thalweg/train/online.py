"""Online learning: one pass of adaptive SGD over rows that come in pieces, each predicted before it is learnt from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from thalweg import memory
from thalweg.certificate import Certificate
from thalweg.checkpoint import POSITION, SKIPPED
from thalweg.errors import DataError, UsageError
from thalweg.model import Model
from thalweg.readers.chunk import Position
from thalweg.readers.stream import Columns
from thalweg.recipe import MatrixColumns, NumberColumn, Recipe, Target, TextOptions
from thalweg.recipe.hashing import HashedColumns, Hashing
from thalweg.recipe.roles import chosen
from thalweg.recipe.text import how_to_read
from thalweg.schema import Array, Number, OrNone, Record, Row, Whole
from thalweg.stopping import Outcome
from thalweg.train.class_weights import by_class, class_factors
from thalweg.train.learner import Learner, Progress
from thalweg.train.online_rows import Moments, OnlineRows, Preparation
from thalweg.train.options import Options
from thalweg.train.registry import Registry
from thalweg.train.row_check import Roles
from thalweg.train.streamed import Skipped
from thalweg.train.versions import library_versions

NO_PROOF = "online learning proves nothing about the optimum; any other --method with --stream ends with a certificate"
_DONE = Row((Whole(), Number(0.0)))  # of a `Progress`: rows and loss


@dataclass(frozen=True)
class OnlineOptions:
    """How to learn online.

    bits         2^bits hashed columns
    cross        pairs of columns whose words (or numbers) are also learnt together
    rate         learning rate, 0.5 unless told; weights adapt it each for itself, whatever the columns' scales
    l1, l2       per-mean penalty strengths, on numbers centred and scaled
    intercept    whether there is one
    class_weight None, "balanced" (by the rows met so far), or a weight for each label
    on_bad_row   "stop", or "skip": rows that cannot be read are left out and counted
    """

    bits: int = 22
    cross: tuple[tuple[str, str], ...] = ()
    rate: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    intercept: bool = True
    class_weight: Any = None
    on_bad_row: str = "stop"

    def __post_init__(self) -> None:
        Hashing(self.bits)
        Options(method="sgd", rate=self.rate, l2=self.l2, intercept=self.intercept)
        Options(l1=self.l1, class_weight=self.class_weight)
        if self.on_bad_row not in ("stop", "skip"):
            raise UsageError(f"--on-bad-row is {self.on_bad_row!r}, but must be stop or skip.")


@dataclass(frozen=True)
class Layout:
    """Which columns are learnt from and how, settled before the first row.

    kinds   of the number columns: "number" or "date"
    arrays  whether the rows are arrays (X, y), and the model reads arrays
    """

    hashing: Hashing
    kinds: Mapping[str, str]
    weights: str | None = None
    offset: str | None = None
    arrays: bool = False

    @property
    def forms(self) -> dict[str, str]:
        """The columns learnt from, in the form they are wanted."""
        words = dict.fromkeys(self.hashing.categories, "words")
        return {**self.kinds, **words, **dict.fromkeys(self.hashing.texts, "text")}


class OnlineRun:
    """The state of a run: what was learnt, how well, from how many rows."""

    def __init__(self, layout: Layout, target: Target, options: OnlineOptions) -> None:
        self.layout, self.target, self.classes, self.options = layout, target, target.classes, options
        self.roles = Roles(target, layout.weights, layout.offset)
        self.forms = {**layout.forms, **self.roles.forms}
        width, numbers = layout.hashing.width, len(layout.hashing.numbers)
        learnt = f"for --bits {options.bits}, {width:,} weights and what tells their words apart"
        aside = width * (12 if options.l1 == options.l2 == 0.0 else 20)
        need = {memory.ADDRESSES: aside, memory.DATA: aside, memory.PAGES: 8 * width}  # the rest is used bit by bit
        memory.require(learnt, need, "each 1 less halves it")
        self.learner = Learner(width, numbers, options.rate, options.l1, options.l2, options.intercept)
        self.registry = Registry(width)
        self.progress, self.first_pass = Progress.none(), None  # type: Progress, Progress | None
        self.totals = np.zeros(2)  # weights of the classes, before class weights
        self.passes = 1
        self.skipped = Skipped()
        self.after: Position | None = None
        self.moments = np.zeros((6, len(layout.hashing.numbers)))

    SCHEMA: ClassVar = Record(  # of a `state`, arrays and all, in a checkpoint
        {
            **Learner.ARRAYS,
            **Registry.ARRAYS,
            "moments": Array(np.float64, (6, "numbers")),
            "totals": Array(np.float64, (2,), 0.0, 1e150),
            "bins": Progress.BINS,
            "learner": Learner.NUMBERS,
            "done": Row((_DONE, OrNone(_DONE))),
            "passes": Whole(1),
            "skipped": SKIPPED,
            "after": OrNone(POSITION),
        },
        {"first_bins": Progress.BINS},
        {
            **Learner.RULES,
            **Registry.RULES,
            "a scaling that is that of its moments": lambda r: Moments(r["moments"]).settled_on(r["mean"], r["scale"]),
            "an account of the first pass, once there is a second": lambda r: (
                (r["passes"] > 1) == (r["done"][1] is not None) == ("first_bins" in r)
            ),
            "rows, and weights of their margins, or neither": lambda r: all(
                done is None or (done[0] > 0) == bool(r[bins].any())
                for done, bins in zip(r["done"], ("bins", "first_bins"), strict=True)
            ),
            "weights of its rows": lambda r: bool(r["totals"].any()) or not r["bins"].any(),
        },
    )

    def preparation(self) -> Preparation:
        """Of the rows to come."""
        return Preparation(self.layout.hashing, self.roles, self.options.on_bad_row == "skip", self.moments)

    def learn(self, rows: OnlineRows) -> None:
        """Predict the rows and learn from them."""
        y, weight = rows.y, rows.weight
        self.learner.rescale(rows.scaling)
        s = np.ones(len(y)) if weight is None else weight
        positive = float(s @ y)
        self.totals += (float(s.sum()) - positive, positive)
        if self.options.class_weight is not None:
            factors = class_factors(self.options.class_weight, self.classes, (self.totals[0], self.totals[1]))
            y, weight = by_class(y, s, factors)
        self.learner.learn(rows.X, y, weight, rows.offset, self.progress)
        if self.passes == 1:
            self.registry.meet(rows.words, self.learner.weights)
        self.skipped.add(rows.bad)
        self.after, self.moments = rows.after, rows.moments

    def next_pass(self) -> None:
        """From here on rows come again: what is predicted of them is no longer new."""
        self.first_pass = self.first_pass or self.progress
        self.progress, self.after = Progress.none(), None
        self.passes += 1

    @property
    def progressive(self) -> Progress:
        """Of the first pass."""
        return self.first_pass or self.progress

    def quality(self) -> dict[str, Any]:
        """How well rows were predicted before they were learnt from, in the first pass."""
        found = self.progressive
        if not found.bins.any():
            return {"rows": 0, "log_loss": None, "auc": None, "baseline": None, "skipped": self.skipped.count}
        return {
            "rows": found.rows,
            "log_loss": found.log_loss,
            "auc": found.auc,
            "baseline": found.baseline,
            "skipped": self.skipped.count,
        }

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All it takes to go on: arrays, and what JSON can hold."""
        arrays, numbers = self.learner.state()
        arrays |= {**self.registry.state(), "moments": self.moments, "totals": self.totals, "bins": self.progress.bins}
        if self.first_pass is not None:
            arrays["first_bins"] = self.first_pass.bins
        done = [None if p is None else [p.rows, p.loss] for p in (self.progress, self.first_pass)]
        return arrays, {
            "learner": numbers,
            "done": done,
            "passes": self.passes,
            "skipped": self.skipped.state(),
            "after": self.after,
        }

    def restore(self, arrays: dict[str, np.ndarray], body: Mapping[str, Any]) -> None:
        """Go on from a `state`. Raises SchemaError for what is none of a run like this one."""
        hashing = self.layout.hashing
        places = {"first_slot": hashing.offset, "last_slot": hashing.width - 1, "last_source": len(hashing.sources) - 1}
        self.SCHEMA.check({**arrays, **body}, "", {**self.learner.sizes, **places})
        self.learner.restore(arrays, body["learner"])
        self.registry.restore(arrays)
        self.moments = arrays["moments"]
        self.totals = arrays["totals"]
        now, first = body["done"]
        self.progress = Progress(now[0], now[1], arrays["bins"])
        self.first_pass = None if first is None else Progress(first[0], first[1], arrays["first_bins"])
        self.passes = body["passes"]
        self.skipped.restore(body["skipped"])
        self.after = body["after"]

    def recipe(self, missing: tuple[str, ...], notes: Sequence[str]) -> tuple[Recipe, np.ndarray]:
        """How raw columns become the matrix, and the weights (p,) of those of its columns that have one."""
        hashing, learner = self.layout.hashing, self.learner
        w = learner.settled(np.arange(hashing.offset))
        columns: list[Any] = []
        means: list[float] = []
        scales: list[float] = []
        weights: list[float] = []
        scaling, holes = learner.scaling, self.moments[3] > 0.0
        for i, name in enumerate(hashing.numbers):
            columns.append(NumberColumn(name, self.layout.kinds[name], float(scaling.mean[i]), bool(holes[i])))
            means += [scaling.mean[i], 0.0][: 1 + int(holes[i])]
            scales += [scaling.scale[i], 1.0][: 1 + int(holes[i])]
            weights += list(w[2 * i : 2 * i + 1 + int(holes[i])])
        mean, scale, coef = np.array(means), np.array(scales), np.array(weights)
        slots = np.flatnonzero(learner.weights[hashing.offset :, 0] != 0.0).astype(np.int32) + np.int32(hashing.offset)
        hashed_weights = learner.settled(slots)
        slots, hashed_weights = slots[hashed_weights != 0.0], hashed_weights[hashed_weights != 0.0]
        if hashing.sources:
            named, origin, letters, ends = self.registry.all()
            hashed = HashedColumns(
                hashing, tuple(map(float, scaling.mean)), tuple(map(float, scaling.scale)), slots, named, origin,
                letters, ends, self.registry.used, self.registry.shared,
            )  # fmt: skip
            columns.append(hashed)
            mean, scale = np.append(mean, np.zeros(len(slots))), np.append(scale, np.ones(len(slots)))
            coef = np.append(coef, hashed_weights)
        if self.layout.arrays:
            columns = [MatrixColumns(len(hashing.numbers), hashing.numbers)]
        target = None if self.layout.arrays else self.target
        recipe = Recipe(
            tuple(columns), mean, scale, target, self.layout.weights, self.layout.offset,
            True, tuple(notes), missing,
        )  # fmt: skip
        return recipe, coef

    def model(self, outcome: Outcome, missing: tuple[str, ...], notes: Sequence[str] = (), **more: Any) -> Model:
        """The model so far."""
        quality = self.quality()
        if not quality["rows"]:
            name = self.layout.weights
            weights = "" if name is None else f"the weights in {name!r} are all zero: "
            raise DataError(f"there is no model: {weights}no row counts.")
        recipe, coef = self.recipe(missing, (*self.skipped.notes(), *notes))
        given = {
            "rows": quality["rows"],
            "passes": float(self.passes),
            "steps": self.learner.seen,
            "data": {"rows": quality["rows"], "total_weight": float(self.totals.sum() / self.passes)},
            **more,
        }
        return Model(
            recipe=recipe,
            classes=self.classes,
            standardized_coef=coef,
            standardized_intercept=float(self.learner.intercept[0]) if len(self.learner.intercept) else 0.0,
            objective=None,
            outcome=outcome,
            sentence=f"{outcome.value} {predicted(quality)}",
            certificate=Certificate(None, None, None, NO_PROOF, float("nan")),
            method="sgd",
            progressive=quality,
            versions=library_versions(),
            **given,
        )


def pairs(crosses: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    """Crosses as they may be given, "a,b" or two names. Raises UsageError for what is no pair."""
    found = []
    for cross in crosses:
        names = cross.split(",") if isinstance(cross, str) else list(cross)
        if len(names) != 2:
            raise UsageError(f"--cross is {cross!r}, but must be two columns with a comma between: a,b.")
        found.append((str(names[0]).strip(), str(names[1]).strip()))
    return tuple(found)


def predicted(quality: Mapping[str, Any]) -> str:
    """How well the rows were predicted, in a sentence."""
    auc = "" if quality["auc"] is None else f" and an AUC of {quality['auc']:.4f}"
    return (
        f"Before it was learnt from, each of the {quality['rows']:,} rows was predicted with a log-loss of "
        f"{quality['log_loss']:.6f} (the best constant: {quality['baseline']:.6f}){auc}."
    )


def layout_of(
    source: Columns,
    target: Mapping[str, str],
    options: OnlineOptions,
    texts: Any,
    *,
    weights: str | None = None,
    offset: str | None = None,
    only: Sequence[str] = (),
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    text: TextOptions | None = None,
) -> Layout:
    """Which columns of a stream or a table are learnt from, and how.

    target  option -> column that is learnt
    texts   a column's name -> some of its texts, which tell how they are read

    Raises UsageError where roles contradict each other, DataError where a column cannot be used.
    """
    text = text or TextOptions()
    names = chosen(source, target, weights, offset, only, drop, categorical, text.columns)
    kinds = {name: source.columns[name] for name in names}
    numbers = tuple(n for n in names if kinds[n] in ("number", "date") and n not in categorical)
    words = tuple(n for n in names if n not in numbers and n not in text.columns)
    tokens, ngrams = how_to_read([one for name in text.columns for one in texts(name)], text)
    hashing = Hashing(options.bits, numbers, words, text.columns, options.cross, tokens, ngrams, text.weights)
    return Layout(hashing, {name: kinds[name] for name in numbers}, weights, offset)
