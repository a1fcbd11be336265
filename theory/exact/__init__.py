"""Exact sums at small N, the witnesses of a derivation's limits.

Configurations are gathered by the value of the order parameters, disorder by the composition of
site types; where the compositions are too many they are sampled, with the linear part of the
sampling error removed. Quantum spins are diagonalised, vector spins integrated radially.
k_B = 1; everything is double precision.
"""

from ..symbols import T, symbol
from .averages import Averages
from .brute_force import brute_force
from .classical import MAX_COMPOSITIONS, SAMPLES, ClassicalSystem
from .one_site import OneSite
from .quantum import QuantumSystem
from .tables import disorder_cells, numeric, site_states, site_types
from .vectors import SphereSystem

__all__ = [
    "Averages", "ClassicalSystem", "MAX_COMPOSITIONS", "OneSite", "QuantumSystem", "SphereSystem", "brute_force",
    "disorder_cells", "finite_system", "log_partition", "numbers", "numeric", "site_states", "site_types",
]

MAX_SITES = 10


def log_partition(model, size=MAX_SITES, samples=SAMPLES, seed=0, **parameters):
    """(1/N) E log Z of a model by exact summation.

    Parameters
    ----------
    model : Model
    size : int, number of sites N
    samples, seed : disorder samples where its configurations cannot all be summed
    parameters : T or beta, and the model's parameters

    Returns
    -------
    float
    """
    values = numbers(model.values(**parameters))
    beta = 1 / T
    system = finite_system(model, values, size, -beta * model.site_energy, samples, seed)
    return system.averages(-beta * model.energy, values).log_partition


def numbers(values):
    """{symbol: float} from {name: number}."""
    return {symbol(name): float(value) for name, value in values.items()}


def finite_system(model, values, size, one_body, samples=SAMPLES, seed=0, cells=None, typical=False,
                  states=None):
    """The N-site system of a model with one-body exponent `one_body`, ready for `averages`."""
    if model.site.kind == "quantum":
        return QuantumSystem(model, values, size, one_body, cells, typical)
    if model.site.kind == "sphere":
        return SphereSystem(model, values, size, one_body)
    return ClassicalSystem(model, values, size, one_body, samples, seed, cells, typical, states)
