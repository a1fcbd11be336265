"""Nested Gaussian averages, the pressure of one site (or of one pattern) in a hierarchy of random fields.

Phi_k(y) = g(y), Phi_(i-1)(y) = (1/D_i) log E_z exp[D_i Phi_i(y + sqrt(v_i) z)], down to level 0 at the mean field. The power D_0 of
the outermost level is 0 in the limit n -> 0, where that level is a plain average, and n beta at n replicas.
Derivatives follow from the heat equation that every level obeys; they stay finite where a variance vanishes.
"""

import sympy
from sympy import Expr, Function, Integer, S, Tuple

from ..averages import GaussianAverage
from ..functions import LogSumExp, log2cosh

FIELD = sympy.Symbol("y*", real=True)


class log_H(Function):
    """log H(x), H(x) = erfc(x / sqrt 2)/2 the probability that a standard Gaussian exceeds x."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex=1):
        return -Hazard(self.args[0])

    def _eval_mpmath(self, x):
        import mpmath

        return mpmath.log(mpmath.erfc(x / mpmath.sqrt(2)) / 2)

    def _latex(self, printer, exp=None):
        return _raised(rf"\log H\left({printer.doprint(self.args[0])}\right)", exp)

    def _sympystr(self, printer):
        return f"log H({printer.doprint(self.args[0])})"


class Hazard(Function):
    """exp(-x^2/2)/[sqrt(2 pi) H(x)], minus the slope of log H."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex=1):
        return self * (self - self.args[0])

    def _eval_mpmath(self, x):
        import mpmath

        return mpmath.npdf(x) * 2 / mpmath.erfc(x / mpmath.sqrt(2))

    def _latex(self, printer, exp=None):
        x = printer.doprint(self.args[0])
        return _raised(rf"\frac{{G\left({x}\right)}}{{H\left({x}\right)}}", exp)

    def _sympystr(self, printer):
        x = printer.doprint(self.args[0])
        return f"G({x})/H({x})"


class Tail(Function):
    """H(x) = erfc(x / sqrt 2)/2."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex=1):
        return -sympy.exp(-self.args[0] ** 2 / 2) / sympy.sqrt(2 * sympy.pi)

    def _eval_mpmath(self, x):
        import mpmath

        return mpmath.erfc(x / mpmath.sqrt(2)) / 2

    def _latex(self, printer, exp=None):
        return _raised(rf"H\left({printer.doprint(self.args[0])}\right)", exp)

    def _sympystr(self, printer):
        return f"H({printer.doprint(self.args[0])})"


class _Hierarchy(Expr):
    """What nested averages share; the last five arguments are g, y, mean, variances and powers."""

    is_real = True
    is_commutative = True

    potential = property(lambda self: self.args[-5])
    variable = property(lambda self: self.args[-4])
    mean = property(lambda self: self.args[-3])
    variances = property(lambda self: self.args[-2])
    powers = property(lambda self: self.args[-1])
    levels = property(lambda self: len(self.args[-2]) - 1)

    @property
    def bound_symbols(self):
        return [self.variable]

    @property
    def free_symbols(self):
        return set().union(*(a.free_symbols for a in self.args)) - {self.variable}

    @property
    def hierarchy(self):
        """The arguments (g, y, mean, variances, powers)."""
        return self.args[-5:]

    def _latex(self, printer, exp=None):
        return _raised(_Writer(self, printer.doprint, _LATEX).text(), exp)

    def _sympystr(self, printer):
        return _Writer(self, printer.doprint, _PLAIN).text()


class Nested(_Hierarchy):
    """(1/D_0) log E exp(D_0 Phi_0), or E Phi_0 where D_0 = 0.

    Parameters
    ----------
    potential : g(y)
    variable : y, bound
    mean : mean of the field
    variances, powers : v_0..v_k and D_0..D_k
    """

    def __new__(cls, potential, variable, mean, variances, powers):
        potential, variances, powers = sympy.sympify(potential), Tuple(*variances), Tuple(*powers)
        if not potential.has(variable):
            return potential
        if len(variances) == 1 and powers[0] == 0:
            return GaussianAverage(potential, variable, mean, variances[0])
        return Expr.__new__(cls, potential, variable, sympy.sympify(mean), variances, powers)

    def average(self, observable, level=None, power=1):
        """The mean of an observable, or of the square of its conditional mean at a level."""
        return nested_mean(observable, self.levels if level is None else level, power, *self.hierarchy)

    def _eval_derivative(self, s):
        g, y = self.potential, self.variable
        total = self.average(g.diff(s).expand(deep=False)) if g.has(s) else S.Zero
        if (slope := self.mean.diff(s)) != 0:
            total += slope * self.average(g.diff(y).expand(deep=False))
        for i, v in enumerate(self.variances):
            if (slope := v.diff(s)) != 0:
                total += slope * self.heat(i) / 2
        for i, D in enumerate(self.powers):
            if (slope := D.diff(s)) != 0:
                total += slope * (NestedLevel(i, *self.hierarchy) - NestedLevel(i - 1, *self.hierarchy)) / D
        return total

    def heat(self, i):
        """Twice the derivative in v_i: <g''> + sum_(j>i) D_j (<M_j^2> - <M_(j-1)^2>) + D_i <M_i^2>."""
        y, slope = self.variable, self.potential.diff(self.variable).expand(deep=False)
        total = self.average(slope.diff(y).expand(deep=False)) + self.powers[i] * self.square(slope, i)
        for j in range(i + 1, self.levels + 1):
            total += self.powers[j] * (self.square(slope, j) - self.square(slope, j - 1))
        return total

    def square(self, slope, i):
        """<M_i^2> of an observable."""
        return self.average(slope, i, 2)


class NestedMoment(_Hierarchy):
    """log E exp(D_0 Phi_0): the nested average times its outermost power."""

    def _eval_derivative(self, s):
        return (self.powers[0] * Nested(*self.hierarchy)).diff(s)


class NestedMean(_Hierarchy):
    """<A> in the tilted measure of a hierarchy, or <(A averaged over the levels beyond i)^2>.

    Arguments: observable A, level i, power 1 or 2, then the hierarchy.
    """

    observable = property(lambda self: self.args[0])
    level = property(lambda self: self.args[1])
    power = property(lambda self: self.args[2])

    def _eval_derivative(self, s):
        return sympy.Derivative(self, s, evaluate=False)


class NestedLevel(_Hierarchy):
    """<Phi_i>: the pressure of level i averaged over the levels up to i; i = -1 is the whole."""

    def __new__(cls, level, *hierarchy):
        if level == -1 or (level == 0 and hierarchy[-1][0] == 0):
            return Nested(*hierarchy)
        return Expr.__new__(cls, Integer(level), *hierarchy)

    level = property(lambda self: self.args[0])

    def _eval_derivative(self, s):
        return sympy.Derivative(self, s, evaluate=False)


def nested_mean(observable, level, power, potential, variable, mean, variances, powers):
    """`NestedMean`, or the Gaussian average that it is without breaking; means free of the field leave the average."""
    observable = sympy.sympify(observable)
    if not observable.has(variable):
        return observable**power
    if len(variances) == 1 and powers[0] == 0:
        return GaussianAverage(observable**power, variable, mean, variances[0])
    if power == 1:
        level = len(variances) - 1
    return Expr.__new__(NestedMean, observable, Integer(level), Integer(power), potential, variable, sympy.sympify(mean),
                        Tuple(*variances), Tuple(*powers))


def moment(pressure, power):
    """power times a pressure whose outermost power it is."""
    if isinstance(pressure, sympy.Add):
        return sympy.Add(*(moment(t, power) for t in pressure.args))
    if isinstance(pressure, Nested) and pressure.powers[0] == power:
        return NestedMoment(*pressure.hierarchy)
    return power * pressure


def over_heat(pressure, T):
    """pressure / T, with the potentials and powers of its averages free of units."""
    if T == 1:
        return pressure
    if isinstance(pressure, sympy.Add):
        return sympy.Add(*(over_heat(t, T) for t in pressure.args))
    if isinstance(pressure, GaussianAverage):
        return GaussianAverage(sympy.expand_mul(pressure.integrand / T), *pressure.args[1:])
    if isinstance(pressure, (Nested, NestedMoment)):
        g, y, mean, variances, powers = pressure.hierarchy
        units = (sympy.expand_mul(g / T), y, mean, variances, Tuple(*(T * D for D in powers)))
        return Nested(*units) if isinstance(pressure, Nested) else pressure
    coefficient, rest = pressure.as_independent(Nested, GaussianAverage, as_Add=False)
    if isinstance(rest, (Nested, GaussianAverage)):
        return coefficient * over_heat(rest, T)
    return pressure / T


def quadratic_pressure(A, mean, variances, powers, T):
    """The nested average of y^2/(2A) + (T/2) log(2 pi T/A) in closed form: A_(i-1) = A_i - D_i v_i."""
    total, current = T * sympy.log(2 * sympy.pi * T / A) / 2, A
    for v, D in reversed(tuple(zip(variances, powers))):
        if D == 0:
            return total + (mean**2 + v) / (2 * current)
        lower = current - D * v
        total += sympy.log(current / lower) / (2 * D)
        current = lower
    return total + mean**2 / (2 * current)


# Writing: the weights exp(D g) as powers of traces.

_LATEX = {"int": r"\int\!\mathcal{{D}}{z}\,", "frac": r"\frac{{{a}}}{{{b}}}", "log": r"\log", "open": r"\left[", "close": r"\right]",
          "mean": r"\left\langle {x} \right\rangle", "cosh": r"2\cosh", "exp": "e^{{{x}}}", "pow": "^{{{x}}}", "thin": r"\,", "z": "z_{i}"}
_PLAIN = {"int": "∫D{z} ", "frac": "({a})/({b})", "log": "log", "open": "[", "close": "]", "mean": "⟨{x}⟩", "cosh": "2cosh",
          "exp": "e^({x})", "pow": "^({x})", "thin": " ", "z": "z{i}"}


class _Writer:
    """The text of a nested average in one markup."""

    def __init__(self, node, doprint, marks):
        self.node, self.doprint, self.marks = node, doprint, marks
        k = node.levels
        names = {0: ("z",), 1: ("z", "y")}.get(k) or tuple(f"z{i}" for i in range(k + 1))
        self.z = [sympy.Symbol(name, real=True) for name in names]
        spread = (sympy.sqrt(sympy.factor_terms(v)) * z for v, z in zip(node.variances, self.z))
        self.h = sympy.Add(node.mean, *(s.replace(lambda e: isinstance(e, sympy.Abs), lambda e: e.args[0]) for s in spread))

    def text(self):
        """The formula."""
        if isinstance(self.node, (Nested, NestedMoment)):
            return self._pressure()
        if isinstance(self.node, NestedLevel):
            return self.marks["mean"].format(x=rf"{self._phi()}_{{{self.node.level}}}" if self.marks is _LATEX else f"Φ{self.node.level}")
        return self._mean()

    def _phi(self):
        return r"\Phi"

    def _pressure(self):
        D = self.node.powers
        body = self._weight(D[-1])
        for i in range(len(D) - 1, 0, -1):
            body = self._int(i) + body
            if i > 1:
                body = self._grouped(body) + self._power(D[i - 1] / D[i])
        if D[0] == 0:
            return self._int(0) + self._over(D[1]) + f"{self.marks['log']} {body}"
        if len(D) > 1:
            body = self._grouped(body) + self._power(D[0] / D[1])
        front = "" if isinstance(self.node, NestedMoment) else self._over(D[0])
        return front + f"{self.marks['log']} {self._int(0)}{body}"

    def _mean(self):
        node, D = self.node, self.node.powers
        if len(D) == 2 and D[0] == 0:
            return self._two_levels()
        shown = self.doprint(node.observable.xreplace({node.variable: sympy.Symbol("h", real=True)}))
        if node.power == 1:
            return self.marks["mean"].format(x=shown)
        inner = f"{self._grouped(shown)}{self._power(2)}"
        if int(node.level) < node.levels:
            inner = self.marks["mean"].format(x=shown) + self._sub(node.level) + self._power(2)
        return self.marks["mean"].format(x=inner)

    def _two_levels(self):
        node, weight = self.node, self._weight(self.node.powers[1])
        observable = node.observable.xreplace({node.variable: self.h})
        observable = observable**node.power if node.level == 1 else observable
        shown = self.doprint(observable)
        shown = self._grouped(shown) if observable.is_Add else shown
        above = f"{self._int(1)}{weight}{self.marks['thin']}{shown}"
        ratio = self.marks["frac"].format(a=above, b=f"{self._int(1)}{weight}")
        if node.power == 2 and node.level == 0:
            ratio = self._grouped(ratio) + self._power(2)
        return self._int(0) + ratio

    def _weight(self, D):
        g = self.node.potential.xreplace({self.node.variable: self.h})
        factors, rest = [], S.Zero
        for term in sympy.Add.make_args(g):
            base, power = self._base(term, D)
            if base is None:
                rest += D * term
            else:
                factors.append(self._grouped(base) + self._power(power))
        if rest != 0:
            factors.append(self.marks["exp"].format(x=self.doprint(sympy.factor_terms(rest))))
        return self.marks["thin"].join(factors)

    def _base(self, term, D):
        """(text, power) of exp(D term) where the term is a multiple of a logarithm."""
        outside, inside = term.as_independent(log2cosh, LogSumExp, log_H, sympy.log, as_Add=False)
        if isinstance(inside, log2cosh):
            hyperbolic = self.doprint(sympy.cosh(inside.args[0], evaluate=False))
            return self.marks["cosh"] + hyperbolic.removeprefix(r"\cosh").removeprefix("cosh"), D * outside
        if isinstance(inside, LogSumExp):
            return self._sum(inside), D * outside
        if isinstance(inside, log_H):
            text = self.doprint(inside)
            return text.removeprefix(r"\log ").removeprefix("log "), D * outside
        if isinstance(inside, sympy.log):
            return self.doprint(inside.args[0]), D * outside
        return None, None

    def _sum(self, trace):
        text = self.doprint(trace)
        for head in (r"\log\left(", "log("):
            if text.startswith(head):
                return text.removeprefix(head).removesuffix(")").removesuffix(r"\right")
        return text

    def _grouped(self, text):
        return f"{self.marks['open']}{text}{self.marks['close']}"

    def _power(self, power):
        power = sympy.cancel(power) if isinstance(power, Expr) else power
        return "" if power == 1 else self.marks["pow"].format(x=self.doprint(sympy.sympify(power)))

    def _sub(self, level):
        return f"_{{{level}}}" if self.marks is _LATEX else f"_{level}"

    def _int(self, i):
        return self.marks["int"].format(z=self.doprint(self.z[i]))

    def _over(self, D):
        inverse = sympy.cancel(1 / D)
        return "" if inverse == 1 else self.doprint(inverse) + self.marks["thin"]


def _raised(text, exp):
    return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
