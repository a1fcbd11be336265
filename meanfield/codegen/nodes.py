"""Pass 3: the table of disorder configurations that the kernel sums over.

Configurations are numbered in mixed radix over supports ordered so that number k and K - 1 - k
are opposite; where the integrand is even under that flip the two are merged.
"""

from dataclasses import dataclass
from math import prod

import sympy

from theory.errors import InputError

MAX_NODES = 2_000_000


@dataclass(frozen=True)
class NodeTable:
    """Supports of the disorder variables.

    Attributes
    ----------
    variables : disorder symbols
    values, probabilities : tuples of tuples of Expr, one for each variable
    merged : whether opposite configurations share a node
    """

    variables: tuple
    values: tuple
    probabilities: tuple
    merged: bool

    @property
    def configurations(self):
        """Number of joint values of the disorder."""
        return prod(len(v) for v in self.values)

    @property
    def nodes(self):
        """Number of terms in the sum."""
        return (self.configurations + 1) // 2 if self.merged else self.configurations


def node_table(integrand, disorder):
    """The table of a scaled integrand with disorder {symbol: (values, probabilities)}."""
    ordered = {x: _opposite_order(*support) for x, support in disorder.items()}
    merged = bool(ordered) and all(ordered.values()) and _is_even(integrand, list(ordered))
    supports = {x: ordered[x] or disorder[x] for x in disorder}
    table = NodeTable(tuple(supports), tuple(v for v, _ in supports.values()),
                      tuple(p for _, p in supports.values()), merged)
    if table.configurations > MAX_NODES:
        raise InputError(f"the disorder has {table.configurations} joint values, more than the {MAX_NODES} "
                         "that are summed: use fewer patterns")
    return table


def _opposite_order(values, probabilities):
    """(values, probabilities) with v[i] = -v[k-1-i], or None where the support has no such order."""
    left, right = [], []
    todo = dict(zip(values, probabilities))
    while todo:
        value = next(iter(todo))
        if value == -value:
            todo_zero = (value, todo.pop(value))
            if len(todo) % 2:
                return None
            middle = [todo_zero]
            rest = _opposite_order(tuple(todo), tuple(todo.values())) if todo else ((), ())
            if rest is None:
                return None
            pairs = list(zip(*rest))
            half = len(pairs) // 2
            return tuple(zip(*(left + pairs[:half] + middle + pairs[half:] + right)))
        if -value not in todo:
            return None
        left.append((value, todo.pop(value)))
        right.insert(0, (-value, todo.pop(-value)))
    return tuple(zip(*(left + right)))


def _is_even(integrand, variables):
    flipped = integrand.xreplace({x: -x for x in variables})
    # Rebuilding lets the atoms choose the canonical sign of their arguments.
    return sympy.expand_mul(flipped - integrand) == 0
