"""Expressions with averages as lists of operations, for numbers of any kind.

An arithmetic (`reals.Reals`, `intervals.Intervals`) says what the operations mean; common parts are computed once, and all
Gaussian averages over the same variable share their nodes.
"""

from dataclasses import dataclass

import sympy

from theory.averages import DisorderAverage, GaussianAverage

__all__ = ["Program"]


@dataclass(frozen=True)
class Step:
    """One operation: its name, the places of its arguments, what else it needs, whether it depends on the bound variable."""

    rule: str
    arguments: tuple = ()
    extra: object = None
    inner: bool = False


class Program:
    """The values of some expressions.

    Parameters
    ----------
    expressions : of Expr
    variable : the bound variable of an average, or None
    """

    def __init__(self, expressions, variable=None):
        self.variable = variable
        self.steps, self._places, self._averages = [], {}, {}
        roots = [_written_out(sympy.sympify(e)) for e in expressions]
        self._gather(roots)
        self.outputs = [self._place(root) for root in roots]

    def __call__(self, arithmetic, values):
        """The values of the expressions, a list; `values` is {symbol: number}."""
        done = self.outer(arithmetic, values)
        return [done[i] for i in self.outputs]

    def outer(self, arithmetic, values):
        """Results of all steps that do not depend on the bound variable, None at the others."""
        done = []
        for step in self.steps:
            done.append(None if step.inner else _run(step, done, arithmetic, values))
        return done

    def at(self, arithmetic, outer, place):
        """The values of the expressions where the bound variable is `place`; `outer` is what `outer` returned."""
        done, values = list(outer), {self.variable: place}
        for i, step in enumerate(self.steps):
            if step.inner:
                done[i] = _run(step, done, arithmetic, values)
        return [done[i] for i in self.outputs]

    def _gather(self, roots):
        """Integrands of the averages over the same variable, in the order in which they are met."""
        for root in roots:
            for e in sympy.preorder_traversal(root):
                if isinstance(e, GaussianAverage):
                    group = self._averages.setdefault(e.args[1:], [])
                    if e.integrand not in group:
                        group.append(e.integrand)

    def _place(self, expr):
        if expr not in self._places:
            self._places[expr] = self._add(self._step(expr))
        return self._places[expr]

    def _add(self, step):
        self.steps.append(step)
        return len(self.steps) - 1

    def _step(self, expr):
        if expr.is_Symbol:
            return Step("input", (), expr, expr == self.variable)
        if isinstance(expr, sympy.Rational):
            return Step("number", (), expr)
        if not expr.args:
            return Step("constant", (), expr)
        if isinstance(expr, GaussianAverage):
            return self._average(expr)
        if isinstance(expr, sympy.Pow) and expr.exp.is_Rational:
            return self._made("power", (expr.base,), expr.exp)
        rule = {sympy.Add: "add", sympy.Mul: "mul"}.get(type(expr), type(expr).__name__)
        return self._made(rule, expr.args)

    def _made(self, rule, args, extra=None):
        places = tuple(map(self._place, args))
        return Step(rule, places, extra, any(self.steps[i].inner for i in places))

    def _average(self, expr):
        variable, mean, variance = key = expr.args[1:]
        if key not in self._places:
            integrands = self._averages[key]
            free = set().union(*(f.free_symbols for f in integrands)) - {variable}
            names = tuple(sorted(free, key=str))
            program = Program(integrands, variable)
            self._places[key] = self._add(self._made("average", (mean, variance, *names), (program, names)))
        place = self._places[key]
        return Step("pick", (place,), self._averages[key].index(expr.integrand), self.steps[place].inner)


def _run(step, done, arithmetic, values):
    if step.rule == "input":
        return values[step.extra]
    if step.rule in ("number", "constant"):
        return getattr(arithmetic, step.rule)(step.extra)
    arguments = [done[i] for i in step.arguments]
    if step.rule == "pick":
        return arguments[0][step.extra]
    if step.rule == "power":
        return arithmetic.power(arguments[0], step.extra)
    if step.rule == "average":
        program, names = step.extra
        return arithmetic.average(program, *arguments[:2], dict(zip(names, arguments[2:])))
    return arithmetic.function(step.rule, arguments)


def _written_out(expr):
    """`expr` with its averages over finite disorder as sums."""
    while found := expr.atoms(DisorderAverage):
        expr = expr.xreplace({a: a.expand_configurations() for a in found})
    return expr
