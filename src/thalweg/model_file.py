"""The model file `*.thalweg`: safetensors with JSON metadata. Loading reads numbers and text, and runs nothing."""

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.certificate import WORDS, Certificate
from thalweg.errors import ModelFileError, OutputError, UsageError
from thalweg.json_text import parsed
from thalweg.model import Model
from thalweg.recipe import Recipe, TextColumn
from thalweg.recipe.hashing import HashedColumns
from thalweg.recipe.target import CLASSES
from thalweg.schema import (
    Anything,
    Array,
    Named,
    Number,
    OneOf,
    OrNone,
    Plain,
    Record,
    Schema,
    SchemaError,
    Several,
    Text,
    Whole,
)
from thalweg.stopping import Outcome
from thalweg.tensors import Format

SCHEMA = 1
_MOST = 100_000_000  # bytes of safetensors' header, its own limit
_FORMAT = Format("thalweg", SCHEMA, "model", "the model", "a thalweg model", "read it", ModelFileError)
_HISTORY = ("step", "passes", "seconds", "objective", "gradient_norm", "gap", "rate", "holdout_loss")
_HASHED = ("slots", "named", "origin", "letters", "ends")  # arrays of hashed columns
_AMOUNT = Number(0.0)
_HELD_OUT = {"rows": Whole(), **dict.fromkeys(("log_loss", "auc", "brier", "accuracy"), OrNone(Number()))}
_PROGRESS = {"rows": Whole(), "skipped": Whole(), **dict.fromkeys(("log_loss", "auc", "baseline"), OrNone(Number()))}
_PLAIN: dict[str, Schema] = {
    "sentence": Text(),
    "method": Text(),
    "reason": Text(),
    "steps": Whole(),
    "passes": _AMOUNT,
    "seconds": _AMOUNT,
    "rows": Whole(),
    "holdout": OrNone(Record(_HELD_OUT)),
    "options": Named(Plain()),
    "data": Record({"rows": Whole(), "total_weight": Number(above=0.0)},
                   {"source": Text(), "fingerprint": Text(), "holdout_rows": Whole()}),
    "versions": Named(Text()),
}  # fmt: skip
_CERTIFICATE = Record(
    {
        "gap": OrNone(Number()),
        "relative_gap": OrNone(Number()),
        "kind": OrNone(OneOf(tuple(WORDS))),
        "reason": Text(),
        "gradient_norm": OrNone(_AMOUNT),
        "newton_decrement": OrNone(_AMOUNT),
    },
    rules={"a gap and its kind, or neither": lambda c: (c["gap"] is None) == (c["kind"] is None)},
)
_BODY = Record(
    {
        **_PLAIN,
        "recipe": Named(Anything()),  # which is checked in full once its arrays are back in it
        "classes": CLASSES,
        "objective": OrNone(Number()),
        "outcome": OneOf(tuple(Outcome.__members__)),
        "certificate": _CERTIFICATE,
        "stages": Several(Text()),
    },
    {"progressive": OrNone(Record(_PROGRESS))},
    rules={
        "an objective, or be learnt online": lambda b: b["objective"] is not None or b.get("progressive") is not None
    },
)
_ARRAYS: dict[str, Schema] = {
    "coef": Array(np.float64, ("p",)),
    "intercept": Array(np.float64, (1,)),
    "mean": Recipe.SCHEMA.parts["mean"],
    "scale": Recipe.SCHEMA.parts["scale"],
    **{f"history.{key}": Array(np.float64, ("steps",), infinite=True, nan=True) for key in _HISTORY},
    "history.step": Array(np.float64, ("steps",), 0, 2**53),
}


def save(model: Model, path: str | Path) -> None:
    """Write the model to a temporary file beside its place, then rename: the file is whole or as it was before.

    Raises OutputError where it cannot be written, naming the cause, or where the run diverged: there is no model then,
    or one that `load` would refuse.
    """
    if model.objective is not None and not np.isfinite(model.objective):
        raise OutputError(f"{path}: not written, since the run ended at no finite objective: {model.sentence}")
    tensors = _tensors(model)
    try:
        body = _text(_body(model))
        _model(parsed(body), tensors)
    except ValueError as error:
        raise OutputError(f"{path}: not written, since the model could not be loaded again: {error}.") from None
    _FORMAT.write(Path(path), body, tensors)


def refuse_unsavable(options: Mapping[str, Any], classes: tuple[Any, Any], recipe: Recipe | None = None) -> None:
    """Raise UsageError before a run for what its model would have in it and no file could keep.

    options  what messages call each -> its value
    recipe   None where it is learnt during the run
    """
    parts = {**options, "the label": classes[0], "the other label": classes[1]}
    if recipe is not None:
        parts["the recipe"] = _without_words(recipe.to_dict())
    size = 0
    for name, part in parts.items():
        try:
            size += len(_text(part))
        except (TypeError, ValueError, RecursionError):
            raise UsageError(
                f"{name} is {reprlib.repr(part)}, which a model file cannot keep; give text in UTF-8, or a number."
            ) from None
    if size > _MOST:
        raise UsageError(
            f"the names of columns, levels and options take {size:,} bytes, more than the {_MOST:,} that a model file "
            "keeps; --max-levels and --drop make them fewer."
        )


def _text(body: Any) -> str:
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode()  # raises for letters that stand for no text
    return text


def _finite(value: Any) -> Any:
    """The same, with null for numbers that JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def load(path: str | Path) -> Model:
    """The model in that file.

    Raises ModelFileError where the file is missing, cut short, altered, not a model, of a newer schema, or holds what
    no model can be: then the message says where in the file, what stands there, and what was expected.
    """
    path = Path(path)
    try:
        folder, there = path.is_dir(), path.exists()
    except OSError as error:
        raise ModelFileError(f"{path}: the model could not be read: {error.strerror or error}.") from None
    if folder:
        raise ModelFileError(f"{path}: this is a folder, not a model file.")
    if not there:
        raise ModelFileError(f"{path}: no such file; thalweg fit -o {path} makes one.")
    body, tensors = _FORMAT.read(path)
    try:
        return _model(parsed(body), tensors)
    except SchemaError as error:
        raise ModelFileError(
            f"{path}: the model cannot be understood: {error}; whatever wrote this file did not write a whole model: "
            "save it again, or fit anew."
        ) from None


def is_model(path: Path) -> bool:
    """Whether the file says of itself that it is a model, whole or not."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _MOST:  # anything else would read a foreign file whole
            return False
        try:
            header = parsed(file.read(size).decode())
        except ValueError:
            return False
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return isinstance(metadata, dict) and metadata.get("format") == _FORMAT.name


def _tensors(model: Model) -> dict[str, np.ndarray]:
    tensors = {
        "coef": np.ascontiguousarray(model.standardized_coef),
        "intercept": np.array([model.standardized_intercept]),
        "mean": np.ascontiguousarray(model.recipe.mean),
        "scale": np.ascontiguousarray(model.recipe.scale),
    }
    for i, column in enumerate(model.recipe.columns):
        if isinstance(column, TextColumn):  # too many for the header, which may have 100 MB
            tensors[f"words.{i}"] = np.frombuffer("\n".join(column.words).encode(), np.uint8)
            tensors[f"idf.{i}"] = np.array(column.idf, dtype=np.float64)
        if isinstance(column, HashedColumns):
            tensors |= {f"{name}.{i}": np.ascontiguousarray(getattr(column, name)) for name in _HASHED}
    for key in _HISTORY:
        values = [np.nan if row.get(key) is None else row[key] for row in model.history]
        tensors[f"history.{key}"] = np.array(values, dtype=np.float64)
    return tensors


def _body(model: Model) -> dict[str, Any]:
    return {
        **{name: getattr(model, name) for name in _PLAIN},
        **{name: _finite(getattr(model, name)) for name in ("holdout", "progressive")},
        "recipe": _without_words(model.recipe.to_dict()),
        "classes": list(model.classes),
        "objective": model.objective,
        "outcome": model.outcome.name,
        "certificate": _finite(asdict(model.certificate)),
        "stages": [row.get("stage") for row in model.history],
    }


def _model(body: Any, tensors: Mapping[str, np.ndarray]) -> Model:
    _BODY.check(body, "")
    columns = body["recipe"].get("columns")
    Several(Named(Anything())).check(columns, "recipe.columns")
    Record(_arrays(columns)).check(tensors, "", {"steps": len(body["stages"])})
    recipe = Recipe.from_dict(_with_words(body["recipe"], tensors), tensors["mean"], tensors["scale"])
    negative, positive = body["classes"]
    if recipe.target is not None and recipe.target.classes != (negative, positive):
        raise SchemaError("classes must be those of recipe.target")
    history = []
    for i, stage in enumerate(body["stages"]):
        row: dict[str, Any] = {"stage": stage}
        for key in _HISTORY:
            value = float(tensors[f"history.{key}"][i])
            row[key] = None if np.isnan(value) else int(value) if key == "step" else value
        history.append(row)
    return Model(
        recipe=recipe,
        classes=(negative, positive),
        standardized_coef=tensors["coef"],
        standardized_intercept=float(tensors["intercept"][0]),
        # files of models learnt online once had the progressive log-loss here, which is no P
        objective=None if body.get("progressive") is not None else body["objective"],
        outcome=Outcome[body["outcome"]],
        certificate=_certificate(**body["certificate"]),
        history=tuple(history),
        progressive=body.get("progressive"),
        **{name: body[name] for name in _PLAIN},
    )


def _certificate(
    gap: float | None, relative_gap: float | None, gradient_norm: float | None, **more: Any
) -> Certificate:
    """With what JSON has no word for: an infinite gap of an objective of 0, and a gradient that is not known."""
    if gap is not None and relative_gap is None:
        relative_gap = np.inf
    return Certificate(gap, relative_gap, gradient_norm=np.nan if gradient_norm is None else gradient_norm, **more)


def _arrays(columns: Sequence[Mapping[str, Any]]) -> dict[str, Schema]:
    """What the arrays beside a recipe of those columns must be."""
    arrays = dict(_ARRAYS)
    for i, column in enumerate(columns):
        if column.get("type") == "text":
            arrays |= {f"words.{i}": Array(np.uint8, (f"letters {i}",)), f"idf.{i}": Array(np.float64, (f"idf {i}",))}
        if column.get("type") == "hashed":
            arrays |= {f"{name}.{i}": HashedColumns.SCHEMA.parts[name] for name in _HASHED}
    return arrays


def _without_words(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe without what stands in tensors of its own."""
    columns = [{key: value for key, value in column.items() if key not in ("words", "idf")}
               for column in recipe["columns"]]  # fmt: skip
    return {**recipe, "columns": columns}


def _with_words(recipe: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    columns = []
    for i, column in enumerate(recipe["columns"]):
        if column.get("type") == "hashed":
            column = {**column, **{name: tensors[f"{name}.{i}"] for name in _HASHED}}
        if column.get("type") == "text":
            column = {**column, "words": _words(tensors[f"words.{i}"], i), "idf": tensors[f"idf.{i}"].tolist()}
        columns.append(column)
    return {**recipe, "columns": columns}


def _words(letters: np.ndarray, i: int) -> list[str]:
    try:
        return letters.tobytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise SchemaError(f"words.{i} is no UTF-8 ({error})") from None
