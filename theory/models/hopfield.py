"""D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985); Ann. Phys. 173, 30 (1987)."""

from ..couplings import HebbianLoad
from ..disorder import Biased, Rademacher
from ..model import Model, Parameter
from ..sites import Ising
from ..symbols import symbol, symbols
from .registry import builtin


@builtin("hopfield")
def hopfield() -> Model:
    """Hopfield network with alpha N patterns, one of them condensed: H = -(N / 2) sum_mu m_mu^2, diagonal kept."""
    s, xi, m, alpha = symbols("s xi m alpha")
    return Model(
        site=Ising(s),
        disorder={xi: Rademacher()},
        order_parameters={m: xi * s},
        energy=-(m**2) / 2,
        couplings=(HebbianLoad(alpha, noise=symbol("r")),),
        parameters={alpha: Parameter("alpha", 0.05, min=0)},
        name="hopfield",
        title="Hopfield network",
        reference="D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985); D. J. Amit, H. Gutfreund, H. Sompolinsky, Ann. Phys. 173, 30 (1987)",
    )


@builtin("hopfield-biased")
def hopfield_biased() -> Model:
    """Hopfield network with patterns of mean b: H = -(N / 2) sum_mu m_mu^2, m_mu the mean of (xi - b) s."""
    s, xi, m, alpha, b = symbols("s xi m alpha b")
    return Model(
        site=Ising(s),
        disorder={xi: Biased(b)},
        order_parameters={m: (xi - b) * s},
        energy=-(m**2) / 2,
        couplings=(HebbianLoad(alpha, scale=1 - b**2, noise=symbol("r")),),
        parameters={alpha: Parameter("alpha", 0.03, min=0), b: Parameter("b", 0.2, min=-1, max=1)},
        name="hopfield-biased",
        title="Hopfield network with biased patterns",
        reference="D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. A 35, 2293 (1987)",
    )
