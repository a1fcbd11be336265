"""The built-in models, and loading by name or from a model file.

Every model is a function of its structural integers, `multitasking_hopfield(P=2)`, and comes with
parameters whose defaults make it runnable as it stands.
"""

from .curie_weiss import curie_weiss
from .relativistic_curie_weiss import relativistic_curie_weiss
from .p_spin_ferromagnet import p_spin_ferromagnet
from .blume_capel import blume_capel
from .blume_emery_griffiths import blume_emery_griffiths
from .potts import potts
from .xy import xy
from .heisenberg import heisenberg
from .n_vector import n_vector
from .transverse_field_ising import transverse_field_ising
from .random_field_ising import random_field_ising
from .random_field_ising_gaussian import random_field_ising_gaussian
from .hopfield_low_load import hopfield_low_load
from .relativistic_hopfield_low_load import relativistic_hopfield_low_load
from .multitasking_hopfield import multitasking_hopfield
from .multitasking_hebbian import multitasking_hebbian
from .dense_low_load import dense_low_load
from .registry import Entry, available, configure, entry, load

__all__ = [
    "Entry", "available", "configure", "entry", "load",
    "curie_weiss", "relativistic_curie_weiss", "p_spin_ferromagnet", "blume_capel", "blume_emery_griffiths",
    "potts", "xy", "heisenberg", "n_vector", "transverse_field_ising", "random_field_ising",
    "random_field_ising_gaussian", "hopfield_low_load", "relativistic_hopfield_low_load",
    "multitasking_hopfield", "multitasking_hebbian", "dense_low_load",
]
