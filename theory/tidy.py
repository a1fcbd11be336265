"""Normal forms for display: rational functions factored, and sums written with the sign that reads well."""

import sympy
from sympy import Integer, Rational

from .approximate import approximate
from .series import Coefficients


def rational(expr):
    """Rational normal form, factored, with transcendental constants held as symbols."""
    domain = Coefficients()
    return domain.run(lambda: domain.expression(domain(expr)))


def typical_values(theory, solution=None):
    """Numbers at which signs are read for display: default parameters in the symmetric phase."""
    known = {n: Rational(3, 7) if p.default is None else p.default for n, p in theory.model.parameters.items()}
    return {**known, **{str(u): Rational(1, 2) for u in (solution.unknowns if solution else ())}, "T": Integer(3)}


def oriented(expr, typical):
    """The same product with every sum written with the sign that makes it positive at typical values: 1 - d, not -(d - 1)."""
    sign, factors = 1, []
    for factor in sympy.Mul.make_args(expr):
        base, power = factor.as_base_exp()
        if power.is_Rational and not power.is_Integer and not base.is_number:
            factor = sympy.Pow(oriented(base, typical), power, evaluate=False)
        if base.is_Add and power.is_Integer and approximate(base, typical) < 0:
            sign *= -1 if power % 2 else 1
            factor = sympy.Add(*(-x for x in base.args)) ** power
        factors.append(factor)
    return sympy.Mul(sign, *factors)


def matching(expr, model):
    """Write the sums of a product as they stand in another expression: 1 - d where that has 1 - d."""
    sums = {s for s in sympy.preorder_traversal(model) if isinstance(s, sympy.Add)}
    sign, factors = 1, []
    for factor in sympy.Mul.make_args(expr):
        base, power = factor.as_base_exp()
        if base.is_Add and -base in sums and power.is_Integer:
            sign *= -1 if power % 2 else 1
            factor = sympy.Add(*(-x for x in base.args)) ** power
        factors.append(factor)
    return _distributed(sign, factors)


def _distributed(sign, factors):
    """sign times factors, a minus sign taken into the first sum of first degree."""
    for k, f in enumerate(factors):
        if sign < 0 and f.is_Add:
            factors[k], sign = sympy.Add(*(-x for x in f.args)), 1
    return sympy.Mul(sign, *factors)
