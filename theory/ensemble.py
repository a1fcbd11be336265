"""Unevaluated finite-N quantities: partition functions, Gibbs averages, one-site traces.

They let a derivation write its steps before the thermodynamic limit; derivatives are exact, and
`theory.exact` gives their values at small N. Site variables, disorder and the order parameters
inside them are bound.
"""

import sympy
from sympy import Expr, S, Symbol, Tuple
from sympy.printing.precedence import PRECEDENCE

from .symbols import N


class _Bound(Expr):
    """An expression some of whose symbols are bound."""

    is_real = True
    is_commutative = True
    bound_from = 1

    @property
    def bound_symbols(self):
        return [x for names in self.args[self.bound_from:] for x in names]

    @property
    def free_symbols(self):
        free = set().union(*(a.free_symbols for a in self.args[: self.bound_from]))
        return free - set(self.bound_symbols)

    def _latex(self, printer, exp=None):
        text = self._text(printer)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class Abbreviation(Expr):
    """An expression that is printed by its name; it differentiates and evaluates as its definition."""

    is_real = True
    is_commutative = True

    def __new__(cls, label, definition):
        return Expr.__new__(cls, Symbol(str(label)), sympy.sympify(definition))

    label = property(lambda self: self.args[0])
    definition = property(lambda self: self.args[1])

    @property
    def free_symbols(self):
        return self.definition.free_symbols

    def _eval_derivative(self, s):
        return self.definition.diff(s)

    def _latex(self, printer, exp=None):
        text = str(self.label)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _sympystr(self, printer):
        return str(self.label)


class SiteTrace(_Bound):
    """log Tr_s exp(exponent) of one site."""

    def __new__(cls, exponent, variables):
        return Expr.__new__(cls, sympy.sympify(exponent), Tuple(*variables))

    exponent = property(lambda self: self.args[0])

    def _text(self, printer):
        exponent, variables = self.args
        return rf"\log\operatorname{{Tr}}_{{{_list(printer, variables)}}} e^{{{printer.doprint(exponent)}}}"


class SiteMean(_Bound):
    """The Boltzmann average of a one-site function with weight exp(exponent)."""

    bound_from = 2

    def __new__(cls, observable, exponent, variables):
        return Expr.__new__(cls, sympy.sympify(observable), sympy.sympify(exponent), Tuple(*variables))

    observable = property(lambda self: self.args[0])
    exponent = property(lambda self: self.args[1])

    def _text(self, printer):
        observable, exponent, variables = self.args
        trace = rf"\operatorname{{Tr}}_{{{_list(printer, variables)}}}"
        weight = rf"e^{{{printer.doprint(exponent)}}}"
        return rf"\frac{{{trace}\left({printer.doprint(observable)}\right) {weight}}}{{{trace} {weight}}}"


class SiteEntropy(_Bound):
    """-Tr_s p log p of the one-site weight p = exp(exponent) / Tr exp(exponent); von Neumann's for a quantum site."""

    def __new__(cls, exponent, variables):
        return Expr.__new__(cls, sympy.sympify(exponent), Tuple(*variables))

    exponent = property(lambda self: self.args[0])

    def _text(self, printer):
        exponent, variables = self.args
        trace = rf"\operatorname{{Tr}}_{{{_list(printer, variables)}}}"
        return rf"\left[-{trace}\, p\log p\right]_{{p \propto \exp\left({printer.doprint(exponent)}\right)}}"


class Quenched(_Bound):
    """The average over one site's disorder."""

    def __new__(cls, expr, disorder):
        expr = sympy.sympify(expr)
        used = [x for x in disorder if x in expr.free_symbols]
        return Expr.__new__(cls, expr, Tuple(*used)) if used else expr

    def _text(self, printer):
        expr, disorder = self.args
        return rf"\mathbb{{E}}_{{{_list(printer, disorder)}}}\left[{printer.doprint(expr)}\right]"


class Hamiltonian(_Bound):
    """(1/N) E log Tr exp(-beta H_N), with the model's Hamiltonian summed configuration by configuration."""

    bound_from = 2

    def __new__(cls, beta, disorder):
        return Expr.__new__(cls, beta, N, Tuple(*disorder))

    def _text(self, printer):
        average = r"\,\mathbb{E}" if self.args[2] else r"\,"
        return rf"\frac{{1}}{{N}}{average}\log\operatorname{{Tr}} e^{{-{printer.doprint(self.args[0])} H_N}}"


class Ensemble(_Bound):
    """A quantity of the measure exp[N a(phi) + sum_i b(s_i, xi_i)] over N sites.

    Arguments: observables..., collective a, one_body b, then Tuples of order parameters, site
    variables and disorder.
    """

    @property
    def bound_from(self):
        return len(self.args) - 3

    @property
    def free_symbols(self):
        return super().free_symbols | {N}

    collective = property(lambda self: self.args[-5])
    one_body = property(lambda self: self.args[-4])
    observables = property(lambda self: self.args[:-5])
    measure = property(lambda self: self.args[-5:])

    def _slope(self, s):
        """d/ds of the collective exponent; the one-body term must not depend on s."""
        if self.one_body.has(s):
            raise NotImplementedError(f"the one-body exponent depends on {s}")
        return self.collective.diff(s)

    def _weight(self, printer):
        one_body = self.one_body
        text = rf"N\left({printer.doprint(self.collective)}\right)" if self.collective != 0 else ""
        if one_body != 0:
            names = {x: Symbol(rf"{printer.doprint(x)}^{{(i)}}") for x in (*self.args[-2], *self.args[-1])}
            text += rf" + \sum_i \left({printer.doprint(one_body.xreplace(names))}\right)"
        return rf"\left[{text}\right]"

    @property
    def _disorder_sign(self):
        return r"\mathbb{E}" if self.args[-1] else ""


class LogPartition(Ensemble):
    """(1/N) E log Tr exp[N a(phi) + sum_i b(s_i, xi_i)]."""

    def __new__(cls, collective, one_body, *bound):
        return Expr.__new__(cls, sympy.sympify(collective), sympy.sympify(one_body), *(Tuple(*b) for b in bound))

    def _eval_derivative(self, s):
        return GibbsMean(self._slope(s), *self.measure)

    def _text(self, printer):
        return rf"\frac{{1}}{{N}}\,{self._disorder_sign}\log\operatorname{{Tr}}\exp{self._weight(printer)}"


class Partition(Ensemble):
    """The partition function itself, averaged over the disorder: E Tr exp[N a(phi) + sum_i b(s_i, xi_i)]."""

    def __new__(cls, collective, one_body, *bound):
        return Expr.__new__(cls, sympy.sympify(collective), sympy.sympify(one_body), *(Tuple(*b) for b in bound))

    def _text(self, printer):
        return rf"{self._disorder_sign}\operatorname{{Tr}}\exp{self._weight(printer)}"


class GibbsMean(Ensemble):
    """E <O(phi)>, averaged over the measure and the disorder."""

    def __new__(cls, observable, collective, one_body, *bound):
        observable = sympy.sympify(observable)
        if not observable.free_symbols & set(bound[0]):
            return observable
        return Expr.__new__(cls, observable, collective, one_body, *(Tuple(*b) for b in bound))

    def _eval_derivative(self, s):
        (observable,) = self.observables
        own = GibbsMean(observable.diff(s), *self.measure)
        return own + N * Covariance(observable, self._slope(s), *self.measure)

    def _text(self, printer):
        return rf"{self._disorder_sign}\left\langle {printer.doprint(self.args[0])} \right\rangle"


class Covariance(Ensemble):
    """E [<O O'> - <O><O'>], the thermal covariance at fixed disorder, averaged over the disorder."""

    def __new__(cls, first, second, collective, one_body, *bound):
        first, second = sympy.sympify(first), sympy.sympify(second)
        if not (first.free_symbols & set(bound[0]) and second.free_symbols & set(bound[0])):
            return S.Zero
        return Expr.__new__(cls, first, second, collective, one_body, *(Tuple(*b) for b in bound))

    def _text(self, printer):
        first, second = (printer.parenthesize(o, PRECEDENCE["Mul"]) for o in self.observables)
        return rf"{self._disorder_sign}\left\langle {first} \, {second} \right\rangle_c"


def _list(printer, variables):
    return ",".join(printer.doprint(x) for x in variables)
