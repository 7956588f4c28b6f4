"""Loops compiled once per machine and kept as machine code: later runs load that, and not Numba.

Numba takes 0.7 s to load and more memory than most chunks of rows; LLVM's loader alone takes a tenth of both. A loop
gets arrays that stand in memory row by row, and numbers; it fills arrays and may return numbers, but makes no array of
its own. So it needs nothing of Numba's once it is compiled.
"""

import ctypes
import hashlib
import json
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.cached import cached_property
from thalweg.ownership import read_own, threat_to

_VERSION = 2  # of the kept files
_FORMULAS = "thalweg.formulas"  # compiled into whatever uses them
# no fastmath: it turns indexed sums into AVX-512 gathers, several times slower on the processors measured
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
_ALONE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_OF_THE_LIBRARY = ("llvm.exp.", "llvm.log.", "llvm.pow.", "llvm.memset.", "llvm.memcpy.", "llvm.memmove.")
_RETURNED = {"none": (), "float64": ("d",), "int64": ("q",)}


@cache
def _lock() -> threading.RLock:
    return threading.RLock()


if hasattr(os, "register_at_fork"):  # a thread that compiles in the parent never ends in the child
    os.register_at_fork(after_in_child=_lock.cache_clear)


def loop(function: Callable[..., Any]) -> Any:
    """A function for Numba to compile: without Python's lock, and without arrays of its own."""
    from numba import njit

    return njit(**_OPTIONS)(function)


@cache
def loops(module: str, *others: str) -> "Loops":
    """The compiled functions of a module, by their names; `others` are modules whose code is compiled into them."""
    return Loops(module, others)


class Loops:
    """Functions that are found, or compiled, when they are first called with arguments of some types."""

    def __init__(self, module: str, others: tuple[str, ...] = ()) -> None:
        self._module, self._others = module, others
        self._known: dict[tuple[str, ...], Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            kinds = (name, *(_kind(argument) for argument in arguments))
            function = self._known.get(kinds)
            if function is None:
                with _lock():
                    function = self._known.get(kinds) or self._function(name, kinds)
                    self._known[kinds] = function
            return function(*arguments)

        setattr(self, name, call)
        return call

    def _function(self, name: str, kinds: tuple[str, ...]) -> Callable[..., Any]:
        file = f"{self._path.stem}.{name}-{self._key(kinds)}.native"
        folders = _folders(self._path, file)
        for folder in folders:
            loaded = _ready(_read(folder / file), kinds)
            if loaded is not None:
                return loaded
        compiled, code = getattr(import_module(self._module), name), None
        with suppress(Exception):  # of a Numba or an LLVM unlike those known
            code = _compiled(compiled, kinds)
        loaded = _ready(code, kinds)
        if code is None or loaded is None:
            return compiled  # called by way of Numba
        for folder in folders:
            if _keep(folder / file, code):
                break
        return loaded

    def _key(self, kinds: tuple[str, ...]) -> str:
        told = json.dumps([_VERSION, kinds, sys.byteorder, self._sources, *_processor()])
        return hashlib.sha256(told.encode()).hexdigest()[:24]

    @cached_property
    def _path(self) -> Path:
        return _source(self._module)

    @cached_property
    def _sources(self) -> list[str]:
        names = (self._module, *self._others, _FORMULAS, __name__)
        return [hashlib.sha256(_source(name).read_bytes()).hexdigest() for name in names]


def _source(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin)


def _kind(argument: Any) -> str:
    """The type of an argument, as compiled functions are told apart by it."""
    if isinstance(argument, np.ndarray):
        if not argument.flags.c_contiguous:
            raise TypeError("compiled loops take arrays that stand in memory row by row")
        return f"{argument.dtype.str}:{argument.ndim}"
    if isinstance(argument, np.generic):
        return argument.dtype.str
    if isinstance(argument, float):
        return _FLOAT
    return _BOOL if isinstance(argument, bool) else _INT


def _compiled(function: Any, kinds: tuple[str, ...]) -> dict[str, Any] | None:
    """A Numba function for arguments of those types as an object file, its name in it, and what it returns."""
    import llvmlite.binding as llvm
    from numba import from_dtype, njit, types

    signature = []
    for kind in kinds[1:]:
        name, _, ndim = kind.partition(":")
        of: Any = from_dtype(np.dtype(name))
        signature.append(types.Array(of, int(ndim), "C") if ndim else of)
    compiler: Any = njit
    alone = compiler(**_OPTIONS, **_ALONE)(function.py_func)
    alone.compile(tuple(signature))
    (made,) = alone.overloads.values()
    returned = made.signature.return_type
    parts = [str(part) for part in getattr(returned, "types", (returned,))]
    if any(part not in _RETURNED for part in parts) or len(set(parts)) > 1:
        return None
    module = llvm.parse_assembly(made.library.get_llvm_str())
    called = {f.name for f in module.functions if f.is_declaration}
    needed = sorted(name for name in called if not name.startswith("llvm."))
    needed += sorted({name.split(".")[1] for name in called if name.startswith(_OF_THE_LIBRARY)})
    return {
        "name": made.fndesc.llvm_func_name,
        "returned": "".join(letter for part in parts for letter in _RETURNED[part]),
        "needed": needed,
        "object": _machine().emit_object(module),
    }


def _ready(code: Mapping[str, Any] | None, kinds: tuple[str, ...]) -> Callable[..., Any] | None:
    """The function in what was kept or compiled; None where it cannot be called here."""
    with suppress(Exception):  # of an LLVM unlike those known
        return None if code is None else _loaded(code, kinds)
    return None


def _loaded(code: Mapping[str, Any], kinds: tuple[str, ...]) -> Callable[..., Any] | None:
    """The function in an object file; None where it needs what this process does not have."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    if any(not llvm.address_of_symbol(name) for name in code["needed"]):
        return None
    engine.add_object_file(llvm.ObjectFileRef.from_data(code["object"]))
    engine.finalize_object()
    address = engine.get_function_address(code["name"])
    return _callable(address, kinds[1:], code["returned"], engine) if address else None


def _callable(address: int, kinds: tuple[str, ...], returned: str, engine: Any) -> Callable[..., Any]:
    """A function with Numba's calling convention: arrays spread out, results and errors where they are told to go."""
    arguments: list[Any] = [ctypes.c_void_p, ctypes.c_void_p]
    spread: list[int] = []  # of each argument: its dimensions, or -1 for a number
    for kind in kinds:
        name, _, ndim = kind.partition(":")
        spread.append(int(ndim) if ndim else -1)
        arguments += [ctypes.c_ssize_t] * (5 + 2 * int(ndim)) if ndim else [_C[name]]
    native = ctypes.CFUNCTYPE(ctypes.c_int, *arguments)(address)  # gives Python's lock away while it runs
    results = (ctypes.c_int64 if "q" in returned else ctypes.c_double) * max(len(returned), 1)

    def call(*given: Any) -> Any:
        result, error = results(), ctypes.c_void_p()
        flat: list[Any] = [ctypes.addressof(result), ctypes.addressof(error)]
        for argument, ndim in zip(given, spread, strict=True):
            if ndim < 0:
                flat.append(argument.item() if isinstance(argument, np.generic) else argument)
            else:
                flat += (0, 0, argument.size, argument.itemsize, argument.ctypes.data)
                flat += argument.shape
                flat += argument.strides
        if native(*flat):
            raise RuntimeError("a compiled loop failed")
        return None if not returned else result[0] if len(returned) == 1 else tuple(result)

    call.engine = engine  # type: ignore[attr-defined]  # which owns the code
    return call


_INT, _FLOAT, _BOOL = (np.dtype(of).str for of in (np.int64, np.float64, np.bool_))
_C = {_INT: ctypes.c_int64, np.dtype(np.uint64).str: ctypes.c_uint64, _FLOAT: ctypes.c_double, _BOOL: ctypes.c_bool}


def _machine() -> Any:
    """This processor, as LLVM compiles for it; whoever runs code on it owns it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features, _ = _processor()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, reloc="default", codemodel="jitdefault")


@cache
def _processor() -> tuple[str, str, str]:
    """What it is called, what it can do, and the system's way of writing object files."""
    import llvmlite.binding as llvm

    with suppress(RuntimeError):  # LLVM cannot tell the features of every processor
        return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), llvm.get_default_triple()
    return "generic", "", llvm.get_default_triple()


def _folders(source: Path, file: str) -> list[Path]:
    """Where code may be kept: where NUMBA_CACHE_DIR says; or beside the source, or else with the user.

    A folder that others can change is none: its place takes the user's own. That is said where the folder was asked
    for, where the file is in it, or where no other is left.
    """
    named, own = os.environ.get("NUMBA_CACHE_DIR"), []
    first = Path(named) if named else source.parent / "__pycache__"
    with suppress(RuntimeError):  # there is no home
        own.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thalweg")
    threats = {folder: threat_to(folder) for folder in (first, *own)}
    safe = [folder for folder in own if not threats[folder]]
    if not threats[first]:
        return [first] if named else [first, *safe]
    if named or not safe or os.path.lexists(first / file):
        _say(first, threats[first], safe[0] if safe else None)
    return safe


_said: set[Path] = set()


def _say(folder: Path, threat: str, instead: Path | None) -> None:
    """Warn, once of each folder, that what others may have written there is not run."""
    if folder in _said:
        return
    _said.add(folder)
    what = f"kept in {instead}" if instead else "kept nowhere, so each process compiles it"
    warnings.warn(
        f"compiled code in {folder} is not run, since {threat}: it is compiled anew, and {what}. NUMBA_CACHE_DIR may "
        "name a folder of your own that nobody else can write to.",
        stacklevel=2,
    )


def _read(path: Path) -> dict[str, Any] | None:
    """What was kept; None where there is nothing, not what was written, or what others may have written."""
    with suppress(OSError, ValueError):
        kept, threat = read_own(path)
        if threat:
            _say(path.parent, threat, path.parent)
        checksum, _, content = kept.partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() == checksum:
            head, _, body = content.partition(b"\n")
            return {**json.loads(head), "object": body}
    return None


def _keep(path: Path, code: Mapping[str, Any]) -> bool:
    """Write it whole or not at all; whether there is a place for it that only the user and root can change."""
    head = {name: value for name, value in code.items() if name != "object"}
    content = json.dumps(head).encode() + b"\n" + code["object"]
    with suppress(OSError):
        path.parent.mkdir(0o755 if path.parent.name == "__pycache__" else 0o700, parents=True, exist_ok=True)
        if threat_to(path.parent):  # somebody was faster, or files made here are open to a group
            return False
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
        try:
            temporary.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            if hasattr(os, "geteuid") and os.geteuid() == 0:
                temporary.chmod(0o644)  # others run what is root's, and nobody else's
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise
        return True
    return False
