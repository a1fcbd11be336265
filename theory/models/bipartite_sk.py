"""A. Barra, G. Genovese, F. Guerra, J. Phys. A 44, 245002 (2011)."""

from ..couplings import GaussianCouplings
from ..model import Model, Parameter
from ..sites import Ising, Layers
from ..symbols import symbols
from .registry import builtin


@builtin("bipartite-sk")
def bipartite_sk() -> Model:
    """N visible and alpha N hidden Ising spins with Gaussian couplings of variance 1/N between them: E[H H'] = N alpha q p."""
    s, z, q, p, alpha = symbols("s z q p alpha")
    return Model(
        site=Layers(((Ising(s), 1), (Ising(z), alpha))),
        order_parameters={},
        energy=0,
        couplings=(GaussianCouplings(alpha * q * p, {q: s, p: z}),),
        parameters={alpha: Parameter("alpha", 1, min=1e-6)},
        name="bipartite-sk",
        title="bipartite Sherrington-Kirkpatrick model",
        reference="A. Barra, G. Genovese, F. Guerra, J. Phys. A 44, 245002 (2011)",
    )
