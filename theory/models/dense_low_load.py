"""D. Krotov, J. J. Hopfield, Adv. Neural Inf. Process. Syst. 29 (2016); E. Gardner, J. Phys. A 20, 3453 (1987)."""

from ..disorder import Rademacher
from ..model import Model
from ..sites import Ising
from ..symbols import symbol
from .registry import builtin


@builtin("dense-low-load", P=(1, 12), p=(2, 20))
def dense_low_load(P: int = 2, p: int = 3) -> Model:
    """Dense associative memory with finitely many patterns: H = -(N / p) sum_mu m_mu^p."""
    s = symbol("s")
    xi = [symbol(f"xi{mu}") for mu in range(1, P + 1)]
    m = [symbol(f"m{mu}") for mu in range(1, P + 1)]
    return Model(
        site=Ising(s),
        disorder={x: Rademacher() for x in xi},
        order_parameters={a: x * s for a, x in zip(m, xi)},
        energy=-sum(a**p for a in m) / p,
        structural={"P": P, "p": p},
        name="dense-low-load",
        title="dense associative memory at low load",
        reference="E. Gardner, J. Phys. A 20, 3453 (1987); D. Krotov, J. J. Hopfield, NIPS 29 (2016)",
    )
