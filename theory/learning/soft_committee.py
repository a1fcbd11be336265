"""Online learning in soft committee machines: the Gaussian averages and the flow of the order parameters.

Student and teacher are sums of K and M hidden units g(x) = erf(x/sqrt 2), fed with Gaussian inputs of N components. Local
fields x_i = w_i.xi/sqrt N have covariance C = [[Q, R], [R^T, T]], students first. Time t is examples over N.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import combinations_with_replacement, product

import sympy
from sympy import Eq

from ..derivation import Step
from ..errors import InputError
from ..symbols import symbol
from .gaussian import GaussianExpectation, marginal, price, stein, tilt
from .gaussian_checks import GaussianDerivation, Identity, Numerical

__all__ = ["Moment", "SoftCommittee", "activation", "soft_committee"]

SAAD_SOLLA = "D. Saad and S. A. Solla, Phys. Rev. E 52, 4225 (1995)"
eta = symbol("eta")


def activation(x):
    """g(x) = erf(x / sqrt 2)."""
    return sympy.erf(x / sympy.sqrt(2))


@dataclass(frozen=True)
class Moment:
    """A Gaussian average as a function of the covariance of its fields.

    Attributes
    ----------
    covariance : Matrix of symbols C_ab, symmetric
    definition : GaussianExpectation
    expression : Expr in the entries of the covariance
    """

    covariance: object = field(repr=False)
    definition: object
    expression: object

    def at(self, expectation):
        """The average of the same function of other fields, which are given with their covariance."""
        own = self.definition.integrand.xreplace(dict(zip(self.definition.variables, expectation.variables)))
        if own != expectation.integrand:
            raise InputError(f"expected the average of {own}, got that of {expectation.integrand}")
        return self.expression.xreplace(dict(zip(self.covariance, expectation.covariance)))


@dataclass(frozen=True)
class SoftCommittee(GaussianDerivation):
    """The averages and the flow of a soft committee machine that learns online.

    Attributes
    ----------
    students, teachers : numbers of hidden units K and M
    results : {"gg", "g'xg", "g'g'gg": Moment}
    flow : {("Q", i, k) or ("R", i, n): terms of d/dt}, each term (power of eta, sign, name of the moment, fields averaged
        over); fields are numbered from 0, students first
    error : terms of the generalisation error, likewise with (weight, name, fields)
    """

    students: int
    teachers: int
    flow: dict
    error: tuple


def soft_committee(students, teachers):
    """Derive the flow of the order parameters of online gradient descent on the squared error.

    Parameters
    ----------
    students, teachers : numbers of hidden units K and M, at least 1

    Returns
    -------
    SoftCommittee
    """
    for name, count in (("students", students), ("teachers", teachers)):
        if not isinstance(count, int) or count < 1:
            raise InputError(f"expected the number of {name}' hidden units as an integer of at least 1, got {count!r}")
    steps, moments = _averages()
    update, flow, error = _flow(students, teachers)
    return SoftCommittee("soft committee machine, online", (*steps, *update), moments, {}, students, teachers, flow, error,
                         covariances=(moments["g'g'gg"].covariance,))


@cache
def _averages():
    """The steps that evaluate the three averages, and the averages."""
    steps, moments = [], {}
    for name, build in (("gg", _overlap), ("g'xg", _drift), ("g'g'gg", _diffusion)):
        more, moments[name] = build(moments)
        steps += more
    return tuple(steps), moments


def _overlap(_):
    """E g(x_1) g(x_2): Price's theorem, a Gaussian integral, and the integral over the correlation."""
    x, c = _fields(2)
    start = GaussianExpectation(activation(x[0]) * activation(x[1]), x, c)
    slope = price(start, 0, 1)
    gaussian = tilt(slope)
    closed = _arcsine(gaussian, c[0, 1])
    steps = [
        _step("Derivative with respect to the correlation", "Price's theorem",
              r"The Gaussian density obeys $\partial_{C_{12}} p = \partial_1\partial_2 p$; integrate by parts twice.",
              sympy.Derivative(start, c[0, 1]), slope, Identity()),
        _step("Gaussian integral", "determinant of a Gaussian measure", "$g'$ is itself a Gaussian.",
              slope, gaussian, Identity()),
        _step("Integral over the correlation", "primitive of an inverse square root",
              "At $C_{12} = 0$ the average vanishes, since $g$ is odd.", start, closed, Identity()),
    ]
    return steps, Moment(c, start, closed)


def _drift(_):
    """E g'(x_1) x_2 g(x_3): the tilt by g' and Stein's lemma."""
    x, c = _fields(3)
    start = GaussianExpectation(activation(x[0]).diff(x[0]) * x[1] * activation(x[2]), x, c)
    tilted = tilt(start)
    parts = _inside(tilted, lambda e: stein(e, x[1]))
    closed = _inside(parts, tilt)
    steps = [
        _step("Tilted measure", "a Gaussian factor changes the covariance", r"$g'(x_1)$ is absorbed into the measure, whose "
              r"covariance becomes $C_{ab} - C_{a1}C_{1b}/(1 + C_{11})$.", start, tilted, Identity()),
        _step("Integration by parts", "Stein's lemma", "$g$ is smooth and bounded.", tilted, parts, Identity()),
        _step("Gaussian integral", "determinant of a Gaussian measure", "$g'$ is itself a Gaussian.", parts, closed, Identity()),
    ]
    return steps, Moment(c, start, closed)


def _diffusion(moments):
    """E g'(x_1) g'(x_2) g(x_3) g(x_4): the tilt by both g' and the average of gg."""
    x, c = _fields(4)
    start = GaussianExpectation(sympy.Mul(*(activation(y).diff(y) for y in x[:2]), *(activation(y) for y in x[2:])), x, c)
    tilted = tilt(start)
    closed = _inside(tilted, moments["gg"].at)
    steps = [
        _step("Tilted measure", "a Gaussian factor changes the covariance", "Both $g'$ are absorbed into the measure.", start,
              tilted, Identity()),
        _step("Average of the product", "substitution", "The average of $g g$ at the tilted covariance.", tilted, closed,
              Identity()),
    ]
    return steps, Moment(c, start, closed)


def _flow(students, teachers):
    """Steps, flow and generalisation error from the update of the weights."""
    fields = tuple(symbol(f"x{a}") for a in range(students + teachers))
    g, slopes = (tuple(symbol(f"{stem}{a}") for a in range(students + teachers)) for stem in ("g", "dg"))
    signs = [-1] * students + [1] * teachers
    mistake = sympy.Add(*(s * u for s, u in zip(signs, g)))
    delta = [slopes[i] * mistake for i in range(students)]
    names = _Names(fields, g, slopes)
    flow = {}
    for i, k in combinations_with_replacement(range(students), 2):
        flow["Q", i, k] = names.terms(eta * (delta[i] * fields[k] + delta[k] * fields[i]) + eta**2 * delta[i] * delta[k])
    for i, n in product(range(students), range(students, students + teachers)):
        flow["R", i, n - students] = names.terms(eta * delta[i] * fields[n])
    error = tuple((weight / 2, name, where) for _, weight, name, where in names.terms(mistake**2))
    return _update_steps(students, teachers, flow), flow, error


@dataclass(frozen=True)
class _Names:
    """Reads products of fields, activations and their slopes as moments."""

    fields: tuple
    g: tuple
    slopes: tuple

    def terms(self, polynomial):
        """(power of eta, coefficient, name of the moment, fields) of every monomial."""
        poly = sympy.Poly(sympy.expand(polynomial), eta, *self.slopes, *self.fields, *self.g)
        return tuple((powers[0], c, *self._moment(powers[1:])) for powers, c in poly.terms())

    def _moment(self, powers):
        size = len(self.g)
        slopes, fields, g = ([a for a in range(size) for _ in range(powers[k * size + a])] for k in range(3))
        return "g'" * len(slopes) + "x" * len(fields) + "g" * len(g), tuple(slopes + fields + g)


def _update_steps(students, teachers, flow):
    """The change of the overlaps in one step of online gradient descent, and its average as N grows."""
    n, x1, x2, y, d1, d2, q, r, norm = (symbol(s) for s in "N x_i x_k y_n delta_i delta_k Q_ik R_in u".split())
    w1, w2, b, xi = (symbol(s) for s in "w_i w_k b_n xi".split())
    rule = {w1 * w2: n * q, w1 * b: n * r, w1 * xi: sympy.sqrt(n) * x1, w2 * xi: sympy.sqrt(n) * x2, b * xi: sympy.sqrt(n) * y,
            xi**2: n * norm}
    a1, a2 = eta / sympy.sqrt(n) * d1, eta / sympy.sqrt(n) * d2
    raw = ((w1 + a1 * xi) * (w2 + a2 * xi) / n, (w1 + a1 * xi) * b / n)
    after = tuple(sympy.expand(e).subs(rule, simultaneous=True) for e in raw)
    rates = tuple(sympy.expand(n * (e - old)).subs(norm, 1) for e, old in zip(after, (q, r)))
    return (
        Step("One step of online gradient descent", "inner products",
             r"$w_i \to w_i + \frac{\eta}{\sqrt N}\delta_i\xi$ with $\delta_i = g'(x_i)[\sum_n g(y_n) - \sum_j g(x_j)]$; "
             r"products of vectors are overlaps, $w_i\cdot\xi = \sqrt N x_i$ and $|\xi|^2 = N u$.", SAAD_SOLLA,
             sympy.Tuple(*raw), sympy.Tuple(*after), claim=Numerical(_update_deviation, 1e-10,
                                                                     "with random vectors of 7 components both sides agree")),
        Step("Many components", "law of large numbers",
             r"A step changes the overlaps by $O(1/N)$; with $t$ = examples / $N$, $u \to 1$ "
             "and the average over inputs at fixed overlaps, they obey differential equations (self-averaging).", SAAD_SOLLA,
             sympy.Tuple(*(Eq(sympy.Symbol(rf"\frac{{d}}{{dt}}{name}"), rate)
                           for name, rate in zip(("Q_{ik}", "R_{in}"), rates))),
             claim=Numerical(_norm_deviation, 5e-3, "|xi|^2/N at N = 10^6 is 1")),
        Step("Sums over hidden units", "linearity", f"The products are expanded over the {students} students and {teachers} "
             "teachers; every term is one of the three averages.", SAAD_SOLLA, None, None,
             claim=Numerical(lambda step, rng: _sum_deviation(rng, flow, students, teachers), 1e-10,
                             "the terms reproduce the products at random fields")),
    )


def _update_deviation(step, rng):
    """The update of two overlaps against random vectors of 7 components."""
    import math

    draw = lambda: [rng.gauss(0, 1) for _ in range(7)]  # noqa: E731
    dot = lambda a, b: sum(u * v for u, v in zip(a, b))  # noqa: E731
    (w1, w2, b, xi), d1, d2, rate = [draw() for _ in range(4)], rng.random(), rng.random(), rng.random()
    move = lambda w, d: [u + rate / math.sqrt(7) * d * v for u, v in zip(w, xi)]  # noqa: E731
    point = dict(zip((symbol(s) for s in "N x_i x_k y_n delta_i delta_k Q_ik R_in u eta".split()),
                     (7, dot(w1, xi) / math.sqrt(7), dot(w2, xi) / math.sqrt(7), dot(b, xi) / math.sqrt(7), d1, d2,
                      dot(w1, w2) / 7, dot(w1, b) / 7, dot(xi, xi) / 7, rate)))
    direct = dot(move(w1, d1), move(w2, d2)) / 7, dot(move(w1, d1), b) / 7
    return max(abs(float(e.subs(point)) - v) for e, v in zip(step.after, direct))


def _norm_deviation(step, rng):
    return abs(sum(rng.gauss(0, 1) ** 2 for _ in range(10**6)) / 10**6 - 1)


def _sum_deviation(rng, flow, students, teachers):
    """The terms of the flow at random numbers in place of averages against the products that they came from."""
    size = students + teachers
    x, g, slope = ([rng.gauss(0, 1) for _ in range(size)] for _ in range(3))
    rate = rng.random()
    mistake = sum(g[students:]) - sum(g[:students])
    numbers = {"g'xg": lambda a, b, c: slope[a] * x[b] * g[c], "g'g'gg": lambda a, b, c, d: slope[a] * slope[b] * g[c] * g[d]}
    worst = 0.0
    for (kind, i, k), terms in flow.items():
        found = sum(rate**power * float(c) * numbers[name](*where) for power, c, name, where in terms)
        d = slope[i] * mistake
        e = slope[k] * mistake if kind == "Q" else None
        direct = rate * d * x[students + k] if e is None else rate * (d * x[k] + e * x[i]) + rate**2 * d * e
        worst = max(worst, abs(found - direct))
    return worst


def _step(title, rule, why, before, after, claim):
    return Step(title, rule, why, SAAD_SOLLA, before, after, claim=claim)


def _fields(count):
    """Fields x_1.. and their symmetric covariance matrix of symbols."""
    x = [symbol(f"x_{k + 1}") for k in range(count)]
    c = sympy.Matrix(count, count, lambda a, b: symbol(f"C_{min(a, b) + 1}{max(a, b) + 1}"))
    return x, sympy.ImmutableDenseMatrix(c)


def _inside(expr, rule):
    """A rule applied to every Gaussian expectation of an expression."""
    return expr.replace(lambda e: isinstance(e, GaussianExpectation), lambda e: rule(marginal(e)))


def _arcsine(integrand, x):
    """The integral from 0 to x of k / sqrt(a - b x^2)."""
    scale = 1 / integrand**2
    poly = sympy.Poly(sympy.expand(scale), x)
    a, b = poly.coeff_monomial(1), -poly.coeff_monomial(x**2)
    if poly.degree() != 2 or poly.coeff_monomial(x) != 0 or b.free_symbols:
        raise InputError(f"expected an integrand k/sqrt(a - b x^2) with constant b, got {integrand}")
    return sympy.asin(x * sympy.sqrt(b / sympy.factor(a))) / sympy.sqrt(b)

