"""Numbers of one site: its states, its disorder, and the values of one-site functions on them."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import sympy

from ..disorder import FiniteDistribution
from ..errors import InputError

GAUSSIAN_NODES = 12
RADIAL_NODES = 48
DIGITS = 9


@dataclass(frozen=True)
class SiteType:
    """One value of the disorder: its probability, the functions g of every state and their log weights."""

    probability: float
    functions: np.ndarray
    logs: np.ndarray


def site_types(model, values, one_body, cells=None, states=None):
    """The site types of a model, those with the same one-site measure of g merged."""
    cells = disorder_cells(model, values) if cells is None else cells
    states, weights = states or site_states(model.site, values)
    g = np.array([site_table(model, f, values, states, cells) for f in model.order_parameters.values()])
    exponents = site_table(model, one_body, values, states, cells) + np.log(weights)
    merged = {}
    for i, (chance, _) in enumerate(cells):
        if chance > 0:
            rows = np.column_stack([exponents[i], g[:, i].T])
            rows = rows[np.lexsort(np.round(rows, DIGITS).T)]
            key = (np.round(rows, DIGITS) + 0.0).tobytes()
            known = merged[key].probability if key in merged else 0.0
            merged[key] = SiteType(known + chance, rows[:, 1:], rows[:, 0])
    return list(merged.values())


def site_table(model, expr, values, states, cells):
    """A one-site function on every disorder cell and state, shape (cells, states)."""
    disorder = np.array([row for _, row in cells]).reshape(len(cells), len(model.disorder))
    exact = [state for state in getattr(model.site, "states", ())] or states
    columns = []
    for state in exact:
        at = dict(zip(model.site.variables, map(sympy.sympify, state)))
        columns.append(numeric(sympy.sympify(expr).xreplace(at), tuple(model.disorder), values)(disorder))
    return np.array(columns).T


def site_states(site, values, order=2 * GAUSSIAN_NODES):
    """States (n, variables) and weights (n,) of a site; quadrature nodes for a continuous one."""
    if site.kind == "finite":
        rows = [[number(x, values) for x in state] for state in site.states]
        return np.array(rows), np.array([number(w, values) for w in site.weights])
    if site.kind == "gaussian":
        nodes, weights = _hermite(number(site.mean, values), number(site.variance, values), order)
        return nodes[:, None], weights
    if site.kind == "sphere":
        cosines, weights = sphere_cosines(site.n)
        return cosines[:, None], weights
    raise InputError(f"a {site.kind} site has no list of states")


def disorder_cells(model, values, order=GAUSSIAN_NODES):
    """[(probability, values of the disorder variables)] over finite supports and quadrature nodes.

    Gaussian variables take `order` Gauss-Hermite nodes; None stands for the trapezoidal rule, exact to rounding.
    """
    axes = []
    for d in model.disorder.values():
        if isinstance(d, FiniteDistribution):
            axes.append([(number(p, values), number(x, values)) for x, p in zip(d.values, d.probabilities)])
        else:
            nodes, weights = _hermite(number(d.mean, values), number(d.variance, values), order)
            axes.append(list(zip(weights, nodes)))
    return [(math.prod(p for p, _ in cell), np.array([x for _, x in cell])) for cell in product(*axes)]


@lru_cache(maxsize=32)
def sphere_cosines(n, order=RADIAL_NODES):
    """Nodes and weights of the average over the first component of a unit vector in n dimensions."""
    if n == 1:
        return np.array([1.0, -1.0]), np.array([0.5, 0.5])
    if n % 2:
        nodes, weights = np.polynomial.legendre.leggauss(order)
        weights = weights * (1 - nodes**2) ** ((n - 3) // 2)
    else:
        angles = (np.arange(order) + 0.5) * math.pi / order
        nodes, weights = np.cos(angles), np.sin(angles) ** (n - 2)
    return nodes, weights / weights.sum()


def pauli(expr, names, z, x, values):
    expr = sympy.expand(expr)
    slopes = [number(expr.coeff(v), values) for v in names]
    constant = number(expr.xreplace({v: sympy.S.Zero for v in names}), values)
    return slopes[0] * z + slopes[1] * x + constant * np.eye(len(z))


def pauli_sites(size):
    sz, sx = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])

    def at(matrix, i):
        return np.kron(np.kron(np.eye(2**i), matrix), np.eye(2 ** (size - 1 - i)))

    return [at(sz, i) for i in range(size)], [at(sx, i) for i in range(size)]


def multinomial(counts, chances):
    """The probability of these counts of independent draws."""
    if any(p == 0 for n, p in zip(counts, chances) if n):
        return 0.0
    logs = sum(n * math.log(p) - math.lgamma(n + 1) for n, p in zip(counts, chances) if n)
    return math.exp(math.lgamma(sum(counts) + 1) + logs)


def rounded(chances, size):
    """Counts N p rounded to sum to N, the largest remainders first."""
    shares = chances / chances.sum() * size
    counts = np.floor(shares + 1e-9).astype(int)
    counts[np.argsort(counts - shares, kind="stable")[: size - counts.sum()]] += 1
    return counts


def log_sum(logs):
    return float(np.logaddexp.reduce(logs))


def _hermite(mean, variance, order):
    if order is None:
        nodes = np.arange(-72, 73) / 8
        weights = np.exp(-nodes**2 / 2)
        return mean + math.sqrt(variance) * nodes, weights / weights.sum()
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    return mean + math.sqrt(variance) * nodes, weights / weights.sum()


def number(expr, values):
    return float(sympy.sympify(expr).xreplace({k: sympy.Float(v) for k, v in values.items()}))


def numeric(expr, names, values):
    """A numpy function of rows (n, len(names)) -> (n,), the other symbols replaced by their values."""
    kept = {k: sympy.Float(float(v)) for k, v in values.items() if k not in names}
    fixed = sympy.sympify(expr).xreplace(kept)
    if missing := fixed.free_symbols - set(names):
        raise InputError(f"no value for {', '.join(sorted(map(str, missing)))}")
    if not fixed.free_symbols:
        constant = float(fixed)
        return lambda rows: np.full(len(rows), constant)
    compiled = sympy.lambdify(names, fixed, "numpy")
    return lambda rows: np.broadcast_to(np.asarray(compiled(*rows.T), dtype=float), (len(rows),))
