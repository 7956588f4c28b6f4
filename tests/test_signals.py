"""Ctrl-C and termination at every moment of a command: one line, exit code 130, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import thalweg
from thalweg.interrupts import gently

SRC = str(Path(thalweg.__file__).parents[1])
ROWS = 20_000  # more than one chunk
COMMANDS = {
    "fit": "fit train.csv --target y -o out.thalweg --progress off",
    "stream": "fit train.csv --target y -o out.thalweg --progress off --stream",
    "online": "fit train.csv --target y -o out.thalweg --progress off --stream --method sgd",
    "path": "path train.csv --target y --points 5 --holdout 0.2 -o out.thalweg --progress off",
    "predict": "predict m.thalweg train.csv -o out.csv",
    "show": "show m.thalweg",
}

# Python tells its audit hooks of every import and every file: moments that do not depend on how fast a machine is.
AT_A_MOMENT = """
import os, signal, sys
from thalweg.cli import main
name, moment = sys.argv[1:3]
times = int(sys.argv[3])
def hook(event, arguments):
    global times
    if times and moment in " ".join([event, *map(str, arguments[:2])]):
        while times:
            times -= 1
            os.write(1, b"met ")
            signal.raise_signal(getattr(signal, name))
sys.addaudithook(hook)
main(sys.argv[4:])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.csv and a model of it."""
    folder = tmp_path_factory.mktemp("signals")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, 3)).round(3)
    y = np.where(X[:, 0] + rng.standard_normal(ROWS) > 0, "yes", "no")
    lines = [f"{a},{b},{c},{label}" for (a, b, c), label in zip(X.tolist(), y.tolist(), strict=True)]
    (folder / "train.csv").write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    thalweg.fit(folder / "train.csv", target="y").save(folder / "m.thalweg")
    return folder


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": SRC},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def signalled(folder: Path, command: str, moment: str, name: str = "SIGINT", times: int = 1) -> tuple[int, str, str]:
    """A command that meets a signal at such a moment: exit code, stdout, stderr."""
    process = start(folder, "-c", AT_A_MOMENT, name, moment, str(times), *COMMANDS[command].split())
    out, err = process.communicate(timeout=60)
    assert "met" in out, err
    return process.returncode, out, err


def left_behind(folder: Path) -> list[str]:
    """What a command has written into the folder; it is removed."""
    left = sorted({path.name for path in folder.iterdir()} - {"train.csv", "m.thalweg"})
    for name in left:
        (folder / name).unlink()
    return left


ENDED = "thalweg: interrupted.\n"
NO_MODEL = "thalweg: interrupted. There is no model yet to keep.\n"


def slow(*values: str) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


MOMENTS = [
    ("fit", "import click", ENDED),
    ("fit", "import numpy.linalg", ENDED),
    ("fit", "open train.csv", NO_MODEL),
    ("predict", "os.rename .out.csv.", ENDED),
    slow("predict", "open .out.csv.", ENDED),
    slow("stream", "import thalweg.train.exact", NO_MODEL),
    slow("online", "import thalweg.train.online", NO_MODEL),
    slow("path", "open train.csv", NO_MODEL),
    slow("show", "import rich", ENDED),
]


@pytest.mark.parametrize(("command", "moment", "line"), MOMENTS)
def test_ctrl_c_before_there_is_a_result_ends_a_command_with_one_line(
    folder: Path, command: str, moment: str, line: str
) -> None:
    code, _, err = signalled(folder, command, moment)
    assert (code, err) == (130, line)
    assert left_behind(folder) == []


@pytest.mark.parametrize("command", ["stream", slow("fit"), slow("online")])
def test_ctrl_c_while_the_model_is_written_waits_for_it(folder: Path, command: str) -> None:
    code, _, err = signalled(folder, command, "os.rename .out.thalweg.")
    assert (code, err) == (130, "thalweg: interrupted. The run had ended: its model is in out.thalweg.\n")
    assert thalweg.load(folder / "out.thalweg").rows == ROWS
    assert left_behind(folder) == ["out.thalweg"]


def test_a_second_ctrl_c_waits_for_nothing(folder: Path) -> None:
    code, _, err = signalled(folder, "fit", "os.rename .out.thalweg.", times=2)
    assert (code, err) == (130, "thalweg: interrupted. No model was written.\n")
    assert left_behind(folder) == []


def test_ctrl_c_after_the_end_changes_nothing(folder: Path) -> None:
    code, _, err = signalled(folder, "fit", "cpython._PySys_ClearAuditHooks")
    assert (code, err) == (0, "")
    assert left_behind(folder) == ["out.thalweg"]


def test_termination_removes_what_is_half_written(folder: Path) -> None:
    code, _, err = signalled(folder, "predict", "os.rename .out.csv.", "SIGTERM")
    assert (code, err) == (-signal.SIGTERM, "")
    assert left_behind(folder) == []


@pytest.mark.slow
def test_a_job_in_the_background_goes_on_where_its_shell_ignores_ctrl_c(folder: Path) -> None:
    ignoring = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{AT_A_MOMENT}"
    process = start(folder, "-c", ignoring, "SIGINT", "import thalweg.train.exact", "1", *COMMANDS["stream"].split())
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert left_behind(folder) == ["out.thalweg"]


def test_a_run_that_ignores_ctrl_c_is_not_interrupted() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with gently() as interrupted:
            signal.raise_signal(signal.SIGINT)
            assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_destructor_is_not_lost() -> None:
    """It cannot be raised there; the observer that watches the run raises it at the next event."""
    code = (
        "import signal\n"
        "from thalweg import signals\n"
        "from thalweg.cli.keeping import Keeping\n"
        "from thalweg.events import Event\n"
        "class Dying:\n"
        "    def __del__(self): signal.raise_signal(signal.SIGINT)\n"
        "signals.take(); keeping = Keeping()\n"
        "keeping(Event('step', 'all rows', 1, 1.0, 0.1))\n"
        "Dying()\n"
        "try: keeping(Event('step', 'all rows', 2, 2.0, 0.2))\n"
        "except KeyboardInterrupt: print('raised')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("raised\n", "")


def test_importing_the_command_line_changes_no_signal() -> None:
    code = "import signal; from thalweg.cli import run; print(signal.getsignal(2) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_at_any_time_is_one_line_and_130_or_comes_too_late(folder: Path, command: str) -> None:
    """From the first line of ours on: before it, Python itself answers, in the 30 ms that it takes to begin."""
    code = "import os, sys; from thalweg import cli, signals; signals.take(); os.write(1, b'!'); cli.main(sys.argv[1:])"

    def begun() -> "subprocess.Popen[str]":
        process = start(folder, "-c", code, *COMMANDS[command].split())
        assert process.stdout is not None and process.stdout.read(1) == "!"
        return process

    process, began = begun(), time.monotonic()
    _, err = process.communicate(timeout=60)
    seconds = time.monotonic() - began
    assert (process.returncode, err) == (0, "")
    left_behind(folder)
    for delay in np.linspace(0.0, 1.1 * seconds, 30):
        process = begun()
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        said = (process.returncode, len(err.splitlines()))
        assert said in ((130, 1), (0, 0)), f"after {delay:.3f} s: {process.returncode}, {err}"
        assert "Traceback" not in err and "ignored" not in err
        assert not [name for name in left_behind(folder) if name.startswith(".")]
