"""The model file `*.thalweg`: safetensors with JSON metadata. Loading reads numbers and text, and runs nothing."""

import json
import reprlib
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.certificate import Certificate
from thalweg.errors import ModelFileError, OutputError, UsageError
from thalweg.model import Model
from thalweg.recipe import Recipe, TextColumn
from thalweg.recipe.hashing import HashedColumns
from thalweg.stopping import Outcome
from thalweg.tensors import Format

SCHEMA = 1
_MOST = 100_000_000  # bytes of safetensors' header, its own limit
_FORMAT = Format("thalweg", SCHEMA, "model", "the model", "a thalweg model", "read it", ModelFileError)
_HISTORY = ("step", "passes", "seconds", "objective", "gradient_norm", "gap", "rate", "holdout_loss")
_HASHED = ("slots", "named", "origin", "letters", "ends")  # arrays of hashed columns
_PLAIN: dict[str, Any] = {
    "sentence": str,
    "method": str,
    "reason": str,
    "steps": int,
    "passes": int | float,
    "seconds": int | float,
    "rows": int,
    "holdout": dict | None,
    "progressive": dict | None,
    "options": dict,
    "data": dict,
    "versions": dict,
}


def save(model: Model, path: str | Path) -> None:
    """Write the model to a temporary file beside its place, then rename: the file is whole or as it was before.

    Raises OutputError where it cannot be written, naming the cause, or where the run diverged: there is no model then.
    """
    if not np.isfinite(model.objective):
        raise OutputError(f"{path}: not written, since the run ended at no finite objective: {model.sentence}")
    _FORMAT.write(Path(path), _text(_body(model)), _tensors(model))


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

    Raises ModelFileError where the file is missing, cut short, altered, not a model, or of a newer schema.
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
        return _model(json.loads(body), tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{path}: the model cannot be understood ({type(error).__name__}: {error}).") from None


def is_model(path: Path) -> bool:
    """Whether the file says of itself that it is a model, whole or not."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _MOST:  # anything else would read a foreign file whole
            return False
        try:
            header = json.loads(file.read(size))
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


def _model(body: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
    body = {"progressive": None, **body}
    for name, kind in _PLAIN.items():
        if not isinstance(body[name], kind):
            raise ValueError(f"{name} is {body[name]!r}")
    recipe = Recipe.from_dict(_with_words(body["recipe"], tensors), tensors["mean"], tensors["scale"])
    coef = tensors["coef"]
    if coef.shape != (recipe.p,):
        raise ValueError(f"{coef.shape} weights for {recipe.p} columns")
    history = []
    for i, stage in enumerate(body["stages"]):
        row: dict[str, Any] = {"stage": stage}
        for key in _HISTORY:
            value = float(tensors[f"history.{key}"][i])
            row[key] = None if np.isnan(value) else int(value) if key == "step" else value
        history.append(row)
    negative, positive = body["classes"]
    norm = body["certificate"]["gradient_norm"]
    return Model(
        recipe=recipe,
        classes=(negative, positive),
        standardized_coef=coef,
        standardized_intercept=float(tensors["intercept"][0]),
        objective=float(body["objective"]),
        outcome=Outcome[body["outcome"]],
        certificate=Certificate(**{**body["certificate"], "gradient_norm": np.nan if norm is None else norm}),
        history=tuple(history),
        **{name: body[name] for name in _PLAIN},
    )


def _without_words(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe without what stands in tensors of its own."""
    columns = [{key: value for key, value in column.items() if key not in ("words", "idf")}
               for column in recipe["columns"]]  # fmt: skip
    return {**recipe, "columns": columns}


def _with_words(recipe: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    columns = []
    for i, column in enumerate(recipe["columns"]):
        if column["type"] == "hashed":
            column = {**column, **{name: tensors[f"{name}.{i}"] for name in _HASHED}}
        if column["type"] == "text":
            words = tensors[f"words.{i}"].tobytes().decode().split("\n")
            column = {**column, "words": words, "idf": tensors[f"idf.{i}"].tolist()}
        columns.append(column)
    return {**recipe, "columns": columns}
