"""D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. A 32, 1007 (1985)."""

from ..disorder import Rademacher
from ..model import Model
from ..sites import Ising
from ..symbols import symbol
from .registry import builtin


@builtin("hopfield-low-load", P=(1, 12))
def hopfield_low_load(P: int = 3) -> Model:
    """Hopfield network with finitely many patterns: H = -(N / 2) sum_mu m_mu^2."""
    s = symbol("s")
    xi = [symbol(f"xi{mu}") for mu in range(1, P + 1)]
    m = [symbol(f"m{mu}") for mu in range(1, P + 1)]
    return Model(
        site=Ising(s),
        disorder={x: Rademacher() for x in xi},
        order_parameters={a: x * s for a, x in zip(m, xi)},
        energy=-sum(a**2 for a in m) / 2,
        structural={"P": P},
        name="hopfield-low-load",
        title="Hopfield network at low load",
        reference="D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. A 32, 1007 (1985)",
    )
