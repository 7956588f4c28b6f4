"""Files of arrays and a text in safetensors' format: written whole, with a checksum, told apart by what they are."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thalweg.errors import OutputError, ThalwegError
from thalweg.output import reason, written_whole


@dataclass(frozen=True)
class Format:
    """One kind of such files.

    name     as it stands in them
    schema   the newest that is understood
    key      under which the text stands
    what, one  how messages call it: "the model", "a thalweg model"
    goal     what a newer thalweg is needed for
    refusal  raised for a file that cannot be read
    """

    name: str
    schema: int
    key: str
    what: str
    one: str
    goal: str
    refusal: type[ThalwegError]

    def write(self, path: Path, body: str, tensors: Mapping[str, np.ndarray]) -> None:
        """Replace the file. Raises OutputError with the cause in words."""
        from safetensors import SafetensorError
        from safetensors.numpy import save, save_file

        arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        schema = str(self.schema)
        metadata = {"format": self.name, "schema": schema, self.key: body, "sha256": _digest(schema, body, arrays)}
        with written_whole(path, self.what) as temporary:
            try:
                if temporary.is_file():
                    save_file(arrays, temporary, metadata)
                else:  # a device, which a renamed file would replace
                    temporary.write_bytes(save(arrays, metadata))
            except SafetensorError as error:
                raise OutputError(f"{path}: {self.what} could not be written: {reason(error)}.") from None

    def read(self, path: Path) -> tuple[str, dict[str, np.ndarray]]:
        """The text and the arrays. Raises `refusal` for what is another file, damaged, or of a newer schema."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                metadata = dict(file.metadata() or {})
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except OSError as error:
            raise self.refusal(f"{path}: {self.what} could not be read: {error.strerror or error}.") from None
        except SafetensorError as error:
            raise self.refusal(f"{path}: this is not {self.one}, or the file was cut short ({error}).") from None
        schema = metadata.get("schema", "")
        if metadata.get("format") != self.name or not re.fullmatch("[0-9]{1,9}", schema):
            raise self.refusal(f"{path}: this is a safetensors file, but not {self.one}.")
        if int(schema) > self.schema:
            raise self.refusal(
                f"{path}: {self.what} has schema {schema}, but this thalweg reads up to {self.schema}; "
                f"update thalweg to {self.goal}."
            )
        body = metadata.get(self.key, "")
        if metadata.get("sha256") != _digest(schema, body, arrays):
            raise self.refusal(f"{path}: the content does not match its checksum: the file was altered or damaged.")
        return body, arrays


def _digest(schema: str, body: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(f"{schema}:{body}".encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
