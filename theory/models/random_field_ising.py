"""A. Aharony, Phys. Rev. B 18, 3318 (1978)."""

from ..disorder import Bimodal
from ..model import Model
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("random-field-ising")
def random_field_ising() -> Model:
    """Ising spins in fields h_i = +h0 or -h0: H = -N J m^2 / 2 - sum_i h_i s_i."""
    s, hi, m, J, h0 = symbols("s h m J h0")
    return Model(
        site=Ising(s),
        disorder={hi: Bimodal(h0)},
        order_parameters={m: s},
        energy=-J * m**2 / 2,
        site_energy=-hi * s,
        parameters={J: 1, h0: 0.3},
        name="random-field-ising",
        title="Ising model in a bimodal random field",
        reference="A. Aharony, Phys. Rev. B 18, 3318 (1978)",
    )
