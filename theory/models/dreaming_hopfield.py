"""A. Fachechi, E. Agliari, A. Barra, Neural Netw. 112, 24 (2019); arXiv:1810.12217."""

from ..couplings import HebbianLoad
from ..disorder import Rademacher
from ..model import Model, Parameter
from ..sites import AuxiliarySite, Ising
from ..symbols import symbols
from .registry import builtin


@builtin("dreaming-hopfield")
def dreaming_hopfield() -> Model:
    """Hopfield network after a sleep of length t: H = -(1/2) s.G(X)s, X = xi.xi^T/N, G(x) = (1 + t) x / (1 + t x).

    t = 0 is Hebb's rule, t -> infinity the pseudo-inverse. With kappa = (1 + t)/t, G(X) = kappa [1 - (1 + t X)^(-1)], and an auxiliary
    variable chi at each site, whose value is (1 + t X)^(-1) s, makes the couplings linear in X: they act on chi with the strength
    kappa t = 1 + t.
    """
    s, chi, xi, m, m_chi, q_chi, alpha, t = symbols("s chi xi m m_chi q_chi alpha t")
    kappa = (1 + t) / t
    return Model(
        site=AuxiliarySite(Ising(s), chi),
        site_energy=-kappa * (s - chi) ** 2 / 2,
        disorder={xi: Rademacher()},
        order_parameters={m: xi * s, m_chi: xi * chi},
        energy=-(1 + t) * m_chi**2 / 2,
        couplings=(HebbianLoad(alpha, scale=1 + t, overlaps={q_chi: chi}),),
        parameters={alpha: Parameter("alpha", 0.1, min=0), t: Parameter("t", 1, min=0)},
        name="dreaming-hopfield",
        title="dreaming Hopfield network",
        reference="A. Fachechi, E. Agliari, A. Barra, Neural Netw. 112, 24 (2019), arXiv:1810.12217",
    )
