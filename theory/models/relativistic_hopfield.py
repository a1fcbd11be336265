"""E. Agliari, A. Barra, M. Notarnicola, arXiv:1810.12160; arXiv:1911.12707."""

import sympy

from ..couplings import HebbianLoad
from ..disorder import Rademacher
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbol, symbols
from .registry import builtin


@builtin("relativistic-hopfield")
def relativistic_hopfield() -> Model:
    """Hopfield network with a relativistic energy and alpha N patterns: H = -N sqrt(1 + X), X = sum_mu m_mu^2.

    X concentrates: a multiplier b fixes it, and the network is a Hopfield network whose couplings have the strength b = 1/sqrt(1 + X).
    """
    s, xi, m, X, b, alpha = symbols("s xi m X b alpha")
    return Model(
        site=Ising(s),
        disorder={xi: Rademacher()},
        order_parameters={m: xi * s},
        energy=-sympy.sqrt(1 + X) + b * (X - m**2) / 2,
        couplings=(HebbianLoad(alpha, scale=b, noise=symbol("r")),),
        auxiliaries=(X, b),
        parameters={alpha: Parameter("alpha", 0.01, min=0)},
        name="relativistic-hopfield",
        title="relativistic Hopfield network",
        reference="E. Agliari, A. Barra, M. Notarnicola, arXiv:1810.12160; arXiv:1911.12707",
    )
