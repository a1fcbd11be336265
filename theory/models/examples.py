"""Noisy examples of patterns: M copies whose entries agree with the pattern's with probability (1 + r)/2.

Their mean over r is xi (1 + sqrt(rho) Z) for large M, with Z a standard Gaussian and rho = (1 - r^2)/(M r^2).
"""

from dataclasses import replace

import sympy

from ..model import Parameter
from ..symbols import symbol, symbols

BY_NOISE = ("rho",)
BY_QUALITY = ("r", "M")
EXAMPLES = {"examples": (BY_NOISE, BY_QUALITY)}

_DECLARED = {
    "rho": Parameter("rho", 0.1, min=0),
    "r": Parameter("r", 0.3, min=1e-6, max=1),
    "M": Parameter("M", 100, min=1),
}


def noise(examples):
    """rho in the parameters that describe the examples."""
    if examples == BY_NOISE:
        return symbol("rho")
    r, M = symbols("r M")
    return (1 - r**2) / (M * r**2)


def parameters(examples, **defaults):
    """Their declarations, with other defaults if wanted."""
    return {symbol(name): replace(_DECLARED[name], default=defaults.get(name, _DECLARED[name].default)) for name in examples}


def blurred(xi, Z, rho):
    """The mean of a pattern's examples."""
    return xi * (1 + sympy.sqrt(rho) * Z)
