"""A cached property without a lock.

`functools.cached_property` of Python 3.11 has one lock for all objects of a class. A process that is forked while
another thread computes such a property inherits the lock closed, and waits for it for ever.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property
else:
    from collections.abc import Callable
    from typing import Any

    class cached_property:
        """As of Python 3.12: two threads may both compute a value, and the later one is kept."""

        def __init__(self, function: Callable[[Any], Any]) -> None:
            self._function, self.__doc__ = function, function.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            known = instance.__dict__
            if self._name not in known:
                known[self._name] = self._function(instance)
            return known[self._name]


__all__ = ["cached_property"]
