"""Overlaps and errors of two perceptron tasks learned one after the other: the replica-symmetric equations solved.

Averages over means use Gauss-Legendre nodes graded towards m = -1, 1, where relative entropies have logarithmic singularities; averages over
fields use the trapezoidal rule, over a range that holds the far peak of H(g)^beta.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import root
from scipy.special import log_ndtr

from theory.errors import InputError
from theory.learning.continual import ALPHA, HATS, M, M1, OVERLAPS, X, Z, continual

__all__ = ["Task", "first_task", "second_task"]

# Half width and number of nodes of averages over a standard normal field: of a pattern, and of a site, where poles come close to the axis.
FIELDS, SITES = (8.5, 121), (8.5, 1001)
# Ends and number of nodes of the inner field x of a pattern, whose integrand peaks near -4.5 z.
CHANNEL = (-48.0, 12.0, 601)
# Nodes in each half of [-1, 1], and the power that grades them: |m| = 1 - (1 - s)^GRADING.
HALF, GRADING = 24, 4
# The fields of a site in the second task, whose relative entropy keeps poles away.
SECOND_SITES = (6.5, 121)
DAMPING, SETTLING, TOLERANCE = 0.5, 10, 1e-9
# Loads on the way to the one asked for, so that the solution is the one that grows out of no patterns.
LOAD_STEP = 0.25


@dataclass(frozen=True)
class Task:
    """A learned task, overlaps per weight.

    Attributes
    ----------
    q, r, Q : overlaps of two sets of means, of means and teacher, and of means with themselves
    conjugates : (qhat, rhat, Qhat)
    error : probability that the binarised weights give another label than the teacher
    first_overlap, first_error : in the second task, with the teacher of the first; otherwise None
    residual : largest change of an overlap under the self-consistency map
    """

    q: float
    r: float
    Q: float
    conjugates: tuple
    error: float
    residual: float
    first_overlap: float | None = None
    first_error: float | None = None


def first_task(load, beta=20.0):
    """The first task at `load` patterns per weight and inverse temperature `beta`.

    Returns
    -------
    Task

    Raises
    ------
    InputError
        For loads and temperatures that are not positive.
    ArithmeticError
        Where the equations do not converge.
    """
    _require(load, beta)
    m, weight = _means()
    z, normal = _normal(*SITES)

    def averages(hats):
        log_measure = _exponent()(m, z[:, None], *hats)
        measure = np.exp(log_measure - log_measure.max(axis=1, keepdims=True)) * weight
        measure /= measure.sum(axis=1, keepdims=True)
        first = measure @ m
        return np.array([normal @ first**2, normal @ first, normal @ (measure @ m**2)]), normal @ (measure @ np.sign(m))

    overlaps = np.array([0.03, 0.02, 0.35])
    for step in _loads(load):
        overlaps, residual, hats = _solve(overlaps, lambda x, a=step: (hats := _conjugates(x, a, beta), averages(hats)[0]))
    return Task(*map(float, overlaps), tuple(map(float, hats)), _error(averages(hats)[1]), residual)


def second_task(first, load, beta=20.0, strength=1.0, correlation=0.5):
    """The second task, with the means of the first one in the relative entropy.

    Parameters
    ----------
    first : Task
    load, beta : of the second task; `beta` is also that of the first
    strength : gamma, of the relative entropy
    correlation : of the two teachers' weights, between -1 and 1

    Returns
    -------
    Task

    Raises
    ------
    InputError, ArithmeticError
        As for the first task.
    """
    _require(load, beta)
    if not strength >= 0 or not -1 <= correlation <= 1:
        raise InputError(f"expected a strength of at least 0 and a correlation between -1 and 1: got {strength:g}, {correlation:g}")
    m, weight = _means()
    field, normal = _normal(*SECOND_SITES)
    reference = _reference(first, m, weight)
    attraction = -beta * strength * _penalty()(m, m[:, None])
    shares = {1: (1 + correlation) / 2, -1: (1 - correlation) / 2}

    def averages(hats):
        """Of the means of the second task: overlaps, then signs along the second teacher, means and signs along the first."""
        total = np.zeros(6)
        for teacher, share in shares.items():
            turned = (hats[0], teacher * hats[1], hats[2])
            log_measure = _exponent()(m, field[:, None, None], *turned) + attraction
            measure = np.exp(log_measure - log_measure.max(axis=-1, keepdims=True)) * weight
            measure /= measure.sum(axis=-1, keepdims=True)
            mean, square, sign = measure @ m, measure @ m**2, measure @ np.sign(m)
            over = lambda values: normal @ (values @ reference)
            total += share * np.array([over(mean**2), teacher * over(mean), over(square), teacher * over(sign), over(mean), over(sign)])
        return total

    overlaps = np.array([first.q, max(abs(correlation) * first.r, 0.05), first.Q])
    for step in _loads(load):
        overlaps, residual, hats = _solve(overlaps, lambda x, a=step: (hats := _conjugates(x, a, beta), averages(hats)[:3]))
    *_, sign, overlap, first_sign = averages(hats)
    return Task(*map(float, overlaps), tuple(map(float, hats)), _error(sign), residual, float(overlap), _error(first_sign))


def _require(load, beta):
    if not load > 0 or not beta > 0:
        raise InputError(f"expected a positive load and a positive inverse temperature: got {load:g} and {beta:g}")


def _loads(load):
    return np.linspace(0, load, max(int(np.ceil(load / LOAD_STEP)), 1) + 1)[1:]


def _solve(start, step):
    """Fixed point of overlaps -> conjugates -> overlaps; damped iterations, then a root finder."""
    overlaps = start
    for _ in range(SETTLING):
        overlaps = overlaps + DAMPING * (step(overlaps)[1] - overlaps)
    found = root(lambda x: step(x)[1] - x, overlaps, method="hybr", tol=1e-12)
    hats, mapped = step(found.x)
    residual = float(np.abs(mapped - found.x).max())
    if not residual < TOLERANCE:
        raise ArithmeticError(f"the equations of the task do not converge: residual {residual:.1e}")
    return found.x, residual, hats


def _conjugates(overlaps, load, beta):
    """Conjugate overlaps from the derivatives of G_E, integrals in log space."""
    field, slopes, label, label_slopes, factors = _channel()
    q, r, diagonal = overlaps
    if not (0 < r**2 < q < diagonal < 1):
        return np.full(3, np.nan)
    z, normal = _normal(*FIELDS)
    x = np.linspace(*CHANNEL)
    g = field(x, z[:, None], *overlaps)
    log_h = log_ndtr(-g)
    log_weight = beta * log_h - x**2 / 2
    peak = log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - peak)
    total = weight.sum(axis=1)
    width = x[1] - x[0]
    log_average = np.log(total * width / np.sqrt(2 * np.pi)) + peak[:, 0]
    hazard = np.exp(-(g**2) / 2 - log_h) / np.sqrt(2 * np.pi)
    gradient = []
    for slope, label_slope in zip(slopes, label_slopes):
        inner = -beta * (weight * hazard * slope(x, z[:, None], *overlaps)).sum(axis=1) / total
        gradient.append(2 * normal @ (label(z, *overlaps) * inner + label_slope(z, *overlaps) * log_average))
    return load * factors * np.array(gradient)


def _reference(first, m, weight):
    """The measure of a mean of the first task at the nodes, averaged over its field; it takes the weights in."""
    z, normal = _normal(*SITES)
    log_measure = _exponent()(m, z[:, None], *first.conjugates)
    measure = np.exp(log_measure - log_measure.max(axis=1, keepdims=True)) * weight
    # In the gauge where the first teacher is +1; the second is +1 or -1 in it.
    return normal @ (measure / measure.sum(axis=1, keepdims=True))


def _error(overlap):
    return float(np.arccos(np.clip(overlap, -1, 1)) / np.pi)


def _normal(reach, count):
    """Nodes and weights of the trapezoidal rule for a standard normal variable."""
    z = np.linspace(-reach, reach, count)
    weight = np.exp(-(z**2) / 2)
    return z, weight / weight.sum()


@cache
def _means():
    """Nodes and weights on [-1, 1]."""
    s, w = np.polynomial.legendre.leggauss(HALF)
    s, w = (s + 1) / 2, w / 2
    positive, weight = 1 - (1 - s) ** GRADING, w * GRADING * (1 - s) ** (GRADING - 1)
    return np.concatenate([-positive[::-1], positive]), np.concatenate([weight[::-1], weight])


@cache
def _exponent():
    from sympy import lambdify

    return lambdify((M, Z, *HATS), continual()["exponent"], "numpy")


@cache
def _penalty():
    from sympy import lambdify

    return lambdify((M, M1), continual()["penalty"], "numpy")


@cache
def _channel():
    """The field and the label's probability, their derivatives by the overlaps, and the factors of the conjugates."""
    from scipy.special import erfc
    from sympy import lambdify

    modules = [{"erfc": erfc}, "numpy"]
    theory = continual()
    compiled = lambda expr, *arguments: lambdify((*arguments, *OVERLAPS), expr, modules)
    field, label = theory["field"], theory["label"]
    slopes = [compiled(field.diff(x), X, Z) for x in OVERLAPS]
    label_slopes = [compiled(label.diff(x), Z) for x in OVERLAPS]
    return compiled(field, X, Z), slopes, compiled(label, Z), label_slopes, np.array([float(f / ALPHA) for f in theory["conjugates"]])
