"""H. E. Stanley, Phys. Rev. Lett. 20, 589 (1968)."""

from ..model import Model
from ..sites import Sphere
from ..symbols import symbols
from .registry import builtin


@builtin("n-vector", n=(1, 100))
def n_vector(n: int = 4) -> Model:
    """Unit vectors in n dimensions: H = -N J |m|^2 / 2; m is the length of the mean vector."""
    s, m, J = symbols("s m J")
    return Model(
        site=Sphere(s, n),
        order_parameters={m: s},
        energy=-J * m**2 / 2,
        parameters={J: 1},
        structural={"n": n},
        name="n-vector",
        title="n-vector model",
        reference="H. E. Stanley, Phys. Rev. Lett. 20, 589 (1968)",
    )
