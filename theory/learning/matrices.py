"""Matrix expressions as numerical functions, traces included."""

import sympy
from sympy.printing.numpy import NumPyPrinter

__all__ = ["matrix_function"]


class _Printer(NumPyPrinter):
    """NumPy code of matrix expressions; the printer of SymPy has no traces."""

    def _print_Trace(self, expr):
        return f"{self._module_format('numpy.trace')}({self._print(expr.arg)})"


def matrix_function(symbols, expr):
    """A function of arrays and numbers, one argument for each symbol.

    Parameters
    ----------
    symbols : sequence of MatrixSymbol and Symbol
    expr : matrix expression
    """
    return sympy.lambdify(symbols, expr, modules="numpy", printer=_Printer)
