"""Figures of the descent (extra `figures`: matplotlib): drawn from the traces of real runs, saved as SVG or PNG."""

from thalweg.figures.boundary import boundary
from thalweg.figures.canvas import Figure
from thalweg.figures.descents import gradient_vector, slope, valleys
from thalweg.figures.gallery import FIGURES, draw
from thalweg.figures.learning import losses, paths, rates

__all__ = ["FIGURES", "Figure", "boundary", "draw", "gradient_vector", "losses", "paths", "rates", "slope", "valleys"]
