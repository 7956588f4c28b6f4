"""Arrow tables as bytes: for checkpoints and caches."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow

from thalweg.schema import SchemaError


def packed(rows: Any) -> Any:
    """A table, or a batch of one, as a buffer."""
    sink = pyarrow.BufferOutputStream()
    options = pyarrow.ipc.IpcWriteOptions(unify_dictionaries=True)
    with pyarrow.ipc.new_stream(sink, rows.schema, options=options) as to:
        to.write(rows)
    return sink.getvalue()


def unpacked(content: Any, kinds: Mapping[str, Any]) -> Any:
    """The table of a buffer, or of an array of bytes, which has columns of these names and types.

    Raises SchemaError for anything else.
    """
    try:
        rows = pyarrow.ipc.open_stream(pyarrow.py_buffer(content)).read_all()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise SchemaError(f"the rows are no Arrow stream ({str(error).splitlines()[0]})") from None
    check_rows(rows, kinds)
    return rows.select(list(kinds))


def check_rows(rows: Any, kinds: Mapping[str, Any]) -> None:
    """Raise SchemaError where a table or a batch has other columns, or buffers that are not what they should be.

    kinds  name -> its type, or all that it may have
    """
    if sorted(rows.schema.names) != sorted(kinds):
        raise SchemaError(f"the rows have the columns {_listed(rows.schema.names)}, but must have {_listed(kinds)}")
    for name, wanted in kinds.items():
        found, known = rows.schema.field(name).type, wanted if isinstance(wanted, tuple) else (wanted,)
        if found not in known:
            raise SchemaError(f"the rows' column {name!r} holds {found}, but must hold {_listed(known)}")
    try:
        rows.validate(full=True)
    except pyarrow.ArrowException as error:
        raise SchemaError(f"the rows are not whole ({str(error).splitlines()[0]})") from None


def check_words(array: Any, name: str) -> None:
    """Raise SchemaError where a dictionary, as `Chunk` has it, holds a word that is none."""
    if array.dictionary.null_count:
        raise SchemaError(f"the rows' column {name!r} has a word that is missing")


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(repr(str(name)) for name in names)
