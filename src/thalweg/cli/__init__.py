"""The command line, `thalweg COMMAND`: what runs before anything is imported, and after everything is done."""

import sys

from thalweg import signals


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Exits with 0 done, 1 a problem in the data or the run, 2 wrong usage, 3 done but above the tolerance asked for, 130
    after Ctrl-C.
    """
    signals.take()
    from thalweg.cli import footprint

    footprint.reduce()
    code = run(arguments)
    signals.leave()
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command line, its complaint written to stderr as one sentence."""
    from thalweg.cli.commands import run

    return run(arguments)
