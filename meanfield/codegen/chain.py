"""Derivatives through symbols kept opaque: intermediate quantities and Gaussian averages are names whose slopes are further names.

Nothing is ever expanded; every name has one definition, which the kernel evaluates once.
"""

import sympy
from sympy import S, Symbol

from theory.symbols import T

# (order in the mean, order in T) of what `tower.tower_full` returns, in its order, and of its two cheaper forms.
FULL = (*((k, 0) for k in range(7)), *((k, 1) for k in range(5)), (0, 2))
STATE = ((0, 0), (0, 1), (1, 0), (2, 0), (3, 0), (4, 0))
FOUR = ((1, 0), (2, 0), (3, 0), (4, 0))


class Chain:
    """Names with definitions, in the order in which they can be evaluated.

    Attributes
    ----------
    definitions : {symbol: expression in other names, unknowns and parameters}
    averages : [(mean, variance)], the arguments of the averages E T log 2cosh(x/T)
    nodes : {symbol: (index of the average, order in the mean, order in T)}
    """

    def __init__(self):
        self.definitions, self.averages, self.nodes, self._slopes = {}, [], {}, {}

    def let(self, name, value):
        """A symbol for a value; the value itself where it is a number or a symbol already."""
        value = sympy.sympify(value)
        if value.is_number or value.is_Symbol:
            return value
        name = Symbol(f"gauss_{name}")
        self.definitions[name] = value
        return name

    def average(self, mean, variance):
        """The index of an average over x ~ N(mean, variance)."""
        index = len(self.averages)
        self.averages.append((self.let(f"mean{index}", mean), self.let(f"variance{index}", variance)))
        return index

    def node(self, index, order, warm=0):
        """The symbol of an average's derivative, `order` times in the mean and `warm` times in T."""
        name = Symbol(f"gauss{index}_{order}" + "T" * warm)
        self.nodes[name] = (index, order, warm)
        return name

    def diff(self, expr, x):
        """Total derivative of an expression in an unknown or a parameter."""
        expr = sympy.sympify(expr)
        inner = sorted((s for s in expr.free_symbols if s in self.definitions or s in self.nodes), key=str)
        return expr.diff(x) + sympy.Add(*(expr.diff(s) * self._slope(s, x) for s in inner))

    def _slope(self, s, x):
        if (s, x) not in self._slopes:
            if s in self.nodes:
                self._slopes[s, x] = self._node_slope(*self.nodes[s], x)
            else:
                self._slopes[s, x] = self.let(f"{str(s).removeprefix('gauss_')}_{x}", self.diff(self.definitions[s], x))
        return self._slopes[s, x]

    def _node_slope(self, index, order, warm, x):
        """The chain rule: d/dmean raises the order by one, d/dvariance by two at half the weight (the heat equation)."""
        total = self.node(index, order, warm + 1) if x == T else S.Zero
        mean, variance = (self.diff(a, x) for a in self.averages[index])
        for slope, raised in ((mean, 1), (variance / 2, 2)):
            if slope != 0:
                total += slope * self.node(index, order + raised, warm)
        return total

    def needed(self, expressions):
        """(definitions in order of evaluation, {average: {(order, warm): symbol}}) that the expressions rest on."""
        kept, used = {}, {}
        for expr in expressions:
            self._visit(expr, kept, used)
        return list(kept.items()), used

    def _visit(self, expr, kept, used):
        for s in sorted(sympy.sympify(expr).free_symbols, key=str):
            if s in self.nodes:
                index, order, warm = self.nodes[s]
                used.setdefault(index, {})[order, warm] = s
                for a in self.averages[index]:
                    self._visit(a, kept, used)
            elif s in self.definitions and s not in kept:
                self._visit(self.definitions[s], kept, used)
                kept[s] = self.definitions[s]
