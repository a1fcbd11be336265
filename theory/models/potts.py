"""F. Y. Wu, Rev. Mod. Phys. 54, 235 (1982)."""

from sympy import KroneckerDelta

from ..model import Model
from ..sites import Potts
from ..symbols import symbol
from .registry import builtin


@builtin("potts", q=(2, 20))
def potts(q: int = 3) -> Model:
    """q colours: H = -(N J / 2) sum_a x_a^2 with x_a the fraction of sites of colour a."""
    s, J = symbol("s"), symbol("J")
    x = {a: symbol(f"x{a}") for a in range(1, q + 1)}
    return Model(
        site=Potts(s, q),
        order_parameters={x[a]: KroneckerDelta(s, a) for a in x},
        energy=-J * sum(x[a] ** 2 for a in x) / 2,
        parameters={J: 1},
        structural={"q": q},
        name="potts",
        title="Potts model",
        reference="F. Y. Wu, Rev. Mod. Phys. 54, 235 (1982)",
    )
