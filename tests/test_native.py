"""Compiled loops: kept machine code gives what Numba gives, without Numba, and whatever becomes of the file."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg import native

MODULE = "thalweg.kernels.passes"


def rows() -> list[Any]:
    """Arguments of `sums_pass`: 50 rows of 20 columns, and what it fills."""
    rng = np.random.default_rng(0)
    indices = np.concatenate([rng.choice(20, 5, replace=False) for _ in range(50)]).astype(np.int32)
    y = rng.integers(0, 2, 50).astype(float)
    given = [np.arange(0, 255, 5), indices, rng.normal(size=250), y, rng.random(50), rng.normal(size=50)]
    return [*given, rng.normal(size=20), 0.3, 2, np.empty(50), np.zeros((20, 2))]


@pytest.fixture
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> native.Loops:
    """The loops of a module, kept in a folder of this test's own."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return native.Loops(MODULE)


def kept(folder: Path) -> Path:
    (path,) = folder.glob("*.native")
    return path


def test_kept_code_gives_the_bits_that_numba_gives(loops: native.Loops, tmp_path: Path) -> None:
    compiled, first, again = rows(), rows(), rows()
    expected = import_module(MODULE).sums_pass(*compiled)
    assert loops.sums_pass(*first) == expected
    assert kept(tmp_path).exists()
    assert native.Loops(MODULE).sums_pass(*again) == expected
    for mine in (first, again):
        assert mine[-1].tobytes() == compiled[-1].tobytes() and mine[-2].tobytes() == compiled[-2].tobytes()


def test_numba_is_not_loaded_where_the_code_is_kept(loops: native.Loops, tmp_path: Path) -> None:
    loops.sums_pass(*rows())
    folder = Path(__file__).parent
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from test_native import *\n"
        "native.Loops(MODULE).sums_pass(*rows()); assert 'numba' not in sys.modules, 'numba'"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"NUMBA_CACHE_DIR": str(tmp_path)}, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("damage", ["cut", "altered", "another head", "another file", "empty"])
def test_a_damaged_file_is_made_anew(damage: str, loops: native.Loops, tmp_path: Path) -> None:
    expected = loops.sums_pass(*rows())
    path = kept(tmp_path)
    whole = path.read_bytes()
    damaged = {
        "cut": whole[:-100],
        "altered": whole[:-9] + b"\0" * 9,
        "another head": whole.replace(b'"returned": "ddd"', b'"returned": "d"'),
        "another file": b"PK\3\4",
        "empty": b"",
    }
    assert damaged[damage] != whole
    path.write_bytes(damaged[damage])
    assert native.Loops(MODULE).sums_pass(*rows()) == expected
    assert native._read(path) is not None


def test_without_a_place_to_keep_it_the_code_is_compiled_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "folder"))
    compiled = rows()
    assert native.Loops(MODULE).sums_pass(*rows()) == import_module(MODULE).sums_pass(*compiled)


def test_code_that_needs_what_is_not_there_is_not_called(loops: native.Loops, tmp_path: Path) -> None:
    expected = loops.sums_pass(*rows())
    code = native._read(kept(tmp_path))
    assert code is not None and code["needed"]  # log1p and the like
    assert native._keep(kept(tmp_path), {**code, "needed": ["no_such_function"]})
    assert native.Loops(MODULE).sums_pass(*rows()) == expected


@pytest.mark.parametrize("part", ["_compiled", "_loaded"])
def test_where_llvm_or_numba_is_unlike_those_known_numba_calls_the_loop(
    part: str, loops: native.Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlike(*_: Any) -> None:
        raise RuntimeError("another version")

    monkeypatch.setattr(native, part, unlike)
    assert loops.sums_pass(*rows()) == import_module(MODULE).sums_pass(*rows())


def test_threads_that_call_a_loop_at_once_get_it_all(loops: native.Loops) -> None:
    expected = import_module(MODULE).sums_pass(*rows())
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: loops.sums_pass(*rows()), range(40))) == {expected}


def test_a_change_of_the_source_or_of_the_formulas_is_another_code(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ("sums_pass", "<f8:1")
    before = native.Loops(MODULE)._key(kinds)
    for name in (MODULE, "thalweg.formulas"):
        changed = native.Loops(MODULE)
        sources = list(changed._sources)
        sources[[MODULE, "thalweg.formulas"].index(name)] = "other"
        changed.__dict__["_sources"] = sources
        assert changed._key(kinds) != before
    assert native.Loops(MODULE)._key(kinds) == before != native.Loops(MODULE)._key(("sums_pass", "<f4:1"))


def test_arrays_that_do_not_stand_row_by_row_are_refused(loops: native.Loops) -> None:
    given = rows()
    given[-1] = np.zeros((2, 20)).T
    with pytest.raises(TypeError, match="row by row"):
        loops.sums_pass(*given)


def test_a_function_that_is_not_there_is_told_by_its_name(loops: native.Loops) -> None:
    with pytest.raises(AttributeError, match="no_such_pass"):
        loops.no_such_pass(1.0)
