"""Gradient descent on any function, made visible: `descend`, and landscapes to walk on."""

from thalweg.descent.descend import Descent, DifferentValleysWarning, descend
from thalweg.descent.landscapes import DOUBLE_WELL, HIMMELBLAU, LANDSCAPES, RASTRIGIN, ROSENBROCK, Landscape, bowl
from thalweg.descent.path import Ending, Path
from thalweg.descent.starts import random_starts
from thalweg.descent.valleys import Valley

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
