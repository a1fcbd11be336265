"""Which compiled sampler a disorder sample is given to, and its state there.

- "dense": pairwise couplings as a matrix. "patterns": pairwise couplings as a sum over patterns, for few of them.
- "powers": stored patterns with interactions of many spins.
- "tensors": independent couplings of many spins, beside pairwise ones; also any pairwise ones with an energy e(phi) that is not
  quadratic.
"""

import numpy as np
import sympy

from ..energy import compile_energy, parameter_array
from . import powers, quadratic, tensors

# Patterns per site up to which their overlaps are cheaper than the couplings that they make.
PATTERNS_PER_SITE = 0.25


def possible(sample):
    """The algorithms that sample an instance, the fastest first."""
    if sample.quadratic:
        few = len(sample.rows) <= PATTERNS_PER_SITE * sample.size
        both = ["patterns", "dense"] if few else ["dense", "patterns"]
        return ["dense"] if sample.couplings is not None else both
    if sample.memories:
        return ["powers"] if not sample.tensors and sample.couplings is None and _are_signs(sample.rows) else []
    return ["tensors"]


def build(algorithm, model, values, sample, spins):
    """The state of an algorithm for configurations (R, n), and the part of H that its energy leaves out."""
    builders = {"dense": _dense, "patterns": _patterns, "powers": _powers, "tensors": _tensors}
    return builders[algorithm](model, values, sample, spins)


def _dense(model, values, sample, spins):
    couplings, left = sample.dense
    return quadratic.dense(couplings, sample.external, spins), sample.offset + left


def _patterns(model, values, sample, spins):
    return quadratic.patterns(sample.rows, sample.weights, sample.external, spins), sample.offset


def _tensors(model, values, sample, spins):
    by_order, left = dict(sample.tensors), 0.0
    if len(sample.rows) or sample.couplings is not None:
        J, left = sample.dense
        by_order[2] = J[np.triu_indices(sample.size, 1)]
    return tensors.tensors(by_order, sample.external, spins, _signal(model, values, sample)), sample.offset + left


def _powers(model, values, sample, spins):
    rows, polynomials, whole = polynomial_rows(sample)
    signal = powers.no_signal() if whole else _signal(model, values, sample)
    return powers.powers(rows, polynomials, sample.external, spins, signal), sample.offset


def polynomial_rows(sample):
    """Memories, pairwise patterns and order parameters whose part of the energy is a polynomial of its own, as rows of signs
    (P, n) with polynomials (P, terms); and whether nothing else is left of e(phi).
    """
    parts = [(m.rows, np.broadcast_to(m.polynomial, (len(m.rows), len(m.polynomial)))) for m in sample.memories]
    if len(sample.rows):
        size = np.abs(sample.rows).max(axis=1)
        parts.append((sample.rows / size[:, None], np.outer(sample.weights * size**2, [0.0, 0.0, 0.5])))
    own = _separate(sample)
    if own is not None:
        parts += own
    terms = max(p.shape[1] for _, p in parts)
    polynomials = np.concatenate([np.pad(p, ((0, 0), (0, terms - p.shape[1]))) for _, p in parts])
    return np.concatenate([rows for rows, _ in parts]), polynomials, own is not None


def _separate(sample):
    """[(rows, polynomials)] of an energy sum_a f_a(phi_a) with polynomials f_a and phi_a = c M_a over signs, or None if it is
    not one."""
    order = list(sample.order_parameters)
    e = sympy.expand(sample.energy)
    if not e.is_polynomial(*order):
        return None
    found = []
    for k, a in enumerate(order):
        part = sum((term for term in sympy.Add.make_args(e) if term.has(a)), sympy.S.Zero)
        scale = np.abs(sample.slopes[k]).max()
        if part == 0:
            continue
        if part.free_symbols != {a} or sample.intercept[k] != 0 or not _are_signs(sample.slopes[[k]]):
            return None
        coefficients = [float(c) for c in reversed(sympy.Poly(part, a).all_coeffs())]
        found.append((np.sign(sample.slopes[[k]]), np.array([[-sample.N * c * scale**j for j, c in enumerate(coefficients)]])))
    return found


def _are_signs(rows):
    size = np.abs(rows)
    return bool((size == size.max(axis=1, keepdims=True, initial=0.0)).all())


def _signal(model, values, sample):
    """The compiled energy e(phi) as the samplers take it."""
    if sample.energy == 0:
        return powers.no_signal()
    return compile_energy(model).address, parameter_array(model, values), sample.N, sample.intercept, sample.slopes
