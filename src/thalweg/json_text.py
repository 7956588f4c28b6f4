"""JSON that others may have written: parsed once its nesting is known to be no deeper than a stack may be."""

import json
from typing import Any

import numpy as np

from thalweg.schema import SchemaError

DEEPEST = 32  # brackets within brackets; what is written here has ten
_QUOTE = 2  # among the marks of a JSON text: 1 opens, -1 closes
_MARKS = np.zeros(256, np.int8)
_MARKS[np.frombuffer(b"[{", np.uint8)], _MARKS[np.frombuffer(b"]}", np.uint8)], _MARKS[ord('"')] = 1, -1, _QUOTE


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises SchemaError for what is none, or nested deeper than a parser's stack may be."""
    depth = _depth(text)
    if depth > DEEPEST:
        raise SchemaError(f"the text is nested {depth:,} deep, but must be at most {DEEPEST}")
    try:
        return json.loads(text)
    except ValueError as error:
        raise SchemaError(f"the text is no JSON ({error})") from None


def _depth(text: str) -> int:
    """How many brackets are open at once, those within strings left out."""
    plain = text.replace("\\\\", "").replace('\\"', "")
    marks = _MARKS[np.frombuffer(plain.encode("utf-8", "replace"), np.uint8)]
    marks = marks[marks != 0]
    within = np.cumsum(marks == _QUOTE) % 2 == 1
    return int(np.cumsum(np.where(within | (marks == _QUOTE), 0, marks), dtype=np.int64).max(initial=0))
