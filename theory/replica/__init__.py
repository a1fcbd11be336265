"""Quenched couplings: the replica method from the overlap matrix to free energy, equations and replicon."""

from .ansatz import KStepRSB, OneStepRSB, ReplicaSymmetric, ansatz_of
from .theory import ReplicaTheory, replica_theory

__all__ = ["KStepRSB", "OneStepRSB", "ReplicaSymmetric", "ReplicaTheory", "ansatz_of", "replica_theory"]
