"""The exception tree: every problem a user can cause is one of these, and its message is a sentence.

    ThalwegError
    ├── UsageError       options that do not go together, or a value out of its range    (exit code 2)
    ├── DataError        something in the rows: names file, row, column, value, way out  (exit code 1)
    ├── ModelFileError   a model file that cannot be read                                (exit code 1)
    ├── CheckpointError  a checkpoint that cannot be gone on from                        (exit code 1)
    ├── OutputError      a file that cannot be written                                   (exit code 1)
    ├── RunError         the run itself could not go on                                  (exit code 1)
    ├── OutOfMemoryError   there is less memory than is needed                           (exit code 1)
    └── OptionalDependencyError   a library for this feature is not installed            (exit code 1)

    UserWarning
    └── ConvergenceWarning   a run ended before it reached what was asked of it

`UsageError` and `DataError` are also `ValueError`, as callers of scikit-learn expect; `OutOfMemoryError` is also
`MemoryError`.
"""


class ThalwegError(Exception):
    """Base of every error raised on purpose; `exit_code` is what the command line returns for it."""

    exit_code = 1


class UsageError(ThalwegError, ValueError):
    """An option has a value that is not allowed, or two options contradict each other."""

    exit_code = 2


class DataError(ThalwegError, ValueError):
    """The rows cannot be used as they are."""


class ModelFileError(ThalwegError):
    """A model file is missing, damaged, foreign or too new."""


class CheckpointError(ThalwegError):
    """A checkpoint is damaged, too new, or of another run."""


class OutputError(ThalwegError):
    """A file cannot be written; what stood in its place is untouched."""


class RunError(ThalwegError):
    """The run could not go on."""


class OutOfMemoryError(ThalwegError, MemoryError):
    """There is less memory than is needed; the message has both figures."""


class OptionalDependencyError(ThalwegError, ImportError):
    """A library that this feature needs is not installed; the message names the command that installs it."""


class ConvergenceWarning(UserWarning):
    """A run ended before it reached what was asked of it."""
