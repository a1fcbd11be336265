"""From a Hamiltonian to its mean-field equations, derived with SymPy."""

from . import models
from .averages import DisorderAverage, GaussianAverage
from .couplings import BipartiteLoad, DenseLoad, GaussianCouplings, HebbianLoad, PatternConstraints
from .derivation import Derivation, derive
from .disorder import Biased, Bimodal, Diluted, FiniteDistribution, Normal, Rademacher
from .errors import InputError
from .mean_field import MeanFieldTheory, theory_of
from .model import Model, Parameter
from .replica import KStepRSB, OneStepRSB, ReplicaSymmetric
from .sites import FiniteSite, GaussianSite, Ising, Layers, Potts, QuantumSpin, Sphere, SphericalSite, Spin
from .symbols import OrderParameter, symbols

__all__ = [
    "Biased",
    "Bimodal",
    "BipartiteLoad",
    "DenseLoad",
    "Derivation",
    "Diluted",
    "DisorderAverage",
    "FiniteDistribution",
    "FiniteSite",
    "GaussianAverage",
    "GaussianCouplings",
    "GaussianSite",
    "HebbianLoad",
    "InputError",
    "Ising",
    "KStepRSB",
    "Layers",
    "MeanFieldTheory",
    "Model",
    "Normal",
    "OneStepRSB",
    "OrderParameter",
    "Parameter",
    "PatternConstraints",
    "Potts",
    "QuantumSpin",
    "Rademacher",
    "ReplicaSymmetric",
    "Sphere",
    "SphericalSite",
    "Spin",
    "derive",
    "models",
    "symbols",
    "theory_of",
]
