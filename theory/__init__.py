"""From a Hamiltonian to its mean-field equations, derived with SymPy."""

from .averages import DisorderAverage, GaussianAverage
from .disorder import Biased, Bimodal, Diluted, FiniteDistribution, Normal, Rademacher
from .errors import InputError
from .mean_field import MeanFieldTheory, theory_of
from .model import Model, Parameter
from .sites import FiniteSite, GaussianSite, Ising, Potts, QuantumSpin, Sphere, Spin
from .symbols import OrderParameter, symbols

__all__ = [
    "Biased",
    "Bimodal",
    "Diluted",
    "DisorderAverage",
    "FiniteDistribution",
    "FiniteSite",
    "GaussianAverage",
    "GaussianSite",
    "InputError",
    "Ising",
    "MeanFieldTheory",
    "Model",
    "Normal",
    "OrderParameter",
    "Parameter",
    "Potts",
    "QuantumSpin",
    "Rademacher",
    "Sphere",
    "Spin",
    "symbols",
    "theory_of",
]
