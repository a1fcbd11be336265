"""P. Weiss, J. Phys. Theor. Appl. 6, 661 (1907); R. J. Baxter, Exactly Solved Models in Statistical Mechanics, ch. 3."""

from ..model import Model
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("curie-weiss")
def curie_weiss() -> Model:
    """Ising spins that all interact: H = -N (J m^2 / 2 + h m)."""
    s, m, J, h = symbols("s m J h")
    return Model(
        site=Ising(s),
        order_parameters={m: s},
        energy=-J * m**2 / 2 - h * m,
        parameters={J: 1, h: 0},
        name="curie-weiss",
        title="Curie-Weiss ferromagnet",
        reference="P. Weiss, J. Phys. Theor. Appl. 6, 661 (1907)",
    )
