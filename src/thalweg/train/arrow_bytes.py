"""Arrow tables as bytes: for checkpoints and caches."""

from typing import Any

import pyarrow


def packed(rows: Any) -> Any:
    """A table, or a batch of one, as a buffer."""
    sink = pyarrow.BufferOutputStream()
    options = pyarrow.ipc.IpcWriteOptions(unify_dictionaries=True)
    with pyarrow.ipc.new_stream(sink, rows.schema, options=options) as to:
        to.write(rows)
    return sink.getvalue()


def unpacked(content: Any) -> Any:
    """The table of a buffer, or of an array of bytes."""
    return pyarrow.ipc.open_stream(pyarrow.py_buffer(content)).read_all()
