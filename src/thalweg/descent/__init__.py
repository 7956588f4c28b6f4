"""Gradient descent on any function, made visible: `descend`, and landscapes to walk on."""

from thalweg.descent.descend import Descent, DifferentValleysWarning, Valley, descend, random_starts
from thalweg.descent.landscapes import DOUBLE_WELL, HIMMELBLAU, LANDSCAPES, RASTRIGIN, ROSENBROCK, Landscape, bowl
from thalweg.descent.walk import Ending, Path

__all__ = [
    "DOUBLE_WELL",
    "HIMMELBLAU",
    "LANDSCAPES",
    "RASTRIGIN",
    "ROSENBROCK",
    "Descent",
    "DifferentValleysWarning",
    "Ending",
    "Landscape",
    "Path",
    "Valley",
    "bowl",
    "descend",
    "random_starts",
]
