"""The a-priori measure of one site as a table of numbers: what it says about ranges and symmetries.

The table lists the values g_a(s, xi) over states and disorder configurations. It is exact for finite
sites and disorder; Gaussian variables are represented by few Gauss-Hermite nodes, vectors by directions.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy

from theory.disorder import Normal
from theory.symbols import symbol

from .numeric import lambdify

# Above this number of table entries Gaussian variables get fewer nodes.
TABLE_LIMIT = 60_000
NODES = (21, 11, 7, 4, 2, 1)
DIRECTIONS = 32
# SymPy prints its own KroneckerDelta as a scalar comparison.
_DELTA = sympy.Function("delta")


@dataclass(frozen=True, eq=False)
class SiteMeasure:
    """The functions of one site, tabulated at one parameter point.

    Attributes
    ----------
    probabilities : (K,) of the disorder configurations
    functions : (K, S, n), g_a in configuration k and state s
    one_body : (K, S), the site energy v
    log_weights : (S,)
    bounded : whether every <g_a> is bounded (no Gaussian site)
    exact : whether the table is exact (finite site, finite disorder)
    """

    probabilities: np.ndarray
    functions: np.ndarray
    one_body: np.ndarray
    log_weights: np.ndarray
    bounded: bool
    exact: bool

    def pressure(self, fields, T=1.0):
        """P(h) of the tabulated measure for a batch of fields, shapes (B, n) -> (B,)."""
        exponent = (self.functions @ np.asarray(fields).T - self.one_body[..., None]) / T + self.log_weights[:, None]
        top = exponent.max(axis=1, keepdims=True)
        return T * self.probabilities @ (top[:, 0] + np.log(np.exp(exponent - top).sum(axis=1)))

    def support(self, directions):
        """max b.phi over all reachable phi = <g>, for each row b of `directions`, shape (B,).

        A bound from above where the table is not exact.
        """
        best = (self.functions @ np.asarray(directions).T).max(axis=1)
        reach = self.probabilities @ best
        return reach if self.exact else 1.01 * np.maximum(reach, np.sqrt(self.probabilities @ best**2))

    def vertices(self, directions):
        """The reachable phi that maximise direction.phi for each row: every site in its best state, shape (B, n)."""
        best = (self.functions @ np.asarray(directions).T).argmax(axis=1)
        chosen = self.functions[np.arange(len(best))[:, None], best]
        return np.einsum("k,kba->ba", self.probabilities, chosen)

    def interior(self, rng, count):
        """Random points in the interior of the range of <g>, shape (count, n)."""
        n = self.functions.shape[-1]
        corners = self.vertices(rng.normal(size=(4 * n, n)))
        weights = rng.dirichlet(np.full(len(corners), 0.3), size=count)
        return self.centre + 0.8 * (weights @ corners - self.centre)

    @cached_property
    def centre(self):
        """The average over configurations and states, a symmetric point in the range of <g>, shape (n,)."""
        weights = np.exp(self.log_weights)
        return self.probabilities @ np.einsum("ksa,s->ka", self.functions, weights / weights.sum())

    @cached_property
    def hull(self):
        """Orthonormal basis (n, k) of the directions in which <g> can move (Potts fractions sum to one)."""
        spread = self.functions - self.functions.mean(axis=1, keepdims=True)
        flat = (spread * np.sqrt(self.probabilities)[:, None, None]).reshape(-1, spread.shape[-1])
        eigenvalues, vectors = np.linalg.eigh(flat.T @ flat)
        return vectors[:, eigenvalues > 1e-12 * max(eigenvalues[-1], 1e-300)]


def site_measure(model, values):
    """Tabulate the measure of a model at parameter values {name: number}."""
    numbers = [values[name] for name in ("T", *model.parameters)]
    functions = _functions(model)
    nodes = _node_count(model)
    supports = [_support(d, numbers, nodes) for d in functions.disorder]
    states, log_weights = _states(model, functions, numbers)
    sizes = [len(p) for _, p in supports]
    axes = [x.reshape(-1, *[1] * (len(sizes) - i)) for i, (x, _) in enumerate(supports)]
    shape = (*sizes, len(log_weights))
    columns = functions.one_site(*numbers, *states.T, *axes)
    table = [np.broadcast_to(np.asarray(c, dtype=float), shape).reshape(-1, shape[-1]) for c in columns]
    probabilities = np.ones(1)
    for _, p in supports:
        probabilities = np.multiply.outer(probabilities, p).ravel()
    kept = probabilities > 0
    return SiteMeasure(probabilities[kept], np.stack(table[1:], axis=-1)[kept], table[0][kept], log_weights,
                       bounded=model.site.kind != "gaussian", exact=model.site.kind == "finite" and not functions.normal)


@dataclass(frozen=True, eq=False)
class _Functions:
    """Compiled expressions of a model's site."""

    one_site: object
    states: object
    disorder: tuple
    normal: int


@lru_cache(maxsize=256)
def _functions(model):
    parameters = [symbol(name) for name in ("T", *model.parameters)]
    inner = [*parameters, *model.site.variables, *model.disorder]
    outputs = [e.replace(sympy.KroneckerDelta, _DELTA) for e in (model.site_energy, *model.order_parameters.values())]
    one_site = lambdify(inner, outputs, {"delta": np.equal})
    disorder = tuple(_compiled_distribution(d, parameters) for d in model.disorder.values())
    states = None
    if model.site.kind == "finite":
        states = lambdify(parameters, [list(map(list, model.site.states)), list(model.site.weights)])
    elif model.site.kind == "gaussian":
        states = lambdify(parameters, [model.site.mean, model.site.variance])
    normal = sum(isinstance(d, Normal) for d in model.disorder.values())
    return _Functions(one_site, states, disorder, normal)


def _compiled_distribution(distribution, parameters):
    if isinstance(distribution, Normal):
        return True, lambdify(parameters, [distribution.mean, distribution.variance])
    return False, lambdify(parameters, [list(distribution.values), list(distribution.probabilities)])


def _support(distribution, numbers, nodes):
    """Values and probabilities of one disorder variable."""
    is_normal, evaluate = distribution
    first, second = evaluate(*numbers)
    if is_normal:
        return _gauss_hermite(first, second, nodes)
    return np.array(first, dtype=float), np.array(second, dtype=float)


def _gauss_hermite(mean, variance, nodes):
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    return mean + np.sqrt(variance) * z, w / w.sum()


def _states(model, functions, numbers):
    """Values of the site variables (S, variables) and the logarithms of their weights (S,)."""
    kind = model.site.kind
    if kind == "finite":
        states, weights = functions.states(*numbers)
        return np.array(states, dtype=float), np.log(np.array(weights, dtype=float))
    if kind == "gaussian":
        z, w = _gauss_hermite(*functions.states(*numbers), NODES[0])
        return z[:, None], np.log(w)
    if kind == "sphere":
        return np.array([[1.0], [-1.0]]), np.zeros(2)
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).round(15), np.zeros(DIRECTIONS)


@lru_cache(maxsize=256)
def _node_count(model):
    """Nodes for each Gaussian disorder variable, so that the table stays small."""
    normal = sum(isinstance(d, Normal) for d in model.disorder.values())
    finite = np.prod([len(d.values) for d in model.disorder.values() if not isinstance(d, Normal)], initial=1.0)
    states = len(model.site.states) if model.site.kind == "finite" else DIRECTIONS
    entries = finite * states * len(model.order_parameters)
    return next((k for k in NODES if entries * k**normal <= TABLE_LIMIT), 1)
