"""What the first pass over a stream leaves to those after it: the recipe, counts, and a sample in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from thalweg.checkpoint import MARK, SKIPPED
from thalweg.engines.kept import can_be_scaled
from thalweg.observers.trace import KEYS
from thalweg.optimizers import OPTIMIZERS
from thalweg.readers.chunk import Chunk
from thalweg.recipe import Recipe
from thalweg.rows import Csr, Labels, MemoryRows, in_memory
from thalweg.schema import (
    Anything,
    Array,
    Flag,
    Named,
    Number,
    OneOf,
    OrNone,
    Record,
    Row,
    Schema,
    SchemaError,
    Several,
    Text,
    Whole,
)
from thalweg.train.class_weights import by_class
from thalweg.train.options import Options
from thalweg.train.plan import methods_for
from thalweg.train.run import Begun
from thalweg.train.stream_learning import StreamLearning

_SAMPLE_CELLS = 1 << 22  # 32 MiB of a dense sample
_MEASURED = OrNone(Number(infinite=True))


@dataclass
class Learnt:
    """The recipe, counts, and a sample; and later where the sample led.

    partial  whether Ctrl-C came before all rows were read
    begun    where the samples led; method and its reason, passes and history: theirs too
    """

    recipe: Recipe
    n: int
    total: float
    labels: Labels
    factors: tuple[float, float] | None
    stride: int
    sample: MemoryRows | None
    skipped: list[Any]
    mark: int
    partial: bool = False
    begun: Begun | None = None
    passes: float = 1.0
    method: tuple[str, str] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    PARTS: ClassVar[dict[str, Schema]] = {  # of a `state`, arrays and all, in a checkpoint
        "theta": Array(np.float64, ("d", 1)),
        "best": Array(np.float64, ("d", 1)),
        "mean": Recipe.SCHEMA.parts["mean"],
        "scale": Recipe.SCHEMA.parts["scale"],
        "recipe": Named(Anything()),  # which `Recipe.from_dict` checks
        "n": Whole(1, 2**53),
        "total": Number(above=0.0),
        "labels": Row((Number(0.0), Number(above=0.0), Flag())),
        "factors": OrNone(Row((Number(0.0), Number(0.0)))),
        "stride": Whole(1),
        "skipped": SKIPPED,
        "mark": MARK,
        "expected": OrNone(Number(0.0)),
        "sampled": Row((Number(infinite=True), Whole())),
        "passes": Number(0.0),
        "method": Row((OneOf(tuple(OPTIMIZERS)), Text())),
        "history": Several(Record({"stage": Text(), "step": Whole(), **dict.fromkeys(KEYS[2:], _MEASURED)})),
    }
    RULES: ClassVar[dict[str, Callable[[Mapping[str, Any]], bool]]] = {
        "a Hessian with the gap that goes with it, or neither": lambda s: (
            ("metric" in s) == (s["expected"] is not None)
        ),
        "a Hessian whose columns can be scaled": lambda s: "metric" not in s or can_be_scaled(s["metric"]),
        "labels that weigh no more than all rows": lambda s: s["labels"][0] <= s["total"] * (1.0 + 1e-9),
    }

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All it takes to go on, once the samples are done."""
        assert self.begun is not None
        arrays = {
            "theta": self.begun.theta,
            "best": self.begun.best,
            "mean": self.recipe.mean,
            "scale": self.recipe.scale,
        }
        if "metric" in self.begun.warm:
            arrays["metric"] = self.begun.warm["metric"]
        return arrays, {
            "recipe": self.recipe.to_dict(),
            "n": self.n,
            "total": self.total,
            "labels": [self.labels.positive, self.labels.smallest, self.labels.hard],
            "factors": None if self.factors is None else list(self.factors),
            "stride": self.stride,
            "skipped": self.skipped,
            "mark": self.mark,
            "expected": self.begun.warm.get("expected"),
            "sampled": [self.begun.value, self.begun.rows],
            "passes": self.passes,
            "method": self.method,
            "history": self.history,
        }

    @classmethod
    def restored(cls, arrays: dict[str, np.ndarray], body: Mapping[str, Any]) -> "Learnt":
        """From a `state`, but for the sums of passes beside it. Raises SchemaError for what is none."""
        own = {name: array for name, array in arrays.items() if not name.startswith("pass.")}
        Record(cls.PARTS, {"metric": Array(np.float64, ("d", "d"))}, cls.RULES).check({**own, **body}, "")
        warm = {"metric": arrays["metric"], "expected": body["expected"]} if "metric" in arrays else {}
        return cls(
            recipe=Recipe.from_dict(body["recipe"], arrays["mean"], arrays["scale"]),
            n=body["n"],
            total=body["total"],
            labels=Labels(*body["labels"]),
            factors=None if body["factors"] is None else (body["factors"][0], body["factors"][1]),
            stride=body["stride"],
            sample=None,
            skipped=body["skipped"],
            mark=body["mark"],
            begun=Begun(arrays["theta"], warm, arrays["best"], body["sampled"][0], body["sampled"][1]),
            passes=body["passes"],
            method=(body["method"][0], body["method"][1]),
            history=body["history"],
        )

    def check_run(self, options: Options, forms: Mapping[str, str], classes: tuple[Any, Any]) -> None:
        """Raise SchemaError where it is not of a run with those options, columns in those forms, and labels."""
        assert self.begun is not None and self.method is not None
        target, method = self.recipe.target, self.method[0]
        if target is None or target.classes != classes:
            raise SchemaError(f"recipe.target must have the labels {classes[0]!r} and {classes[1]!r}")
        if not self.recipe.forms.items() <= forms.items():
            raise SchemaError("recipe.columns must be columns that are learnt from, as they are read")
        if len(self.begun.theta) != self.recipe.p + int(options.intercept):
            raise SchemaError("theta must have a weight for each column, and one more for an intercept")
        if (self.factors is None) != (options.class_weight is None):
            raise SchemaError("factors must be there where classes have weights, and only there")
        if method not in methods_for(options):
            raise SchemaError(f"method is {method!r}, but must be {' or '.join(methods_for(options))}")


def encoded_sample(
    learning: StreamLearning, recipe: Recipe, factors: tuple[float, float] | None, place: str
) -> tuple[int, MemoryRows]:
    """Every so many-th row in memory, as many as there is room for, and the stride; `learning` keeps no row.

    factors  (2,) what the classes' weights are multiplied by; place: what messages call the source
    """
    count, most, times = learning.sample.rows, max(5000, _SAMPLE_CELLS // max(recipe.p, 1)), 1
    while not recipe.compressed and count // times > most:
        times *= 2
    # filled as raw rows are given away
    dense = np.empty((0 if recipe.compressed else -(-count // times), recipe.p))
    compressed: list[Csr] = []
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    first = filled = 0
    for columns, y, s, o in learning.sample.given_away():
        at = np.arange(first, len(y), times)
        first += times * len(at) - len(y)
        taken = {name: array.take(at) for name, array in columns.items()}
        y, weight = by_class(y, s, factors)
        assert weight is not None
        X = recipe.encode_chunk(Chunk(taken, len(at), lambda row: f"{place}, a sampled row", {}))
        if isinstance(X, Csr):
            compressed.append(X)
        else:
            dense[filled : filled + len(at)] = X
        filled += len(at)
        parts.append((y[at], weight[at], o[at]))
    y, s, o = (np.concatenate(values) for values in zip(*parts, strict=True))
    X = Csr.stacked(compressed) if compressed else dense
    return learning.sample.stride * times, in_memory(X, y, s, o if learning.offsets else None)
