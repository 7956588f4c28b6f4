"""The model file `*.thalweg`: safetensors with JSON metadata. Loading reads numbers and text, and runs nothing."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.certificate import Certificate
from thalweg.errors import ModelFileError, OutputError
from thalweg.model import Model
from thalweg.recipe import Recipe, TextColumn
from thalweg.recipe.hashing import HashedColumns
from thalweg.stopping import Outcome
from thalweg.tensors import Format

SCHEMA = 1
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
    if model.objective is not None and not np.isfinite(model.objective):
        raise OutputError(f"{path}: not written, since the run ended at no finite objective: {model.sentence}")
    body = json.dumps(_body(model), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    _FORMAT.write(Path(path), body, _tensors(model))


def load(path: str | Path) -> Model:
    """The model in that file.

    Raises ModelFileError where the file is missing, cut short, altered, not a model, or of a newer schema.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelFileError(f"{path}: this is a folder, not a model file.")
    if not path.exists():
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
        if size > 100_000_000:  # safetensors' own limit on its header; anything else would read a foreign file whole
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
    norm = model.certificate.gradient_norm
    no_gradient = np.isnan(norm)
    return {
        **{name: getattr(model, name) for name in _PLAIN},
        "recipe": _without_words(model.recipe.to_dict()),
        "classes": list(model.classes),
        "objective": model.objective,
        "outcome": model.outcome.name,
        "certificate": {**asdict(model.certificate), "gradient_norm": None if no_gradient else norm},
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
        # files of models learnt online once had the progressive log-loss here, which is no P
        objective=None if body.get("progressive") is not None else float(body["objective"]),
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
