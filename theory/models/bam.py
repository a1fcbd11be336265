"""B. Kosko, IEEE Trans. Syst. Man Cybern. 18, 49 (1988); J. Kurchan, L. Peliti, M. Saber, J. Phys. I France 4, 1627 (1994)."""

from ..couplings import BipartiteLoad
from ..disorder import Rademacher
from ..model import Model, Parameter
from ..sites import Ising, Layers
from ..symbols import symbols
from .registry import builtin


@builtin("bam")
def bam() -> Model:
    """Bidirectional associative memory: H = -N sum_mu m_mu n_mu with N = sqrt(N1 N2), alpha N pairs of patterns, g = sqrt(N1 / N2)."""
    s, t, xi, eta, m, n, q, p, alpha, g = symbols("s t xi eta m n q p alpha g")
    return Model(
        site=Layers(((Ising(s), g), (Ising(t), 1 / g))),
        disorder={xi: Rademacher(), eta: Rademacher()},
        order_parameters={m: xi * s, n: eta * t},
        energy=-m * n,
        couplings=(BipartiteLoad(alpha, {q: s, p: t}),),
        parameters={alpha: Parameter("alpha", 0.05, min=0), g: Parameter("g", 1, min=0.01, max=100)},
        name="bam",
        title="bidirectional associative memory",
        reference="B. Kosko, IEEE Trans. Syst. Man Cybern. 18, 49 (1988); J. Kurchan, L. Peliti, M. Saber, J. Phys. I France 4, 1627 (1994)",
    )
