"""Expectations over joint Gaussian variables as unevaluated expressions, and the rules that evaluate them.

Stein's lemma, Price's theorem, the tilt of a Gaussian measure by a Gaussian factor, and Isserlis' theorem. All means are zero.
"""

import math
from functools import cache

import sympy
from sympy import Expr, ImmutableDenseMatrix, S, Tuple

# Nodes in each direction of the Gauss-Hermite rule that checks an expectation in 1, 2, 3 and 4 dimensions.
NODES = {1: 80, 2: 60, 3: 34, 4: 18}


class GaussianExpectation(Expr):
    """E f(x) for x ~ N(0, C); the variables are bound.

    Parameters
    ----------
    f : Expr
    variables : Tuple of symbols, x
    covariance : matrix C, of the size of `variables`; it may be singular
    """

    is_real = True
    is_commutative = True

    def __new__(cls, f, variables, covariance):
        return Expr.__new__(cls, sympy.sympify(f), Tuple(*variables), ImmutableDenseMatrix(covariance))

    integrand = property(lambda self: self.args[0])
    variables = property(lambda self: self.args[1])
    covariance = property(lambda self: self.args[2])
    bound_symbols = property(lambda self: list(self.variables))

    @property
    def free_symbols(self):
        return (self.integrand.free_symbols - set(self.variables)) | self.covariance.free_symbols

    def _xreplace(self, rule):
        """The bound variables stay what they are."""
        if self in rule:
            return rule[self], True
        inner = {old: new for old, new in rule.items() if old not in self.variables}
        f, covariance = self.integrand.xreplace(inner), self.covariance.xreplace(inner)
        changed = f != self.integrand or covariance != self.covariance
        return (GaussianExpectation(f, self.variables, covariance), True) if changed else (self, False)

    def quadrature(self):
        """The expectation as a number, by a product of Gauss-Hermite rules; no free symbols may be left."""
        import numpy as np

        matrix = np.array(self.covariance.tolist(), dtype=float)
        values, vectors = np.linalg.eigh(matrix)
        kept = values > 1e-12 * values.max()
        size = int(kept.sum())
        nodes, weights = np.polynomial.hermite_e.hermegauss(self._nodes(size))
        grid = np.stack(np.meshgrid(*[nodes] * size), axis=-1).reshape(-1, size)
        weight = np.prod(np.stack(np.meshgrid(*[weights] * size), axis=-1), axis=-1).ravel() / (2 * math.pi) ** (size / 2)
        fields = grid @ (vectors[:, kept] * np.sqrt(values[kept])).T
        f = sympy.lambdify(list(self.variables), self.integrand, modules=[{"erf": np.vectorize(math.erf)}, "numpy"])
        return float(np.sum(weight * f(*fields.T)))

    def _nodes(self, size):
        """As many as are exact for a polynomial, enough for what is none."""
        if not self.integrand.is_polynomial(*self.variables):
            return NODES[size]
        return sympy.Poly(self.integrand, *self.variables).total_degree() // 2 + 1

    def _latex(self, printer, exp=None):
        text = rf"\mathbb{{E}}\left[{printer.doprint(self.integrand)}\right]"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def stein(expectation, x):
    """E[x f] = sum_j C_xj E[df/dx_j], for one factor x of the integrand (Stein's lemma)."""
    f, variables, covariance = expectation.args
    rest = sympy.cancel(f / x)
    row = variables.index(x)
    return sympy.Add(*(covariance[row, j] * GaussianExpectation(slope, variables, covariance)
                       for j, y in enumerate(variables) if (slope := rest.diff(y)) != 0 and covariance[row, j] != 0))


def price(expectation, i, j):
    """dE f / dC_ij = E[d^2 f / dx_i dx_j] for i != j (Price's theorem)."""
    f, variables, covariance = expectation.args
    return GaussianExpectation(f.diff(variables[i], variables[j]), variables, covariance)


def tilt(expectation):
    """E_C[exp(-x A x / 2) f] = det(1 + A C)^(-1/2) E_C'[f] with C' = C - C (A^-1 + C)^-1 C on the support of A.

    The covariance may be singular; the Gaussian factor has to be a sum of squares (a diagonal A).
    """
    f, variables, covariance = expectation.args
    factors = sympy.Mul.make_args(sympy.powsimp(f))
    exponent = sympy.Add(*(a.args[0] for a in factors if isinstance(a, sympy.exp)))
    rest = sympy.Mul(*(a for a in factors if not isinstance(a, sympy.exp)))
    curvature = {k: -exponent.diff(x, 2) for k, x in enumerate(variables) if exponent.diff(x) != 0}
    support = list(curvature)
    inner = sympy.diag(*(1 / curvature[k] for k in support)) + covariance[support, support]
    columns, size = covariance[:, support], inner.det(method="berkowitz")
    tilted = covariance - columns * inner.adjugate(method="berkowitz") * columns.T / size
    norm = 1 / sympy.sqrt(size * sympy.Mul(*curvature.values()))
    constant, rest = rest.as_independent(*variables, as_Add=False)
    return norm * constant * (marginal(GaussianExpectation(rest, variables, tilted)) if rest != 1 else 1)


def marginal(expectation):
    """The expectation over those variables alone that the integrand contains."""
    f, variables, covariance = expectation.args
    kept = [k for k, x in enumerate(variables) if f.has(x)]
    return GaussianExpectation(f, [variables[k] for k in kept], covariance[kept, kept])


def isserlis(polynomial, covariance):
    """E of a polynomial in Gaussian variables: the sum over pairings of products of covariances.

    Parameters
    ----------
    polynomial : Expr
    covariance : {(x, y): E[x y]}, for every pair in either order
    """
    variables = sorted({x for pair in covariance for x in pair}, key=str)
    poly = sympy.Poly(polynomial, *variables)
    moments = cache(lambda *labels: _pairings(labels, covariance))
    total = [c * moments(*(x for x, k in zip(variables, powers) for _ in range(k))) for powers, c in poly.terms()]
    return sympy.expand(sympy.Add(*total))


def _pairings(labels, covariance):
    if len(labels) % 2:
        return S.Zero
    if not labels:
        return S.One
    first, *rest = labels
    return sympy.Add(*(_pair(first, y, covariance) * _pairings(rest[:k] + rest[k + 1:], covariance) for k, y in enumerate(rest)))


def _pair(x, y, covariance):
    return covariance[x, y] if (x, y) in covariance else covariance.get((y, x), S.Zero)
