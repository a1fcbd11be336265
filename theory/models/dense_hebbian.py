"""Dense networks taught by noisy examples; arXiv:2212.00606 (supervised), arXiv:2211.14067 (unsupervised)."""

import sympy

from ..couplings import DenseLoad
from ..disorder import Normal, Rademacher
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbols
from .examples import BY_NOISE, BY_QUALITY, EXAMPLES, blurred, noise, parameters
from .registry import builtin


@builtin("dense-hebbian-supervised", alternatives=EXAMPLES, p=(3, 20))
def dense_hebbian_supervised(p: int = 3, examples: tuple = BY_NOISE) -> Model:
    """Dense memory whose patterns are means of labelled examples: H = -(N / p) (1 + rho)^(-p/2) sum_mu n_mu^p.

    n_mu is the overlap with xi (1 + sqrt(rho) Z), the mean of the examples; a = alpha (p-1)!.

    Parameters
    ----------
    p : spins an interaction
    examples : names of the parameters that describe them, ("rho",) or ("r", "M")
    """
    rho = noise(examples)
    return _dense_hebbian(p, rho, (1 + rho) ** sympy.Rational(-p, 2), 1, parameters(examples, rho=0.05),
                          "dense-hebbian-supervised", "dense associative memory taught by labelled examples", "arXiv:2212.00606")


@builtin("dense-hebbian-unsupervised", p=(3, 20))
def dense_hebbian_unsupervised(p: int = 3) -> Model:
    """Dense memory that stores M unlabelled examples of quality r of each pattern: H = -(N / p M) sum_mu,a n_mu,a^p.

    n_mu,a is the overlap with an example over r, alike for all examples of the condensed pattern. The crosstalk is that of a load
    larger by 1 + (1 - r^(2p))/(M r^(2p)).
    """
    r, M = symbols("r M")
    crosstalk = 1 + (1 - r ** (2 * p)) / (M * r ** (2 * p))
    return _dense_hebbian(p, noise(BY_QUALITY), 1, crosstalk, parameters(BY_QUALITY, r=0.6),
                          "dense-hebbian-unsupervised", "dense associative memory taught by unlabelled examples", "arXiv:2211.14067")


def _dense_hebbian(p, rho, prefactor, crosstalk, described, name, title, reference):
    s, xi, Z, m, n, a = symbols("s xi Z m n a")
    return Model(
        site=Ising(s),
        disorder={xi: Rademacher(), Z: Normal(0, 1)},
        order_parameters={m: xi * s, n: blurred(xi, Z, rho) * s},
        energy=-prefactor * n**p / p,
        couplings=(DenseLoad(a * crosstalk / sympy.factorial(p - 1), p),),
        parameters={a: Parameter("a", 0.05, min=0)} | described,
        structural={"p": p},
        name=name,
        title=title,
        reference=reference,
    )
