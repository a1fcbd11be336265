"""Systems of equations as compiled functions (point, variables, out), called by address.

point: T, 1/T, quadrature rule, then the parameters; what `out` receives is said by the function's own text.
"""

from .kernel import SIGNATURES, Kernel, call_filler

call_system = call_filler


def system(function):
    """Mark a system: (point, z, out)."""
    return Kernel(SIGNATURES["filler"], function)
