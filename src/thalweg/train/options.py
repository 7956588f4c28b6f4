"""The options of a fit, checked once: what a combination cannot do is refused here, in a sentence."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from thalweg.errors import UsageError
from thalweg.kernels import kernel
from thalweg.optimizers import OPTIMIZERS, Settings
from thalweg.schedules import schedule

_AT_LEAST_ONE = ("epochs", "batch_size", "patience", "threads")
_POSITIVE = ("rate", "gradient_tol")


def flag(name: str) -> str:
    """An option as the command line spells it."""
    return "--" + name.replace("_", "-")


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's own, also among the keys and values of a mapping; anything else as it is."""
    if isinstance(value, Mapping):
        return {plain(key): plain(one) for key, one in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: Any) -> bool:
    """Whether it is a number that a float can hold."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and isinstance(float(value), float)
    except OverflowError:
        return False


@dataclass(frozen=True)
class Options:
    """How to fit, apart from the rows; None leaves a choice to the method.

    method        "auto", or one of `OPTIMIZERS`
    l2, l1        per-mean strengths; l2 None means 1/S
    tol           relative certified gap to reach
    gradient_tol  gradient norm to stop at; None: only where there is no certificate
    standardize   centre and scale the columns; penalties act on the result
    class_weight  None, "balanced", or a weight for each label
    holdout       share of the rows held out, or None (held-out rows of their own come beside the options)
    """

    method: str = "auto"
    l2: float | None = None
    l1: float = 0.0
    tol: float = 1e-6
    gradient_tol: float | None = None
    intercept: bool = True
    standardize: bool = True
    class_weight: str | Mapping[Any, float] | None = None
    holdout: float | None = None
    patience: int | None = None
    rate: float | None = None
    schedule: str | None = None
    batch_size: int | None = None
    epochs: int | None = None
    average: bool = False
    seed: int = 0
    threads: int | None = None
    kernel: str = "auto"

    @property
    def unpenalised(self) -> bool:
        """Whether there is no penalty at all."""
        return self.l2 == 0.0 and self.l1 == 0.0

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            self._check(name, "a whole number of at least 1", lambda value: int(value) == value >= 1)
        for name in _POSITIVE:
            self._check(name, "a positive number", lambda value: value > 0)
        for name in ("l2", "l1", "tol"):
            self._check(name, "a number of at least 0", lambda value: value >= 0, optional=name == "l2")
        self._check("seed", "a whole number of at least 0", lambda value: int(value) == value >= 0, optional=False)
        self._check("holdout", "a share between 0 and 1, or a file", lambda value: 0 < value < 1)
        if isinstance(self.class_weight, str) and self.class_weight != "balanced":
            raise UsageError(f"--class-weight is {self.class_weight!r}; the only word it knows is balanced.")
        weights = self.class_weight.values() if isinstance(self.class_weight, Mapping) else ()
        if not (isinstance(self.class_weight, str | Mapping | None) and all(map(_is_number, weights))):
            raise UsageError(f"--class-weight is {self.class_weight!r}, but must be balanced, or {{label: weight}}.")
        if self.kernel != "auto":
            kernel(self.kernel)
        if self.schedule is not None:
            schedule(self.schedule)
        self._check_method()

    def _check(self, name: str, words: str, holds: Callable[[Any], bool], optional: bool = True) -> None:
        value = getattr(self, name)
        if value is None and optional:
            return
        if not (_is_number(value) and isfinite(value) and holds(value)):
            raise UsageError(f"{flag(name)} is {value!r}, but must be {words}.")

    def check_patience(self, held_out: bool) -> None:
        """Refuse patience where there are no held-out rows to lose it over."""
        if self.patience is not None and not held_out:
            raise UsageError("--patience watches the held-out loss, so it needs --holdout, a share or a file.")

    def _check_method(self) -> None:
        if self.method != "auto" and self.method not in OPTIMIZERS:
            raise UsageError(f"--method {self.method!r} is not known; choose one of auto, {', '.join(OPTIMIZERS)}.")
        given = {
            "rate": self.rate is not None,
            "schedule": self.schedule is not None,
            "batch_size": self.batch_size is not None,
            "average": self.average,
        }
        for option, is_given in given.items():
            takers = [name for name, method in OPTIMIZERS.items() if option in method.options]
            if is_given and self.method not in takers:
                raise UsageError(
                    f"{flag(option)} has no meaning for --method {self.method}; "
                    f"it goes with --method {' or '.join(takers)}."
                )
        if self.l1 > 0.0 and self.method != "auto" and OPTIMIZERS[self.method].make(Settings()).smooth_only:
            able = [name for name, method in OPTIMIZERS.items() if not method.make(Settings()).smooth_only]
            raise UsageError(
                f"--method {self.method} needs a smooth objective and cannot take --l1 {self.l1:g}; "
                f"use --method {' or '.join(able)}, or auto."
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it; labels of a class_weight become text."""
        values = asdict(self)
        if isinstance(self.class_weight, Mapping):
            values["class_weight"] = {str(label): float(weight) for label, weight in self.class_weight.items()}
        return values
