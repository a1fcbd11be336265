"""M. Blume, Phys. Rev. 141, 517 (1966); H. W. Capel, Physica 32, 966 (1966)."""

from ..model import Model
from ..sites import Spin
from ..symbols import symbols
from .registry import builtin


@builtin("blume-capel")
def blume_capel() -> Model:
    """Spins -1, 0, 1 in a crystal field: H = -N J m^2 / 2 + Delta sum_i S_i^2."""
    S, m, J, Delta = symbols("S m J Delta")
    return Model(
        site=Spin(S, 1),
        order_parameters={m: S},
        energy=-J * m**2 / 2,
        site_energy=Delta * S**2,
        parameters={J: 1, Delta: 0.25},
        name="blume-capel",
        title="Blume-Capel model",
        reference="M. Blume, Phys. Rev. 141, 517 (1966); H. W. Capel, Physica 32, 966 (1966)",
    )
