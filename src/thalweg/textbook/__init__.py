"""The textbooks' algorithms in their own notation and shapes: to read beside the page, to run, and to test against.

SLP is Jurafsky and Martin, Speech and Language Processing (3rd edition draft); Ng is the course Neural Networks and
Deep Learning. `loop` is the chapter's two nested loops, `vectorized` has samples as columns, `minibatch` as rows.
"""

from thalweg.textbook import loop, minibatch, sentiment, vectorized
from thalweg.textbook.definitions import cost, cross_entropy, cross_entropy_of_margin, log_likelihood, sigmoid
from thalweg.textbook.derivation import derive
from thalweg.textbook.examples import cycling_rows, one_feature, two_clouds
from thalweg.textbook.gradient_check import check_gradient
from thalweg.textbook.rates import smoothness, study_rates
from thalweg.textbook.search import search
from thalweg.textbook.sgd import logistic, logistic_gradient, stochastic_gradient_descent
from thalweg.textbook.timing import time_passes
from thalweg.textbook.worked_example import worked_example

__all__ = [
    "check_gradient",
    "cost",
    "cross_entropy",
    "cross_entropy_of_margin",
    "cycling_rows",
    "derive",
    "log_likelihood",
    "logistic",
    "logistic_gradient",
    "loop",
    "minibatch",
    "one_feature",
    "search",
    "sentiment",
    "sigmoid",
    "smoothness",
    "stochastic_gradient_descent",
    "study_rates",
    "time_passes",
    "two_clouds",
    "vectorized",
    "worked_example",
]
