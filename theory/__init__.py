"""From a Hamiltonian to its mean-field equations, derived with SymPy."""

from . import models
from .averages import DisorderAverage, GaussianAverage
from .derivation import Derivation, derive
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
    "Derivation",
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
    "derive",
    "models",
    "symbols",
    "theory_of",
]
