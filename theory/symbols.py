"""The one registry of symbols: a name always means the same SymPy symbol."""

from functools import cache

import sympy

POSITIVE = frozenset({"T", "beta", "N"})
RESERVED = frozenset({"T", "beta", "N", "pi"})


@cache
def symbol(name: str) -> sympy.Symbol:
    """The real symbol of this name (positive for T, beta and N).

    SymPy takes `Symbol("x")` and `Symbol("x", real=True)` for different things, so every
    symbol of a model comes from here.
    """
    if name in POSITIVE:
        return sympy.Symbol(name, positive=True)
    return sympy.Symbol(name, real=True)


def symbols(names: str) -> tuple[sympy.Symbol, ...]:
    """Several symbols at once, from names separated by spaces or commas."""
    return tuple(symbol(name) for name in names.replace(",", " ").split())


def OrderParameter(name: str) -> sympy.Symbol:
    """The symbol of an order parameter: the empirical mean over sites of a one-site function."""
    return symbol(name)


T = symbol("T")
beta = symbol("beta")
N = symbol("N")
