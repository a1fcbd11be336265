"""D. Panchenko, The Sherrington-Kirkpatrick Model (Springer, 2013)."""

from ..couplings import GaussianCouplings
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("mixed-p-spin-glass")
def mixed_p_spin_glass() -> Model:
    """Ising spins with random 2-, 3- and 4-body couplings in a field: E[H] = -N (J0 m^2 / 2 + h m).

    E[H H'] - E[H] E[H'] = N (J2^2 q^2 + J3^2 q^3 + J4^2 q^4) / 2.
    """
    s, m, q, J2, J3, J4, J0, h = symbols("s m q J2 J3 J4 J0 h")
    return Model(
        site=Ising(s),
        order_parameters={m: s},
        energy=-J0 * m**2 / 2 - h * m,
        couplings=(GaussianCouplings((J2**2 * q**2 + J3**2 * q**3 + J4**2 * q**4) / 2),),
        parameters={J2: Parameter("J2", 1, min=0), J3: Parameter("J3", 0.5, min=0), J4: Parameter("J4", 0, min=0), J0: 0, h: 0},
        name="mixed-p-spin-glass",
        title="mixed p-spin glass",
        reference="D. Panchenko, The Sherrington-Kirkpatrick Model (Springer, 2013)",
    )
