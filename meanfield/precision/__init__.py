"""Fixed points, folds, critical points and coexistence to any number of digits, and proofs that they exist.

    import meanfield
    meanfield.precise("curie-weiss", digits=50, T="1/2")
    meanfield.certify("curie-weiss", T="1/2")
"""

from .krawczyk import Certificate, certify
from .polish import PreciseSolution, precise

__all__ = ["Certificate", "PreciseSolution", "certify", "precise"]
