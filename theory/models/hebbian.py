"""Hebbian learning from noisy examples at extensive load; arXiv:2203.01304, arXiv:2109.00454."""

import sympy

from ..couplings import HebbianLoad
from ..disorder import Normal, Rademacher
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbols
from .examples import BY_NOISE, EXAMPLES, blurred, noise, parameters
from .registry import builtin


@builtin("hebbian-supervised", alternatives=EXAMPLES)
def hebbian_supervised(examples: tuple = BY_NOISE) -> Model:
    """Hopfield network whose patterns are means of labelled noisy examples: H = -(N (1 + rho) / 2) sum_mu n_mu^2.

    The mean of many examples of a pattern is xi (1 + sqrt(rho) Z), and n_mu is the overlap with it over 1 + rho; the overlap m with the
    pattern itself is an observable.

    Parameters
    ----------
    examples : names of the parameters that describe them, ("rho",) or ("r", "M")
    """
    alpha, = symbols("alpha")
    return _hebbian(noise(examples), (HebbianLoad(alpha),), {alpha: Parameter("alpha", 0.01, min=0)} | parameters(examples),
                    "hebbian-supervised", "Hopfield network taught by labelled examples", "arXiv:2203.01304")


@builtin("hebbian-unsupervised")
def hebbian_unsupervised() -> Model:
    """Hopfield network that stores M unlabelled examples of quality r of each pattern: H = -(N (1 + rho) / 2M) sum_mu,a n_mu,a^2.

    n_mu,a is the overlap with an example over r (1 + rho), rho = (1 - r^2)/(M r^2), alike for all examples of the condensed pattern.
    The correlations of the examples of one pattern have the eigenvalue 1 once and rho/(1 + rho) for the other M - 1.
    """
    alpha, M = symbols("alpha M")
    rho = noise(("r", "M"))
    couplings = HebbianLoad(alpha), HebbianLoad(alpha * (M - 1), scale=sympy.cancel(rho / (1 + rho)))
    return _hebbian(rho, couplings, {alpha: Parameter("alpha", 0.01, min=0)} | parameters(("r", "M")),
                    "hebbian-unsupervised", "Hopfield network taught by unlabelled examples", "arXiv:2109.00454")


def _hebbian(rho, couplings, declared, name, title, reference):
    s, xi, Z, m, n = symbols("s xi Z m n")
    return Model(
        site=Ising(s),
        disorder={xi: Rademacher(), Z: Normal(0, 1)},
        order_parameters={m: xi * s, n: blurred(xi, Z, rho) * s / (1 + rho)},
        energy=-(1 + rho) * n**2 / 2,
        couplings=couplings,
        parameters=declared,
        name=name,
        title=title,
        reference=reference,
    )
