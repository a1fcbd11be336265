"""Averages over quenched disorder as unevaluated expressions that differentiate exactly."""

from itertools import product

import sympy
from sympy import Expr, Integer, Rational, S, Tuple

from .disorder import FiniteDistribution, Normal
from .errors import InputError
from .sites import over_temperature, times_temperature
from .symbols import T

# The integration variable of a Gaussian average; no user's name contains a star.
GAUSSIAN = sympy.Symbol("z*", real=True)


class GaussianAverage(Expr):
    """E f(x) for x ~ N(mean, variance); `x` is bound.

    Differentiates by Stein's lemma and the heat equation, d/dmean E f = E f' and
    d/dvariance E f = E f''/2, which stay finite where the variance vanishes.
    """

    is_real = True
    is_commutative = True

    def __new__(cls, f, x, mean, variance):
        f = sympy.sympify(f)
        if not f.has(x):
            return f
        if variance == 0:
            return f.xreplace({x: mean})
        return Expr.__new__(cls, f, x, sympy.sympify(mean), sympy.sympify(variance))

    integrand = property(lambda self: self.args[0])
    variable = property(lambda self: self.args[1])
    mean = property(lambda self: self.args[2])
    variance = property(lambda self: self.args[3])

    @property
    def free_symbols(self):
        f, x, mean, variance = self.args
        return (f.free_symbols - {x}) | mean.free_symbols | variance.free_symbols

    @property
    def bound_symbols(self):
        return [self.variable]

    def _eval_derivative(self, s):
        f, x, mean, variance = self.args
        total = GaussianAverage(_slope(f, s), x, mean, variance)
        if (slope := mean.diff(s)) != 0:
            total += slope * GaussianAverage(_slope(f, x), x, mean, variance)
        if (slope := variance.diff(s)) != 0:
            total += slope * GaussianAverage(_slope(_slope(f, x), x), x, mean, variance) / 2
        return total

    def _latex(self, printer, exp=None):
        f, x, mean, variance = self.args
        z = sympy.Symbol("z")
        shown = printer.doprint(f.xreplace({x: mean + sympy.sqrt(variance) * z}))
        text = rf"\int\!\mathcal{{D}}z\,\left[{shown}\right]"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class DisorderAverage(Expr):
    """E_xi f(xi) over independent finite variables, kept unevaluated.

    Parameters
    ----------
    f : Expr
    variables : Tuple(symbol, Tuple(values), Tuple(probabilities)), one for each variable
    """

    is_real = True
    is_commutative = True

    def __new__(cls, f, *variables):
        f = sympy.sympify(f)
        kept = [_variable(v) for v in variables]
        kept = [v for v in kept if f.has(v[0])]
        return Expr.__new__(cls, f, *kept) if kept else f

    integrand = property(lambda self: self.args[0])
    variables = property(lambda self: self.args[1:])

    @property
    def bound_symbols(self):
        return [v[0] for v in self.variables]

    @property
    def free_symbols(self):
        free = self.integrand.free_symbols - set(self.bound_symbols)
        return free.union(*(v[1].free_symbols | v[2].free_symbols for v in self.variables))

    def _eval_derivative(self, s):
        if any(s in (v[1].free_symbols | v[2].free_symbols) for v in self.variables):
            return self.expand_configurations().diff(s)
        return DisorderAverage(_slope(self.integrand, s), *self.variables)

    def configurations(self):
        """Yield (probability, {variable: value}) over the product of the supports."""
        names = self.bound_symbols
        supports = [list(zip(v[1], v[2])) for v in self.variables]
        for choice in product(*supports):
            weight = sympy.Mul(*(p for _, p in choice))
            yield weight, dict(zip(names, (value for value, _ in choice)))

    def expand_configurations(self):
        """The average written out, equal terms gathered."""
        gathered = {}
        for weight, values in self.configurations():
            term = self.integrand.xreplace(values)
            gathered[term] = gathered.get(term, S.Zero) + weight
        return sympy.Add(*(sympy.factor_terms(sympy.factor(w)) * term for term, w in gathered.items()))

    def _latex(self, printer, exp=None):
        names = ",".join(printer.doprint(x) for x in self.bound_symbols)
        text = rf"\mathbb{{E}}_{{{names}}}\left[{printer.doprint(self.integrand)}\right]"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def average(expr, disorder):
    """Average `expr` over independent quenched variables.

    Gaussian variables that enter through one linear combination become one `GaussianAverage`;
    the finite variables are wrapped outside as a `DisorderAverage`.

    Parameters
    ----------
    expr : Expr
    disorder : mapping symbol -> FiniteDistribution | Normal
    """
    normal = {x: d for x, d in disorder.items() if isinstance(d, Normal)}
    finite = [(x, d) for x, d in disorder.items() if isinstance(d, FiniteDistribution)]
    return DisorderAverage(gaussian_average(expr, normal), *finite)


def gaussian_average(expr, normal):
    """Average over independent Gaussian variables that enter one linear combination.

    Raises InputError when the functions of `expr` depend on several independent combinations.
    """
    normal = {x: d for x, d in normal.items() if expr.has(x)}
    if not normal:
        return expr
    smooth = [a for a in _outer_functions(expr, set(normal)) for a in a.args if a.has(*normal)]
    if not smooth:
        return _polynomial_average(expr, normal)
    direction = _direction(smooth[0], normal)
    mean = sum(c * normal[x].mean for x, c in direction.items())
    variance = sum(c**2 * normal[x].variance for x, c in direction.items())
    offset = times_temperature(smooth[0]).xreplace({x: S.Zero for x in normal})
    if T in offset.free_symbols or len(smooth) > 1:
        offset = S.Zero
    replaced = {a: _in_terms_of(a, direction, normal, offset) for a in smooth}
    remainder = expr.xreplace(replaced)
    if remainder.has(*normal):
        return sympy.Add(*(_average_term(term, normal, mean + offset, variance)
                           for term in sympy.Add.make_args(sympy.expand(remainder))))
    return GaussianAverage(remainder, GAUSSIAN, mean + offset, variance)


def _average_term(term, normal, mean, variance):
    if not term.has(GAUSSIAN):
        return _polynomial_average(term, normal)
    if term.has(*normal):
        raise InputError("a Gaussian variable multiplies a function of itself: write it through the site's energy")
    return GaussianAverage(term, GAUSSIAN, mean, variance)


def _direction(argument, normal):
    """Coefficients of the Gaussian variables in T times a linear argument."""
    linear = times_temperature(argument)
    direction = {x: linear.coeff(x) for x in normal}
    rest = sympy.expand(linear - sum(c * x for x, c in direction.items()))
    if rest.has(*normal):
        raise InputError(f"Gaussian variables must enter the fields linearly, not as {argument}")
    return direction


def _in_terms_of(argument, direction, normal, offset):
    own = _direction(argument, normal)
    base = times_temperature(argument).xreplace({x: S.Zero for x in normal})
    ratios = {sympy.cancel(own[x] / direction[x]) for x in normal if direction[x] != 0}
    aligned = all(own[x] == 0 for x in normal if direction[x] == 0) and len(ratios) == 1
    if not aligned:
        raise InputError("the Gaussian variables of a site must enter through one linear combination")
    return over_temperature(base - offset + ratios.pop() * GAUSSIAN)


def _outer_functions(expr, variables):
    if isinstance(expr, sympy.Function):
        return [expr] if expr.has(*variables) else []
    return [f for arg in expr.args for f in _outer_functions(arg, variables)]


def _polynomial_average(expr, normal):
    for x, d in normal.items():
        if expr.has(x):
            poly = sympy.Poly(expr, x)
            expr = sum(c * _moment(k, d) for (k,), c in poly.terms())
    return sympy.expand(expr) if normal else expr


def _moment(k, d):
    """E x^k for x ~ N(mean, variance)."""
    even = range(0, k + 1, 2)
    return sum(sympy.binomial(k, j) * d.mean ** (k - j) * d.variance ** Rational(j, 2) * sympy.factorial2(j - 1)
               for j in even) if k else Integer(1)


def _slope(f, x):
    """df/dx with a common factor multiplied in, so that T (p/T) reads p."""
    return f.diff(x).expand(deep=False)


def _variable(v):
    if isinstance(v, Tuple):
        return v
    name, dist = v
    return Tuple(name, Tuple(*dist.values), Tuple(*dist.probabilities))

