"""Exact finite-N sums: over all states, over occupation numbers of classes of equal sites, over blocks of total spin.

A site enters the Hamiltonian through its one-site functions alone, so the sum over K^N states is a
sum over the values of N phi, weighted by multinomial counts; classes are convolved one after the
other and equal values gathered. That reaches N in the thousands for one or two order parameters.
"""

from dataclasses import dataclass, field
from math import lgamma

import numpy as np
import sympy
from scipy.special import gammaln, logsumexp

from theory.errors import InputError
from theory.symbols import symbol

from . import disorder

MAX_TERMS = 20_000_000
MAX_STATES = 5_000_000
DIGITS = 9
NEGLIGIBLE = 45.0


@dataclass(frozen=True)
class Exact:
    """Exact thermal expectations of one finite sample.

    Attributes
    ----------
    free_energy : -(T/N) log Z, with Tr the trace of the site
    energy : <H>/N
    mean, second, fourth, absolute : {order parameter: <phi>}, <phi^2>, <phi^4>, <|phi|>
    support : array (V, n), values of phi; probabilities : array (V,)
        The distribution of the order parameters (classical sites).
    """

    N: int
    free_energy: float
    energy: float
    mean: dict
    second: dict
    fourth: dict
    absolute: dict
    support: np.ndarray = field(default=None, repr=False, compare=False)
    probabilities: np.ndarray = field(default=None, repr=False, compare=False)

    def expectation(self, function):
        """<function(phi)> for a function of the array (V, n)."""
        return float(self.probabilities @ function(self.support))


def exact(model, N, *, method="classes", sample=None, **parameters):
    """Exact expectations of N sites with one disorder sample.

    Parameters
    ----------
    model : theory.Model with finite or quantum sites
    N : int
    method : "classes" (occupation numbers) or "states" (every state; small N)
    sample : disorder.Sample
        Default: class sizes N p rounded by largest remainders.
    parameters : T and the model's parameters

    Returns
    -------
    Exact

    Raises
    ------
    InputError
        If the sum has too many terms.
    """
    return exact_at(model, model.values(**parameters), N, method, sample)


def exact_at(model, values, N, method="classes", sample=None, max_terms=MAX_TERMS):
    """`exact` at checked parameter values {name: float}, with at most so many terms."""
    if not values["T"] > 0:
        raise InputError("an exact sum needs T > 0")
    if model.site.kind == "quantum":
        return _quantum(model, values, N)
    if model.site.kind != "finite":
        raise InputError(f"{model.name} has {model.site.kind} sites, which have no finite sum: use simulate")
    sample = sample or disorder.typical(model, values, N)
    table = disorder.table(model, values, sample)
    totals, log_weights = {"classes": _by_classes, "states": _by_states}[method](table, values["T"], max_terms)
    return _collect(model, values, N, totals, log_weights)


def _by_classes(table, temperature, max_terms):
    """Distinct values (V, n + 1) of (sum g, sum v) and the logarithm of their number of states, weighted."""
    sizes, functions, energies, log_weights = disorder.merged(table)
    totals, logs = np.zeros((1, functions.shape[2] + 1)), np.zeros(1)
    for size, g, v, w in zip(sizes, functions, energies, log_weights):
        counts = _compositions(int(size), len(v), max_terms)
        weights = gammaln(size + 1) - gammaln(counts + 1).sum(axis=1) + counts @ w
        sums = counts @ np.column_stack([g, v])
        sums, weights = _gather(sums, weights)
        _refuse_too_many(len(totals) * len(sums), max_terms)
        totals = (totals[:, None] + sums[None]).reshape(-1, totals.shape[1])
        totals, logs = _gather(totals, (logs[:, None] + weights[None]).ravel())
    return totals, logs - totals[:, -1] / temperature


def _by_states(table, temperature, max_terms):
    """The same from every single state."""
    classes = np.repeat(np.arange(len(table.sizes)), table.sizes)
    states = len(table.log_weights)
    _refuse_too_many(float(states) ** len(classes), min(max_terms, MAX_STATES))
    totals, logs = np.zeros((1, table.functions.shape[2] + 1)), np.zeros(1)
    for c in classes:
        site = np.column_stack([table.functions[c], table.energies[c]])
        totals = (totals[:, None] + site[None]).reshape(-1, totals.shape[1])
        logs = (logs[:, None] + table.log_weights[None]).ravel()
    return totals, logs - totals[:, -1] / temperature


def _collect(model, values, N, totals, logs):
    phi = totals[:, :-1] / N
    e = _energies(model, values, phi)
    logs = logs - N * e / values["T"]
    log_z = logsumexp(logs)
    p = np.exp(logs - log_z)
    name = lambda row: dict(zip(model.names, map(float, row)))
    energy = float(p @ (e + totals[:, -1] / N))
    moments = [name(p @ f) for f in (phi, phi**2, phi**4, np.abs(phi))]
    return Exact(N, float(-values["T"] * log_z / N), energy, *moments, phi, p)


def _energies(model, values, phi):
    numbers = {symbol(name): value for name, value in values.items()} | dict(zip(model.order_parameters, phi.T))
    return np.broadcast_to(disorder.number(model.energy, numbers), len(phi))


def _compositions(total, parts, max_terms):
    """All ways (M, parts) to write `total` as an ordered sum of non-negative integers."""
    _refuse_too_many(np.exp(lgamma(total + parts) - lgamma(parts) - lgamma(total + 1)), max_terms)
    rows = np.arange(total + 1)[:, None]
    for _ in range(parts - 2):
        left = total - rows.sum(axis=1)
        head = np.repeat(rows, left + 1, axis=0)
        last = np.concatenate([np.arange(k + 1) for k in left])
        rows = np.column_stack([head, last])
    return np.column_stack([rows, total - rows.sum(axis=1)]) if parts > 1 else np.full((1, 1), total)


def _gather(totals, logs):
    """Put equal rows together."""
    keys = totals.round(DIGITS) + 0.0
    order = np.lexsort(keys.T)
    keys, logs = keys[order], logs[order]
    new = np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)])
    return totals[order][new], np.logaddexp.reduceat(logs, np.flatnonzero(new))


def _refuse_too_many(count, limit):
    if count > limit:
        raise InputError(f"the exact sum has {count:.3g} terms, more than {limit:.0e}: use a smaller N or simulate")


def _quantum(model, values, N):
    """Sum over blocks of total spin S, each with the multiplicity of its representation in N spins 1/2.

    With m = 2 S_z / N and a site energy linear in sigma^z, sigma^x the Hamiltonian of a block is
    tridiagonal in the basis of S_z.
    """
    T, n = values["T"], len(model.names)
    blocks = _blocks(model, values, N, *_quantum_coefficients(model, values))
    logs, rows = [], []
    for diagonal, flips, phi, log_multiplicity, _ in _relevant(blocks, logs):
        levels, vectors = _diagonalise(diagonal, flips)
        log_block = logsumexp(-levels / T)
        p = np.exp(-levels / T - log_block)
        density = vectors**2 @ p
        moments = [density @ f for f in (phi, phi**2, phi**4, np.abs(phi))]
        rows.append(np.concatenate([*moments, [p @ levels / N]]))
        logs.append(log_block + log_multiplicity)
    log_z = logsumexp(logs)
    mean = np.exp(np.array(logs) - log_z) @ np.array(rows)
    moments = [dict(zip(model.names, map(float, row))) for row in mean[:-1].reshape(4, n)]
    return Exact(N, float(-T * log_z / N), float(mean[-1]), *moments)


def susceptibility(model, values, N, a, step=0.05):
    """Static susceptibility N d<phi_a>/dh of a quantum model whose free energy is even in the field h on phi_a.

    A fourth-order difference of exact free energies; the field is `step` T / sqrt(N), small against
    the inverse thermal width of N phi_a.
    """
    slope, (v0, vz, vx) = _quantum_coefficients(model, values)
    h = step * values["T"] / np.sqrt(N)
    f = [_free_energy(model, values, N, slope, (v0, vz - k * h * slope[a], vx)) for k in range(3)]
    return float((2 * f[2] - 32 * f[1] + 30 * f[0]) / (12 * h**2))


def _free_energy(model, values, N, slope, one_body):
    """-(T/N) log Z of a quantum model, from the levels alone."""
    from scipy.linalg import eigvalsh_tridiagonal

    logs = []
    for diagonal, flips, _, log_multiplicity, _ in _relevant(_blocks(model, values, N, slope, one_body), logs):
        levels = eigvalsh_tridiagonal(diagonal, flips) if len(diagonal) > 1 else diagonal
        logs.append(logsumexp(-levels / values["T"]) + log_multiplicity)
    return -values["T"] * logsumexp(logs) / N


def _blocks(model, values, N, slope, one_body):
    """The blocks (diagonal, off-diagonal, phi, log multiplicity, bound of log Z), the most important first."""
    v0, vz, vx = one_body
    blocks = []
    for doubled in range(N, -1, -2):
        S = doubled / 2
        Sz = np.arange(-S, S + 1)
        phi = np.outer(2 * Sz / N, slope)
        diagonal = N * _energies(model, values, phi) + N * v0 + 2 * vz * Sz
        flips = vx * np.sqrt(S * (S + 1) - Sz[:-1] * (Sz[:-1] + 1))
        log_multiplicity = _log_multiplicity(N, doubled)
        bound = _log_bound(diagonal, flips, 1 / values["T"]) + log_multiplicity
        blocks.append((diagonal, flips, phi, log_multiplicity, bound))
    return sorted(blocks, key=lambda block: -block[-1])


def _relevant(blocks, logs):
    """Blocks until the rest cannot matter at double precision beside those whose log Z is in `logs`."""
    for block in blocks:
        if logs and block[-1] < max(logs) - NEGLIGIBLE:
            return
        yield block


def _diagonalise(diagonal, flips):
    from scipy.linalg import eigh_tridiagonal

    return eigh_tridiagonal(diagonal, flips) if len(diagonal) > 1 else (diagonal, np.ones((1, 1)))


def _log_bound(diagonal, flips, beta):
    """An upper bound of log Tr exp(-beta H) of a tridiagonal block: levels above Gershgorin's smallest, times their number."""
    radius = np.abs(np.append(flips, 0)) + np.abs(np.append(0, flips))
    return -beta * (diagonal - radius).min() + np.log(len(diagonal))


def _log_multiplicity(N, doubled):
    """log [C(N, N/2 - S) - C(N, N/2 - S - 1)] with 2S = doubled."""
    k = (N - doubled) // 2
    binomial = gammaln(N + 1) - gammaln(k + 1) - gammaln(N - k + 1)
    return binomial + np.log((doubled + 1) / (N - k + 1))


def _quantum_coefficients(model, values):
    """Slopes (n,) of the order parameters in sigma^z, and the site energy's coefficients of 1, sigma^z, sigma^x."""
    if model.disorder:
        raise InputError("blocks of total spin need equal sites: quantum models with disorder are not covered")
    z, x = model.site.variables
    numbers = {symbol(name): value for name, value in values.items()}
    slopes = []
    for a, g in model.order_parameters.items():
        if sympy.expand(g - g.coeff(z) * z) != 0:
            raise InputError(f"blocks of total spin take order parameters proportional to sigma^z: {a} = {g} is not")
        slopes.append(disorder.number(g.coeff(z), numbers))
    v = sympy.expand(model.site_energy)
    parts = (v.coeff(z, 0).coeff(x, 0), v.coeff(z), v.coeff(x))
    return np.array(slopes, dtype=float), tuple(float(disorder.number(c, numbers)) for c in parts)
