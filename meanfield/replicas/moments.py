"""Averages over the tree of states: free energies of nested Gaussian averages and all their derivatives.

For a leaf g and levels i = k..1 of variance v_i and exponent D_i,

    Phi_k = g,  Phi_{i-1}(y) = (1/D_i) log E exp(D_i Phi_i(y + sqrt(v_i) z)),  P = E W Phi_0(mu + sqrt(v_0) z),

with standard normal z. Every result comes with the difference to a coarser rule.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from . import rules
from .leaves import FIRST, channel_kinks, envelope, fill_channel, fill_states, gate_probability
from .quadratic import parabola
from .recursion import Averages, Ladder, averaged, climbed
from .rules import gaussian_rule
from .steps import LEAF_FIRST, channel_rows, cold_rows, copied, warm_rows

ROUNDING = 1e-15
# Distance of the singularities of a smoothed kink from the real axis, in standard deviations.
NARROWEST = 1.5


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
    a, l, v, D = _arrays(slopes, levels, variances, exponents)
    if not _in_domain(v, D, mu, T) or (kappa != 0.0 and len(D)):
        return _nothing(len(D), len(a))
    v = np.maximum(v, 0.0)
    if T == 0.0 and len(D) and v[-1] == 0.0:
        return _with_empty_level(finite_moments(a, l, mu, v[:-1], D[:-1], T))
    return _compared(_finite(a, l, mu, v, D, T, 0, kappa), _finite(a, l, mu, v, D, T, 1, kappa))


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
    values : (J,) the gate's values between them, >= 0
    delta : variance inside the leaf
    mu, variances, exponents : as in `finite_moments`; the exponents have no unit
    teacher : None, or (r, edges, values) of a teacher's gate whose argument u_0 has variance 1 and covariance r
        with y_0 - mu: the outermost average is weighted by E[gate | y_0] / E[gate]

    Returns
    -------
    Moments; all nan outside the domain
    """
    b, c, v, D = _arrays(edges, values, variances, exponents)
    inside = _in_domain(v, D, mu, 0.0) and delta > 0.0
    if not inside or (teacher is not None and not _teacher_fits(teacher[0], max(v[0], 0.0))):
        return _nothing(len(D), len(c))
    v = np.maximum(v, 0.0)
    return _compared(*(_channel(b, c, float(delta), float(mu), v, D, teacher, rule) for rule in (0, 1)))


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


def _with_empty_level(m):
    """The moments with an innermost level of no variance below a leaf with kinks."""
    return replace(m, squares=np.append(m.squares, m.squares[-1]), exponents=np.append(m.exponents, 0.0),
                   replicon=np.append(m.replicon, m.replicon[-1]))


def _compared(fine, coarse):
    gains = [a.exponents / (1.0 + np.abs(fine.exponents)) for a in (fine, coarse)]
    pairs = [(fine.value, coarse.value), (fine.mean, coarse.mean), (fine.curvature, coarse.curvature),
             *zip(fine.squares, coarse.squares, strict=True), *zip(*gains, strict=True)]
    return Moments(**vars(fine), error=float(max(0.0 if a == b else abs(a - b) for a, b in pairs)))


def _settings(rule):
    return rules.REACH[rule], rules.DIGITS[rule], *rules.NODES[rule]


def _distances(leaf, v, D, width):
    """Distances of the singularities of Phi_0..Phi_{k-1} from the real axis.

    Parameters
    ----------
    leaf : the leaf's own distance
    width : range of the leaf's slopes; 0 where the tilt draws no singularities nearer
    """
    result, wide, below = np.empty(len(D)), 0.0, leaf
    for i in range(len(D), 0, -1):
        wide += v[i]
        tilt = math.pi / (width * D[i - 1]) if width * D[i - 1] > 0.0 else math.inf
        below = max(below, min(tilt, NARROWEST * math.sqrt(wide)))
        result[i - 1] = below
    return result


def _finite(a, l, mu, v, D, T, rule, kappa):
    reach, digits, x, w = _settings(rule)
    k, width = len(D), float(a.max() - a.min())
    _, kinks = envelope(a, l)
    size = LEAF_FIRST + len(a)

    def below(targets):
        rows = np.empty((len(targets), size))
        if T == 0.0:
            cold_rows(targets, a, l, v[k], D[k - 1] if k else 0.0, reach, x, w, rows)
        else:
            warm_rows(targets, a, l, T, kinks, v[k], D[k - 1], reach, digits, x, w, rows)
        return rows

    leaf = math.pi * T / max(width, 1e-300)
    if k == 0:
        result = _cold_average(a, l, mu, v[0], kappa, below) if T == 0.0 else _warm_average(a, l, mu, v[0], T, kappa, kinks, leaf, rule)
    else:
        distances = _distances(leaf, v, D, width)
        if k == 1:
            _, moved = envelope(a, l + 0.5 * a * a * D[0] * v[1])
            nodes, weights = gaussian_rule(mu, v[0], moved, np.full(len(moved), distances[0]), reach, digits, x, w)
            result = averaged(1, below(nodes), weights)
        else:
            tilts = np.concatenate([[0.0], D[:-1]])
            drift = tilts * v[:-1]
            ladder = Ladder(mu, v[:-1], tilts, distances, np.zeros(k), np.minimum(0.0, drift * a.min()),
                            np.maximum(0.0, drift * a.max()), False, reach, digits, 1.0 + 0.15 * rule)
            grid = ladder.points()
            result = climbed(ladder, grid, below(grid[0]))
    if T == 0.0 and len(kinks):
        result.replicon[-1] = math.inf
    return result


def _warm_average(a, l, mu, v, T, kappa, kinks, leaf, rule):
    reach, digits, x, w = _settings(rule)
    nodes, weights = gaussian_rule(mu, v, kinks, np.full(len(kinks), leaf), reach, digits, x, w)
    table, rows = np.empty((len(nodes), FIRST + len(a))), np.empty((len(nodes), LEAF_FIRST + len(a)))
    fill_states(nodes, a, l, T, kappa, table)
    copied(table, rows)
    return averaged(0, rows, weights)


def _cold_average(a, l, mu, v, kappa, below):
    rows = below(np.array([mu]))
    line = rows[0]
    slope, square, bend = line[1], line[4], line[5]
    return Averages(line[0] + 0.5 * kappa * (mu * mu + v), line[7], slope + kappa * mu,
                    np.array([square + kappa * (2.0 * (mu * slope + v * bend) + kappa * (mu * mu + v))]),
                    bend + kappa, np.empty(0), line[LEAF_FIRST:], np.array([kappa * kappa]))


def _teacher(teacher, mu, v):
    """nodes -> (weight, slope) of the outermost average for a teacher, and where that bends."""
    r, edges, values = float(teacher[0]), *_arrays(teacher[1], teacher[2])
    share = r / v if v > 0.0 else 0.0
    sd = math.sqrt(max(1.0 - r * share, 1e-300))
    total, _ = gate_probability(edges, values, 0.0, 1.0)

    def weigh(nodes):
        pairs = np.array([gate_probability(edges, values, share * (y - mu), sd) for y in nodes])
        return pairs[:, 0] / total, pairs[:, 1] / total

    kinks = mu + edges / share if share else np.empty(0)
    return weigh, kinks, np.full(len(kinks), 2.8 * sd / abs(share) if share else 0.0)


def _channel(b, c, delta, mu, v, D, teacher, rule):
    reach, digits, x, w = _settings(rule)
    k, size = len(D), LEAF_FIRST + len(c)
    kinks, scales = channel_kinks(b, c, delta)
    distances = _distances(float(scales.min()) if len(scales) else 1e300, v, D, 0.0)
    weigh, more, more_scales = _teacher(teacher, mu, v[0]) if teacher is not None else (None, np.empty(0), np.empty(0))

    def below(targets):
        rows = np.empty((len(targets), size))
        if k == 0:
            table = np.empty((len(targets), FIRST + len(c)))
            fill_channel(targets, b, c, delta, table)
            copied(table, rows)
        else:
            channel_rows(targets, b, c, delta, kinks, scales, v[k], D[k - 1], reach, digits, x, w, rows)
        return rows

    if k <= 1:
        near = scales if k == 0 else np.maximum(scales, distances[0])
        places, order = np.concatenate([kinks, more]), np.argsort(np.concatenate([kinks, more]))
        nodes, weights = gaussian_rule(mu, v[0], places[order], np.concatenate([near, more_scales])[order], reach, digits, x, w)
        slopes = None
        if weigh is not None:
            factors, slopes = weigh(nodes)
            weights, slopes = weights * factors, weights * slopes
        return averaged(k, below(nodes), weights, slopes)
    if len(more_scales):
        distances[0] = min(distances[0], more_scales.min())
    tilts = np.concatenate([[0.0], D[:-1]])
    width = delta + np.cumsum(v[::-1])[::-1][1:]
    pull = reach * np.sqrt(np.cumsum(v[:-1]))
    low, high = (min(mu, kinks[0]), max(mu, kinks[-1])) if len(kinks) else (mu, mu)
    lows, highs = (np.where(tilts > 0.0, s, 0.0) for s in (-(mu - low) - 0.0 * pull, (high - mu) + 0.0 * pull))
    ladder = Ladder(mu, v[:-1], tilts, distances, tilts * v[:-1] / width, lows, highs, True, reach, digits, 1.0 + 0.15 * rule)
    grid = ladder.points()
    return climbed(ladder, grid, below(grid[0]), weigh)
