"""Pass 4: common subexpressions, gathered within one region of the kernel."""

import sympy


def eliminate(expressions, prefix):
    """Split expressions into shared assignments and what remains.

    Parameters
    ----------
    expressions : list of Expr
    prefix : of the temporary names, unique to the region

    Returns
    -------
    (list of (symbol, Expr), list of Expr)
    """
    names = (sympy.Symbol(f"{prefix}{i}") for i in range(10**6))
    shared, reduced = sympy.cse(list(expressions), symbols=names, order="canonical", list=True)
    return shared, reduced
