"""Names for phases: the kind of a solution and, where two phases share it, what tells them apart."""

from itertools import combinations

import numpy as np

__all__ = ["distinct_labels"]

# Order parameters below this vanish by symmetry, and closer than this agree by symmetry.
SAME = 1e-7
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


def _sign_marks(names, a, b):
    signs_a, signs_b = (np.where(np.abs(x) < SAME, 0, np.sign(x)) for x in (a, b))
    differing = np.flatnonzero(signs_a != signs_b)
    if not len(differing):
        return None
    k = max(differing, key=lambda i: abs(a[i] - b[i]))
    return tuple(f"{names[k]} {RELATION[int(signs[k])]} 0" for signs in (signs_a, signs_b))


def _equality_marks(names, a, b):
    for i, j in combinations(range(len(a)), 2):
        equal = [abs(x[i] - x[j]) < SAME for x in (a, b)]
        if equal[0] != equal[1]:
            relations = ["=" if e else RELATION[int(np.sign(x[i] - x[j]))] for e, x in zip(equal, (a, b))]
            return tuple(f"{names[i]} {relation} {names[j]}" for relation in relations)
    return None


def _size_marks(names, a, b):
    k = int(np.argmax(np.abs(a - b)))
    return (f"low {names[k]}", f"high {names[k]}") if a[k] < b[k] else (f"high {names[k]}", f"low {names[k]}")
