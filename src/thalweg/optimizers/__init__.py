"""Optimizers: init and step, no loop. `OPTIMIZERS` is the list; a new one is one file and one line here."""

from thalweg.optimizers.accelerated import Nesterov
from thalweg.optimizers.gradient import GradientDescent
from thalweg.optimizers.lbfgs import Lbfgs
from thalweg.optimizers.newton import Newton
from thalweg.optimizers.newton_cg import NewtonCG
from thalweg.optimizers.optimizer import Optimizer, State
from thalweg.optimizers.orthant_newton import OrthantNewton
from thalweg.optimizers.settings import Method, Settings
from thalweg.optimizers.stochastic import Stochastic
from thalweg.schedules import schedule

_RATES = frozenset({"rate", "schedule"})
_BATCHES = _RATES | {"batch_size", "average"}


def _gradient(s: Settings) -> Optimizer:
    return GradientDescent(s.rate, schedule(s.schedule), s.epochs)


def _nesterov(s: Settings) -> Optimizer:
    return Nesterov(s.rate, schedule(s.schedule), s.epochs)


def _stochastic(s: Settings) -> Optimizer:
    name = "sgd" if s.batch_size == 1 else "minibatch"
    return Stochastic(s.batch_size, s.rate, schedule(s.schedule), s.epochs, s.average, s.seed, name)


OPTIMIZERS: dict[str, Method] = {
    "gd": Method(_gradient, 10_000, "batch gradient descent", _RATES),
    "minibatch": Method(_stochastic, 50, "mini-batches in random order", _BATCHES, batch_size=512, schedule="cosine"),
    "sgd": Method(_stochastic, 10, "stochastic: one row at a time", _BATCHES - {"batch_size"}, schedule="cosine"),
    "nesterov": Method(_nesterov, 10_000, "accelerated gradient descent", _RATES),
    "lbfgs": Method(lambda s: Lbfgs(), 2_000, "limited-memory quasi-Newton"),
    "newton": Method(lambda s: Newton(tol=s.tol), 100, "Newton by Cholesky"),
    "newton-cg": Method(lambda s: NewtonCG(s.tol), 200, "Newton by conjugate gradients"),
    "orthant-newton": Method(lambda s: OrthantNewton(s.tol), 200, "Newton under an l1 penalty"),
}

__all__ = [
    "OPTIMIZERS",
    "GradientDescent",
    "Lbfgs",
    "Method",
    "Nesterov",
    "Newton",
    "NewtonCG",
    "Optimizer",
    "OrthantNewton",
    "Settings",
    "State",
    "Stochastic",
]
