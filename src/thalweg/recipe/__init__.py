"""The recipe: how raw columns become the matrix. Learnt once, stored in the model, replayed at predict."""

from thalweg.recipe.columns import CategoryColumn, NumberColumn, Term
from thalweg.recipe.learn import learn
from thalweg.recipe.recipe import Recipe, from_arrays
from thalweg.recipe.roles import read_offset, read_weights
from thalweg.recipe.target import Target

__all__ = [
    "CategoryColumn",
    "NumberColumn",
    "Recipe",
    "Target",
    "Term",
    "from_arrays",
    "learn",
    "read_offset",
    "read_weights",
]
