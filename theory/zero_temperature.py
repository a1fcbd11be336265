"""The limit T -> 0 of a mean-field theory, taken by rules with uniform bounds.

The site pressure P(h; T) tends to the ground-state pressure P(h; 0) = E max_s [h.g - v]; free energy and equations
follow from it as they do at T > 0, the means as its gradient.
"""

from dataclasses import dataclass
from functools import cached_property

import mpmath
import sympy
from sympy import Expr, Function, S

from .averages import DisorderAverage, GaussianAverage
from .errors import InputError
from .functions import LogRadial, LogSumExp, log2cosh
from .sites import times_temperature
from .symbols import T


@dataclass(frozen=True)
class Rule:
    """One limit that was used.

    Attributes
    ----------
    statement : LaTeX of the limit
    justification : why it holds, uniformly in the fields; prose with inline $math$
    """

    statement: str
    justification: str


ISING = Rule(
    r"T\log 2\cosh(x/T) \to |x|",
    r"$T\log 2\cosh(x/T) = |x| + T\log(1 + e^{-2|x|/T})$, and the last term lies between $0$ and $T\log 2$ for every $x$.",
)
STATES = Rule(
    r"T\log\sum_i e^{x_i/T} \to \max_i x_i",
    r"The sum of $k$ exponentials lies between its largest term and $k$ times that term, so that the difference from "
    r"$\max_i x_i$ is at most $T\log k$ (weights add a constant times $T$).",
)
VECTOR = Rule(
    r"T\log\int d\Omega(s)\, e^{h\cdot s/T} \to |h|",
    r"The exponent is largest for $s$ along $h$; Laplace's method leaves a correction of order $T\log(|h|/T)$, which "
    r"vanishes with $T$.",
)
MODULUS = Rule(
    r"T\log\cosh(|h|/T) \to |h|",
    r"$T\log\cosh(|h|/T) = |h| + T\log(1 + e^{-2|h|/T}) - T\log 2$: the difference lies between $-T\log 2$ and $0$.",
)
AVERAGE = Rule(
    r"\mathbb{E}\,P(h;T) \to \mathbb{E}\,P(h;0)",
    r"The bounds do not depend on the disorder, so the limit passes through the average.",
)
GAUSSIAN = Rule(
    r"\mathbb{E}|x| = \mu\,\mathrm{erf}\!\left(\frac{\mu}{\sqrt{2v}}\right) + \sqrt{\frac{2v}{\pi}}\,e^{-\mu^2/2v},"
    r"\qquad \mathbb{E}\,\mathrm{sgn}\,x = \mathrm{erf}\!\left(\frac{\mu}{\sqrt{2v}}\right)",
    r"For $x$ Gaussian of mean $\mu$ and variance $v$; the second is the derivative of the first in $\mu$.",
)
GRADIENT = Rule(
    r"\frac{\partial P}{\partial h_a}(h;T) \to \frac{\partial P}{\partial h_a}(h;0)",
    r"$P$ is convex in $h$ at every $T$, and the gradients of convex functions converge wherever the limit is differentiable "
    r"(Rockafellar, Convex Analysis, theorem 25.7): everywhere but where two one-site ground states cross. "
    r"There $\mathrm{sgn}\,0 = 0$, the mean of both sides.",
)


class Maximum(Function):
    """max(x_1, ..., x_k); the gradient is `Dominant`."""

    is_real = True

    @classmethod
    def eval(cls, *xs):
        return xs[0] if len(set(xs)) == 1 else None

    def fdiff(self, argindex=1):
        if len(self.args) == 2:
            gap = self.args[0] - self.args[1]
            return HeavisideStep(gap if argindex == 1 else -gap)
        return Dominant(sympy.Integer(argindex), *self.args)

    def _eval_mpmath(self, *xs):
        return max(xs)

    def _latex(self, printer, exp=None):
        inner = ",\\,".join(printer.doprint(x) for x in self.args)
        return _power(rf"\max\left({inner}\right)", exp)

    def _pretty(self, printer):
        return printer._print_Function(self, func_name="max")


class Dominant(Function):
    """1 if x_i is the largest of x_1, ..., x_k, shared equally between ties, else 0."""

    is_real = True

    def fdiff(self, argindex=1):
        raise InputError("the ground state of a site changes by jumps: no second derivative at T = 0")

    def _eval_mpmath(self, i, *xs):
        top = max(xs)
        return mpmath.mpf(int(xs[int(i) - 1] == top)) / sum(x == top for x in xs)

    def _latex(self, printer, exp=None):
        i, *xs = self.args
        rest = ",\\,".join(printer.doprint(x) for x in xs)
        return _power(rf"\mathbb{{1}}\left[{printer.doprint(xs[int(i) - 1])} = \max\left({rest}\right)\right]", exp)


class HeavisideStep(Function):
    """1 for x > 0, 1/2 at x = 0, else 0."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex=1):
        raise InputError("the ground state of a site changes by jumps: no second derivative at T = 0")

    def _eval_mpmath(self, x):
        return (1 + mpmath.sign(x)) / 2

    def _latex(self, printer, exp=None):
        return _power(rf"\theta\left({printer.doprint(self.args[0])}\right)", exp)

    def _pretty(self, printer):
        return printer._print_Function(self, func_name="θ")


class MeanModulus(Function):
    """E|x| for x ~ N(mean, variance); |mean| at variance 0."""

    nargs = 2
    is_real = True

    def fdiff(self, argindex=1):
        return (MeanSign, Density)[argindex - 1](*self.args)

    def closed_form(self):
        """The error function and the Gaussian that the average is."""
        mean, variance = self.args
        return mean * MeanSign(mean, variance) + Bell(mean, variance)

    def _eval_mpmath(self, mean, variance):
        if variance == 0:
            return abs(mean)
        width = mpmath.sqrt(2 * variance)
        return mean * mpmath.erf(mean / width) + width * mpmath.exp(-(mean / width) ** 2) / mpmath.sqrt(mpmath.pi)

    def _latex(self, printer, exp=None):
        return _power(rf"\left[{printer.doprint(self.closed_form())}\right]", exp)


class Bell(Function):
    """sqrt(2 variance / pi) exp(-mean^2 / (2 variance)), the part of E|x| that is left at mean 0."""

    nargs = 2
    is_real = True

    def _eval_mpmath(self, mean, variance):
        if variance == 0:
            return mpmath.mpf(0)
        return mpmath.sqrt(2 * variance / mpmath.pi) * mpmath.exp(-mean**2 / (2 * variance))

    def _latex(self, printer, exp=None):
        mean, variance = self.args
        width, exponent = printer.doprint(_width(variance)), printer.doprint(-mean**2 / (2 * variance))
        return _power(rf"\sqrt{{\frac{{2}}{{\pi}}}}\,{width}\,\exp\left({exponent}\right)", exp)


class MeanSign(Function):
    """E sgn(x) = erf(mean / sqrt(2 variance)) for x ~ N(mean, variance); sgn(mean) at variance 0."""

    nargs = 2
    is_real = True

    def _eval_mpmath(self, mean, variance):
        return mpmath.sign(mean) if variance == 0 else mpmath.erf(mean / mpmath.sqrt(2 * variance))

    def _latex(self, printer, exp=None):
        return _power(rf"\mathrm{{erf}}\left({_over_width(printer, *self.args)}\right)", exp)


class Density(Function):
    """The density of N(mean, variance) at x = 0, which is d E|x| / d variance."""

    nargs = 2
    is_real = True

    def _eval_mpmath(self, mean, variance):
        if variance == 0:
            return mpmath.mpf(0)
        return mpmath.exp(-mean**2 / (2 * variance)) / mpmath.sqrt(2 * mpmath.pi * variance)

    def _latex(self, printer, exp=None):
        mean, variance = self.args
        width = printer.doprint(_width(variance))
        return _power(rf"\frac{{e^{{{printer.doprint(-mean**2 / (2 * variance))}}}}}{{\sqrt{{2\pi}}\,{width}}}", exp)


def _width(variance):
    """The standard deviation, a modulus written without bars: everything here is even in it."""
    return sympy.sqrt(sympy.factor_terms(variance)).replace(lambda e: isinstance(e, sympy.Abs), lambda e: e.args[0])


def _over_width(printer, mean, variance):
    return rf"\frac{{{printer.doprint(mean)}}}{{\sqrt{{2}}\,{printer.doprint(_width(variance))}}}"


@dataclass(frozen=True, eq=False)
class ZeroTemperature:
    """A mean-field theory at T = 0.

    Attributes
    ----------
    theory : MeanFieldTheory
    pressure : P(h; 0)
    rules : the limits that were taken, in order
    """

    theory: object
    pressure: Expr
    rules: tuple

    @cached_property
    def free_energy(self):
        """f(phi) = e + h.phi - P(h; 0) at h = -grad e; at a solution the ground-state energy per site."""
        theory = self.theory
        work = sum(h * a for h, a in zip(theory.field_values, theory.order_parameters))
        energy = theory.energy + sympy.expand(work)
        if energy.is_polynomial(*theory.order_parameters):
            energy = sympy.expand(energy)
        return sympy.Add(energy, *(-t for t in sympy.Add.make_args(self._at_fields(self.pressure))))

    @cached_property
    def equations(self):
        """{phi_a: dP/dh_a}, the means in the one-site ground state."""
        theory = self.theory
        return {a: self._at_fields(self.pressure.diff(h))
                for a, h in zip(theory.order_parameters, theory.fields)}

    def _at_fields(self, expr):
        expr = _rebuilt(self.theory.at_fields(expr))
        return expr.replace(lambda e: isinstance(e, MeanModulus), lambda e: e.closed_form())


def zero_temperature(theory):
    """The limit T -> 0 of a theory.

    Parameters
    ----------
    theory : MeanFieldTheory

    Returns
    -------
    ZeroTemperature

    Raises
    ------
    InputError
        The pressure has no limit: a Gaussian site has no lowest energy of its own.
    """
    limit = _Limit(theory)
    pressure = limit(sympy.expand_mul(theory.site_pressure))
    return ZeroTemperature(theory, pressure, (*limit.rules, GRADIENT))


class _Limit:
    """lim T -> 0 of an expression T x (logarithm of a trace), remembering the rules that it used."""

    def __init__(self, theory):
        self.fields, self.name = theory.fields, theory.model.name
        self.rules = []

    def __call__(self, expr):
        if not expr.has(T):
            return expr
        if expr.is_Add:
            return sympy.Add(*map(self, expr.args))
        if isinstance(expr, DisorderAverage):
            return self._noted(DisorderAverage(self(expr.integrand), *expr.variables), AVERAGE)
        if isinstance(expr, GaussianAverage):
            return self._gaussian(expr)
        if expr == T:
            return S.Zero
        if expr.is_Mul:
            return self._product(expr)
        raise self._refusal(expr)

    def _product(self, expr):
        rest = expr / T
        outside, inside = rest.as_independent(T, as_Add=False)
        if inside == 1:
            return S.Zero
        if inside.is_Add:
            return outside * sympy.Add(*(self(T * term) for term in inside.args))
        if not expr.has(log2cosh, LogSumExp, LogRadial, DisorderAverage, GaussianAverage):
            raise self._refusal(expr)
        return outside * self._logarithm(inside)

    def _logarithm(self, f):
        if isinstance(f, log2cosh):
            return self._noted(sympy.Abs(self._scaled(f.args[0])), ISING)
        if isinstance(f, LogSumExp):
            return self._noted(self._maximum([self._scaled(x) for x in f.args]), STATES)
        if isinstance(f, LogRadial):
            square = sympy.expand(4 * T**2 * f.args[1])
            if square.has(T):
                raise self._refusal(f)
            return self._noted(sympy.sqrt(square), MODULUS if f.args[0] == S.Half else VECTOR)
        if isinstance(f, (DisorderAverage, GaussianAverage)):
            return self(f.func(T * f.integrand, *f.args[1:]))
        raise self._refusal(f)

    def _scaled(self, x):
        scaled = times_temperature(x)
        constants = sympy.Add(*(t for t in sympy.Add.make_args(scaled) if t.has(T)))
        if constants.has(*self.fields) or constants != 0 and sympy.cancel(constants / T).has(T):
            raise self._refusal(x)
        return scaled - constants

    def _maximum(self, xs):
        """The largest of several energies, pairs that differ by the sign of the field as a modulus."""
        left, merged = list(dict.fromkeys(xs)), []
        while left:
            x = left.pop(0)
            mirror = x.xreplace({h: -h for h in self.fields if x.has(h)})
            partner = next((y for y in left if y != x and self._mirrored(x, y)), None)
            if partner is None or mirror == x:
                merged.append(x)
                continue
            left.remove(partner)
            merged.append(sympy.expand((x + partner) / 2) + sympy.Abs(sympy.expand((x - partner) / 2)))
        return Maximum(*_undominated(merged, self.fields))

    def _mirrored(self, x, y):
        """x - y is odd in the fields and x + y free of the fields that it contains."""
        gap, total = sympy.expand((x - y) / 2), sympy.expand((x + y) / 2)
        moved = [h for h in self.fields if gap.has(h)]
        return bool(moved) and not total.has(*moved) and gap.xreplace({h: -h for h in moved}) == -gap

    def _gaussian(self, expr):
        f, x, mean, variance = expr.args
        inner = sympy.expand(self(f))
        self._noted(None, AVERAGE)
        total = S.Zero
        for term in sympy.Add.make_args(inner):
            constant, rest = term.as_independent(x, as_Add=False)
            total += constant * self._gaussian_term(rest, x, mean, variance)
        return total

    def _gaussian_term(self, f, x, mean, variance):
        if isinstance(f, sympy.Abs) and (line := f.args[0].as_poly(x)) is not None and line.degree() == 1:
            a, b = line.all_coeffs()
            return self._noted(MeanModulus(a * mean + b, a**2 * variance), GAUSSIAN)
        return GaussianAverage(f, x, mean, variance)

    def _noted(self, value, rule):
        if rule not in self.rules:
            self.rules.append(rule)
        return value

    def _refusal(self, expr):
        return InputError(f"{self.name} has no limit T -> 0: {expr} does not come from a bounded one-site energy")


def _undominated(xs, fields):
    """Moduli with the same offset: the larger slope wins everywhere."""
    kept = []
    for x in xs:
        if not any(_dominates(y, x, fields) for y in xs if y != x):
            kept.append(x)
    return kept


def _dominates(y, x, fields):
    gap = y - x
    moduli = [t for t in sympy.Add.make_args(sympy.expand(gap)) if t.has(sympy.Abs)]
    return bool(moduli) and gap == sympy.Add(*moduli) and all(_nonnegative(t) for t in moduli) or (gap.is_number and gap > 0)


def _nonnegative(term):
    coefficient, modulus = term.as_independent(sympy.Abs, as_Add=False)
    return isinstance(modulus, sympy.Abs) and coefficient.is_number and coefficient > 0


def _rebuilt(expr):
    """Evaluate functions again after a replacement inside them."""
    if not expr.args:
        return expr
    args = list(map(_rebuilt, expr.args))
    if isinstance(expr, (MeanModulus, MeanSign, Density, Bell)):
        args = [sympy.factor_terms(sympy.cancel(a)) for a in args]
    return expr.func(*args)


def _power(text, exp):
    return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
