"""Checkpoints: where a run stands, kept in one file that is whole at every moment, and told apart by what it is of."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.errors import CheckpointError, OutputError, RunError, UsageError
from thalweg.json_text import parsed
from thalweg.output import refuse_unwritable
from thalweg.schema import Anything, Flag, Named, Number, Plain, Record, Row, SchemaError, Text, Whole
from thalweg.tensors import Format

SCHEMA = 1
NAME = "run.checkpoint"
_FORMAT = Format(
    "thalweg checkpoint", SCHEMA, "body", "the checkpoint", "a checkpoint of thalweg", "go on from it", CheckpointError
)
_BODY = Record({"identity": Named(Plain()), "state": Named(Anything()), "done": Flag()})
SECONDS = Number(0.0)  # what a run took so far
SKIPPED = Row((Whole(),), Text())  # rows left out, and sentences about some of them
MARK = Whole(0, 2**32 - 1)  # a CRC of the labels read
POSITION = Named(Whole())  # of a stream, which knows the names


@dataclass
class Checkpoint:
    """A run's place to keep itself.

    folder    made where it is not there
    identity  what the run is of: the same again when it goes on. Name -> plain value
    every     seconds between two checkpoints
    resume    go on from what is there
    failures  why checkpoints could not be written
    kept      whether the file that is there is this run's
    began_anew  whether there was nothing to go on from though that was asked for
    """

    folder: Path
    identity: Mapping[str, Any]
    every: float = 60.0
    resume: bool = False
    failures: list[str] = field(default_factory=list)
    kept: bool = False
    began_anew: bool = False
    _last: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path:
        """The one file."""
        return self.folder / NAME

    def begin(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """What to go on from, if that was asked for and is there.

        Raises CheckpointError for a file that is damaged, of a newer thalweg or of another run, naming the difference;
        UsageError where an unfinished run's would be overwritten. The state itself is checked by those who take it.
        """
        if self.folder.is_file():
            raise UsageError(f"--checkpoint is {str(self.folder)!r}, which is a file, but must be a folder.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: the folder cannot be made: {error.strerror or error}.") from None
        for pattern in (f".{NAME}.*", ".tmp??????"):  # ours and safetensors', of a run killed while it wrote
            for left in self.folder.glob(pattern):
                if left.is_file() and _is_ours(left):
                    left.unlink(missing_ok=True)
        refuse_unwritable(self.path)
        if not self.path.exists():
            self.began_anew = self.resume
            return None
        content, arrays = _FORMAT.read(self.path)
        with self.within():
            body = parsed(content)
            _BODY.check(body, "")
        if not self.resume:
            if body["done"]:
                return None
            raise UsageError(
                f"{self.path} holds a run that was not finished; --resume goes on from it; to begin anew, remove the "
                "file or name another folder."
            )
        self._refuse_another(body["identity"])
        self.kept = True
        return arrays, body["state"]

    @contextmanager
    def within(self) -> Iterator[None]:
        """Where the state is taken. Raises CheckpointError for one that no run leaves, or that leads nowhere."""
        try:
            yield
        except (SchemaError, RunError) as error:
            raise self.refused(error) from None

    def refused(self, error: Exception) -> CheckpointError:
        """The refusal of what is there, for that reason."""
        return CheckpointError(
            f"{self.path}: the run cannot go on from what this checkpoint holds: {str(error).rstrip('.')}. Begin anew "
            "with another --checkpoint folder."
        )

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self._last >= self.every

    def save(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any], done: bool = False) -> None:
        """Replace the last one. Where that fails, as on a full disk, the last one stays and `failures` says why."""
        body = json.dumps({"identity": dict(self.identity), "state": dict(state), "done": done})
        try:
            _FORMAT.write(self.path, body, arrays)
            self.kept = True
        except OutputError as error:
            last = "The last one is kept, and" if self.path.exists() else "There is none yet;"
            self.failures.append(f"{error} {last} the run goes on.")
        self._last = time.monotonic()

    def _refuse_another(self, found: Mapping[str, Any]) -> None:
        for name in dict.fromkeys((*found, *self.identity)):
            then, now = found.get(name), json.loads(json.dumps(self.identity.get(name)))
            if then != now:
                raise CheckpointError(
                    f"{self.path}: {name} was {_shown(then)} when this run began, and is {_shown(now)} now; a run goes "
                    "on only with the same rows and options. Begin anew with another --checkpoint folder."
                )


def _is_ours(path: Path) -> bool:
    """Whether a half-written file was to be a checkpoint; an empty one says nothing and is in nobody's way."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return not head.strip(b"\0") or _FORMAT.name.encode() in head


def _shown(value: Any) -> str:
    return "not given" if value is None else repr(value)


def seconds_of(text: str | float) -> float:
    """An interval: a number of seconds, or a text such as "60s", "5m" or "1h". Raises UsageError for anything else."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    written = str(text).strip().lower()
    number, unit = (written[:-1], written[-1]) if written[-1:] in units else (written, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise UsageError(f"--every is {text!r}, but must be a time such as 60s, 5m or 1h.")
    return seconds
