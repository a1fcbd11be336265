"""Exact truncated Taylor series of the theory's expressions.

A series is a polynomial in a few small amplitudes whose coefficients are rational functions of T, of the
parameters and of *constants* such as tanh(Gamma/T), exp(-Delta/T) or a Gaussian average at zero amplitude.
Every operation is exact arithmetic in that field of rational functions: no expression is ever simplified,
and whether a coefficient vanishes is decided by algebra.
"""

from itertools import product
from math import lcm

import sympy
from sympy import QQ, Dummy, Rational, S
from sympy.polys.fields import FracField

from .averages import DisorderAverage, GaussianAverage
from .errors import InputError
from .functions import Gibbs, LogRadial, LogSumExp, RadialRatio, log2cosh


class _Extend(Exception):
    """A constant outside the present field was met: the computation starts again in a larger one."""


class Coefficients:
    """The field of rational functions that coefficients live in; it grows as constants appear."""

    def __init__(self, symbols=()):
        self.symbols = sorted(symbols, key=str)
        self.constants = {}
        self.relations = {}
        self._rebuild()

    def run(self, compute):
        """Run `compute()` again from the start whenever the field had to grow."""
        while True:
            try:
                return compute()
            except _Extend:
                self._rebuild()

    def relate(self, exponential, value):
        """Write exp(u) as a rational function from here on: exp(u) = value, from an equation of state."""
        self.relations[exponential] = value
        self.constants = {d: e for d, e in self.constants.items() if not isinstance(e, sympy.exp)}
        self.symbols = sorted({*self.symbols, *value.free_symbols}, key=str)
        self._rebuild()

    def _rebuild(self):
        self.field = FracField([*self.symbols, *self.constants], QQ)
        self._generators = dict(zip([*self.symbols, *self.constants], self.field.gens))

    zero = property(lambda self: self.field.zero)
    one = property(lambda self: self.field.one)

    def number(self, p, q=1):
        """The rational number p/q as a coefficient."""
        return self.field.ground_new(QQ(p, q))

    def expression(self, element):
        """A coefficient as a factored SymPy expression."""
        shown = sympy.factor(element.as_expr())
        return shown.xreplace(self.constants) if self.constants else shown

    def __call__(self, expr):
        """The coefficient of a constant expression."""
        expr = sympy.sympify(expr)
        if expr.is_Rational:
            return self.number(expr.p, expr.q)
        if expr.is_Float:
            exact = Rational(str(expr))
            return self.number(exact.p, exact.q)
        if expr.is_Symbol:
            return self._symbol(expr)
        if expr.is_Add:
            return sum((self(a) for a in expr.args), self.zero)
        if expr.is_Mul:
            return _product([self(a) for a in expr.args], self.one)
        if expr.is_Pow:
            return self._power(*expr.args)
        return self._function(expr)

    def _symbol(self, s):
        if s not in self._generators:
            self.symbols = sorted([*self.symbols, s], key=str)
            raise _Extend
        return self._generators[s]

    def _power(self, base, exponent):
        if exponent.is_Integer:
            return self(base) ** int(exponent)
        if base == sympy.E:
            return self.exp(self(exponent))
        return self.power(self(base), exponent)

    def power(self, element, exponent):
        """element**exponent for a rational exponent; perfect powers stay rational."""
        if element == self.one:
            return element
        shown = self.expression(element)
        if shown.is_Rational:
            value = shown**exponent
            return self(value) if value.is_Rational else self.constant(shown ** Rational(1, exponent.q)) ** int(exponent.p)
        root = self._perfect_root(element, exponent.q)
        if root is not None:
            return root ** int(exponent.p)
        return self.constant(self.expression(element) ** Rational(1, exponent.q)) ** int(exponent.p)

    def _perfect_root(self, element, n):
        """The n-th root as a rational function: enough for functions even in a modulus such as sqrt(Gamma^2)."""
        content, factors = element.numer.factor_list()
        lower_content, lower = element.denom.factor_list()
        ratio = Rational(str(content)) / Rational(str(lower_content))
        root = sympy.root(ratio, n) if ratio > 0 else None
        if root is None or not root.is_Rational or any(k % n for _, k in factors + lower):
            return None
        top = _product([self.field.new(p, self.field.ring.one) ** (k // n) for p, k in factors], self.one)
        bottom = _product([self.field.new(p, self.field.ring.one) ** (k // n) for p, k in lower], self.one)
        return self.number(root.p, root.q) * top / bottom

    def exp(self, element):
        """exp of a coefficient; exponents in a rational ratio share one constant."""
        if element == self.zero:
            return self.one
        exponent = self.expression(element)
        plain = sympy.exp(sympy.expand(exponent))
        if not isinstance(plain, sympy.exp):
            return self(plain)
        for known, value in self.relations.items():
            ratio = sympy.cancel(exponent / known.args[0])
            if ratio.is_Rational:
                return self.power(self(value), ratio) if not ratio.is_Integer else self(value) ** int(ratio)
        for dummy, known in self.constants.items():
            if isinstance(known, sympy.exp):
                ratio = sympy.cancel(exponent / known.args[0])
                if ratio.is_Integer:
                    return self._generators[dummy] ** int(ratio)
                if ratio.is_Rational:
                    self.constants[dummy] = sympy.exp(known.args[0] / lcm(1, ratio.q))
                    raise _Extend
        if sympy.factor_terms(exponent).could_extract_minus_sign():
            return 1 / self.constant(sympy.exp(-exponent))
        return self.constant(sympy.exp(exponent))

    def _function(self, expr):
        if isinstance(expr, sympy.exp):
            return self.exp(self(expr.args[0]))
        if isinstance(expr, (sympy.cosh, sympy.sinh)):
            return self(expr.rewrite(sympy.exp))
        args = [self.expression(self(a)) for a in expr.args] if not isinstance(expr, (GaussianAverage, DisorderAverage)) \
            else expr.args
        value = expr.func(*args)
        return self.constant(value) if isinstance(value, expr.func) else self(value)

    def constant(self, expr):
        """The generator that stands for a transcendental constant; odd functions shed their sign."""
        for dummy, known in self.constants.items():
            if known == expr:
                return self._generators[dummy]
        if expr.could_extract_minus_sign() and expr.is_Mul:
            return -self.constant(-expr)
        if not expr.has(sympy.Function, GaussianAverage, DisorderAverage, sympy.Pow) and expr.is_Rational:
            return self(expr)
        self.constants[Dummy(f"c{len(self.constants)}", real=True)] = expr
        raise _Extend

    def constants_in(self, element):
        """The dummies of the constants that a coefficient contains."""
        return [d for d in self.constants if element.as_expr().has(d)]


class Series:
    """A polynomial in the amplitudes, truncated beyond a total degree; `terms` maps exponents to coefficients."""

    __slots__ = ("domain", "size", "order", "terms")

    def __init__(self, domain, size, order, terms):
        self.domain, self.size, self.order = domain, size, order
        self.terms = {k: c for k, c in terms.items() if c != 0}

    def new(self, terms):
        """A series of the same kind."""
        return Series(self.domain, self.size, self.order, terms)

    def scalar(self, c):
        """A constant series."""
        return self.new({(0,) * self.size: c})

    @property
    def base(self):
        """The coefficient at zero amplitude."""
        return self.terms.get((0,) * self.size, self.domain.zero)

    @property
    def shift(self):
        """The series less its constant term."""
        return self.new({k: c for k, c in self.terms.items() if any(k)})

    def __add__(self, other):
        terms = dict(self.terms)
        for k, c in other.terms.items():
            terms[k] = terms[k] + c if k in terms else c
        return self.new(terms)

    def __neg__(self):
        return self.scale(self.domain.number(-1))

    def __sub__(self, other):
        return self + (-other)

    def scale(self, c):
        """The series times a coefficient."""
        return self.new({k: c * x for k, x in self.terms.items()})

    def __mul__(self, other):
        terms = {}
        for k, c in self.terms.items():
            room = self.order - sum(k)
            for l, x in other.terms.items():
                if sum(l) <= room:
                    key = tuple(map(int.__add__, k, l))
                    terms[key] = terms[key] + c * x if key in terms else c * x
        return self.new(terms)

    def compose(self, taylor):
        """sum_n taylor[n] shift^n for a function's Taylor coefficients at the base."""
        shift, result = self.shift, self.scalar(self.domain.zero)
        for c in reversed(taylor):
            result = result * shift + self.scalar(c)
        return result

    def power(self, exponent):
        """self**exponent for a rational exponent."""
        if exponent.is_Integer and exponent >= 0:
            return _product([self] * int(exponent), self.scalar(self.domain.one))
        if self.base == 0:
            raise InputError("the energy is not smooth at the symmetric solution: a power diverges there")
        return self.compose(_binomial(self.domain, self.base, exponent, self.order))

    def degree(self, n):
        """The homogeneous part of degree n as {exponents: coefficient}."""
        return {k: c for k, c in self.terms.items() if sum(k) == n}


def _product(factors, one):
    result = one
    for f in factors:
        result = result * f
    return result


def _binomial(domain, base, r, order):
    coefficient, taylor = domain.power(base, r) if not r.is_Integer else base ** int(r), []
    for n in range(order + 1):
        taylor.append(coefficient)
        step = (r - n) / (n + 1)
        coefficient = coefficient * domain.number(step.p, step.q) / base
    return taylor


class Expander:
    """Evaluates expressions on series: `expander(expr)` is the Taylor series of `expr` in the amplitudes.

    Parameters
    ----------
    domain : Coefficients
    variables : {symbol: Series}, the small quantities; all other symbols are constants
    """

    def __init__(self, domain, variables):
        self.domain, self.variables = domain, dict(variables)
        self.like = next(iter(self.variables.values()))
        self._known = {}

    def __call__(self, expr):
        if expr not in self._known:
            self._known[expr] = self._expand(expr)
        return self._known[expr]

    def _expand(self, expr):
        if expr in self.variables:
            return self.variables[expr]
        if not expr.free_symbols & set(self.variables):
            return self._constant(expr)
        if expr.is_Add:
            return sum((self(a) for a in expr.args[1:]), self(expr.args[0]))
        if expr.is_Mul:
            return _product([self(a) for a in expr.args[1:]], self(expr.args[0]))
        if expr.is_Pow and expr.exp.is_Rational:
            return self(expr.base).power(expr.exp)
        rule = next((r for cls, r in _RULES.items() if isinstance(expr, cls)), None)
        if rule is None:
            raise InputError(f"no Taylor series for {type(expr).__name__}: use smooth functions of the order parameters")
        return rule(self, *expr.args)

    def _constant(self, expr):
        if isinstance(expr, (DisorderAverage, GaussianAverage)):
            return _RULES[type(expr)](self, *expr.args)
        if expr.is_Add or expr.is_Mul:
            parts = [self._constant(a) for a in expr.args]
            return sum(parts[1:], parts[0]) if expr.is_Add else _product(parts[1:], parts[0])
        rule = _RULES.get(type(expr))
        return rule(self, *expr.args) if rule else self.like.scalar(self.domain(expr))

    def with_variables(self, extra):
        """The same expander with more symbols replaced."""
        return Expander(self.domain, self.variables | extra)

    def at_base(self, expr):
        """An expression with every small quantity at its base, as an expression."""
        return expr.xreplace({v: self.domain.expression(s.base) for v, s in self.variables.items()})

    # One method for each function; the Taylor coefficients come from its differential equation.

    def exp(self, x):
        key = sympy.exp(x, evaluate=False)
        if key not in self._known:
            self._known[key] = self._exp(x)
        return self._known[key]

    def _exp(self, x):
        series, value = self(x), self.domain.one
        taylor = []
        for n in range(series.order + 1):
            taylor.append(value)
            value = value / (n + 1)
        return series.compose(taylor).scale(self.domain.exp(series.base))

    def log(self, x):
        series, domain = self(x), self.domain
        base = series.base
        first = domain.zero if base == domain.one else domain(sympy.log(domain.expression(base)))
        return series.compose([first] + [domain.number((-1) ** (n + 1), n) / base**n for n in range(1, series.order + 1)])

    def tanh(self, x):
        series = self(x)
        return series.compose(self._tanh_taylor(series))

    def _tanh_taylor(self, series):
        t = [self.domain(sympy.tanh(self.domain.expression(series.base)))]
        for n in range(series.order):
            square = sum((t[i] * t[n - i] for i in range(n + 1)), self.domain.zero)
            t.append(((self.domain.one if n == 0 else self.domain.zero) - square) / (n + 1))
        return t

    def log2cosh(self, x):
        series = self(x)
        first = self.domain(log2cosh(self.domain.expression(series.base)))
        return series.compose([first] + [t / (n + 1) for n, t in enumerate(self._tanh_taylor(series)[:-1])])

    def hyperbolic(self, x, sign):
        up, down = self.exp(x), self.exp(-x)
        return (up + (down if sign > 0 else -down)).scale(self.domain.number(1, 2))

    def trigonometric(self, x, phase):
        series = self(x)
        base = self.domain.expression(series.base)
        s, c = self.domain(sympy.sin(base)), self.domain(sympy.cos(base))
        cycle = [s, c, -s, -c]
        return series.compose([cycle[(n + phase) % 4] / sympy.factorial(n) for n in range(series.order + 1)])

    def log_sum_exp(self, *xs):
        total = sum((self.exp(x) for x in xs[1:]), self.exp(xs[0]))
        shown = Dummy("total")
        return self.with_variables({shown: total}).log(shown)

    def gibbs(self, i, *xs):
        key = sympy.Tuple(*xs)
        if key not in self._known:
            weights = [self.exp(x) for x in xs]
            self._known[key] = sum(weights[1:], weights[0]).power(S.NegativeOne)
        return self.exp(xs[int(i) - 1]) * self._known[key]

    def log_radial(self, b, w):
        series = self(w)
        first = self.domain(LogRadial(b, self.domain.expression(series.base)))
        return series.compose([first] + [r / (n + 1) for n, r in enumerate(self._radial_taylor(b, series)[:-1])])

    def radial_ratio(self, b, w):
        series = self(w)
        return series.compose(self._radial_taylor(b, series))

    def _radial_taylor(self, b, series):
        """From (w0 + s) R' = 1 - b R - (w0 + s) R^2, the Riccati form of the Bessel equation."""
        zero, w0 = self.domain.zero, series.base
        r = [_radial_constant(self.domain, b, w0)]
        b = self.domain(b)
        for n in range(series.order + 1):
            inner = sum((r[i] * r[n - 1 - i] for i in range(n)), zero)
            source = (self.domain.one if n == 0 else zero) - inner
            if w0 == 0:
                if n:
                    r.append(source / (b + n))
                continue
            square = sum((r[i] * r[n - i] for i in range(n + 1)), zero)
            r.append((source - (b + n) * r[n] - w0 * square) / (w0 * (n + 1)))
        return r[: series.order + 1]

    def disorder(self, f, *variables):
        """Averages the coefficients by moments; only variables inside a nonlinear function at the base are enumerated."""
        names = {v[0] for v in variables}
        inside = set().union(*(self.at_base(a).free_symbols for a in _arguments(f))) & names if names else set()
        outside = [v for v in variables if v[0] not in inside]
        listed = [v for v in variables if v[0] in inside]
        total = None
        for weight, values in _configurations(listed):
            part = self(_at(f, values)).scale(self.domain(weight))
            total = part if total is None else total + part
        return total.new({k: self._moments(c, outside) for k, c in total.terms.items()})

    def _moments(self, c, variables):
        for x, values, probabilities in variables:
            c = _linear_average(self.domain, c, x, lambda n: sum(p * v**n for v, p in zip(values, probabilities)))
        return c

    def gaussian(self, f, x, mean, variance):
        """E f(x): Taylor coefficients in mean and variance are averages of derivatives (Stein, heat equation)."""
        centre, spread = self(mean), self(variance)
        if spread.base == 0:
            point, average = centre, lambda c: c
        else:
            point = self.like.scalar(self.domain(x)) + centre.shift
            average = lambda c: self._gaussian_constant(c, x, centre.base, spread.base)
        total, factor, growth = None, self.like.scalar(self.domain.one), spread.shift
        for k in range(self.like.order + 1):
            part = self.with_variables({x: point})(f)
            part = part.new({key: average(c) for key, c in part.terms.items()}) * factor
            total = part if total is None else total + part
            factor = (factor * growth).scale(self.domain.number(1, 2 * (k + 1)))
            if not factor.terms:
                break
            f = f.diff(x, 2)
        return total

    def _gaussian_constant(self, c, x, mean, variance):
        """E c(x) at the base, split into averages of monomials where the denominator allows."""
        domain = self.domain
        own = [x, *(d for d, e in domain.constants.items() if e.has(x) and not _binds(e, x))]
        if not any(c.as_expr().has(s) for s in own):
            return c
        args = (x, domain.expression(mean), domain.expression(variance))
        if any(c.denom.as_expr().has(s) for s in own):
            return self._average_constant(domain.expression(c), *args)
        places = [i for i, g in enumerate([*domain.symbols, *domain.constants]) if g in own]
        groups = {}
        for monomial, k in c.numer.terms():
            key = tuple(monomial[i] for i in places)
            rest = tuple(0 if i in places else e for i, e in enumerate(monomial))
            term = domain.field.new(domain.field.ring.term_new(rest, k), domain.field.ring.one)
            groups[key] = groups.get(key, domain.zero) + term
        gens = [([*domain.symbols, *domain.constants])[i] for i in places]
        total = domain.zero
        for key, rest in groups.items():
            monomial = sympy.Mul(*(domain.constants.get(g, g) ** e for g, e in zip(gens, key)))
            total += rest * self._average_constant(monomial, *args)
        return total / domain.field.new(c.denom, domain.field.ring.one)

    def _average_constant(self, f, x, mean, variance):
        if not f.has(x):
            return self.domain(f)
        if mean == 0 and (f.xreplace({x: -x}) + f).expand() == 0:
            return self.domain.zero
        return self.domain.constant(GaussianAverage(f, x, mean, variance))


def _binds(expr, x):
    return isinstance(expr, GaussianAverage) and expr.variable == x


def _radial_constant(domain, b, w0):
    if w0 == 0:
        return 1 / domain(b)
    if b == Rational(1, 2):
        root = domain.power(w0, Rational(1, 2))
        return domain(sympy.tanh(domain.expression(2 * root))) / root
    if (2 * b).is_Integer and b > 1 and not b.is_Integer:
        lower = _radial_constant(domain, b - 1, w0)
        return (1 - domain(b - 1) * lower) / (w0 * lower)
    return domain.constant(RadialRatio(b, domain.expression(w0)))


def _linear_average(domain, c, x, moment):
    """Replace powers of x in a numerator by moments."""
    if not c.as_expr().has(x):
        return c
    place = domain.symbols.index(x)
    groups = {}
    for monomial, k in c.numer.terms():
        rest = (*monomial[:place], 0, *monomial[place + 1:])
        term = domain.field.new(domain.field.ring.term_new(rest, k), domain.field.ring.one)
        groups[monomial[place]] = groups.get(monomial[place], domain.zero) + term
    total = sum((rest * domain(moment(n)) for n, rest in groups.items()), domain.zero)
    return total / domain.field.new(c.denom, domain.field.ring.one)


def _arguments(expr):
    """Everything that decides a Taylor expansion's base: arguments of functions, bases of negative powers."""
    found = []
    for node in sympy.preorder_traversal(expr):
        if isinstance(node, sympy.Function):
            found += node.args
        elif isinstance(node, GaussianAverage):
            found += node.args[2:]
        elif node.is_Pow and not (node.exp.is_Integer and node.exp > 0):
            found.append(node.base)
    return found


def _configurations(variables):
    for choice in product(*(list(zip(v[1], v[2])) for v in variables)):
        yield sympy.Mul(*(p for _, p in choice)), {v[0]: value for v, (value, _) in zip(variables, choice)}


def _at(expr, values):
    return expr.subs(values, simultaneous=True) if expr.has(GaussianAverage) else expr.xreplace(values)


_RULES = {
    sympy.exp: Expander.exp,
    sympy.log: Expander.log,
    sympy.tanh: Expander.tanh,
    sympy.cosh: lambda self, x: self.hyperbolic(x, 1),
    sympy.sinh: lambda self, x: self.hyperbolic(x, -1),
    sympy.sin: lambda self, x: self.trigonometric(x, 0),
    sympy.cos: lambda self, x: self.trigonometric(x, 1),
    log2cosh: Expander.log2cosh,
    LogSumExp: Expander.log_sum_exp,
    Gibbs: Expander.gibbs,
    LogRadial: Expander.log_radial,
    RadialRatio: Expander.radial_ratio,
    DisorderAverage: Expander.disorder,
    GaussianAverage: Expander.gaussian,
}
