"""The recipe: how raw columns become the matrix. Learnt once, stored in the model, replayed at predict."""

from thalweg.recipe.columns import CategoryColumn, MatrixColumns, NumberColumn, Term, TextColumn
from thalweg.recipe.learn import learn
from thalweg.recipe.recipe import Recipe, listed
from thalweg.recipe.roles import read_offset
from thalweg.recipe.shares import Counts, asked_target
from thalweg.recipe.target import LIBSVM_TARGET, LabelColumn, Target, TwoLabels, find_in, label_key, row_weights
from thalweg.recipe.text import TextOptions

__all__ = [
    "LIBSVM_TARGET",
    "CategoryColumn",
    "Counts",
    "LabelColumn",
    "MatrixColumns",
    "NumberColumn",
    "Recipe",
    "Target",
    "Term",
    "TextColumn",
    "TextOptions",
    "TwoLabels",
    "asked_target",
    "find_in",
    "label_key",
    "learn",
    "listed",
    "read_offset",
    "row_weights",
]
