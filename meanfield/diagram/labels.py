"""Names for phases: the kind of a solution and, where two phases share it, what tells them apart."""

from itertools import combinations

import numpy as np

from ..bifurcations.family import invariant_subspace

__all__ = ["PhaseNames", "distinct_labels"]

# Order parameters below this vanish by symmetry, and closer than this agree by symmetry.
SAME = 1e-7
NUDGE = 1e-3
RELATION = {-1: "<", 0: "=", 1: ">"}


def distinct_labels(names, first, second):
    """Labels of two phases, each a pair (kind, order parameters).

    Equal kinds are told apart by an order parameter that vanishes in one of them or has another sign, by two that are equal
    in one of them, or by the one that differs most.
    """
    (kind, a), (other, b) = first, second
    a, b = np.asarray(a, float), np.asarray(b, float)
    if kind != other or np.abs(a - b).max(initial=0) < SAME:
        return kind, other
    marks = _sign_marks(names, a, b) or _equality_marks(names, a, b) or _size_marks(names, a, b)
    return tuple(f"{kind} ({mark})" for mark in marks)


def _signs(phi):
    return np.where(np.abs(phi) < SAME, 0, np.sign(phi)).astype(int)


def _sign_marks(names, a, b):
    signs = _signs(a), _signs(b)
    differing = np.flatnonzero(signs[0] != signs[1])
    if not len(differing):
        return None
    k = max(differing, key=lambda i: abs(a[i] - b[i]))
    return tuple(f"{names[k]} {RELATION[s[k]]} 0" for s in signs)


def _equality_marks(names, a, b):
    for i, j in combinations(range(len(a)), 2):
        relations = [_relation(x, i, j) for x in (a, b)]
        if ("=" in relations) and relations[0] != relations[1]:
            return tuple(f"{names[i]} {relation} {names[j]}" for relation in relations)
    return None


def _relation(x, i, j):
    return "=" if abs(x[i] - x[j]) < SAME else RELATION[int(np.sign(x[i] - x[j]))]


def _size_marks(names, a, b):
    k = int(np.argmax(np.abs(a - b)))
    return (f"low {names[k]}", f"high {names[k]}") if a[k] < b[k] else (f"high {names[k]}", f"low {names[k]}")


class PhaseNames:
    """Labels of the phases in a plane: the kind and, where phases of one kind differ in symmetry, what distinguishes them.

    Two states belong to one phase if they are of one kind and the same order parameters vanish, agree and have the same sign;
    coincidences that no symmetry of the whole plane protects do not count.
    """

    def __init__(self, box):
        self.box, self.known = box, {}

    def __call__(self, phi):
        """The label of a state, after all states have been identified once."""
        return self.text(self.identify(phi))

    def identify(self, phi):
        """The phase (kind, pattern) of a state; the pattern holds signs and which components agree."""
        phi = np.asarray(phi, float)
        raw = (_pattern(phi), _dominance(phi))
        if raw not in self.known:
            free = self._without_accidents(phi)
            self.known[raw] = self.box.kind(self.box.family.generic(1)[0], free), _pattern(free)
        return self.known[raw]

    def _without_accidents(self, phi):
        """The state, nudged off coincidences of its components that hold at this parameter point only."""
        basis = invariant_subspace(self.box.family, phi, tied=SAME)
        phi = basis @ (basis.T @ phi)
        generic = basis @ np.random.default_rng(1).uniform(0.5, 1, basis.shape[1])
        if _ties(generic) == _ties(phi):
            return phi
        return phi + NUDGE * basis @ basis.T @ np.linspace(1, 0.5, len(phi))

    def text(self, phase):
        """The label of a phase among all that have been identified."""
        kind, pattern = phase
        others = {p for k, p in self.known.values() if k == kind} | {pattern}
        return kind if len(others) == 1 else f"{kind} ({_mark(self.box.names, pattern, others)})"


def _ties(phi):
    """Pairs of components that agree up to sign, and components that vanish."""
    size = np.abs(phi)
    pairs = frozenset((i, j) for i, j in combinations(range(len(phi)), 2) if abs(size[i] - size[j]) < SAME)
    return pairs, frozenset(np.flatnonzero(size < SAME).tolist())


def _pattern(phi):
    """Signs, and for each component the first one of equal size."""
    size = np.abs(phi)
    partners = tuple(next(j for j in range(len(phi)) if abs(size[j] - x) < SAME) for x in size)
    return tuple(_signs(phi).tolist()), partners


def _dominance(phi):
    """Whether each component outweighs all smaller ones together, which tells hierarchical from mixed states."""
    size = sorted(np.abs(phi), reverse=True)
    return tuple(bool(x > sum(size[k + 1:]) + SAME) for k, x in enumerate(size))


def _mark(names, pattern, others):
    """What distinguishes a pattern from others of the same kind."""
    signs, partners = pattern
    varying = [i for i in range(len(names)) if len({p[0][i] for p in others}) > 1]
    if varying and len({tuple(p[0][i] for i in varying) for p in others}) == len(others):
        return ", ".join(f"{names[i]} {RELATION[signs[i]]} 0" for i in varying)
    chain = "".join(f" {'=' if partners[i] == partners[i - 1] else '>'} {names[i]}" for i in range(1, len(names)))
    return names[0] + chain + (" = 0" if signs[-1] == 0 else "")
