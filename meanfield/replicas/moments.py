"""Averages over the tree of states: free energies of nested Gaussian averages and all their derivatives.

For a leaf g and levels i = k..1 of variance v_i and exponent D_i,

    Phi_k = g,  Phi_{i-1}(y) = (1/D_i) log E exp(D_i Phi_i(y + sqrt(v_i) z)),  P = E W Phi_0(mu + sqrt(v_0) z),

with standard normal z. Every result comes with the difference to a coarser rule.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from .leaves import gate_probabilities, gate_probability
from .quadratic import parabola
from .recursion import Problem, Teacher, averaged, solved
from .sites import channel, site, smooth_gate
from .steps import SQUARE, plain_rows
from .two_states import two_states

ROUNDING = 1e-15
NONE = np.empty(0)


@dataclass(frozen=True)
class Moments:
    """P and its derivatives; energies in units of the leaf's, k_B = 1.

    Attributes
    ----------
    value : P
    entropy : dP/dT at fixed exponents
    mean : dP/dmu = <M_0>
    squares : <M_i**2> over the full path, i = 0..k, with M_i = Phi_i'
    curvature : <g''> over the full path
    exponents : dP/dD_i, i = 1..k
    weights : derivatives by the leaf's parameters: occupations of the states, dP/dA, or shares of a gate's pieces
    replicon : <(Phi_i'')**2>, i = 0..k; infinite at i = k for a leaf with kinks
    teacher : dP/dr; 0 without teacher
    error : largest difference in value, mean, squares, curvature and exponents/(1 + exponents) to a coarser rule
    """

    value: float
    entropy: float
    mean: float
    squares: np.ndarray
    curvature: float
    exponents: np.ndarray
    weights: np.ndarray
    replicon: np.ndarray
    teacher: float
    error: float


def finite_moments(slopes, levels, mu, variances, exponents, T, kappa=0.0):
    """Moments of the leaf T log sum_s exp((levels_s + slopes_s y)/T) + kappa y**2/2.

    Parameters
    ----------
    slopes, levels : (S,) arrays; a state's weight w enters its level as T log w
    mu : centre of the outermost average
    variances : (k+1,) v_0..v_k
    exponents : (k,) D_1..D_k, energies to the power -1
    T : temperature, 0 included
    kappa : curvature of an additional parabola, for k = 0 only

    Returns
    -------
    Moments; all nan outside the domain (negative variances, exponents or T, or kappa with k > 0)
    """
    if len(slopes) == 2 and len(variances) == 1:
        return _two_states(slopes, levels, mu, variances, T, kappa)
    a, l, v, D = _arrays(slopes, levels, variances, exponents)
    if not _in_domain(v, D, mu, T) or (kappa != 0.0 and len(D)):
        return _nothing(len(D), len(a))
    v = np.maximum(v, 0.0)
    leaf, kept = site(a, l, T, kappa), _filled(v, mu)
    average = _cold_average if T == 0.0 and not kept.any() else solved
    result = _compared(*(average(Problem(leaf, float(mu), v[[True, *kept]], D[kept], None, rule)) for rule in (0, 1)))
    if T == 0.0 and len(leaf.kinks):
        result.replicon[-1] = math.inf
    return _with_empty_levels(result, kept)


def quadratic_moments(A, mu, variances, exponents, T):
    """Moments of the leaf y**2/(2A) + (T/2) log(2 pi T/A), in closed form; all nan where an integral diverges."""
    v, D = _arrays(variances, exponents)
    result = parabola(float(A), float(mu), v, D, T) if A > 0.0 and _in_domain(v, D, mu, T) else None
    return _nothing(len(D), 1) if result is None else Moments(**vars(result), error=0.0)


def channel_moments(edges, values, delta, mu, variances, exponents, teacher=None):
    """Moments of the leaf log E Phi(u + sqrt(delta) z) of a piecewise constant gate.

    Parameters
    ----------
    edges : (J-1,) increasing
    values : (J,) the gate's values between them, >= 0; or log Phi as a function of an array, with its kinks as edges
    delta : variance inside the leaf
    mu, variances, exponents : as in `finite_moments`; the exponents have no unit
    teacher : None, or (r, edges, values) of a teacher's gate whose argument u_0 has variance 1 and covariance r
        with y_0 - mu: the outermost average is weighted by E[gate | y_0] / E[gate]

    Returns
    -------
    Moments; all nan outside the domain
    """
    smooth = callable(values)
    b, c, v, D = _arrays(edges, [] if smooth else values, variances, exponents)
    inside = _in_domain(v, D, mu, 0.0) and delta > 0.0
    if not inside or (teacher is not None and not _teacher_fits(teacher[0], max(v[0], 0.0))):
        return _nothing(len(D), len(c))
    v = np.maximum(v, 0.0)
    leaf = smooth_gate(b, values, float(delta)) if smooth else channel(b, c, float(delta))
    weight = None if teacher is None else _teacher(teacher, float(mu), v[0])
    kept = _filled(v, mu)
    result = _compared(*(solved(Problem(leaf, float(mu), v[[True, *kept]], D[kept], weight, rule)) for rule in (0, 1)))
    return _with_empty_levels(result, kept)


def _two_states(slopes, levels, mu, variances, T, kappa):
    value, entropy, mean, curvature, error, squares, weights, replicon = two_states(
        np.asarray(slopes, float), np.asarray(levels, float), float(mu), float(variances[0]), float(T), float(kappa))
    return Moments(value, entropy, mean, squares, curvature, NONE, weights, replicon, 0.0, error)


def _arrays(*values):
    return tuple(np.atleast_1d(np.asarray(x, dtype=float)) if len(np.shape(x)) else np.array([float(x)]) for x in values)


def _in_domain(v, D, mu, T):
    numbers = np.concatenate([v, D, [mu, T]])
    return bool(np.all(np.isfinite(numbers)) and np.all(v >= -ROUNDING) and np.all(D >= 0.0) and T >= 0.0)


def _teacher_fits(r, v):
    return math.isfinite(r) and (r * r < v or (r == 0.0))


def _nothing(k, n):
    nan = math.nan
    return Moments(nan, nan, nan, np.full(k + 1, nan), nan, np.full(k, nan), np.full(n, nan), np.full(k + 1, nan), nan, nan)


def _filled(v, mu):
    """Which levels i = 1..k have a variance."""
    return np.array([not _is_empty(x, mu) for x in v[1:]], dtype=bool)


def _with_empty_levels(m, kept):
    """The moments with the levels i = 1..k put back that have no variance."""
    if kept.all():
        return m
    level, gains = np.concatenate([[0], np.cumsum(kept)]), np.zeros(len(kept))
    gains[kept] = m.exponents
    return replace(m, squares=m.squares[level], exponents=gains, replicon=m.replicon[level])


def _is_empty(v, mu):
    """Whether rounding hides this variance."""
    return v < (1e-13 * (1.0 + abs(mu))) ** 2


def _cold_average(problem):
    """No step at T = 0; the parabola that may be added to the lines is averaged by hand."""
    leaf, mu, v = problem.leaf, problem.mu, problem.v[0]
    if _is_empty(v, mu):
        return averaged(0, plain_rows(leaf.fill(np.array([mu]))), np.ones(1))
    rows = leaf.rows(np.array([mu]), v, 0.0, problem.rule)
    result, bare, second = averaged(0, rows, np.ones(1)), leaf.kappa, mu * mu + v
    square = rows[0, SQUARE] + bare * (2.0 * (mu * result.mean + v * result.curvature) + bare * second)
    return replace(result, value=result.value + 0.5 * bare * second, mean=result.mean + bare * mu,
                   squares=np.array([square]), curvature=result.curvature + bare, replicon=np.array([bare * bare]))


def _compared(fine, coarse):
    gains = [a.exponents / (1.0 + np.abs(fine.exponents)) for a in (fine, coarse)]
    pairs = [(fine.value, coarse.value), (fine.mean, coarse.mean), (fine.curvature, coarse.curvature),
             *zip(fine.squares, coarse.squares, strict=True), *zip(*gains, strict=True)]
    return Moments(**vars(fine), error=float(max(0.0 if a == b else abs(a - b) for a, b in pairs)))


def _teacher(teacher, mu, v):
    """The weight of the outermost average for a teacher (r, edges, values)."""
    r, edges, values = float(teacher[0]), *_arrays(teacher[1], teacher[2])
    share = r / v if v > 0.0 else 0.0
    sd = math.sqrt(1.0 - r * share)
    total, _ = gate_probability(edges, values, 0.0, 1.0)

    def weigh(nodes):
        probability, slope = gate_probabilities(edges, values, share * (nodes - mu), sd)
        return probability / total, slope / total

    kinks = np.sort(mu + edges / share) if share else np.empty(0)
    return Teacher(weigh, kinks, np.full(len(kinks), 2.0 * sd / abs(share) if share else 0.0))
