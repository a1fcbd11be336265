"""H. E. Stanley, Phys. Rev. Lett. 20, 589 (1968), n = 2."""

from ..model import Model
from ..sites import Sphere
from ..symbols import symbols
from .registry import builtin


@builtin("xy")
def xy() -> Model:
    """Unit vectors in 2 dimensions: H = -N J |m|^2 / 2; m is the length of the mean vector."""
    s, m, J = symbols("s m J")
    return Model(
        site=Sphere(s, 2),
        order_parameters={m: s},
        energy=-J * m**2 / 2,
        parameters={J: 1},
        name="xy",
        title="XY model (plane rotors)",
        reference="H. E. Stanley, Phys. Rev. Lett. 20, 589 (1968)",
    )
