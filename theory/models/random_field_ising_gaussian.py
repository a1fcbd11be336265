"""T. Schneider, E. Pytte, Phys. Rev. B 15, 1519 (1977)."""

from ..disorder import Normal
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("random-field-ising-gaussian")
def random_field_ising_gaussian() -> Model:
    """Ising spins in Gaussian fields of standard deviation sigma: H = -N J m^2 / 2 - sum_i h_i s_i."""
    s, hi, m, J, sigma = symbols("s h m J sigma")
    return Model(
        site=Ising(s),
        disorder={hi: Normal(0, sigma**2)},
        order_parameters={m: s},
        energy=-J * m**2 / 2,
        site_energy=-hi * s,
        parameters={J: 1, sigma: Parameter("sigma", 0.3, min=0)},
        name="random-field-ising-gaussian",
        title="Ising model in a Gaussian random field",
        reference="T. Schneider, E. Pytte, Phys. Rev. B 15, 1519 (1977)",
    )
