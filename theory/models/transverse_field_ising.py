"""R. B. Stinchcombe, J. Phys. C 6, 2459 (1973)."""

from ..model import Model
from ..sites import QuantumSpin
from ..symbols import symbols
from .registry import builtin


@builtin("transverse-field-ising")
def transverse_field_ising() -> Model:
    """Quantum spins 1/2 in a transverse field: H = -N J m^2 / 2 - Gamma sum_i sigma^x_i, m the mean of sigma^z."""
    sz, sx, m, J, Gamma = symbols("sz sx m J Gamma")
    return Model(
        site=QuantumSpin(sz, sx),
        order_parameters={m: sz},
        energy=-J * m**2 / 2,
        site_energy=-Gamma * sx,
        parameters={J: 1, Gamma: 0.5},
        name="transverse-field-ising",
        title="Ising model in a transverse field",
        reference="R. B. Stinchcombe, J. Phys. C 6, 2459 (1973)",
    )
