"""The command line, `thalweg COMMAND`. Only click is imported before a command runs."""

import sys
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "fit": "thalweg.cli.fit",
    "path": "thalweg.cli.path",
    "predict": "thalweg.cli.predict",
    "evaluate": "thalweg.cli.evaluate",
    "show": "thalweg.cli.show",
    "textbook": "thalweg.cli.textbook",
}


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


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="thalweg", prog_name="thalweg")
def cli() -> None:
    """Logistic regression by gradient descent, with a proof of how close to the optimum it ends."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exits with 0 done, 1 a problem in the data or the run, 2 wrong usage, 130 after Ctrl-C."""
    from thalweg.cli import footprint

    footprint.reduce()
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command line, its complaint written to stderr as one sentence."""
    try:
        from thalweg.errors import ThalwegError

        return _run(arguments, ThalwegError)
    except KeyboardInterrupt as interrupt:
        return complain(f"interrupted. {interrupt}".rstrip(), 130)


def _run(arguments: list[str] | None, refusal: type[Any]) -> int:
    try:
        result = cli.main(arguments, prog_name="thalweg", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.Abort as abort:
        return complain(f"interrupted. {abort.__context__ or ''}".rstrip(), 130)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except refusal as error:
        more = " (thalweg COMMAND --help lists the options)" if error.exit_code == 2 else ""
        return complain(f"{error}{more}", error.exit_code)
    except BrokenPipeError:  # the reader of a pipe has seen enough; the null device keeps the exit from complaining
        sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115
        return 0
    except MemoryError:
        return complain("there is not enough memory; --stream takes the rows in pieces, smaller --bits less of it.", 1)
    except OSError as error:
        return complain(f"{error.filename or 'standard output'}: {error.strerror or error}.", 1)
    return result if isinstance(result, int) else 0


def complain(sentence: str, code: int) -> int:
    """Say it on stderr, on one line whatever names it has in it, and return the code."""
    click.echo(f"thalweg: {' '.join(sentence.splitlines())}", err=True)
    return code
