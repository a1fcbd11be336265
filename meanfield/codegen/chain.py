"""Derivatives through opaque symbols: intermediate quantities and Gaussian averages are names, and so are their slopes.

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
    averages : [(mean, variance)], the arguments of the averages E T log 2cosh(x/T); variance None marks T log sum exp(x/T),
        whose arguments stand in the place of the mean
    nodes : {symbol: (index of the average, order in the mean, order in T)}; of a sum of exponentials
        (index, "value" | "entropy" | number of the state, 0)
    """

    def __init__(self):
        self.definitions, self.averages, self.nodes, self._slopes, self._terms = {}, [], {}, {}, {}

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

    def soft_max(self, arguments):
        """The index of T log sum_i exp(x_i/T)."""
        index = len(self.averages)
        self.averages.append((tuple(self.let(f"argument{index}_{i}", x) for i, x in enumerate(arguments)), None))
        return index

    def arguments(self, index):
        """What an average is evaluated at."""
        inner, variance = self.averages[index]
        return inner if variance is None else (inner, variance)

    def node(self, index, order, warm=0):
        """The symbol of an average's derivative, `order` times in the mean and `warm` times in T."""
        name = Symbol(f"gauss{index}_{order}" + "T" * warm)
        self.nodes[name] = (index, order, warm)
        return name

    def diff(self, expr, x):
        """Total derivative of an expression in an unknown or a parameter."""
        expr = sympy.sympify(expr)
        if expr.is_Add:
            return sympy.Add(*(self.diff(term, x) for term in expr.args))
        if (expr, x) not in self._terms:
            symbols = expr.free_symbols
            inner = sorted((s for s in symbols if s in self.definitions or s in self.nodes), key=str)
            own = expr.diff(x) if x in symbols else S.Zero
            self._terms[expr, x] = own + sympy.Add(*(expr.diff(s) * self._slope(s, x) for s in inner))
        return self._terms[expr, x]

    def _slope(self, s, x):
        if (s, x) not in self._slopes:
            if s in self.nodes:
                self._slopes[s, x] = self._node_slope(*self.nodes[s], x)
            else:
                self._slopes[s, x] = self.let(f"{str(s).removeprefix('gauss_')}_{x}", self.diff(self.definitions[s], x))
        return self._slopes[s, x]

    def _node_slope(self, index, order, warm, x):
        """The chain rule: d/dmean raises the order by one, d/dvariance by two at half the weight (the heat equation)."""
        if self.averages[index][1] is None:
            return self._gibbs_slope(index, order, x)
        total = self.node(index, order, warm + 1) if x == T else S.Zero
        mean, variance = (self.diff(a, x) for a in self.averages[index])
        for slope, raised in ((mean, 1), (variance / 2, 2)):
            if slope != 0:
                total += slope * self.node(index, order + raised, warm)
        return total

    def _gibbs_slope(self, index, what, x):
        """Slopes of the value, the entropy and the weights p_i of a sum of exponentials: dp_i = p_i (dx_i - <dx>)/T and so on."""
        xs = self.averages[index][0]
        p, dx = [self.node(index, i) for i in range(len(xs))], [self.diff(y, x) for y in xs]
        if what == "value":
            return sum(a * b for a, b in zip(p, dx)) + (self.node(index, "entropy") if x == T else S.Zero)
        if what == "entropy":
            return -sum(self.diff(a, x) * y for a, y in zip(p, xs)) / T
        inner = sum(p[j] * (dx[what] - dx[j]) for j in range(len(xs)) if j != what) / T
        if x == T:
            inner -= sum(p[j] * (xs[what] - xs[j]) for j in range(len(xs)) if j != what) / T**2
        # Named, so that higher derivatives do not expand.
        return self.let(f"{index}_{what}_{x}", p[what] * inner)

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
                for a in self.arguments(index):
                    self._visit(a, kept, used)
            elif s in self.definitions and s not in kept:
                self._visit(self.definitions[s], kept, used)
                kept[s] = self.definitions[s]
