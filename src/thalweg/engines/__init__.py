"""Engines: map a kernel over blocks and fold in block order. `Threads` is the one for this machine."""

from thalweg.engines.threads import Engine, Threads

__all__ = ["Engine", "Threads"]
