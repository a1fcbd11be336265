"""Interval arithmetic: every operation returns an interval that contains the exact result.

Built on mpmath's interval context, whose elementary functions are widened by a few units of the last place besides. Gaussian
averages use the trapezoidal rule with the bound of Trefethen and Weideman, SIAM Rev. 56, 385 (2014), Theorem 5.1: for g analytic
in the strip |Im z| < a with integrals of |g| at most M along its lines, the rule of spacing h errs by at most
2 M / (exp(2 pi a / h) - 1).
"""

import math
from dataclasses import dataclass

import mpmath
from mpmath import iv, mp

from theory.errors import InputError

__all__ = ["Intervals", "ball", "lower", "size", "upper"]

MOST_NODES = 100_000


def lower(x):
    """The lower end as an mpf."""
    return mp.make_mpf(x._mpi_[0])


def upper(x):
    """The upper end as an mpf."""
    return mp.make_mpf(x._mpi_[1])


def ball(middle, radius):
    """The interval middle +- radius of two mpf."""
    return iv.mpf(middle) + iv.mpf([-1, 1]) * iv.mpf(radius)


def size(x):
    """An upper bound of |x|, an mpf."""
    return max(abs(lower(x)), abs(upper(x)))


class Intervals:
    """Intervals at the working precision of `mpmath.iv`.

    Parameters
    ----------
    digits : the error bound of a Gaussian average is about 10^-digits
    """

    def __init__(self, digits=25):
        self.digits = digits
        self.nodes = 0
        self._weights = {}

    def number(self, r):
        return iv.mpf(int(r.p)) / iv.mpf(int(r.q))

    def constant(self, expr):
        middle = mpmath.mpmathify(expr._to_mpmath(iv.prec + 10))
        return _widened(iv.mpf(middle))

    def power(self, x, exponent):
        if exponent.q == 1:
            return _integer_power(x, int(exponent.p))
        if exponent.q == 2:
            return _integer_power(_widened(iv.sqrt(_not_negative(x))), int(exponent.p))
        return _exp(self.number(exponent) * _log(x))

    def function(self, name, arguments):
        if name not in _FUNCTIONS:
            raise InputError(f"no interval arithmetic for {name}: a certificate is not available here")
        return _FUNCTIONS[name](*arguments)

    def average(self, program, mean, variance, values):
        """Intervals that contain E of the program's expressions over a Gaussian variable."""
        outer = program.outer(self, values)
        width = _widened(iv.sqrt(_not_negative(variance)))
        strip = _Strip(program, outer, mean, width)
        spacing, reach, errors = strip.rule(self.digits)
        self.nodes = max(self.nodes, 2 * reach + 1)
        total = None
        for k in range(-reach, reach + 1):
            z = iv.mpf(k) * spacing
            terms = [self._weight(spacing, abs(k)) * f for f in program.at(self, outer, mean + width * z)]
            total = terms if total is None else [t + f for t, f in zip(total, terms)]
        return [t + iv.mpf([-1, 1]) * e for t, e in zip(total, errors)]

    def _weight(self, spacing, k):
        """h exp(-z^2/2) / sqrt(2 pi) at z = k h."""
        key = (spacing._mpi_, k)
        if key not in self._weights:
            self._weights[key] = spacing * _exp(-(iv.mpf(k) * spacing) ** 2 / 2) / _widened(iv.sqrt(2 * iv.pi))
        return self._weights[key]


def _widened(x):
    """x with its ends moved out by a few units of the last place."""
    return x * (1 + iv.mpf([-1, 1]) * iv.ldexp(iv.mpf(1), 4 - iv.prec))


def _not_negative(x):
    """The part of an interval that a quantity known to be at least zero can take."""
    if upper(x) < 0:
        raise InputError("a square root of a negative interval: a certificate is not available here")
    return x if lower(x) >= 0 else iv.mpf([0, upper(x)])


def _integer_power(x, n):
    if n < 0:
        return 1 / _integer_power(x, -n)
    if n % 2 == 0 and lower(x) < 0 < upper(x):
        return iv.mpf([0, upper(iv.mpf(size(x)) ** n)])
    return x**n


def _exp(x):
    return _widened(iv.exp(x))


def _log(x):
    if not lower(x) > 0:
        raise InputError("a logarithm of an interval that is not positive: a certificate is not available here")
    return _widened(iv.log(x))


def _increasing(function):
    """An increasing function of one interval from its values at points."""
    def apply(x):
        low, high = function(iv.mpf(lower(x))), function(iv.mpf(upper(x)))
        return iv.mpf([lower(low), upper(high)])
    return apply


def _tanh_at(x):
    e = _exp(-2 * abs(x))
    size = (1 - e) / (1 + e)
    return size if lower(x) >= 0 else -size


def _log1p_exp(x):
    """log(1 + e^x) of a point."""
    return _log(1 + _exp(x)) if upper(x) <= 0 else x + _log(1 + _exp(-x))


def _log2cosh(x):
    low, high = (iv.mpf(v) for v in (min(abs(lower(x)), abs(upper(x))), size(x)))
    low = iv.mpf(0) if lower(x) < 0 < upper(x) else low
    ends = [v + _log1p_exp(-2 * v) for v in (low, high)]
    return iv.mpf([lower(ends[0]), upper(ends[1])])


def _gibbs(i, *xs):
    own = xs[int(lower(i)) - 1]
    return 1 / sum((_exp(x - own) for k, x in enumerate(xs, 1) if k != int(lower(i))), iv.mpf(1))


def _log_sum_exp(*xs):
    top = max(xs, key=lambda x: upper(x))
    return top + _log(sum((_exp(x - top) for x in xs if x is not top), iv.mpf(1)))


def _series(b):
    """The increasing function 0F1(; b; w) of a point w >= 0: positive terms, the rest bounded by a geometric series."""
    def value(w):
        term = total = iv.mpf(1)
        k = 0
        while True:
            ratio = w / ((b + k) * (k + 1))
            term = term * ratio
            total, k = total + term, k + 1
            if upper(ratio) < 0.5 and upper(term) < lower(total) * mpmath.ldexp(1, -iv.prec):
                return total + iv.mpf([0, 1]) * term
    return value


def _hypergeometric(b, w):
    return _increasing(_series(b))(_not_negative(w))


_FUNCTIONS = {
    "add": lambda *a: sum(a[1:], a[0]), "mul": lambda *a: math.prod(a[1:], start=a[0]),
    "exp": _exp, "log": _log, "tanh": _increasing(_tanh_at),
    "sinh": lambda x: (_exp(x) - _exp(-x)) / 2, "cosh": lambda x: (_exp(x) + _exp(-x)) / 2,
    "log2cosh": _log2cosh, "Gibbs": _gibbs, "LogSumExp": _log_sum_exp,
    "sin": lambda x: iv.sin(x) + iv.mpf([-1, 1]) * iv.ldexp(iv.mpf(1), 4 - iv.prec),
    "cos": lambda x: iv.cos(x) + iv.mpf([-1, 1]) * iv.ldexp(iv.mpf(1), 4 - iv.prec),
    "LogRadial": lambda b, w: _log(_hypergeometric(b, w)),
    "RadialRatio": lambda b, w: _hypergeometric(b + 1, w) / (b * _hypergeometric(b, w)),
}


@dataclass(frozen=True)
class _Bound:
    """|value| <= sum_k coefficients[k] r^k in the strip, r = |Re z|; and a constant dvalue/dz is at most `slope` in modulus.

    `slope` is 0 outside the integral and None for a function that is not affine in z.
    """

    coefficients: tuple
    slope: object


class _Strip:
    """Bounds of the integrands of a Gaussian average in a strip around the real axis where they are analytic."""

    def __init__(self, program, outer, mean, width):
        self.program, self.outer = program, outer
        self.mean, self.width = mean, width

    def rule(self, digits):
        """(spacing, nodes on either side, error bounds of the outputs)."""
        height = self._height()
        bounds = [b.coefficients for b in self._bounds(height)]
        spacing, reach = self._chosen(height, digits)
        errors = [self._discretisation(c, height, spacing) + self._truncation(c, spacing, reach) for c in bounds]
        return spacing, reach, errors

    def _height(self):
        """Half the width of the strip: arguments of tanh keep within pi/4 of the real axis, exponents within pi/3 together."""
        slopes = [s for s in self._argument_slopes() if s > 0]
        # pi/4 > 0.785, and sums of exponentials keep a real part of at least 1/2.
        return iv.mpf(min([6, *(0.785 / s for s in slopes)]))

    def _chosen(self, height, digits):
        a = float(lower(height))
        spacing = min(1.0, 2 * math.pi * a / (digits * math.log(10) + a * a / 2 + 5))
        # A short binary fraction, so that nodes are exact.
        unit = 2.0 ** (math.frexp(spacing)[1] - 10)
        spacing = math.floor(spacing / unit) * unit
        reach = math.ceil((math.sqrt(2 * digits * math.log(10)) + 3) / spacing)
        if reach > MOST_NODES:
            raise InputError("T is too low for the width of the Gaussian disorder: no certificate is available here")
        return iv.mpf(spacing), reach

    def _discretisation(self, coefficients, a, h):
        """2 M / (exp(2 pi a / h) - 1), with M = exp(a^2/2) sum_k c_k E|x|^k."""
        total = sum((c * _moment(k) for k, c in enumerate(coefficients)), iv.mpf(0))
        bound = 2 * _exp(a**2 / 2) * total / (_exp(2 * iv.pi * a / h) - 1)
        return iv.mpf(upper(bound))

    def _truncation(self, coefficients, h, reach):
        """The nodes left out, by the integral of r^k exp(-r^2/2) beyond R, where r^k exp(-r^2/4) falls."""
        R = iv.mpf(reach) * h
        if float(lower(R)) ** 2 < 2 * len(coefficients):
            raise InputError("an integrand grows too fast for a bound: a certificate is not available here")
        tail = 4 * _exp(-(R**2) / 2) / (R * _widened(iv.sqrt(2 * iv.pi)))
        return iv.mpf(upper(sum((c * R**k for k, c in enumerate(coefficients)), iv.mpf(0)) * tail))

    def _argument_slopes(self):
        """Largest |d argument / dz| of the functions that have singularities."""
        found = []
        for step, bound, arguments in self._walk(iv.mpf(0)):
            if step.rule in ("tanh", "log2cosh"):
                found.append(arguments[0].slope)
            elif step.rule in ("Gibbs", "LogSumExp"):
                slopes = [b.slope for b in (arguments[1:] if step.rule == "Gibbs" else arguments)]
                found.append(2 * max(slopes))
        return found

    def _bounds(self, height):
        places = {}
        for i, bound in enumerate(b for _, b, _ in self._walk(height)):
            places[i] = bound
        return [places[i] for i in self.program.outputs]

    def _walk(self, height):
        """(step, its bound, the bounds of its arguments) of every step."""
        done = []
        for step, value in zip(self.program.steps, self.outer):
            arguments = [done[i] for i in step.arguments]
            done.append(self._bound(step, value, arguments, height))
            yield step, done[-1], arguments if step.inner else [_Bound((iv.mpf(0),), 0.0)] * max(len(arguments), 1)

    def _bound(self, step, value, arguments, height):
        if not step.inner:
            plain = [iv.mpf(size(value))] if hasattr(value, "_mpi_") else [iv.mpf(0)]
            return _Bound(tuple(plain), 0.0)
        if step.rule == "input":
            w = iv.mpf(upper(self.width))
            return _Bound((iv.mpf(size(self.mean)) + w * height, w), float(upper(w)) * (1 + 1e-12))
        if step.rule not in _RULES:
            raise InputError(f"no bound of {step.rule} in a strip: a certificate is not available here")
        return _RULES[step.rule](step, arguments)


def _moment(k):
    """An upper bound of E|x|^k of a standard Gaussian variable."""
    return iv.mpf(math.prod(range(k - 1 if k % 2 == 0 else k, 0, -2)))


def _sum(step, arguments):
    most = max(len(b.coefficients) for b in arguments)
    padded = [[*b.coefficients, *[iv.mpf(0)] * (most - len(b.coefficients))] for b in arguments]
    slopes = [b.slope for b in arguments]
    return _Bound(tuple(sum(column, iv.mpf(0)) for column in zip(*padded)), None if None in slopes else sum(slopes) * (1 + 1e-12))


def _times(a, b):
    product = [iv.mpf(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] += x * y
    return tuple(product)


def _product(step, arguments):
    coefficients, slope, constant = (iv.mpf(1),), 0.0, 1.0
    for b in arguments:
        coefficients = _times(coefficients, b.coefficients)
        own = float(upper(b.coefficients[0])) * (1 + 1e-12) if b.slope == 0 else None
        if slope is not None and own is not None:
            slope, constant = slope * own, constant * own
        elif slope == 0 and b.slope is not None:
            slope = b.slope * constant * (1 + 1e-12)
        else:
            slope = None
    return _Bound(coefficients, slope)


def _powers(step, arguments):
    if step.extra.q != 1 or step.extra < 0:
        raise InputError("no bound of a root or a quotient in a strip: a certificate is not available here")
    coefficients = (iv.mpf(1),)
    for _ in range(int(step.extra)):
        coefficients = _times(coefficients, arguments[0].coefficients)
    return _Bound(coefficients, None)


def _affine(step, arguments):
    """The arguments of a function with singularities: affine in z, or nothing is known about their imaginary parts."""
    if any(b.slope is None for b in arguments):
        raise InputError(f"the argument of {step.rule} is not linear in the Gaussian variable: no certificate is available here")


def _bounded(value):
    def rule(step, arguments):
        _affine(step, arguments[1:] if step.rule == "Gibbs" else arguments)
        return _Bound((iv.mpf(value),), None)
    return rule


def _logarithm(step, arguments):
    """|log sum_j exp x_j| <= max |x_j| + log n + log 2 + pi/3, and for log 2cosh at most |x| + log 2 + pi/4."""
    _affine(step, arguments)
    together = _sum(step, arguments).coefficients
    return _Bound((together[0] + math.log(len(arguments)) + 2, *together[1:]), None)


# |tanh| <= 1 within pi/4 of the real axis; a Gibbs weight is at most 2 where imaginary parts of exponents differ by at most pi/3.
_RULES = {"add": _sum, "mul": _product, "power": _powers, "tanh": _bounded(1), "Gibbs": _bounded(2), "log2cosh": _logarithm,
          "LogSumExp": _logarithm}
