"""Observers: what watches a run through its events."""

from thalweg.observers.trace import Trace

__all__ = ["Trace"]
