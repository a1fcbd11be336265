"""Signed permutations of the order parameters that leave the theory unchanged at given parameters.

An operation S maps phi to phi' with phi'_a = sign_a phi_perm(a). It is a symmetry of the sites if
P(S h) = P(h), and of the theory if also e(S phi) = e(phi); then S maps solutions to solutions of equal
free energy. Operations are found numerically: flips of one order parameter or of a block of them with the
same index (m1 with n1), exchanges of blocks, and flips of several blocks at once.
"""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np

from .energy import energy_of
from .measure import site_measure

__all__ = ["symmetry", "site_symmetry"]

TOLERANCE = 1e-10
# Values closer than this count as equal when the states of an orbit are counted.
EQUAL = 1e-8
GROUP_LIMIT = 20_000
SUBSPACE_LIMIT = 120
PROBES = 3


@dataclass(frozen=True)
class Block:
    """Order parameters that move together, and the sign patterns under which they may be flipped."""

    indices: tuple
    flips: tuple = ()

    @cached_property
    def odd(self):
        """Positions within the block that some flip negates."""
        return tuple(any(f[c] < 0 for f in self.flips) for c in range(len(self.indices)))


@dataclass(frozen=True)
class ProductSymmetry:
    """Independent flips of blocks and all exchanges within classes of equivalent blocks.

    Attributes
    ----------
    size : number of order parameters
    classes : tuple of tuples of equivalent Blocks
    continuous : whether flips belong to a continuous rotation, so that they do not multiply states
    """

    size: int
    classes: tuple
    continuous: bool = False

    @property
    def generators(self):
        """Operations (permutation, signs) that generate the group; (p, s) maps phi to s * phi[p]."""
        flips = [_flip(self.size, [(b.indices, s)]) for blocks in self.classes for b in blocks for s in b.flips]
        return flips + [_exchange(self.size, a.indices, b.indices) for blocks in self.classes
                        for a, b in zip(blocks, blocks[1:])]

    @property
    def order(self):
        """Number of elements of the group."""
        return math.prod(math.factorial(len(c)) * (1 + len(c[0].flips)) ** len(c) for c in self.classes)

    def canonical(self, phi):
        """The representative of the orbit of each row of phi: flipped to positive, exchanged to descending."""
        phi = np.array(phi, dtype=float)
        rows = np.atleast_2d(phi)
        for blocks in self.classes:
            columns = np.array([b.indices for b in blocks])
            rows[:, columns] = _descending(_flipped(rows[:, columns], blocks[0].flips))
        return rows.reshape(phi.shape) + 0.0

    def orbit_size(self, phi):
        """Number of images of phi under the group, by orbit and stabiliser of each class."""
        return self._count(phi, flips=True)

    def multiplicity(self, phi):
        """Number of distinct states in the orbit; a continuous family counts once."""
        return self._count(phi, flips=not self.continuous)

    def _count(self, phi, flips):
        phi, count = self.canonical(phi), 1
        for blocks in self.classes:
            values = [phi[list(b.indices)] for b in blocks]
            count *= math.factorial(len(blocks)) // math.prod(map(math.factorial, _runs(values)))
            if flips:
                count *= math.prod(_flip_orbit(phi, b) for b in blocks)
        return count

    def subspaces(self):
        """Orthonormal bases (n, k) of the subspaces that a subgroup fixes, from the most symmetric on."""
        choices = [list(_arrangements(blocks)) for blocks in self.classes]
        found = []
        for arrangement in product(*choices):
            vectors = [v for groups in arrangement for v in _group_vectors(self.size, groups)]
            found.append(_basis(self.size, vectors))
            if len(found) >= SUBSPACE_LIMIT:
                break
        return sorted(found, key=lambda b: b.shape[1])

    def image(self, phi, rng):
        """A random element of the group applied to phi."""
        phi, result = np.asarray(phi, dtype=float), np.array(phi, dtype=float)
        for blocks in self.classes:
            for source, target in zip(blocks, rng.permutation(len(blocks))):
                signs = [(1,) * len(source.indices), *source.flips][rng.integers(1 + len(source.flips))]
                result[list(blocks[target].indices)] = phi[list(source.indices)] * signs
        return result


@dataclass(frozen=True, eq=False)
class EnumeratedSymmetry:
    """A group listed element by element, for symmetries that flip several blocks at once.

    Attributes
    ----------
    permutations, signs : (G, n); element k maps phi to signs[k] * phi[permutations[k]]
    """

    permutations: np.ndarray
    signs: np.ndarray

    @property
    def generators(self):
        """Operations (permutation, signs) that generate the group: all of its elements."""
        return list(zip(map(tuple, self.permutations), map(tuple, self.signs)))

    @property
    def order(self):
        """Number of elements of the group."""
        return len(self.signs)

    def _images(self, phi):
        return self.signs * np.asarray(phi, dtype=float)[self.permutations]

    def canonical(self, phi):
        """The image of phi that is largest in lexicographic order, for each row of phi."""
        if np.ndim(phi) == 2:
            return np.array([self.canonical(row) for row in phi])
        images = self._images(phi)
        return images[np.lexsort(np.round(images, 9).T[::-1])[-1]] + 0.0

    def orbit_size(self, phi):
        """Number of images of phi under the group."""
        images = self._images(phi)
        return len(images) // int((np.abs(images - phi) < EQUAL).all(axis=1).sum())

    multiplicity = orbit_size

    def subspaces(self):
        """Orthonormal bases (n, k) of the subspaces fixed by one element, and by the whole group."""
        identity = np.eye(self.signs.shape[1])
        matrices = self.signs[:, :, None] * identity[self.permutations]
        projectors = {np.round(matrices.mean(axis=0), 9).tobytes(): matrices.mean(axis=0)}
        for m in matrices[:GROUP_LIMIT // 10]:
            p = _cyclic_projector(m)
            projectors.setdefault(np.round(p + 0.0, 9).tobytes(), p)
        bases = [_range(p) for p in projectors.values()]
        return sorted(bases, key=lambda b: b.shape[1])[:SUBSPACE_LIMIT]

    def image(self, phi, rng):
        """A random element of the group applied to phi."""
        return self._images(phi)[rng.integers(self.order)]


def symmetry(system):
    """The symmetry group of a theory at the parameters of `system`."""
    return detect(system.compiled.model, system.parameters, with_energy=True)


def site_symmetry(system):
    """The symmetry group of the sites alone: it also holds what the energy breaks explicitly."""
    return detect(system.compiled.model, system.parameters, with_energy=False)


def detect(model, values, measure=None, with_energy=True):
    """The symmetry group of a model at parameter values {name: number}; `measure` saves tabulating it again."""
    measure = measure or site_measure(model, values)
    probe = _Probe(model, values, measure, with_energy)
    blocks = _with_flips(_blocks(model.names), probe)
    classes = _classes(model.names, blocks, probe)
    extra = _joint_operations(blocks, classes, probe)
    continuous = model.site.kind == "sphere"
    plain = ProductSymmetry(len(model.names), classes, continuous)
    return _enumerated(plain, extra) if extra else plain



class _Probe:
    """Tells whether operations leave pressure and energy unchanged, from their values at a few random points."""

    def __init__(self, model, values, measure, with_energy):
        rng = np.random.default_rng(20)
        n = len(model.names)
        self.measure, self.size = measure, n
        self.energy = energy_of(model, values) if with_energy else None
        self.fields = rng.normal(size=(PROBES, n)) * np.array([0.3, 1.0, 2.0])[:, None]
        self.states = measure.interior(rng, PROBES)

    def __call__(self, operations):
        """A list of booleans, one for each operation (permutation, signs)."""
        if not operations:
            return []
        kept = _unchanged(self.measure.pressure, self.fields, operations)
        if self.energy is not None and any(kept):
            survivors = [o for o, k in zip(operations, kept) if k]
            answers = iter(_unchanged(self.energy, self.states, survivors))
            kept = [k and next(answers) for k in kept]
        return kept


def _unchanged(function, points, operations):
    there = function(points)
    moved = np.concatenate([points[:, list(perm)] * np.array(signs) for perm, signs in operations])
    difference = np.abs(function(moved).reshape(len(operations), -1) - there)
    return list((difference <= TOLERANCE * np.maximum(1.0, np.abs(there))).all(axis=1))


def _blocks(names):
    """Indices grouped by the number at the end of the name: {m1, n1}, {m2, n2}, ..."""
    groups = {}
    for i, name in enumerate(names):
        suffix = re.search(r"\d+$", name)
        groups.setdefault(suffix.group() if suffix else name, []).append(i)
    return [tuple(g) for g in groups.values()]


def _with_flips(blocks, probe):
    """Blocks with those sign patterns that are symmetries."""
    patterns = [[s for s in product((1, -1), repeat=len(b)) if -1 in s] if len(b) <= 4 else [(-1,) * len(b)] for b in blocks]
    answers = iter(probe([_flip(probe.size, [(b, s)]) for b, ps in zip(blocks, patterns) for s in ps]))
    return [Block(b, tuple(s for s in ps if next(answers))) for b, ps in zip(blocks, patterns)]


def _classes(names, blocks, probe):
    """Blocks partitioned into classes within which any two can be exchanged."""
    letters = [tuple(re.sub(r"\d+$", "", names[i]) for i in b.indices) for b in blocks]
    pairs = [(i, j) for i, j in combinations(range(len(blocks)), 2)
             if letters[i] == letters[j] or len(letters[i]) == len(letters[j]) == 1]
    answers = probe([_exchange(probe.size, blocks[i].indices, blocks[j].indices) for i, j in pairs])
    label = list(range(len(blocks)))
    for (i, j), same in zip(pairs, answers):
        if same:
            label[j] = min(label[i], label[j])
    return tuple(tuple(b for b, l in zip(blocks, label) if l == k) for k in sorted(set(label)))


def _joint_operations(blocks, classes, probe):
    """Symmetries that flip several blocks together, where single flips are none."""
    rigid = [b for b in blocks if not b.flips]
    if len(rigid) < 2:
        return []
    minus = [(b.indices, (-1,) * len(b.indices)) for b in rigid]
    candidates = [_flip(probe.size, pair) for pair in combinations(minus, 2)] + [_flip(probe.size, minus)]
    together = {frozenset((a, b)) for c in classes for a, b in combinations(c, 2)}
    for a, b in combinations(rigid, 2):
        if len(a.indices) == len(b.indices) and frozenset((a, b)) not in together:
            perm, _ = _exchange(probe.size, a.indices, b.indices)
            _, signs = _flip(probe.size, [(x.indices, (-1,) * len(x.indices)) for x in (a, b)])
            candidates.append((perm, signs))
    return [o for o, kept in zip(candidates, probe(candidates)) if kept]


def _flip(size, parts):
    signs = [1] * size
    for indices, pattern in parts:
        for i, s in zip(indices, pattern):
            signs[i] = s
    return tuple(range(size)), tuple(signs)


def _exchange(size, first, second):
    perm = list(range(size))
    for i, j in zip(first, second):
        perm[i], perm[j] = j, i
    return tuple(perm), (1,) * size


def _enumerated(plain, extra):
    """The group generated by a product symmetry and joint operations; the product alone if it is too large."""
    generators = [*extra, *plain.generators]
    identity = (tuple(range(plain.size)), (1,) * plain.size)
    group, frontier = {identity}, [identity]
    while frontier:
        fresh = {compose(g, e) for e in frontier for g in generators} - group
        if len(group) + len(fresh) > GROUP_LIMIT:
            return plain
        group |= fresh
        frontier = list(fresh)
    elements = sorted(group, reverse=True)
    return EnumeratedSymmetry(np.array([p for p, _ in elements]), np.array([s for _, s in elements]))


def compose(outer, inner):
    """The operation `inner` followed by `outer`; (p, s) maps phi to s * phi[p]."""
    perm, signs = inner
    return tuple(perm[i] for i in outer[0]), tuple(s * signs[i] for i, s in zip(*outer))


def _flipped(values, flips):
    """Blocks (B, blocks, width) in the sign pattern that is largest in lexicographic order."""
    best = values
    for pattern in flips:
        other = values * pattern
        larger = _precedes(best, other)
        best = np.where(larger[..., None], other, best)
    return best


def _precedes(a, b):
    """Whether a < b in lexicographic order along the last axis."""
    answer = np.zeros(a.shape[:-1], dtype=bool)
    for c in reversed(range(a.shape[-1])):
        answer = np.where(a[..., c] == b[..., c], answer, a[..., c] < b[..., c])
    return answer


def _descending(values):
    """Blocks (B, blocks, width) sorted in descending order; values that agree to rounding count as equal."""
    keys = -np.round(values, 10)
    order = np.lexsort([keys[..., c] for c in reversed(range(values.shape[-1]))], axis=-1)
    return np.take_along_axis(values, order[..., None], axis=1)


def _flip_orbit(phi, block):
    """Number of distinct images of a block under its flips."""
    values = phi[list(block.indices)]
    fixing = 1 + sum(np.all(np.abs(values * f - values) < EQUAL) for f in block.flips)
    return (1 + len(block.flips)) // fixing


def _runs(values):
    """Lengths of the runs of equal arrays in a sorted list."""
    lengths = [1]
    for previous, v in zip(values, values[1:]):
        if np.abs(previous - v).max() < EQUAL:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def _arrangements(blocks):
    """Ways to fix a class of blocks, up to the group: some blocks zero, the rest in groups of equals.

    Yields lists of (blocks, positions that stay free).
    """
    odd, width = blocks[0].odd, len(blocks[0].indices)
    free, even = tuple(range(width)), tuple(c for c in range(width) if not odd[c])
    for zeros in range(len(blocks), -1, -1) if any(odd) else [0]:
        for parts in _partitions(len(blocks) - zeros):
            groups, start = [], 0
            for size in parts:
                groups.append((blocks[start:start + size], free))
                start += size
            yield groups + ([(blocks[start:], even)] if zeros else [])


def _partitions(total, largest=None):
    """Partitions of an integer into descending parts, fewest parts first."""
    if total == 0:
        return [[]]
    found = []
    for first in range(min(total, largest or total), 0, -1):
        found += [[first, *rest] for rest in _partitions(total - first, first)]
    return sorted(found, key=len)


def _group_vectors(size, groups):
    for blocks, free in groups:
        for c in free:
            v = np.zeros(size)
            v[[b.indices[c] for b in blocks]] = 1 / math.sqrt(len(blocks))
            yield v


def _basis(size, vectors):
    return np.array(vectors).T if vectors else np.zeros((size, 0))


def _cyclic_projector(matrix):
    """Projector onto the subspace that a matrix of finite order fixes."""
    total, power, count = matrix.copy(), matrix @ matrix, 1
    while not np.array_equal(power, matrix):
        total, power, count = total + power, power @ matrix, count + 1
    return total / count


def _range(projector):
    eigenvalues, vectors = np.linalg.eigh((projector + projector.T) / 2)
    return vectors[:, eigenvalues > 0.5]
