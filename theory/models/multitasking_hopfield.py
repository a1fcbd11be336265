"""E. Agliari, A. Barra, A. Galluzzi, F. Guerra, F. Moauro, Phys. Rev. Lett. 109, 268101 (2012); arXiv:1111.5191."""

from ..disorder import Diluted
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbol
from .registry import builtin


@builtin("multitasking-hopfield", P=(1, 8))
def multitasking_hopfield(P: int = 2) -> Model:
    """Hopfield network whose pattern entries are 0 with probability d: H = -(N / 2) sum_mu m_mu^2."""
    s, d = symbol("s"), symbol("d")
    xi = [symbol(f"xi{mu}") for mu in range(1, P + 1)]
    m = [symbol(f"m{mu}") for mu in range(1, P + 1)]
    return Model(
        site=Ising(s),
        disorder={x: Diluted(d) for x in xi},
        order_parameters={a: x * s for a, x in zip(m, xi)},
        energy=-sum(a**2 for a in m) / 2,
        parameters={d: Parameter("d", 0.3, min=0, max=1)},
        structural={"P": P},
        name="multitasking-hopfield",
        title="multitasking Hopfield network (diluted patterns)",
        reference="E. Agliari et al., Phys. Rev. Lett. 109, 268101 (2012), arXiv:1111.5191",
    )
