"""Evaluation of the theory's expressions in mpmath, to any number of digits."""

import mpmath
import sympy

from .averages import DisorderAverage, GaussianAverage
from .functions import Gibbs, LogRadial, LogSumExp, RadialRatio, log2cosh


def evaluate(expr, values, dps=30):
    """The value of an expression, averages included.

    Parameters
    ----------
    expr : Expr
    values : {symbol: number}; a name's string is accepted for its symbol
    dps : decimal digits of the working precision

    Returns
    -------
    mpmath.mpf
    """
    with mpmath.workdps(dps + 5):
        names = {str(k): _number(v) for k, v in values.items()}
        result = _value(sympy.sympify(expr), names)
    return +result


def _number(value):
    if isinstance(value, sympy.Basic):
        return _value(value, {})
    return mpmath.mpmathify(value)


def _value(expr, values):
    if expr.is_Symbol:
        if str(expr) not in values:
            raise KeyError(f"no value for {expr}")
        return values[str(expr)]
    if isinstance(expr, sympy.Rational):
        return mpmath.mpf(expr.p) / expr.q
    if expr.is_number and not expr.args:
        return mpmath.mpmathify(expr._to_mpmath(mpmath.mp.prec))
    for cls, rule in _SPECIAL.items():
        if isinstance(expr, cls):
            return rule(expr, values)
    args = [_value(a, values) for a in expr.args]
    rule = _FUNCTIONS.get(type(expr)) or expr._eval_mpmath
    return rule(*args)


def _log_sum_exp(*xs):
    top = max(xs)
    return top + mpmath.log(mpmath.fsum(mpmath.exp(x - top) for x in xs))


def _gibbs(i, *xs):
    return mpmath.exp(xs[int(i) - 1] - _log_sum_exp(*xs))


def _log2cosh(x):
    x = abs(x)
    return x + mpmath.log1p(mpmath.exp(-2 * x))


def _log_radial(b, w):
    return mpmath.log(mpmath.hyp0f1(b, w))


def _radial_ratio(b, w):
    return mpmath.hyp0f1(b + 1, w) / (b * mpmath.hyp0f1(b, w))


def _gaussian(expr, values):
    f, x, mean, variance = expr.args
    centre, width = _value(mean, values), mpmath.sqrt(_value(variance, values))
    inner = dict(values)

    def integrand(z):
        inner[str(x)] = centre + width * z
        return _value(f, inner) * mpmath.npdf(z)

    reach = mpmath.sqrt(2 * mpmath.mp.prec)
    kink = [-centre / width] if width > 0 and abs(centre) < reach * width else []
    cuts = sorted([-reach, *kink, *(mpmath.mpf(k) for k in (-4, -2, 0, 2, 4)), reach])
    return mpmath.quad(integrand, cuts)


def _configurations(expr, values):
    total = mpmath.mpf(0)
    for weight, at in expr.configurations():
        inner = values | {str(x): _value(v, values) for x, v in at.items()}
        total += _value(weight, values) * _value(expr.integrand, inner)
    return total


def _piecewise(expr, values):
    at = {s: sympy.Float(values[str(s)]) for _, condition in expr.args for s in condition.free_symbols}
    return _value(next(branch for branch, condition in expr.args if condition.xreplace(at) == True), values)  # noqa: E712


_SPECIAL = {sympy.Piecewise: _piecewise, GaussianAverage: _gaussian, DisorderAverage: _configurations}
_FUNCTIONS = {
    sympy.Add: lambda *a: mpmath.fsum(a),
    sympy.Mul: lambda *a: mpmath.fprod(a),
    sympy.Pow: lambda x, y: x**y,
    sympy.exp: mpmath.exp,
    sympy.log: mpmath.log,
    sympy.sin: mpmath.sin,
    sympy.cos: mpmath.cos,
    sympy.sinh: mpmath.sinh,
    sympy.cosh: mpmath.cosh,
    sympy.tanh: mpmath.tanh,
    sympy.coth: mpmath.coth,
    sympy.atanh: mpmath.atanh,
    sympy.erf: mpmath.erf,
    sympy.Abs: abs,
    sympy.sign: mpmath.sign,
    log2cosh: _log2cosh,
    LogSumExp: _log_sum_exp,
    Gibbs: _gibbs,
    LogRadial: _log_radial,
    RadialRatio: _radial_ratio,
}
