"""Saving: what can be known before a run is refused before it, and what comes of a run is not lost."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import thalweg
from thalweg.cli import run
from thalweg.errors import DataError, ModelFileError, OutputError, UsageError
from thalweg.model_file import refuse_unsavable
from thalweg.readers import open_rows
from thalweg.readers.open_stream import open_stream

ROWS = "x,c,y\n" + "".join(f"{i % 7},{'uvw'[i % 3]},{int(i % 5 == 0)}\n" for i in range(60))
WAYS: list[dict[str, Any]] = [{"stream": True}, {"stream": True, "method": "sgd", "bits": 8}]


class One:
    """A label that compares as 1 does, and is nothing that JSON could hold."""

    def __str__(self) -> str:
        return "1"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(ROWS)


def unheard(event: Any) -> None:
    raise AssertionError(f"the run began: {event}")


@pytest.mark.parametrize("way", WAYS)
def test_options_that_no_file_can_keep_are_refused_before_the_run(way: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"--positive is <.*, which a model file cannot keep"):
        thalweg.fit("t.csv", "y", positive=One(), observers=[unheard], **way)
    weights = {0: 1.0, One(): 2.0}
    with pytest.raises(UsageError, match=r"--class-weight is .* which a model file cannot keep"):
        if "bits" not in way:
            refuse_unsavable({"--class-weight": weights}, (0, 1))
        thalweg.fit("t.csv", "y", class_weight=weights, observers=[unheard], **way)


def test_names_that_no_file_can_keep_are_refused_before_the_run() -> None:
    y = np.arange(60) % 2
    frame = pd.DataFrame(np.random.default_rng(0).standard_normal((60, 2)))
    frame.columns = pd.Index(["a", "b\ud800"], dtype=object)
    with pytest.raises(UsageError, match=r"the recipe is .* which a model file cannot keep"):
        thalweg.fit((frame, y), observers=[unheard])
    with pytest.raises(DataError, match=r"column name 'b\\ud800' is not UTF-8 text"):
        thalweg.fit(frame.assign(y=y), "y")
    with pytest.raises(UsageError, match=r"take .* bytes, more than the 100,000,000"):
        refuse_unsavable({"--drop": ["n" * 100_000_001]}, (0, 1))


@pytest.mark.parametrize("name", ["\udce9.thalweg", "a\0b", "n" * 300, "no/folder/m.thalweg", ".", "ring"])
def test_a_place_that_cannot_be_written_is_refused_before_the_run(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ring").symlink_to("ring")
    before = sorted(Path().iterdir())
    for command in (["fit"], ["fit", "--stream"], ["path", "--points", "2", "--holdout", "0.3"]):
        assert run([*command, "t.csv", "--target", "y", "-o", name, "--progress", "json"]) == 1
        said = capsys.readouterr().err
        assert said.startswith("thalweg: ") and said.count("\n") == 1  # and no event of a run
    assert sorted(Path().iterdir()) == before
    model = thalweg.fit("t.csv", "y")
    with pytest.raises(OutputError):
        model.save(name)
    with pytest.raises(ModelFileError):
        thalweg.load(name)
    assert run(["predict", "m.thalweg", "t.csv", "-o", f"{name}.csv"]) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["\udce9", "a\0b", "n" * 300])
def test_a_folder_that_cannot_be_made_is_refused_before_the_run(name: str, way: dict[str, Any]) -> None:
    folders = ("checkpoint",) if "bits" in way else ("checkpoint", "cache")
    for option in folders:
        with pytest.raises(OutputError):
            thalweg.fit("t.csv", "y", observers=[unheard], **{option: name}, **way)


def test_a_long_name_is_no_reason_to_lose_a_model() -> None:
    for name in ("n" * 245 + ".thalweg", "é" * 120 + ".thalweg"):
        assert run(["fit", "t.csv", "--target", "y", "-o", name, "--progress", "off"]) == 0
        assert thalweg.load(name).rows == 60


@pytest.mark.parametrize("command", [["fit"], ["path", "--points", "3", "--holdout", "0.3"]])
def test_a_model_whose_place_fails_after_the_run_is_written_elsewhere(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, a device that is always full")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    assert run([*command, "t.csv", "--target", "y", "-o", "/dev/full", "--progress", "off"]) == 1
    said = capsys.readouterr().err
    (found,) = (tmp_path / "elsewhere").iterdir()
    assert f"No space left on device. The model was written to {found}." in said and said.count("\n") == 1
    assert thalweg.load(found).recipe.target is not None
    if command != ["fit"]:
        return
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert run([*command, "t.csv", "--target", "y", "-o", "/dev/full", "--progress", "off"]) == 1
    assert "No other place was found for it." in capsys.readouterr().err


def test_a_quality_that_is_no_number_does_not_keep_a_model_from_being_saved() -> None:
    model = thalweg.fit("t.csv", "y", holdout=0.3)
    assert model.holdout is not None
    odd = replace(
        model,
        holdout={**model.holdout, "log_loss": np.inf, "auc": np.nan},
        progressive={"rows": 1, "log_loss": 0.5, "auc": None, "baseline": np.nan, "skipped": 0},
        certificate=replace(model.certificate, gradient_norm=np.nan, newton_decrement=np.inf),
    )
    odd.save("m.thalweg")
    found = thalweg.load("m.thalweg")
    assert found.holdout == {**model.holdout, "log_loss": None, "auc": None}
    assert found.progressive == {"rows": 1, "log_loss": 0.5, "auc": None, "baseline": None, "skipped": 0}
    assert np.isnan(found.certificate.gradient_norm)
    assert run(["show", "m.thalweg"]) == run(["show", "m.thalweg", "--json"]) == 0


def test_a_checkpoint_is_tried_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(dir: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("thalweg.output.tempfile.TemporaryFile", full)
    for way in WAYS:
        with pytest.raises(OutputError, match="checkpoints cannot be written to: No space left"):
            thalweg.fit("t.csv", "y", checkpoint="checkpoints", observers=[unheard], **way)


def test_names_of_files_are_taken_as_they_are(tmp_path: Path) -> None:
    table = pa.table({"x": [float(i % 7) for i in range(60)], "y": [int(i % 5 == 0) for i in range(60)]})
    for stem in ("~x", "http:x", "file:x", "a'b", 'a"b', "q[1]?*", "k=1", "a\nb", "é#"):
        Path(f"{stem}.csv").write_text(ROWS)
        pq.write_table(table, tmp_path / f"{stem}.parquet")
        Path(f"{stem}.jsonl").write_text("".join(f'{{"x": {i % 7}, "y": {int(i % 5 == 0)}}}\n' for i in range(60)))
        for ending in ("csv", "parquet", "jsonl"):
            assert open_rows(f"{stem}.{ending}").n == 60
            stream = open_stream(f"{stem}.{ending}")
            assert sum(chunk.n for chunk in stream.chunks({"x": "number"})) == 60


def test_a_file_whose_name_is_not_utf8_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("\udce9.csv", "\udce9.parquet", "\udce9.jsonl", "\udce9.libsvm"):
        Path(name).write_text(ROWS)
        for way in ({}, *WAYS):
            with pytest.raises(DataError, match=r"'\\udce9.*: this name is not UTF-8; rename the file"):
                thalweg.fit(name, "y", **way)
    for name in ("n" * 300, "SELECT * FROM loans WHERE " + "a = 1 AND " * 50):
        for way in ({}, WAYS[0]):
            with pytest.raises(DataError, match="File name too long"):
                thalweg.fit(name, "y", **way)
    assert run(["fit", "\udce9.csv", "--target", "y"]) == 1
    assert "this name is not UTF-8" in capsys.readouterr().err
