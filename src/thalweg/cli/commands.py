"""The commands, and how each ends: an exit code and one sentence. Only click is imported before one runs."""

import sys
import warnings
from importlib import import_module
from traceback import clear_frames
from typing import Any

import click

from thalweg import signals
from thalweg.errors import ConvergenceWarning, ThalwegError
from thalweg.memory import STREAM, shortage

COMMANDS = {
    "fit": "thalweg.cli.fit",
    "path": "thalweg.cli.path",
    "predict": "thalweg.cli.predict",
    "evaluate": "thalweg.cli.evaluate",
    "show": "thalweg.cli.show",
    "textbook": "thalweg.cli.textbook",
}


class _Interrupted(Exception):
    """KeyboardInterrupt on its way through click, which would print an empty line for it."""


class Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise _Interrupted(str(interrupt)) from None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="thalweg", prog_name="thalweg")
def cli() -> None:
    """Logistic regression by gradient descent, with a proof of how close to the optimum it ends."""


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command line, its complaint written to stderr as one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # commands print how a run ended
            code = _run(arguments)
    except (_Interrupted, KeyboardInterrupt) as interrupt:
        return interrupted(str(interrupt))
    except Exception:
        if signals.asked():  # a library made an error of its own of Ctrl-C
            return interrupted()
        raise
    return code


def _run(arguments: list[str] | None) -> int:
    try:
        result = cli.main(arguments, prog_name="thalweg", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ThalwegError as error:
        more = " (thalweg COMMAND --help lists the options)" if error.exit_code == 2 else ""
        return complain(f"{error}{more}", error.exit_code)
    except BrokenPipeError:  # the reader of a pipe has seen enough; the null device keeps the exit from complaining
        sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115
        return 0
    except Exception as error:
        clear_frames(error.__traceback__)  # where memory ran out there is none for words before some is given back
        sentence = shortage(error, _way_out(sys.argv[1:] if arguments is None else arguments))
        if sentence is None and isinstance(error, OSError):
            sentence = f"{error.filename or 'standard output'}: {error.strerror or error}."
        if sentence is None:
            raise
        return complain(sentence, 1)
    return result if isinstance(result, int) else 0


def _way_out(arguments: list[str]) -> str:
    """What needs less memory than that command line."""
    if "--stream" in arguments:
        return "smaller --bits need less" if "sgd" in arguments else "fewer --threads and fewer columns need less"
    return {"fit": STREAM, "path": "fewer columns need less"}.get(next(iter(arguments), ""), "")


def complain(sentence: str, code: int) -> int:
    """Say it on stderr, on one line whatever names it has in it, and return the code."""
    click.echo(f"thalweg: {' '.join(sentence.splitlines())}", err=True)
    return code


def interrupted(sentence: str = "") -> int:
    """The end after Ctrl-C, and what was kept."""
    return complain(f"interrupted. {sentence}".rstrip(), signals.INTERRUPTED)
