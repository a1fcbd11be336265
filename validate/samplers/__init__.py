"""Samplers of models with quenched couplings."""

from .instance import Instance, realise
from .quenched import QuenchedChains, sample_quenched

__all__ = ["Instance", "QuenchedChains", "realise", "sample_quenched"]
