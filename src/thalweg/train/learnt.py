"""What the first pass over a stream leaves to those after it: the recipe, counts, and a sample in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thalweg.readers.chunk import Chunk
from thalweg.recipe import Recipe
from thalweg.rows import Csr, Labels, MemoryRows, in_memory
from thalweg.train.class_weights import by_class
from thalweg.train.run import Begun
from thalweg.train.stream_learning import StreamLearning

_SAMPLE_CELLS = 1 << 22  # 32 MiB of a dense sample


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
        """From a `state`."""
        warm = {"metric": arrays["metric"], "expected": body["expected"]} if "metric" in arrays else {}
        return cls(
            recipe=Recipe.from_dict(json.loads(json.dumps(body["recipe"])), arrays["mean"], arrays["scale"]),
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
