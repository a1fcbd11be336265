"""From a model's Hamiltonian to samples and exact sums at finite N, and the comparison with its theory."""

from .disorder import Sample, draw, typical
from .estimates import Estimate, effective_sample_size, estimate, split_r_hat
from .exact import Exact, exact
from .sample import Chains, sample

__all__ = [
    "Chains",
    "Estimate",
    "Exact",
    "Sample",
    "draw",
    "effective_sample_size",
    "estimate",
    "exact",
    "sample",
    "split_r_hat",
    "typical",
]
