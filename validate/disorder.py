"""Samples of a model's quenched site disorder, as classes of equal sites, and the tables of one-site functions.

Sites with the same disorder form a class. Two ways of drawing N sites:

- independent: every site on its own, the model as it is written. Averages over sites then
  fluctuate by 1/sqrt(N) from sample to sample.
- balanced: class sizes within one of N p, unbiased (systematic sampling), and Gaussian variables
  from randomly shifted low-discrepancy points. Expectations over samples of any average over
  sites are the exact ones, its sample-to-sample fluctuation is far smaller, and the limit
  N -> infinity, which depends on the distribution of the disorder alone, is the same.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import sympy
from scipy.special import ndtri

from theory.disorder import FiniteDistribution, Normal
from theory.errors import InputError
from theory.symbols import symbol

MAX_CLASSES = 6561


@dataclass(frozen=True)
class Sample:
    """One disorder sample: C classes of equal sites.

    Attributes
    ----------
    sizes : int array (C,), summing to N
    values : {symbol: array (C,)}, the disorder of each class
    """

    sizes: np.ndarray
    values: dict


@dataclass(frozen=True)
class Table:
    """One-site functions of a sample over the K states of a finite site.

    Attributes
    ----------
    sizes : int array (C,)
    functions : array (C, K, n), g_a
    energies : array (C, K), the site energy v
    log_weights : array (K,), of the a-priori measure
    """

    sizes: np.ndarray
    functions: np.ndarray
    energies: np.ndarray
    log_weights: np.ndarray


def draw(model, values, N, rng, balanced=True):
    """Draw the disorder of N sites.

    Parameters
    ----------
    model : theory.Model
    values : {name: float}, parameters
    N : int
    rng : numpy.random.Generator
    balanced : bool
        Stratified or independent sites (see the module).

    Returns
    -------
    Sample
    """
    numbers = {symbol(name): value for name, value in values.items()}
    finite = {x: d for x, d in model.disorder.items() if isinstance(d, FiniteDistribution)}
    sizes, columns = _finite_classes(finite, numbers, N, rng, balanced)
    normal = {x: d for x, d in model.disorder.items() if isinstance(d, Normal)}
    if not normal:
        return Sample(sizes, columns)
    columns = {x: np.repeat(column, sizes) for x, column in columns.items()}
    scores = _normal_points(sizes, len(normal), rng) if balanced else rng.standard_normal((N, len(normal)))
    for score, (x, d) in zip(scores.T, normal.items()):
        columns[x] = number(d.mean, numbers) + np.sqrt(number(d.variance, numbers)) * score
    return Sample(np.ones(N, dtype=np.int64), columns)


def typical(model, values, N):
    """The sample whose class sizes are N p rounded by largest remainders (finite disorder only)."""
    if any(isinstance(d, Normal) for d in model.disorder.values()):
        raise InputError(f"{model.name} has Gaussian disorder, which has no finite list of classes: draw a sample instead")
    numbers = {symbol(name): value for name, value in values.items()}
    probabilities, columns = configurations(dict(model.disorder), numbers)
    sizes = np.floor(N * probabilities).astype(np.int64)
    order = np.argsort(sizes - N * probabilities, kind="stable")
    sizes[order[: N - sizes.sum()]] += 1
    return _occupied(sizes, columns)


def configurations(finite, numbers):
    """Probabilities (C,) and values {symbol: (C,)} of all joint values of finite disorder variables."""
    count = int(np.prod([len(d.values) for d in finite.values()], dtype=float))
    if count > MAX_CLASSES:
        raise InputError(f"the disorder of a site has {count} joint values, more than {MAX_CLASSES}: use fewer patterns")
    weights = [[number(p, numbers) for p in d.probabilities] for d in finite.values()]
    values = [[number(v, numbers) for v in d.values] for d in finite.values()]
    probabilities = np.array([np.prod(choice) for choice in product(*weights)])
    columns = np.array(list(product(*values)), dtype=float).reshape(count, len(finite))
    return probabilities / probabilities.sum(), dict(zip(finite, columns.T))


def table(model, values, sample):
    """Evaluate a finite site's functions on a sample.

    Returns
    -------
    Table
    """
    numbers = {symbol(name): value for name, value in values.items()} | sample.values
    states = model.site.enumerate()
    shape = len(sample.sizes)
    functions = np.empty((shape, len(states), len(model.order_parameters)))
    energies = np.empty((shape, len(states)))
    for k, (_, state) in enumerate(states):
        for a, g in enumerate(model.order_parameters.values()):
            functions[:, k, a] = number(g.xreplace(state), numbers)
        energies[:, k] = number(model.site_energy.xreplace(state), numbers)
    log_weights = np.log([number(w, numbers) for w, _ in states])
    return Table(sample.sizes, functions, energies, log_weights)


def merged(table):
    """The table with classes put together that differ only by the naming of their states.

    A pattern and its negative are one class for Ising spins: the law of the sums is the same.
    """
    keys, rows = {}, []
    for c in range(len(table.sizes)):
        cell = np.column_stack([table.functions[c], table.energies[c], table.log_weights])
        cell = cell[np.lexsort(cell.round(12).T)]
        key = tuple(cell.round(12).ravel() + 0.0)
        if key not in keys:
            keys[key] = len(rows)
            rows.append([cell, 0])
        rows[keys[key]][1] += table.sizes[c]
    cells = np.array([cell for cell, _ in rows])
    sizes = np.array([size for _, size in rows], dtype=np.int64)
    return sizes, cells[:, :, :-2], cells[:, :, -2], cells[:, :, -1]


def number(expr, numbers):
    """Value of an expression whose symbols stand for floats or arrays."""
    if expr in numbers:
        return numbers[expr]
    if expr.is_number:
        return float(expr)
    if expr.func not in _OPERATIONS:
        raise InputError(f"cannot evaluate {expr} numerically: use + - * / ** and elementary functions")
    return _OPERATIONS[expr.func](*(number(a, numbers) for a in expr.args))


_OPERATIONS = {
    sympy.Add: lambda *terms: sum(terms),
    sympy.Mul: lambda *factors: np.prod(np.broadcast_arrays(*factors), axis=0),
    sympy.Pow: lambda base, exponent: np.asarray(base, dtype=float) ** exponent,
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tanh: np.tanh,
    sympy.cosh: np.cosh,
    sympy.sinh: np.sinh,
    sympy.Abs: np.abs,
}


def _finite_classes(finite, numbers, N, rng, balanced):
    probabilities, columns = configurations(finite, numbers)
    if balanced:
        sizes = _systematic(probabilities, N, rng)
    else:
        sizes = rng.multinomial(N, probabilities)
    sample = _occupied(sizes, columns)
    return sample.sizes, sample.values


def _systematic(probabilities, N, rng):
    """Sizes within one of N p and equal to it on average; the random order breaks resonances with the listing."""
    order = rng.permutation(len(probabilities))
    edges = np.concatenate([[0.0], np.cumsum(probabilities[order])]) * N
    edges[-1] = N
    sizes = np.empty(len(probabilities), dtype=np.int64)
    sizes[order] = np.diff(np.floor(edges + rng.random()).astype(np.int64))
    return sizes


def _occupied(sizes, columns):
    kept = sizes > 0
    return Sample(sizes[kept].astype(np.int64), {x: column[kept] for x, column in columns.items()})


def _normal_points(sizes, dimension, rng):
    """Gaussian points (N, dimension), low-discrepancy within every class, each uniformly shifted.

    A lattice in the first coordinate and Kronecker sequences of the generalised golden ratio
    (the root of x^d = x + 1) in the others.
    """
    ratio = max(np.roots([1.0, *[0.0] * (dimension - 2), -1.0, -1.0]).real) if dimension > 1 else 1.0
    steps = ratio ** -np.arange(1.0, dimension)
    blocks = []
    for size in sizes:
        index = np.arange(size)[:, None]
        points = np.hstack([index / size, index * steps]) + rng.random(dimension)
        blocks.append(rng.permutation(points % 1))
    tiny = np.finfo(float).tiny
    return ndtri(np.clip(np.concatenate(blocks), tiny, 1 - 2**-53))
