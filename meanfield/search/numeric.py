"""SymPy expressions as numpy functions."""

import numpy as np
import sympy
from sympy.printing.numpy import NumPyPrinter

__all__ = ["lambdify"]


def lambdify(arguments, expressions, functions=()):
    """`sympy.lambdify` for numpy, with further `functions` {name: function} that the expressions call.

    `sympy.lambdify(..., "numpy")` runs `from numpy import *`, which loads all of numpy's optional parts.
    """
    functions = dict(functions)
    printer = NumPyPrinter({"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True,
                            "user_functions": {name: name for name in functions}})
    return sympy.lambdify(arguments, expressions, [functions, vars(np)], printer=printer)
