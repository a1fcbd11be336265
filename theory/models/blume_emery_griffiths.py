"""M. Blume, V. J. Emery, R. B. Griffiths, Phys. Rev. A 4, 1071 (1971)."""

from ..model import Model
from ..sites import Spin
from ..symbols import symbols
from .registry import builtin


@builtin("blume-emery-griffiths")
def blume_emery_griffiths() -> Model:
    """Spins -1, 0, 1 with a biquadratic coupling: H = -N (J m^2 / 2 + K q^2 / 2 - Delta q)."""
    S, m, q, J, K, Delta = symbols("S m q J K Delta")
    return Model(
        site=Spin(S, 1),
        order_parameters={m: S, q: S**2},
        energy=-J * m**2 / 2 - K * q**2 / 2 + Delta * q,
        parameters={J: 1, K: 0.6, Delta: 0.55},
        name="blume-emery-griffiths",
        title="Blume-Emery-Griffiths model",
        reference="M. Blume, V. J. Emery, R. B. Griffiths, Phys. Rev. A 4, 1071 (1971)",
    )
