"""A. Fachechi, J. Stat. Phys. 183 (2021); arXiv:2103.13116."""

from ..model import Model
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("p-spin-ferromagnet", p=(2, 20))
def p_spin_ferromagnet(p: int = 3) -> Model:
    """Ising spins with a p-body interaction: H = -N (m^p + h m)."""
    s, m, h = symbols("s m h")
    return Model(
        site=Ising(s),
        order_parameters={m: s},
        energy=-(m**p) - h * m,
        parameters={h: 0},
        structural={"p": p},
        name="p-spin-ferromagnet",
        title="p-spin ferromagnet",
        reference="A. Fachechi, J. Stat. Phys. 183 (2021), arXiv:2103.13116",
    )
