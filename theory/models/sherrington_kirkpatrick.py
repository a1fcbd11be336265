"""D. Sherrington, S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975)."""

from ..couplings import GaussianCouplings
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbols
from .registry import builtin


@builtin("sherrington-kirkpatrick")
def sherrington_kirkpatrick() -> Model:
    """Ising spins with Gaussian couplings of mean J0/N and variance J^2/N in a field h: covariance N J^2 q^2 / 2."""
    s, m, q, J0, J, h = symbols("s m q J0 J h")
    return Model(
        site=Ising(s),
        order_parameters={m: s},
        energy=-J0 * m**2 / 2 - h * m,
        couplings=(GaussianCouplings(J**2 * q**2 / 2),),
        parameters={J0: 0, J: Parameter("J", 1, min=0), h: 0},
        name="sherrington-kirkpatrick",
        title="Sherrington-Kirkpatrick model",
        reference="D. Sherrington, S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975)",
    )
