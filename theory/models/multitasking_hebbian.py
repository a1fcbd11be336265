"""Parallel learning: the multitasking network taught by noisy examples; arXiv:2308.04106."""

import sympy

from ..disorder import Diluted, Normal
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbol
from .registry import builtin


@builtin("multitasking-hebbian", P=(1, 8))
def multitasking_hebbian(P: int = 2) -> Model:
    """Multitasking network with supervised Hebbian couplings: H = -(N (1 + rho) / 2) sum_mu n_mu^2.

    The mean of many examples of a pattern is xi (1 + sqrt(rho) Z) with Z a standard Gaussian,
    and n_mu is the overlap with it over 1 + rho; the overlaps m_mu with the patterns are observables.
    """
    s, d, rho = symbol("s"), symbol("d"), symbol("rho")
    xi, Z, m, n = ([symbol(f"{name}{mu}") for mu in range(1, P + 1)] for name in ("xi", "Z", "m", "n"))
    examples = [x * (1 + sympy.sqrt(rho) * z) for x, z in zip(xi, Z)]
    return Model(
        site=Ising(s),
        disorder={x: Diluted(d) for x in xi} | {z: Normal(0, 1) for z in Z},
        order_parameters={a: x * s for a, x in zip(m, xi)} | {b: e * s / (1 + rho) for b, e in zip(n, examples)},
        energy=-(1 + rho) * sum(b**2 for b in n) / 2,
        parameters={d: Parameter("d", 0.3, min=0, max=1), rho: Parameter("rho", 0.1, min=0)},
        structural={"P": P},
        name="multitasking-hebbian",
        title="multitasking network with Hebbian learning from examples",
        reference="arXiv:2308.04106",
    )
