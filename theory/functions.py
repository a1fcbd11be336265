"""The special functions of one-site traces, with derivatives and LaTeX.

`log(2*cosh(x))` and its kin overflow when differentiated naively, and the Bessel functions of
vector spins give 0/0 at zero field; these small classes keep both exact.
"""

import sympy
from sympy import Function, Integer, Rational, S


class log2cosh(Function):
    """log(2 cosh x): the log-trace of an Ising spin in the field x (beta included)."""

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, x):
        if x.is_zero:
            return sympy.log(2)
        if x.could_extract_minus_sign():
            return cls(-x)
        return None

    def fdiff(self, argindex=1):
        return sympy.tanh(self.args[0])

    def _eval_rewrite_as_exp(self, x, **kwargs):
        return sympy.log(sympy.exp(x) + sympy.exp(-x))

    def _latex(self, printer, exp=None):
        return _power(rf"\log 2\cosh{_argument(printer, self.args[0])}", exp)


class LogSumExp(Function):
    """log sum_i exp(x_i): the log-trace of a site with several states."""

    is_real = True

    @classmethod
    def eval(cls, *xs):
        return xs[0] if len(xs) == 1 else None

    def fdiff(self, argindex=1):
        return Gibbs(Integer(argindex), *self.args)

    def _eval_rewrite_as_exp(self, *xs, **kwargs):
        return sympy.log(sum(sympy.exp(x) for x in xs))

    def _latex(self, printer, exp=None):
        return _power(rf"\log\left({_boltzmann_sum(printer, self.args)}\right)", exp)


class Gibbs(Function):
    """exp(x_i) / sum_j exp(x_j): the Gibbs weight of state i (counted from 1)."""

    is_real = True

    def fdiff(self, argindex=1):
        if argindex == 1:
            raise sympy.ArgumentIndexError(self, argindex)
        i, *xs = self.args
        other = Integer(argindex - 1)
        return self * ((S.One if other == i else S.Zero) - Gibbs(other, *xs))

    def _eval_derivative(self, symbol):
        i, *xs = self.args
        slope = sum(Gibbs(Integer(j), *xs) * x.diff(symbol) for j, x in enumerate(xs, 1))
        return self * (xs[int(i) - 1].diff(symbol) - slope)

    def _eval_rewrite_as_exp(self, i, *xs, **kwargs):
        return sympy.exp(xs[int(i) - 1]) / sum(sympy.exp(x) for x in xs)

    def _latex(self, printer, exp=None):
        i, *xs = self.args
        top = printer.doprint(sympy.exp(xs[int(i) - 1]))
        return _power(rf"\frac{{{top}}}{{{_boltzmann_sum(printer, xs)}}}", exp)


class LogRadial(Function):
    """log 0F1(; b; w): the log-average of exp(kappa.s) over the unit sphere in 2b dimensions, w = kappa^2/4.

    b = 1/2 is log cosh, b = 1 is log I_0, b = 3/2 is log(sinh u / u), with u = 2 sqrt(w).
    """

    nargs = 2
    is_real = True

    @classmethod
    def eval(cls, b, w):
        return S.Zero if w.is_zero else None

    def fdiff(self, argindex=2):
        if argindex == 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return RadialRatio(*self.args)

    def _latex(self, printer, exp=None):
        b, w = self.args
        u = modulus(w)
        if b == Rational(1, 2):
            text = rf"\log\cosh{_argument(printer, u)}"
        elif b == Rational(3, 2):
            text = rf"\log\frac{{\sinh{_argument(printer, u)}}}{{{printer.doprint(u)}}}"
        elif b == 1:
            text = rf"\log I_0{_argument(printer, u)}"
        else:
            text = rf"\log{{}}_0F_1\left(;{printer.doprint(b)};{printer.doprint(w)}\right)"
        return _power(text, exp)


class RadialRatio(Function):
    """d/dw log 0F1(; b; w) = 0F1(; b+1; w) / (b 0F1(; b; w)), regular at w = 0 where it is 1/b."""

    nargs = 2
    is_real = True

    @classmethod
    def eval(cls, b, w):
        return 1 / b if w.is_zero else None

    def fdiff(self, argindex=2):
        if argindex == 1:
            raise sympy.ArgumentIndexError(self, argindex)
        b, w = self.args
        return self * (RadialRatio(b + 1, w) - self)

    def _latex(self, printer, exp=None):
        b, w = self.args
        u = modulus(w)
        half = printer.doprint(u / 2)
        if b == Rational(1, 2):
            text = rf"\frac{{\tanh{_argument(printer, u)}}}{{{half}}}"
        elif b == Rational(3, 2):
            text = rf"\frac{{\coth{_argument(printer, u)} - 1/{_argument(printer, u)}}}{{{half}}}"
        else:
            order, lower = printer.doprint(b), printer.doprint(b - 1)
            text = rf"\frac{{I_{{{order}}}{_argument(printer, u)}}}{{{half}\,I_{{{lower}}}{_argument(printer, u)}}}"
        return _power(rf"\left[{text}\right]" if exp else text, exp)


def modulus(w):
    """2 sqrt(w), written as the modulus of the field that w = |field|^2 / 4 came from."""
    root = sympy.sqrt(sympy.together(4 * w))
    if isinstance(root, sympy.Abs):
        return root.args[0]
    return root.replace(lambda e: isinstance(e, sympy.Abs), lambda e: e.args[0])


def closed_form(expr):
    """`expr` with the radial functions written as hyperbolic and Bessel functions, for reading."""
    return expr.replace(LogRadial, _closed_log).replace(RadialRatio, _closed_ratio)


def _closed_log(b, w):
    u = modulus(w)
    if b == Rational(1, 2):
        return log2cosh(u) - sympy.log(2)
    if b == Rational(3, 2):
        return sympy.log(sympy.sinh(u) / u)
    return sympy.log(sympy.gamma(b) * (2 / u) ** (b - 1) * sympy.besseli(b - 1, u))


def _closed_ratio(b, w):
    u = modulus(w)
    if b == Rational(1, 2):
        return 2 * sympy.tanh(u) / u
    if b == Rational(3, 2):
        return 2 * (sympy.coth(u) - 1 / u) / u
    return 2 * sympy.besseli(b, u) / (u * sympy.besseli(b - 1, u))


def _argument(printer, x):
    return rf"\left({printer.doprint(x)}\right)"


def _boltzmann_sum(printer, xs):
    return " + ".join(printer.doprint(sympy.exp(x)) if x != 0 else "1" for x in xs)


def _power(text, exp):
    return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
