"""The house's floors, read from the imports: data flows down once, and what is heavy or optional has one place."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import thalweg

PACKAGE = Path(thalweg.__file__).parent

# Floor by floor, as in the design's section 2. A module or folder may import from lower floors, and on its own floor
# from those listed before it; inside a folder, anything that makes no cycle.
FLOORS: list[list[str]] = [
    [
        "errors",
        "names",
        "cached",
        "schema",
        "json_text",
        "signals",
        "memory",
        "output",
        "ahead",
        "interrupts",
        "tensors",
        "ownership",
        "native",
        "checkpoint",
        "formulas",
        "penalties",
        "schedules",
        "events",
    ],
    ["rows", "readers", "recipe"],
    ["kernels"],
    ["engines"],
    ["objective"],
    ["certificate", "rounding", "optimizers", "probe", "stopping", "stationary"],
    ["metrics", "solve", "model", "model_file", "scoring"],
    ["observers"],
    ["train"],
    ["descent", "textbook", "figures", "report", "estimator", "cli", "__main__"],
]
RANK = {name: (floor, place) for floor, names in enumerate(FLOORS) for place, name in enumerate(names)}

# Heavy and optional libraries, and the only files that may import each.
HOMES: dict[str, set[str]] = {
    "click": {
        "cli/commands.py",
        "cli/options.py",
        "cli/fit.py",
        "cli/path.py",
        "cli/predict.py",
        "cli/evaluate.py",
        "cli/show.py",
        "cli/textbook.py",
    },
    "duckdb": {"readers/database.py"},
    "jax": {"descent/jax_gradient.py"},
    "matplotlib": {"figures/canvas.py"},
    "llvmlite": {"kernels/adaptive_passes.py", "native.py"},
    "numba": {"kernels/adaptive_passes.py", "kernels/passes.py", "native.py", "recipe/number_passes.py"},
    "pandas": set(),
    "polars": set(),
    "pyarrow": {
        "readers/delimited_records.py",
        "readers/delimited_stream.py",
        "readers/forms.py",
        "readers/frames.py",
        "readers/parquet_stream.py",
        "recipe/hashed_margins.py",
        "recipe/hasher.py",
        "recipe/learn.py",
        "scoring.py",
        "train/arrow_bytes.py",
        "train/row_cache.py",
        "train/stream_learning.py",
        "train/stream_sample.py",
    },
    "rich": {"observers/progress.py", "report.py"},
    "safetensors": {"tensors.py"},
    "sklearn": {"estimator.py", "metrics.py", "recipe/text.py", "textbook/sentiment.py"},
    "sympy": {"textbook/symbolic.py"},
    "threadpoolctl": {"engines/blas.py"},
}
EVERYWHERE = {"numpy", "scipy", *sys.stdlib_module_names}

FILES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names a file imports, wherever they stand in it; a name imported from a package may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that a reader sees the floor"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str | None:
    """The file of the package that a dotted name is, or is found in."""
    parts = name.split(".")
    if parts[0] != "thalweg":
        return None
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[1:length])
        for candidate in (f"{stem}.py", f"{stem}/__init__.py".removeprefix("/")):
            if candidate in FILES:
                return candidate
    return None


def room(file: str) -> str:
    """The module or folder of a file, as it is called in FLOORS."""
    return file.split("/")[0].removesuffix(".py")


def at_import(tree: ast.Module) -> Iterator[str]:
    """The names imported when the file is: not those inside functions, nor those for the type checker only."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)
        else:
            waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_from_below_only(file: str) -> None:
    if file == "__init__.py":
        return  # the front door names all that is public; that it imports none of it is tested below
    assert room(file) in RANK, f"{file} stands on no floor yet: add {room(file)!r} to FLOORS in {Path(__file__).name}"
    for name in imports(FILES[file]):
        target = module_of(name)
        if target is None or target == "__init__.py" or room(target) == room(file):
            continue
        if (file, target) in UPWARD:
            continue
        assert RANK[room(target)] < RANK[room(file)], (
            f"{file} (floor {RANK[room(file)][0]}) imports {name} (floor {RANK[room(target)][0]}): "
            "move what both need to a lower floor, or pass it in"
        )


# Calls that go up at run time, inside a function, each for a reason.
UPWARD = {
    ("model.py", "model_file.py"),  # Model.save is the public name of what model_file does with a Model
}


@pytest.mark.parametrize(("file", "target"), sorted(UPWARD))
def test_an_exception_is_still_needed_and_happens_inside_a_function(file: str, target: str) -> None:
    assert target in {module_of(name) for name in imports(FILES[file])}, f"remove {(file, target)} from UPWARD"
    assert target not in {module_of(name) for name in at_import(FILES[file])}


@pytest.mark.parametrize("file", FILES)
def test_heavy_and_optional_libraries_stand_in_their_own_files(file: str) -> None:
    for name in imports(FILES[file]):
        library = name.split(".")[0]
        if library == "thalweg" or library in EVERYWHERE:
            continue
        assert library in HOMES, (
            f"{file} imports {library}: add it to HOMES in {Path(__file__).name}, with its one file"
        )
        assert file in HOMES[library], f"{file} imports {library}, which lives in {sorted(HOMES[library])}"


MEETS_THE_KERNELS = {"timing.py", "sentiment.py"}  # to time the loop against a kernel; to fit plain word counts


def test_the_textbook_s_algorithms_know_nothing_of_the_kernels_that_are_tested_against_them() -> None:
    own = {"descent", "errors", "formulas", "schedules", "textbook"}
    for file, tree in FILES.items():
        folder, _, name = file.partition("/")
        if folder == "textbook" and name not in {"__init__.py", *MEETS_THE_KERNELS}:
            assert {room(target) for target in map(module_of, imports(tree)) if target} <= own, file


@pytest.mark.parametrize("library", HOMES)
def test_the_table_of_homes_is_not_out_of_date(library: str) -> None:
    users = {file for file, tree in FILES.items() if any(name.split(".")[0] == library for name in imports(tree))}
    assert users == HOMES[library]


def test_every_room_on_the_floors_exists() -> None:
    assert {room(file) for file in FILES} - {"__init__"} == set(RANK)


def test_no_file_is_in_an_import_cycle() -> None:
    """Also counting the imports inside functions, except the exceptions above."""
    graph = {
        file: {
            target
            for target in map(module_of, imports(tree))
            if target not in (None, file, "__init__.py") and (file, target) not in UPWARD
        }
        for file, tree in FILES.items()
        if file != "__init__.py"
    }
    done: set[str] = set()

    def visit(file: str, path: tuple[str, ...]) -> None:
        assert file not in path, f"a cycle: {' → '.join((*path[path.index(file) :], file))}"
        if file not in done:
            for target in graph[file]:
                visit(target, (*path, file))
            done.add(file)

    for file in graph:
        visit(file, ())


def loaded_by(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_thalweg_loads_nothing_heavy() -> None:
    assert not loaded_by("import thalweg") & {*HOMES, "numpy", "scipy", "numba"}


def test_the_command_s_help_waits_for_no_numerics() -> None:
    loaded = loaded_by("import thalweg.cli")
    assert not loaded & ({*HOMES, "numpy", "scipy"} - {"click"})


@pytest.mark.parametrize("name", thalweg.__all__)
def test_every_public_name_is_found_when_it_is_asked_for(name: str) -> None:
    assert getattr(thalweg, name) is not None
    assert name in dir(thalweg)


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'thalweg' has no attribute 'fitt'"):
        _ = thalweg.fitt
