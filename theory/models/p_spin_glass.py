"""D. J. Gross, M. Mezard, Nucl. Phys. B 240, 431 (1984); A. Crisanti, H.-J. Sommers, Z. Phys. B 87, 341 (1992)."""

from ..couplings import GaussianCouplings
from ..model import Model, Parameter
from ..sites import Ising, SphericalSite
from ..symbols import symbols
from .registry import builtin


@builtin("p-spin-glass", p=(2, 20))
def p_spin_glass(p: int = 3) -> Model:
    """Ising spins with random p-body couplings: covariance N J^2 q^p / 2, E[H] = -N (J0 m^p / p + h m)."""
    return _p_spin(Ising, p, "p-spin-glass", "p-spin glass",
                   "D. J. Gross, M. Mezard, Nucl. Phys. B 240, 431 (1984); E. Gardner, Nucl. Phys. B 257, 747 (1985)")


@builtin("spherical-p-spin-glass", p=(2, 20))
def spherical_p_spin_glass(p: int = 3) -> Model:
    """Spins on the sphere sum s^2 = N with random p-body couplings: covariance N J^2 q^p / 2, E[H] = -N (J0 m^p / p + h m)."""
    return _p_spin(SphericalSite, p, "spherical-p-spin-glass", "spherical p-spin glass",
                   "A. Crisanti, H.-J. Sommers, Z. Phys. B 87, 341 (1992)")


def _p_spin(site, p, name, title, reference):
    s, m, q, J, J0, h = symbols("s m q J J0 h")
    return Model(
        site=site(s),
        order_parameters={m: s},
        energy=-J0 * m**p / p - h * m,
        couplings=(GaussianCouplings(J**2 * q**p / 2),),
        parameters={J: Parameter("J", 1, min=0), J0: 0, h: 0},
        structural={"p": p},
        name=name,
        title=title,
        reference=reference,
    )
