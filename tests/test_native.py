"""Compiled loops: kept machine code gives what Numba gives, without Numba, and whatever becomes of the file."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg import native, ownership

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
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}, check=False
    )
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


# ---------------------------------------------------------------------------------------- whose code is run

OTHER = 12345  # the number of another user, and of another group
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own cache, in a folder of this test's own; nothing was said before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(native, "_said", set())
    return tmp_path / "home" / "thalweg"


@pytest.fixture
def planted(loops: native.Loops, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code under the name, the type and the checksum of `sums_pass`, which says that all sums are 42."""
    from numba import njit

    def evil(indptr, indices, data, y, weight, offset, w, b, want, curvatures, columns):  # type: ignore[no-untyped-def]
        return 42.0, 42.0, 42.0

    folder = home.parent.parent / "shared"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    kinds = ("sums_pass", *map(native._kind, rows()))
    code = native._compiled(njit(evil), kinds)
    assert code is not None
    assert native._keep(folder / f"passes.sums_pass-{native.Loops(MODULE)._key(kinds)}.native", code)
    return folder


def sums() -> Any:
    return native.Loops(MODULE).sums_pass(*rows())


def test_code_in_a_folder_of_the_user_s_own_is_run_whatever_it_is(planted: Path) -> None:
    """So that the tests below would notice where planted code is run."""
    assert sums() == (42.0, 42.0, 42.0)


def shared_with_all(folder: Path) -> None:
    folder.chmod(0o777)


def shared_with_all_but_sticky(folder: Path) -> None:
    folder.chmod(0o1777)


def shared_with_a_group(folder: Path) -> None:
    folder.chmod(0o770)


def of_another_user(folder: Path) -> None:
    os.chown(folder, OTHER, OTHER)


def in_a_folder_shared_with_all(folder: Path) -> None:
    folder.parent.chmod(0o777)


def in_a_folder_shared_with_a_group(folder: Path) -> None:
    os.chown(folder.parent, -1, OTHER)
    folder.parent.chmod(0o770)


def in_a_folder_of_another_user(folder: Path) -> None:
    os.chown(folder.parent, OTHER, -1)


def behind_a_link(folder: Path) -> None:
    folder.chmod(0o777)
    folder.rename(folder.with_name("target"))
    folder.symlink_to("target")


def behind_a_link_of_another_user(folder: Path) -> None:
    folder.rename(folder.with_name("target"))
    folder.symlink_to("target")
    os.chown(folder, OTHER, OTHER, follow_symlinks=False)


def with_a_file_shared_with_all(folder: Path) -> None:
    kept(folder).chmod(0o666)


def with_a_file_shared_with_a_group(folder: Path) -> None:
    kept(folder).chmod(0o660)


def with_a_file_of_another_user(folder: Path) -> None:
    os.chown(kept(folder), OTHER, OTHER)


def with_a_link_to_a_file(folder: Path) -> None:
    file = kept(folder)
    file.rename(folder / "target")
    file.symlink_to(folder / "target")


AS_ROOT = (
    of_another_user, in_a_folder_shared_with_a_group, in_a_folder_of_another_user, behind_a_link_of_another_user,
    with_a_file_of_another_user,
)  # fmt: skip
AS_ANYBODY = (
    shared_with_all, shared_with_all_but_sticky, shared_with_a_group, in_a_folder_shared_with_all, behind_a_link,
    with_a_file_shared_with_all, with_a_file_shared_with_a_group, with_a_link_to_a_file,
)  # fmt: skip


@pytest.mark.parametrize("place", [*AS_ANYBODY, *(pytest.param(place, marks=as_root) for place in AS_ROOT)])
def test_code_that_others_may_have_written_is_not_run_but_compiled_anew_and_that_is_said_once(
    place: Any, planted: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir(0o700, parents=True)
    place(planted)
    given = rows()
    if place in (in_a_folder_shared_with_all, in_a_folder_of_another_user, in_a_folder_shared_with_a_group):
        monkeypatch.setenv("XDG_CACHE_HOME", str(planted))  # of which the same is true
    with pytest.warns(UserWarning, match=r"compiled code in .* is not run, since .*: it is compiled anew") as said:
        found = [sums(), sums()]
    assert found == [import_module(MODULE).sums_pass(*given)] * 2
    assert len(said) == 1


def test_the_user_s_own_cache_takes_the_place_of_a_shared_folder(planted: Path, home: Path) -> None:
    planted.chmod(0o777)
    with pytest.warns(UserWarning, match=f"it is compiled anew, and kept in {home}"):
        expected = sums()
    assert home.stat().st_mode & 0o777 == 0o700
    assert native._read(kept(home)) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_compiled", None)  # it is loaded, or called by way of Numba and not ready
        patch.setattr(native, "import_module", None)
        assert sums() == expected


def test_a_private_folder_on_a_sticky_one_is_used_and_nothing_is_said(
    loops: native.Loops, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(shared / "mine"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = sums()
        monkeypatch.setattr(native, "_compiled", None)
        monkeypatch.setattr(native, "import_module", None)
        assert sums() == expected
    assert (shared / "mine").stat().st_mode & 0o777 == 0o700
    assert not kept(shared / "mine").stat().st_mode & 0o022


def test_a_folder_beside_the_source_that_a_group_may_write_to_is_passed_over_without_a_word(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    beside = tmp_path / "__pycache__"
    beside.mkdir()
    beside.chmod(0o775)  # as Python makes it for users whose files are open to their group
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert native._folders(tmp_path / "passes.py", "passes.native") == [home]
    (beside / "passes.native").touch()
    with pytest.warns(UserWarning, match="can be written to by others"):
        assert native._folders(tmp_path / "passes.py", "passes.native") == [home]


@as_root
def test_code_of_root_s_is_run_by_others_and_theirs_not_by_root(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept(planted).stat().st_mode & 0o777 == 0o644
    monkeypatch.setattr(os, "geteuid", lambda: OTHER)
    assert not ownership.threat_to(planted) and ownership.read_own(kept(planted))[0]
    os.chown(planted, OTHER, OTHER)
    assert not ownership.threat_to(planted)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert ownership.threat_to(planted) == f"{planted} belongs to another user"


def test_without_owners_a_folder_is_trusted_within_the_user_s_own_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "geteuid", raising=False)  # as on Windows
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert not ownership.threat_to(tmp_path / "cache")
    assert "not within your own folder" in ownership.threat_to(tmp_path.parent / "cache")


def test_links_that_lead_in_a_circle_are_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "leads nowhere" in ownership.threat_to(tmp_path / "a" / "cache")
