"""thalweg: logistic regression by gradient descent, with a proof of how close to the optimum it ends.

    model = thalweg.fit("train.csv", target="default")
    model.certificate.relative_gap

Nothing heavy is imported until it is used.
"""

TYPE_CHECKING = False  # typing takes longer to load than all that a command begins with
if TYPE_CHECKING:
    from typing import Any

    from thalweg import figures, textbook
    from thalweg.certificate import Certificate
    from thalweg.descent.descend import descend
    from thalweg.errors import (
        CheckpointError,
        ConvergenceWarning,
        DataError,
        ModelFileError,
        OutputError,
        RunError,
        ThalwegError,
        UsageError,
    )
    from thalweg.estimator import LogisticRegression
    from thalweg.events import Event
    from thalweg.model import Model
    from thalweg.model_file import load
    from thalweg.stopping import Outcome
    from thalweg.train.assembly import fit
    from thalweg.train.partial_fit import Online
    from thalweg.train.path import fit_path

_HOME = {
    "Certificate": "thalweg.certificate",
    "CheckpointError": "thalweg.errors",
    "ConvergenceWarning": "thalweg.errors",
    "DataError": "thalweg.errors",
    "Event": "thalweg.events",
    "LogisticRegression": "thalweg.estimator",
    "Model": "thalweg.model",
    "ModelFileError": "thalweg.errors",
    "Online": "thalweg.train.partial_fit",
    "OutputError": "thalweg.errors",
    "Outcome": "thalweg.stopping",
    "RunError": "thalweg.errors",
    "ThalwegError": "thalweg.errors",
    "UsageError": "thalweg.errors",
    "descend": "thalweg.descent.descend",
    "fit": "thalweg.train.assembly",
    "fit_path": "thalweg.train.path",
    "load": "thalweg.model_file",
}

_MODULES = ("figures", "textbook")

__all__ = [
    "Certificate",
    "CheckpointError",
    "ConvergenceWarning",
    "DataError",
    "Event",
    "LogisticRegression",
    "Model",
    "ModelFileError",
    "Online",
    "Outcome",
    "OutputError",
    "RunError",
    "ThalwegError",
    "UsageError",
    "descend",
    "figures",
    "fit",
    "fit_path",
    "load",
    "textbook",
]


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"thalweg.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'thalweg' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
