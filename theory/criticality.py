"""What a Landau expansion says: critical temperature and lines, tricritical point, kind and exponents.

Equations are solved by algebra where they are linear or purely quadratic in one transcendental constant such as
exp(-Delta/T) or tanh(Gamma/T), and by root finding in mpmath otherwise.
"""

from dataclasses import dataclass
from functools import cached_property

import mpmath
import sympy
from sympy import Eq, Expr, Rational, S

from .approximate import Approximation, approximate
from .errors import InputError
from .evaluate import evaluate
from .tidy import oriented, rational
from .series import Coefficients
from .symbols import T

SCAN_POINTS = 96
VANISHING = 1e-9


@dataclass(frozen=True)
class Exponents:
    """Mean-field exponents; amplitudes multiply powers of t = |1 - T/T_c| or of the field h.

    Attributes
    ----------
    beta, gamma, delta, alpha : m ~ t^beta, chi ~ t^-gamma, h ~ m^delta, c ~ t^-alpha
    amplitudes : {"order parameter", "susceptibility above", "susceptibility below", "critical isotherm",
        "specific heat": expression}; at alpha = 0 the specific heat's is its jump
    temperature : T_c where it is known in closed form; otherwise the amplitudes contain T, to be read at T_c
    """

    beta: Expr
    gamma: Expr
    delta: Expr
    alpha: Expr
    amplitudes: dict
    temperature: Expr | None = None

    def at(self, values):
        """Amplitudes as mpmath numbers; `values` holds T = T_c where no closed form exists."""
        return {name: evaluate(a, values) for name, a in self.amplitudes.items()}


@dataclass(frozen=True)
class Tricritical:
    """A tricritical point in closed form: {symbol: value} for T and one parameter, with a6 there."""

    point: dict
    a6: Expr


class Criticality:
    """Closed forms that follow from the coefficients of a `Landau` expansion."""

    def __init__(self, landau):
        self.landau = landau
        self.domain = Coefficients()
        self.unknowns = tuple(landau.about.unknowns)
        self.known_roots = {}

    @cached_property
    def kernel(self):
        """The factor of a2 that can vanish, a polynomial in T, parameters, unknowns and constants; None if there is none."""
        live = self._live_factors(self.landau.coefficients[2])
        return sympy.Mul(*live) if live else None

    def _live_factors(self, expr):
        expr = sympy.sympify(expr)
        element = self.domain.run(lambda: self.domain(expr))
        numerator = sympy.factor_list(element.numer.as_expr())[1] if element != 0 else []
        return [f for f, _ in numerator if self._can_vanish(f)]

    def _can_vanish(self, factor):
        """Not T itself, not a product of couplings, not a sum of positive terms."""
        if factor.is_Symbol:
            return False
        moving = {T, *self.unknowns, *self.domain.constants}
        return bool(factor.free_symbols & moving)

    def shown(self, expr):
        """Constants written out."""
        return expr.xreplace(self.domain.constants)

    @cached_property
    def hidden(self):
        """Transcendental constants and unknowns in the kernel."""
        if self.kernel is None:
            return ()
        candidates = [*self.unknowns, *self.domain.constants]
        return tuple(c for c in candidates if self.kernel.has(c))

    @cached_property
    def solved(self):
        """(constant, power, value) with constant**power = value on the critical line, or None."""
        if len(self.hidden) != 1:
            return None
        return _pure_root(self.kernel, self.hidden[0])

    @cached_property
    def condition(self):
        """a2 = 0 as an equation."""
        if self.kernel is None:
            return None
        if self.solved is not None:
            g, power, value = self.solved
            return Eq(self.shown(g) ** power, value, evaluate=False)
        if not self.hidden and self._polynomial_temperature is not None:
            return Eq(T, self._polynomial_temperature, evaluate=False)
        return Eq(self.shown(self.kernel), 0, evaluate=False)

    @cached_property
    def _polynomial_temperature(self):
        roots = [r for f in sympy.Mul.make_args(self.kernel) if (r := _linear_root(f, T)) is not None]
        return roots[0] if roots else None

    @cached_property
    def temperature(self):
        """T_c in closed form, or None."""
        if self.kernel is None:
            return None
        if not self.hidden:
            return self._polynomial_temperature
        return self._inverted(T)

    @cached_property
    def lines(self):
        """{parameter: its value on the critical line, in T}."""
        if self.kernel is None:
            return {}
        names = sorted(self.shown(self.kernel).free_symbols - {T, *self.unknowns}, key=str)
        names += [p for p in self._exponent_symbols() if p not in names]
        found = {}
        for p in names:
            value = self._inverted(p) if self.hidden else self._linear_in(p)
            if value is not None:
                found[p] = value
        return found

    def _exponent_symbols(self):
        free = set().union(set(), *(e.free_symbols for e in self.landau.relations))
        return sorted(free - {T, *self.unknowns}, key=str)

    def _linear_in(self, p):
        roots = [r for f in sympy.Mul.make_args(self.kernel) if (r := _linear_root(f, p)) is not None]
        return roots[0] if roots and roots[0].has(T) else None

    def _inverted(self, p):
        """Solve the critical condition for p (a parameter or T) through the argument of the one constant."""
        if self.solved is None:
            return None
        g, power, value = self.solved
        value = value if power == 1 else sympy.sqrt(value)
        return self.invert(g, value, p)

    def invert(self, g, value, p):
        """Solve g = value for p, where p enters only the argument of the function that g stands for."""
        if g in self.unknowns:
            return self._invert_unknown(g, value, p)
        function = self.domain.constants[g]
        inverse = {sympy.exp: sympy.log, sympy.tanh: sympy.atanh}.get(type(function))
        if inverse is None or value.has(p):
            return None
        return _solve_argument(function.args[0], inverse(value), p)

    def _invert_unknown(self, unknown, value, p):
        for exponential, relation in self.landau.relations.items():
            if relation.free_symbols == {unknown}:
                argument = exponential.args[0].xreplace({unknown: value})
                target = sympy.log(rational(relation.xreplace({unknown: value})))
                return None if target.has(p) else _solve_argument(argument, target, p)
        return None

    def at_critical(self, expr):
        """An expression on the critical line: T = T_c, or the solved constant replaced by its value."""
        if not self.hidden:
            return expr if self.temperature is None else rational(expr.xreplace({T: self.temperature}))
        if self.solved is None:
            return expr
        g, power, value = self.solved
        element = self.domain.run(lambda: self.domain(expr))
        replaced = _substitute_power(element.as_expr(), g, power, value)
        return self.shown(sympy.factor(replaced))

    @cached_property
    def slope(self):
        """da2/dT along the symmetric solution."""
        a2 = self.landau.coefficients[2]
        total = a2.diff(T)
        for u, right in self.landau.about.unknowns.items():
            rate = right.diff(T) / (1 - right.diff(u))
            total += a2.diff(u) * rate
        return self._with_relations(total)

    def _with_relations(self, expr):
        domain = Coefficients()
        for exponential, value in self.landau.relations.items():
            domain.relate(exponential, value)
        return domain.run(lambda: domain.expression(domain(expr)))

    @cached_property
    def tricritical(self):
        """`Tricritical` in closed form, or None."""
        if self.kernel is None or self.landau.cubic:
            return None
        quartic = self._live_factors(self.landau.coefficients[4])
        for q in quartic:
            for point in self._tricritical_points(q):
                if (checked := self._checked(point)) is not None:
                    return checked
        return None

    def _tricritical_points(self, quartic):
        hidden = [c for c in (*self.unknowns, *self.domain.constants) if (self.kernel * quartic).has(c)]
        if not hidden:
            yield from self._algebraic_points(quartic)
        elif len(hidden) == 1 and self.solved is not None:
            g, power, value = self.solved
            remainder = sympy.numer(sympy.together(_substitute_power(quartic, g, power, value)))
            for t in _roots(remainder, T):
                at = rational(value.xreplace({T: t}))
                at = at if power == 1 else sympy.sqrt(at)
                for p in self.lines:
                    x = self.invert(g, at, p)
                    x = None if x is None else _rational_argument(x.xreplace({T: t}))
                    if x is not None:
                        yield {T: t, p: x}

    def _algebraic_points(self, quartic):
        t = self._polynomial_temperature
        if t is None:
            return
        remainder = sympy.numer(sympy.together(quartic.xreplace({T: t})))
        for p in sorted(remainder.free_symbols, key=str):
            for x in _roots(remainder, p):
                yield {T: rational(t.xreplace({p: x})), p: x}

    def _checked(self, point):
        """Keep a point that is real, at T > 0, where a2 and a4 vanish at the default parameters."""
        known = _defaults(self.landau)
        try:
            numbers = {**known, **{str(s): evaluate(v, known, 20) for s, v in point.items()}}
            numbers.update({str(s): evaluate(v, numbers, 20) for s, v in point.items()})
            numbers = with_unknowns(self.landau, numbers, 20)
            a2, a4 = (evaluate(self.landau.coefficients[n], numbers, 20) for n in (2, 4))
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None
        real = all(mpmath.im(x) == 0 for x in numbers.values())
        if not real or numbers["T"] <= 0 or abs(a2) + abs(a4) > VANISHING:
            return None
        return Tricritical(point, self._a6(point))

    def _a6(self, point):
        if 6 not in self.landau.coefficients:
            return S.NaN
        a6 = self.at_critical(self.landau.coefficients[6])
        return rational(a6.xreplace(point)) if not a6.has(*self.unknowns) else a6


def exponents(landau, tricritical=False, n=1):
    """Exponents of the transition with their amplitudes on the critical line.

    f = a2 m^2/2 + a4 m^4/4: m^2 = |a2|/a4, chi_+ = 1/a2, chi_- = 1/(2|a2|), h = a4 m^3, c jumps by T_c a2'^2/(2 a4).
    Tricritical, f = a2 m^2/2 + a6 m^6/6: m^4 = |a2|/a6, chi_- = 1/(4|a2|), h = a6 m^5,
    c = T_c^(1/2) a2'^(3/2)/(4 a6^(1/2)) t^(-1/2) below T_c. With `n` equal amplitudes of several equivalent ones a4 is
    that of their state and the specific heat counts all.
    """
    if n > 1 and landau.competition is None:
        raise InputError(f"{landau.theory.model.name} has no {n} equivalent order parameters with a quartic competition")
    critical = landau.criticality
    if critical.kernel is None or landau.cubic:
        raise InputError(f"{landau.theory.model.name} has no continuous transition: there are no critical exponents")
    at, typical = _reader(critical, tricritical), _critical_values(landau)
    tc = at(T)
    slope = at(critical.slope)
    above = rational(1 / (tc * slope))
    if tricritical:
        a6 = at(landau.coefficients[6])
        amplitudes = (_root(tc * slope / a6, 4), above, above / 4, _root(1 / a6, 5),
                      _root(tc * slope**3 / (16 * a6), 2))
        return Exponents(Rational(1, 4), S.One, Rational(5), Rational(1, 2), _named(amplitudes, typical), tc)
    a4 = at(landau.coefficients[4] if n == 1 else landau.competition.quartic(n))
    amplitudes = (_root(tc * slope / a4, 2), above, above / 2, _root(1 / a4, 3), rational(n * tc * slope**2 / (2 * a4)))
    return Exponents(S.Half, S.One, Rational(3), S.Zero, _named(amplitudes, typical), critical.temperature)


def _reader(critical, tricritical):
    """Reads expressions at the critical or at the tricritical point."""
    if not tricritical:
        return critical.at_critical
    point = critical.tricritical.point if critical.tricritical else {}
    return lambda e: _rational_argument(critical.at_critical(e).xreplace(point))


def _critical_values(landau):
    """Default parameters with T and the unknowns on the critical line: where signs are read for display."""
    known, parameters = _defaults(landau), landau.theory.model.parameters.values()
    found = roots(landau, landau.values(), 12) if all(p.default is not None for p in parameters) else ()
    return with_unknowns(landau, {**known, "T": found[-1] if found else mpmath.mpf(1)}, 15)


def _named(amplitudes, typical):
    names = ("order parameter", "susceptibility above", "susceptibility below", "critical isotherm", "specific heat")
    return {name: oriented(a, typical) for name, a in zip(names, amplitudes)}


def roots(landau, values, dps=30, span=None):
    """All temperatures where a2 vanishes, ascending, refined to `dps` digits."""
    key = (tuple(sorted((n, str(v)) for n, v in values.items())), dps, span)
    known = landau.criticality.known_roots
    if key not in known:
        known[key] = _roots_of_a2(landau, values, dps, span)
    return known[key]


def _roots_of_a2(landau, values, dps, span):
    critical = landau.criticality
    if critical.kernel is None:
        return ()
    low, high = span or _span(landau, values)
    with mpmath.workdps(15):
        coarse = _critical_function(landau, values, 15, quick=True)
        rough = [_refine(coarse, bracket) for bracket in _brackets(coarse, low, high)]
    with mpmath.workdps(dps + 10):
        function = _critical_function(landau, values, dps + 5)
        return tuple(sorted(x for x in (_polish(function, x, dps) for x in rough) if x > 0))


def _critical_function(landau, values, dps, quick=False):
    """The function of T whose roots are critical: the kernel, or an unknown's own equation where a2 = 0.

    `quick` takes Gaussian averages by the trapezoidal rule in double precision: enough to bracket roots.
    """
    critical = landau.criticality
    kernel = critical.shown(critical.kernel)
    if critical.hidden and critical.hidden[0] in critical.unknowns and critical.solved is not None:
        g, _, value = critical.solved
        own = landau.about.unknowns[g] - g

        def mismatch(t):
            at = {**values, "T": t}
            return evaluate(own, {**at, str(g): evaluate(value, at, dps)}, dps)

        return mismatch
    value = Approximation(kernel) if quick else lambda numbers: evaluate(kernel, numbers, dps)
    return lambda t: value(with_unknowns(landau, {**values, "T": t}, dps))


def _span(landau, values):
    """Temperatures to search: a decade above and three below the scale at which a2 changes."""
    far = mpmath.mpf(10) ** 6
    a2 = [approximate(landau.coefficients[2], with_unknowns(landau, {**values, "T": t}, 15)) for t in (far, 2 * far)]
    slope = (a2[1] - a2[0]) / far
    scale = abs(far - a2[0] / slope) if slope != 0 else mpmath.mpf(1)
    scale = max(scale, *(abs(mpmath.mpf(v)) for v in values.values()), mpmath.mpf(10) ** -3)
    return scale / 512, 8 * scale


def _brackets(function, low, high, points=SCAN_POINTS):
    """Intervals of sign change on a geometric grid, with a search for close pairs of roots at near misses."""
    ratio = (high / low) ** (mpmath.mpf(1) / (points - 1))
    grid = [low * ratio**i for i in range(points)]
    sizes = [_safe(function, t) for t in grid]
    found = []
    for i in range(points - 1):
        if sizes[i] == 0:
            found.append((grid[i], grid[i]))
        elif sizes[i] * sizes[i + 1] < 0:
            found.append((grid[i], grid[i + 1]))
        elif 0 < i and abs(sizes[i]) < min(abs(sizes[i - 1]), abs(sizes[i + 1])) and sizes[i - 1] * sizes[i] > 0:
            found += _close_pair(function, grid[i - 1], grid[i + 1])
    return found


def _close_pair(function, low, high):
    """Look between two points of equal sign for a dip through zero."""
    sign = mpmath.sign(function(low))
    golden = (mpmath.sqrt(5) - 1) / 2
    a, b = low, high
    for _ in range(60):
        c, d = b - golden * (b - a), a + golden * (b - a)
        fc, fd = sign * function(c), sign * function(d)
        if min(fc, fd) <= 0:
            middle = c if fc <= fd else d
            return [(low, middle), (middle, high)]
        a, b = (a, d) if fc < fd else (c, b)
    return []


def _safe(function, t):
    value = function(t)
    return value if mpmath.isfinite(value) else mpmath.mpf(0)


def _refine(function, bracket):
    low, high = bracket
    return low if low == high else mpmath.findroot(function, bracket, solver="anderson", verify=False)


def _polish(function, x, dps):
    """Secant steps at full precision from a root known to about ten digits."""
    close = x * (1 + mpmath.mpf(10) ** -10)
    if function(x) == 0:
        return x
    return mpmath.findroot(function, (x, close), solver="secant", tol=mpmath.mpf(10) ** (-2 * dps), verify=False)


def with_unknowns(landau, numbers, dps):
    """Add the values of the symmetric solution's unknowns at these parameters."""
    unknowns = landau.about.unknowns
    if not unknowns or all(str(u) in numbers for u in unknowns):
        return numbers
    current = {str(u): mpmath.mpf(1) / 2 for u in unknowns}
    with mpmath.workdps(dps + 5):
        for _ in range(200):
            new = {str(u): (evaluate(r, {**numbers, **current}, dps) + current[str(u)]) / 2 for u, r in unknowns.items()}
            change = max(abs(new[u] - current[u]) for u in new)
            current = new
            if change < mpmath.mpf(10) ** -8:
                break
        equations = [r - u for u, r in unknowns.items()]
        names = list(current)
        polished = mpmath.findroot(lambda *x: [evaluate(e, {**numbers, **dict(zip(names, x))}, dps) for e in equations],
                                   [current[n] for n in names], verify=False)
    return {**numbers, **dict(zip(names, polished if len(names) > 1 else [_first(polished)]))}


def _first(x):
    return x[0] if isinstance(x, mpmath.matrix) else x


def tricritical(landau, values, start, dps):
    """The tricritical point as numbers; see `Landau.tricritical`."""
    closed = landau.criticality.tricritical
    if start is None and closed is not None and not set(map(str, closed.point)) & set(map(str, values)):
        return _closed_point(landau, closed, landau.values(values), dps)
    if start is None:
        raise InputError(f"no closed form for the tricritical point of {landau.theory.model.name}: "
                         "give start={'T': guess, parameter: guess}")
    return _tricritical_root(landau, values, {str(k): v for k, v in start.items()}, dps)


def _closed_point(landau, closed, known, dps):
    with mpmath.workdps(dps + 5):
        point = {str(s): evaluate(v, known, dps) for s, v in closed.point.items()}
        numbers = with_unknowns(landau, {**known, **point}, dps)
        return {**point, "a6": evaluate(landau.coefficients.get(6, S.NaN), numbers, dps)}


def _tricritical_root(landau, values, start, dps):
    free = [n for n in start if n != "T"]
    if "T" not in start or len(free) != 1 or free[0] not in landau.theory.model.parameters:
        raise InputError("start gives a guess for T and for one parameter of the model, "
                         f"{', '.join(landau.theory.model.parameters)}: got {', '.join(start)}")
    unknowns = [str(u) for u in landau.about.unknowns]
    equations = [landau.coefficients[2], landau.coefficients[4], *(r - u for u, r in landau.about.unknowns.items())]
    known = {**landau.values({**values, free[0]: start[free[0]]}), "T": start["T"]}
    guess = with_unknowns(landau, known, 15)
    names = ["T", free[0], *unknowns]
    with mpmath.workdps(dps + 5):
        try:
            found = mpmath.findroot(lambda *x: [evaluate(e, {**known, **dict(zip(names, x))}, dps) for e in equations],
                                    [mpmath.mpmathify(guess[n]) for n in names])
        except (ValueError, ZeroDivisionError) as failure:
            raise InputError(f"no tricritical point was found from {start}: try another start") from failure
        point = dict(zip(names, found))
        point["a6"] = evaluate(landau.coefficients.get(6, S.NaN), {**known, **point}, dps)
    return {n: x for n, x in point.items() if n not in unknowns}


def transition(landau, values, dps=12):
    """Kind of the transition at the highest root of a2; see `Landau.transition`."""
    temperatures = roots(landau, values, dps)
    if not temperatures:
        return "none"
    at = with_unknowns(landau, {**values, "T": temperatures[-1]}, dps)
    if landau.cubic and abs(approximate(landau.coefficients[3], at)) > VANISHING:
        return "first-order"
    quartic = approximate(_winning_quartic(landau, at), at)
    scale = abs(approximate(landau.coefficients[6], at)) if 6 in landau.coefficients else 1
    if abs(quartic) < VANISHING * max(scale, 1):
        return "tricritical"
    return "continuous" if quartic > 0 else "first-order"


def _winning_quartic(landau, at):
    competition = landau.competition
    if competition is None:
        return landau.coefficients[4]
    return competition.quartic(competition.size if competition.winner(at) == "parallel" else 1)


def _defaults(landau):
    """Default parameters with one for those that have none."""
    parameters = landau.theory.model.parameters.items()
    return {n: mpmath.mpf(1) if p.default is None else mpmath.mpmathify(p.default) for n, p in parameters}


def _pure_root(kernel, g):
    """(g, power, value) if the kernel is linear in g, or quadratic without a linear term."""
    poly = sympy.Poly(kernel, g)
    terms = dict(poly.terms())
    powers = [k for (k,) in terms if k]
    if powers not in ([1], [2]):
        return None
    return g, powers[0], rational(-terms.get((0,), S.Zero) / terms[(powers[0],)])


def _linear_root(factor, s):
    poly = sympy.Poly(factor, s) if factor.has(s) and factor.is_polynomial(s) else None
    if poly is None or poly.degree() != 1:
        return None
    return rational(-poly.coeff_monomial(1) / poly.coeff_monomial(s))


def _roots(expr, s):
    """Roots of the factors that are linear or purely quadratic in s."""
    found = []
    for factor, _ in sympy.factor_list(expr)[1]:
        if (root := _linear_root(factor, s)) is not None:
            found.append(root)
        elif factor.has(s) and factor.is_polynomial(s) and (pure := _pure_root(factor, s)) is not None:
            found.append(sympy.sqrt(pure[2]))
    return [r for r in found if r != 0]


def _solve_argument(argument, target, p):
    """Solve argument(p) = target for p: the argument is linear in p, or in 1/T for p = T."""
    variable = sympy.Dummy(positive=True)
    shown = argument.xreplace({T: 1 / variable}) if p == T else argument.xreplace({p: variable})
    shown = sympy.expand(shown)
    if target.has(p) or not shown.is_polynomial(variable) or sympy.degree(shown, variable) != 1:
        return None
    root = (target - shown.coeff(variable, 0)) / shown.coeff(variable, 1)
    return 1 / root if p == T else sympy.expand_mul(root) if not shown.coeff(variable, 0) == 0 else root


def _substitute_power(expr, g, power, value):
    """Replace g**power by a value; an odd remainder keeps g."""
    numerator, denominator = sympy.fraction(sympy.together(expr))
    return _reduced(numerator, g, power, value) / _reduced(denominator, g, power, value)


def _reduced(poly, g, power, value):
    if not poly.has(g):
        return poly
    return sympy.Add(*(c * value ** (k // power) * g ** (k % power) for (k,), c in sympy.Poly(poly, g).terms()))


def _rational_argument(expr):
    """Tidy the arguments of logarithms and hyperbolic functions, then the whole."""
    return sympy.factor_terms(expr.replace(lambda e: isinstance(e, (sympy.log, sympy.atanh)), _tidy_function))


def _tidy_function(e):
    tidy = e.func(sympy.cancel(e.args[0]))
    return sympy.expand_log(tidy) if tidy.is_number and isinstance(tidy, sympy.log) else tidy


def _root(expr, n):
    """A positive n-th root of a tidied expression."""
    tidy = rational(expr)
    return sympy.root(tidy, n) if tidy.is_number else sympy.Pow(tidy, Rational(1, n), evaluate=False)
