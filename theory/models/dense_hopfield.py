"""E. Gardner, J. Phys. A 20, 3453 (1987); D. Krotov, J. J. Hopfield, Adv. Neural Inf. Process. Syst. 29 (2016)."""

import sympy

from ..couplings import DenseLoad
from ..disorder import Rademacher
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("dense-hopfield", p=(3, 20))
def dense_hopfield(p: int = 3) -> Model:
    """Dense associative memory of p different spins an interaction: H = -(N / p) sum_mu m_mu^p.

    a = alpha (p-1)! for alpha N^(p-1) patterns.
    """
    a, = symbols("a")
    load = DenseLoad(a / sympy.factorial(p - 1), p)
    return _dense(p, load, {a: Parameter("a", 0.1, min=0)}, "dense-hopfield", "dense associative memory",
                  "E. Gardner, J. Phys. A 20, 3453 (1987)")


@builtin("dense-hopfield-full-power", p=(3, 20))
def dense_hopfield_full_power(p: int = 3) -> Model:
    """Dense associative memory, coinciding indices kept: H = -(N / p) sum_mu m_mu^p over alpha N^(p-1) patterns."""
    alpha, = symbols("alpha")
    load = DenseLoad(alpha, p, full_power=True)
    # The capacity falls with p as 1/(2p-3)!!.
    default = 0.09 / float(sympy.factorial2(2 * p - 3))
    return _dense(p, load, {alpha: Parameter("alpha", default, min=0)}, "dense-hopfield-full-power",
                  "dense associative memory with coinciding indices",
                  "D. Krotov, J. J. Hopfield, Adv. Neural Inf. Process. Syst. 29 (2016)")


def _dense(p, load, declared, name, title, reference):
    s, xi, m = symbols("s xi m")
    return Model(
        site=Ising(s),
        disorder={xi: Rademacher()},
        order_parameters={m: xi * s},
        energy=-(m**p) / p,
        couplings=(load,),
        parameters=declared,
        structural={"p": p},
        name=name,
        title=title,
        reference=reference,
    )
