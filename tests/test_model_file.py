"""The model file: what is saved comes back, and whatever is not a whole model is refused in a sentence."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes
from safetensors.numpy import save_file

import thalweg
from thalweg import model_file, output, tensors


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


def rewrite(path: Path, **changes: str) -> None:
    """Change metadata entries, with a checksum that fits."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    arrays = from_bytes(content)
    metadata = {**header["__metadata__"], **changes}
    metadata["sha256"] = tensors._digest(metadata["schema"], metadata["model"], arrays)
    path.write_bytes(to_bytes(arrays, metadata=metadata))
