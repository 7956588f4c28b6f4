"""The model file: what is saved comes back, and whatever is not a whole model is refused in a sentence."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes
from safetensors.numpy import save_file

import thalweg
from thalweg import model_file, output, tensors
from thalweg.errors import DataError
from thalweg.scoring import rows_for, score


@pytest.fixture(scope="module")
def model() -> thalweg.Model:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((200, 3))
    y = np.where(X @ [1.0, -2.0, 0.5] + rng.logistic(size=200) > 0, "ja", "nein")
    return thalweg.fit((X, y), holdout=0.2)


@pytest.fixture
def saved(model: thalweg.Model, tmp_path: Path) -> Path:
    path = tmp_path / "m.thalweg"
    model.save(path)
    return path


def test_what_is_saved_comes_back_to_the_last_bit(model: thalweg.Model, saved: Path) -> None:
    back = thalweg.load(saved)
    assert back.coef.tobytes() == model.coef.tobytes()
    assert back.intercept == model.intercept
    for name in ("classes", "objective", "outcome", "sentence", "certificate", "method", "holdout", "reason", "rows"):
        assert getattr(back, name) == getattr(model, name), name
    assert back.recipe.to_dict() == model.recipe.to_dict()
    assert back.recipe.mean.tobytes() == model.recipe.mean.tobytes()
    assert back.recipe.scale.tobytes() == model.recipe.scale.tobytes()
    assert json.dumps(back.options) == json.dumps(model.options)
    assert [dict(row) for row in back.history] == [dict(row) for row in model.history]
    X = np.random.default_rng(4).standard_normal((5, 3))
    assert back.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_a_file_cut_short_anywhere_is_refused(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in {0, 1, 7, 8, 50, len(whole) // 2, len(whole) - 1}:
        saved.write_bytes(whole[:length])
        with pytest.raises(thalweg.ModelFileError, match="not a thalweg model"):
            thalweg.load(saved)


def test_an_altered_byte_anywhere_is_refused_or_changes_nothing(model: thalweg.Model, saved: Path) -> None:
    whole = saved.read_bytes()
    for position in range(8, len(whole), max(1, len(whole) // 200)):
        altered = bytearray(whole)
        altered[position] ^= 0x01
        saved.write_bytes(bytes(altered))
        try:
            back = thalweg.load(saved)
        except thalweg.ModelFileError:
            continue
        assert back.coef.tobytes() == model.coef.tobytes(), f"byte {position}"
        assert back.sentence == model.sentence, f"byte {position}"


def test_a_newer_schema_is_refused_with_the_way_out(saved: Path, tmp_path: Path) -> None:
    rewrite(saved, schema=str(model_file.SCHEMA + 1))
    with pytest.raises(thalweg.ModelFileError, match="update thalweg"):
        thalweg.load(saved)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weights": np.ones(3)}, path)
    with pytest.raises(thalweg.ModelFileError, match="not a thalweg model"):
        thalweg.load(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(thalweg.ModelFileError, match="no such file"):
        thalweg.load(tmp_path / "nothing.thalweg")
    with pytest.raises(thalweg.ModelFileError, match="folder"):
        thalweg.load(tmp_path)


def test_nonsense_under_a_right_checksum_is_refused(saved: Path) -> None:
    rewrite(saved, model='{"recipe": []}')
    with pytest.raises(thalweg.ModelFileError, match="cannot be understood"):
        thalweg.load(saved)


def test_a_changed_schema_is_found_by_the_checksum_and_an_odd_one_refused(saved: Path) -> None:
    content = saved.read_bytes()
    for schema, words in (("0", "checksum"), ("²", "not a thalweg model"), ("9" * 5000, "not a thalweg model")):
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        saved.write_bytes(to_bytes(from_bytes(content), metadata={**header, "schema": schema}))
        with pytest.raises(thalweg.ModelFileError, match=words):
            thalweg.load(saved)


def test_a_field_of_another_type_is_refused_even_under_a_right_checksum(saved: Path) -> None:
    content = saved.read_bytes()
    body = json.loads(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]["model"])
    for field, value in (("steps", "many"), ("holdout", 3), ("versions", None)):
        rewrite(saved, model=json.dumps({**body, field: value}))
        with pytest.raises(thalweg.ModelFileError, match=field):
            thalweg.load(saved)


def test_a_diverged_run_is_not_saved(tmp_path: Path) -> None:
    model = replace(thalweg.fit(([[0.0], [1.0], [2.0]], [0, 1, 0])), objective=float("inf"))
    with pytest.raises(thalweg.OutputError, match="no finite objective"):
        model.save(tmp_path / "m.thalweg")


def test_numpy_numbers_among_the_options_are_saved(tmp_path: Path) -> None:
    X, y = np.arange(12.0).reshape(6, 2) % 5, [0, 1, 0, 1, 1, 0]
    options = {"seed": np.int64(3), "epochs": np.int32(50), "l2": np.float32(0.5), "threads": np.int64(1)}
    thalweg.fit((X, y), **options).save(tmp_path / "m.thalweg")
    assert thalweg.load(tmp_path / "m.thalweg").options["seed"] == 3


def test_a_link_stays_and_a_device_is_written_to(model: thalweg.Model, saved: Path) -> None:
    link = saved.parent / "link.thalweg"
    link.symlink_to(saved)
    model.save(link)
    assert link.is_symlink() and thalweg.load(saved).rows == model.rows
    model.save("/dev/null")
    assert Path("/dev/null").is_char_device()


def test_a_full_disk_leaves_the_old_model_and_no_other_file(
    model: thalweg.Model, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output.os, "fsync", full)
    with pytest.raises(thalweg.OutputError, match="No space left on device"):
        model.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_folder_that_is_not_there_is_named(model: thalweg.Model, tmp_path: Path) -> None:
    with pytest.raises(thalweg.OutputError, match="could not be written"):
        model.save(tmp_path / "nowhere" / "m.thalweg")


@pytest.fixture(scope="module")
def several() -> dict[str, thalweg.Model]:
    """A model of a table's columns, and one of hashed words."""
    rng = np.random.default_rng(5)
    town, text = rng.choice(["Ulm", "Bonn", "Trier"], 300), rng.choice(["good film", "bad film", "dull plot"], 300)
    x, y = rng.standard_normal(300), np.where(rng.random(300) < 0.3 + 0.4 * (town == "Ulm"), "yes", "no")
    frame = pd.DataFrame({"x": x, "town": town, "text": text, "y": y})
    learner = thalweg.Online(target="y", bits=6, cross=["x,town"]).partial_fit(frame)
    return {"columns": thalweg.fit(frame, target="y", text=["text"]), "hashed": learner.model()}


def set_in(body: Any, way: str, value: Any) -> None:
    *steps, last = [int(step) if step.isdigit() else step for step in way.split(".")]
    for step in steps:
        body = body[step]
    body[last] = value


WRONG: list[tuple[str, str, Any, str]] = [
    ("columns", "objective", None, "the content must have an objective, or be learnt online"),
    ("columns", "steps", -1, "steps is -1, but must be a whole number of at least 0"),
    ("columns", "outcome", "WON", "outcome is 'WON', but must be one of CERTIFIED"),
    ("columns", "classes", ["no", "no"], "classes holds 'no' twice"),
    ("columns", "classes", ["no", "maybe"], "classes must be those of recipe.target"),
    ("columns", "classes", ["no", "yes", "maybe"], "classes has 3 entries, but must have 2"),
    ("columns", "certificate.kind", None, "certificate must have a gap and its kind, or neither"),
    ("columns", "data.total_weight", 0.0, "data.total_weight is 0.0, but must be a finite number above 0"),
    ("columns", "options.more", [{"a": float("nan")}], "options.more is"),
    ("columns", "stages", [], "history.step has the shape"),
    ("columns", "recipe.columns", "x", "recipe.columns is 'x', but must be a list"),
    ("columns", "recipe.columns.0.kind", "hue", "recipe.columns[0].kind is 'hue', but must be one of number, date"),
    ("columns", "recipe.columns.0.fill", 10**400, "recipe.columns[0].fill is a very large number"),
    ("columns", "recipe.columns.0.type", "matrix", "recipe.columns[0].name is there, but no such name is known"),
    ("columns", "recipe.columns.0.name", "town", "recipe must have a matrix alone, or columns of other names each"),
    ("columns", "recipe.columns.0.holes", True, "recipe must have a mean and a scale for each column of the matrix"),
    ("columns", "recipe.columns.1.levels", ["Trier", "Trier"], "recipe.columns[1].levels holds 'Trier' twice"),
    ("columns", "recipe.columns.1.levels", ["Trier"], "recipe.columns[1].shares has 3 entries, but must have 1"),
    ("columns", "recipe.columns.1.reference", "Bonn", "recipe.columns[1] must have a reference that is none of its"),
    ("columns", "recipe.columns.2.weights", "counts", "recipe.columns[2] must have an idf for each word, or none"),
    ("columns", "recipe.offset", "town", "recipe must have a matrix alone, or columns of other names each"),
    ("columns", "recipe.standardized", False, "recipe must have means of 0 and scales of 1 where it is not"),
    ("columns", "recipe.target.name", "\ud800", r"recipe.target.name is '\ud800', but must be a text"),
    ("hashed", "recipe.columns.1.hashing.bits", 29, "recipe.columns[1].hashing.bits is 29, but must be a whole number"),
    ("hashed", "recipe.columns.1.hashing.bits", 3, "recipe.columns[1] must have slots and words in its hashed columns"),
    ("hashed", "recipe.columns.1.hashing.crosses", [["x", "z"]], "recipe.columns[1].hashing must have crosses of two"),
    ("hashed", "recipe.columns.1.hashing.numbers", ["z"], "recipe.columns[1].hashing must have crosses of two"),
    ("hashed", "recipe.columns.1.scales", [0.0], "recipe.columns[1].scales[0] is 0.0, but must be a finite number"),
]


@pytest.mark.parametrize(("kind", "way", "value", "words"), WRONG, ids=[f"{way}={value}" for _, way, value, _ in WRONG])
def test_a_wrong_value_is_refused_with_its_place_and_what_was_expected(
    kind: str, way: str, value: Any, words: str, several: dict[str, thalweg.Model], tmp_path: Path
) -> None:
    path = tmp_path / "m.thalweg"
    several[kind].save(path)
    text, arrays = model_file._FORMAT.read(path)
    body = json.loads(text)
    set_in(body, way, value)
    model_file._FORMAT.write(path, json.dumps(body), arrays)
    with pytest.raises(thalweg.ModelFileError) as refusal:
        thalweg.load(path)
    assert str(refusal.value).startswith(f"{path}: the model cannot be understood: {words}")


def test_brackets_without_end_are_refused_before_they_are_parsed(saved: Path) -> None:
    text, arrays = model_file._FORMAT.read(saved)
    deep = text.replace('"options":{', '"options":{"a":' + "[" * 100_000 + "]" * 100_000 + ",", 1)
    model_file._FORMAT.write(saved, deep, arrays)
    with pytest.raises(thalweg.ModelFileError, match="the text is nested 100,002 deep, but must be at most 32"):
        thalweg.load(saved)


def test_a_row_whose_margin_overflows_is_refused_and_not_predicted_as_no_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 2)), np.arange(50) % 2
    of_arrays = thalweg.fit((X, y), l1=0.4)  # whose weights are all 0
    with pytest.raises(DataError, match=r"X, row 1: the margin of this row is (nan|-?inf), but must be finite"):
        replace(of_arrays, standardized_coef=np.array([1e300, -1e300])).predict_proba([[0.0, 0.0], [1e300, 1e300]])
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y})
    model = thalweg.fit(frame, target="y")
    steep = replace(model, standardized_coef=np.array([1e300, -1e300]))
    few = pd.DataFrame({"a": [0.0, 1e300], "b": [0.0, 1e300]})
    with pytest.raises(DataError, match=r"row 2: the margin of this row is (nan|-?inf), but must be finite"):
        steep.predict_proba(few)
    few.to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(DataError, match=r"few\.csv, line 3: the margin of this row is (nan|-?inf), but"):
        list(score(steep, rows_for(steep, tmp_path / "few.csv")))


def test_what_could_not_be_loaded_is_not_saved(model: thalweg.Model, tmp_path: Path) -> None:
    for change, words in (
        ({"standardized_coef": np.array([1.0, np.nan, 1.0])}, r"coef\[1\] is nan, but must be a finite number"),
        ({"standardized_coef": np.ones(2)}, r"mean has the shape \(3,\), but must have 2"),
        ({"recipe": replace(model.recipe, scale=np.zeros(3))}, r"scale\[0\] is 0.0, but must be a number above 0"),
    ):
        with pytest.raises(
            thalweg.OutputError, match=f"not written, since the model could not be loaded again: {words}"
        ):
            replace(model, **change).save(tmp_path / "m.thalweg")
        assert not any(tmp_path.iterdir())


def test_an_infinite_relative_gap_of_an_objective_of_0_comes_back(model: thalweg.Model, tmp_path: Path) -> None:
    certificate = replace(model.certificate, relative_gap=np.inf)
    replace(model, certificate=certificate).save(tmp_path / "m.thalweg")
    assert thalweg.load(tmp_path / "m.thalweg").certificate == certificate


def rewrite(path: Path, **changes: str) -> None:
    """Change metadata entries, with a checksum that fits."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    arrays = from_bytes(content)
    metadata = {**header["__metadata__"], **changes}
    metadata["sha256"] = tensors._digest(metadata["schema"], metadata["model"], arrays)
    path.write_bytes(to_bytes(arrays, metadata=metadata))
