"""A. Barra, M. Beccaria, A. Fachechi, arXiv:1801.01743; E. Agliari, A. Barra, M. Notarnicola, arXiv:1810.12160."""

import sympy

from ..disorder import Rademacher
from ..model import Model
from ..sites import Ising
from ..symbols import symbol
from .registry import builtin


@builtin("relativistic-hopfield-low-load", P=(1, 12))
def relativistic_hopfield_low_load(P: int = 3) -> Model:
    """Hopfield network with a relativistic energy: H = -N sqrt(1 + sum_mu m_mu^2)."""
    s = symbol("s")
    xi = [symbol(f"xi{mu}") for mu in range(1, P + 1)]
    m = [symbol(f"m{mu}") for mu in range(1, P + 1)]
    return Model(
        site=Ising(s),
        disorder={x: Rademacher() for x in xi},
        order_parameters={a: x * s for a, x in zip(m, xi)},
        energy=-sympy.sqrt(1 + sum(a**2 for a in m)),
        structural={"P": P},
        name="relativistic-hopfield-low-load",
        title="relativistic Hopfield network at low load",
        reference="A. Barra, M. Beccaria, A. Fachechi, arXiv:1801.01743; E. Agliari, A. Barra, M. Notarnicola, arXiv:1810.12160",
    )
