"""The symbols and matrices of the replica method that its steps share."""

from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import Symbol

from ...replica.overlaps import block_symbols


@dataclass(frozen=True, eq=False)
class Expressions:
    """What the steps of one theory's derivation are written with."""

    theory: object

    @property
    def model(self):
        """The model."""
        return self.theory.model

    @property
    def display(self):
        """The theory in natural variables."""
        return self.theory.display

    @property
    def heat(self):
        """T, or 1 in models without temperature."""
        return self.theory.T

    @cached_property
    def n(self):
        """Symbol of the number of replicas."""
        taken = {str(a) for a in (*self.model.order_parameters, *self.model.parameters, *self.model.site.variables, *self.model.overlaps)}
        return Symbol("nu*" if "n" in taken else "n*", positive=True)

    @cached_property
    def blocks(self):
        """x_1..x_k."""
        return block_symbols(self.theory.steps)

    def level(self, o):
        """(q_0, ..., q_k, q_d) of an overlap."""
        return (*o.names, self.display.diagonal(o))

    def field_level(self, o):
        """(V_0, ..., V_k, V_k), the covariances of the Gaussian fields."""
        v = self.theory.variance_symbols(o)
        V = [sum(v[: i + 1]) for i in range(len(v))]
        return (*V, V[-1])

    def powers(self, outer):
        """D_0..D_k with the outermost given."""
        return (outer, *(x / self.heat for x in self.blocks))

    def levels(self, coupling):
        """Levels of the overlaps that a coupling acts on."""
        return [self.level(o) for o in self.theory._of(coupling)]

    def closed(self):
        """The couplings with a closed energy."""
        return [c for c in self.model.couplings if c.kind != "channel"]

    def entry(self, coupling):
        """c(q)/(2 T^2) as a function of the entries."""
        names = [o.symbol for o in self.theory._of(coupling)]
        return lambda *q: coupling.covariance.xreplace(dict(zip(names, map(sympy.sympify, q)))) / (2 * self.heat**2)

    def spectral(self, coupling):
        """G(beta l) as a function of the eigenvalues."""
        return lambda *l: coupling.spectral([x / self.heat for x in l])


def tex(expr):
    """LaTeX as the documents print it."""
    from ...writing.formulas import latex

    return latex(expr)
