"""The recipe: how raw columns become the matrix. Learnt once, stored in the model, replayed at predict."""

from thalweg.recipe.columns import CategoryColumn, MatrixColumns, NumberColumn, Term, TextColumn
from thalweg.recipe.learn import learn
from thalweg.recipe.recipe import Recipe, listed
from thalweg.recipe.roles import read_offset, read_weights
from thalweg.recipe.target import LIBSVM_TARGET, Target, find_in, label_key
from thalweg.recipe.text import TextOptions

__all__ = [
    "LIBSVM_TARGET",
    "CategoryColumn",
    "MatrixColumns",
    "NumberColumn",
    "Recipe",
    "Target",
    "Term",
    "TextColumn",
    "TextOptions",
    "find_in",
    "label_key",
    "learn",
    "listed",
    "read_offset",
    "read_weights",
]
