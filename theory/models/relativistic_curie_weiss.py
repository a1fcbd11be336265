"""A. Barra, A. Di Lorenzo, F. Guerra, A. Moro, Proc. R. Soc. A 470, 20140589 (2014)."""

import sympy

from ..model import Model
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("relativistic-curie-weiss")
def relativistic_curie_weiss() -> Model:
    """The Curie-Weiss model with a relativistic kinetic energy: H = -N (J sqrt(1 + m^2) + h m)."""
    s, m, J, h = symbols("s m J h")
    return Model(
        site=Ising(s),
        order_parameters={m: s},
        energy=-J * sympy.sqrt(1 + m**2) - h * m,
        parameters={J: 1, h: 0},
        name="relativistic-curie-weiss",
        title="relativistic Curie-Weiss model",
        reference="A. Barra, A. Di Lorenzo, F. Guerra, A. Moro, Proc. R. Soc. A 470, 20140589 (2014)",
    )
