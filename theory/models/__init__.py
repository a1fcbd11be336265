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
from .sherrington_kirkpatrick import sherrington_kirkpatrick
from .p_spin_glass import p_spin_glass, spherical_p_spin_glass
from .mixed_p_spin_glass import mixed_p_spin_glass
from .bipartite_sk import bipartite_sk
from .hopfield import hopfield, hopfield_biased
from .relativistic_hopfield import relativistic_hopfield
from .bam import bam
from .dreaming_hopfield import dreaming_hopfield
from .hebbian import hebbian_supervised, hebbian_unsupervised
from .dense_hopfield import dense_hopfield, dense_hopfield_full_power
from .dense_hebbian import dense_hebbian_supervised, dense_hebbian_unsupervised
from .perceptron import (
    perceptron_binary, perceptron_errors, perceptron_spherical, teacher_student_binary, teacher_student_spherical,
)
from .registry import Entry, available, configure, entry, load

__all__ = [
    "Entry", "available", "configure", "entry", "load",
    "curie_weiss", "relativistic_curie_weiss", "p_spin_ferromagnet", "blume_capel", "blume_emery_griffiths",
    "potts", "xy", "heisenberg", "n_vector", "transverse_field_ising", "random_field_ising",
    "random_field_ising_gaussian", "hopfield_low_load", "relativistic_hopfield_low_load",
    "multitasking_hopfield", "multitasking_hebbian", "dense_low_load",
    "sherrington_kirkpatrick", "p_spin_glass", "spherical_p_spin_glass", "mixed_p_spin_glass", "bipartite_sk",
    "hopfield", "hopfield_biased", "relativistic_hopfield", "bam", "dreaming_hopfield", "hebbian_supervised", "hebbian_unsupervised",
    "dense_hopfield", "dense_hopfield_full_power", "dense_hebbian_supervised", "dense_hebbian_unsupervised",
    "perceptron_spherical", "perceptron_binary", "teacher_student_spherical", "teacher_student_binary", "perceptron_errors",
]
