"""Finite-N quantities of an interpolation with quenched couplings, unevaluated: pressures and two-replica averages.

`theory.exact.coupled` gives their values at N = 2 and 3. Order parameters, overlaps, site variables and disorder are bound.
"""

import sympy
from sympy import Expr, Symbol, Tuple

from ...ensemble import Ensemble, SiteMean
from ...symbols import N, beta


class Coupled(Ensemble):
    """A quantity of N sites in Gaussian couplings and fields; `parts` says how strong each is.

    Arguments: observables..., parts, collective a, one_body b, then Tuples of order parameters with overlaps, site
    variables and disorder.
    """

    parts = property(lambda self: self.args[-6])
    observables = property(lambda self: self.args[:-6])
    measure = property(lambda self: self.args[-6:])

    @property
    def free_symbols(self):
        return super().free_symbols | {N, beta}

    def exponent_text(self, printer):
        """The exponent of the weight in LaTeX, with the couplings' part first."""
        terms = [*self.random_texts(printer), self._plain(printer), self._sites(printer)]
        return " + ".join(t for t in terms if t).replace("+ -", "- ")

    def _plain(self, printer):
        return printer.doprint(N * sympy.factor_terms(sympy.expand(self.collective))) if self.collective != 0 else ""

    def _sites(self, printer):
        if self.one_body == 0:
            return ""
        names = {x: Symbol(f"{x}^i", real=True) for x in (*self.args[-2], *self.args[-1])}
        terms = sympy.factor_terms(self.one_body.xreplace(names))
        text = printer.doprint(terms)
        return rf"\sum_i \left({text}\right)" if terms.is_Add or terms.could_extract_minus_sign() else rf"\sum_i {text}"

    def random_texts(self, printer):
        """LaTeX of the terms with Gaussian disorder."""
        raise NotImplementedError

    def _sympystr(self, printer):
        from ...writing.formulas import latex
        from ...writing.text import unicode_of

        return unicode_of(f"${latex(self)}$")


class _Pressure(Coupled):
    def __new__(cls, parts, collective, one_body, *bound):
        return Expr.__new__(cls, Tuple(*parts), sympy.sympify(collective), sympy.sympify(one_body), *(Tuple(*b) for b in bound))

    def _text(self, printer):
        return rf"\frac{{1}}{{N}}\,\mathbb{{E}}\log\operatorname{{Tr}}\,\exp\left[{self.exponent_text(printer)}\right]"


class _Mean(Coupled):
    def __new__(cls, observable, parts, collective, one_body, *bound):
        observable = sympy.sympify(observable)
        if not observable.free_symbols & set(bound[0]):
            return observable
        return Expr.__new__(cls, observable, Tuple(*parts), sympy.sympify(collective), sympy.sympify(one_body),
                            *(Tuple(*b) for b in bound))

    def _text(self, printer):
        return rf"\mathbb{{E}}\left\langle {printer.doprint(self.observables[0])} \right\rangle"


class GlassPressure(_Pressure):
    """(1/N) E log Tr exp[-beta sqrt(strength) H_J + beta sqrt(variance) sum_i z_i s_i + N a + sum_i b]; E[H_J H_J'] = N c(q12).

    Parameters
    ----------
    parts : (c, strength, variance), c in the last symbol of the first bound Tuple
    """

    def random_texts(self, printer):
        return _glass_texts(self, printer)


class GlassMean(_Mean):
    """E <O(phi, q12)> over two replicas in the same couplings; `parts` as in `GlassPressure`."""


class LayerPressure(_Pressure):
    """The pressure of N spins and load N Gaussian z_mu of unit variance, integrated, with the exponent
    sqrt(coupling/N) sum xi s z + sqrt(spin) sum eta s + sqrt(hidden) sum theta z + mass sum z^2/2 + N a + sum_i b.

    Parameters
    ----------
    parts : (load, coupling, spin, hidden, mass)
    """

    def random_texts(self, printer):
        return _layer_texts(self, printer)


class BinaryPressure(LayerPressure):
    """`LayerPressure` with entries +1 or -1 in place of Gaussian ones."""

    def random_texts(self, printer):
        first, *rest = super().random_texts(printer)
        return [first.replace(r"\xi_i^\mu", r"\xi_{i,\pm}^\mu"), *rest]


class LayerMean(_Mean):
    """E <O(phi, q12, p12, p11)> over two replicas of spins and hidden Gaussian variables; `parts` as in `LayerPressure`."""


class SiteSquare(SiteMean):
    """The square of the Boltzmann average of a one-site function with weight exp(exponent)."""

    def _latex(self, printer, exp=None):
        return rf"\left[{printer.doprint(SiteMean(*self.args))}\right]^2"


class CouplingCovariance(Expr):
    """E[H(s) H(s')] of p-spin couplings written as a sum over all indices, for the covariance c(q12)."""

    is_real = True
    is_commutative = True

    def __new__(cls, covariance, overlap):
        return Expr.__new__(cls, sympy.sympify(covariance), overlap)

    def _latex(self, printer, exp=None):
        return r"\mathbb{E}\left[H_J(s)\,H_J(s')\right]"

    def _sympystr(self, printer):
        return "E[H_J(s) H_J(s')]"


def _glass_texts(quantity, printer):
    _, strength, variance = quantity.parts
    (variable,) = quantity.args[-2]
    texts = []
    if strength != 0:
        texts.append(rf"-\beta {_root(strength, printer)} H_J".replace("  ", " "))
    if variance != 0:
        texts.append(rf"\beta {_root(variance, printer)} \sum_i z_i {printer.doprint(variable)}_i")
    return texts


def _layer_texts(quantity, printer):
    _, coupling, spin, hidden, mass = quantity.parts
    (variable,) = quantity.args[-2]
    s = printer.doprint(variable)
    texts = [(coupling / N, rf"\sum_{{i\mu}} \xi_i^\mu {s}_i z_\mu"), (spin, rf"\sum_i \eta_i {s}_i"),
             (hidden, r"\sum_\mu \theta_\mu z_\mu")]
    shown = [f"{_root(square, printer)} {text}" for square, text in texts if square != 0]
    if mass != 0:
        shown.append(rf"\frac{{1}}{{2}} {_factor(mass, printer)} \sum_\mu z_\mu^2")
    return shown


def _root(square, printer):
    return "" if square == 1 else rf"\sqrt{{{printer.doprint(sympy.factor_terms(square))}}}"


def _factor(expr, printer):
    return rf"\left({printer.doprint(expr)}\right)" if expr.is_Add else printer.doprint(expr)
