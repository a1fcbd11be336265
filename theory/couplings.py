"""Quenched couplings: the random part of a Hamiltonian, by what it does to the overlap matrix of replicas.

After the disorder average a Hamiltonian depends on the overlaps Q_ab = (1/N) sum_i s_i^a s_i^b alone, in one of three ways:
elementwise, (beta^2/2) sum_ab c(Q_ab); spectral, tr G(beta Q); through a channel, load log E_{u ~ N(0, Q)} prod_a gate(u_a).
"""

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product

import mpmath
import sympy
from sympy import Expr, S, sympify

from .errors import InputError
from .symbols import symbol

# Taylor coefficients of a covariance that are looked at, where it is no polynomial: up to this degree, by the number of overlaps.
DEGREES = {1: 12, 2: 6}
# Where the values of a smooth gate are looked at, and where its growth is.
GRID, FAR = [k / 20 for k in range(-200, 201)], (-1e4, -1e3, 1e3, 1e4)
NOT_ANALYTIC = (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.DiracDelta, sympy.Max, sympy.Min, sympy.Piecewise)
# The argument of a gate: the stability of a pattern, u = sum_i w_i xi_i / sqrt(N).
STABILITY = symbol("u")


def step(x):
    """The gate's step function: 1 for x > 0, 0 for x < 0."""
    return sympy.Heaviside(x)


@dataclass(frozen=True)
class GaussianCouplings:
    """Gaussian random energy with E[H(s) H(s')] = N covariance(overlaps).

    Parameters
    ----------
    covariance : c(q), an expression in the overlap symbols
    overlaps : {symbol: site variable}; by default q is the overlap of the site's only variable
    """

    covariance: Expr
    overlaps: dict = field(default_factory=dict)

    kind = "elementwise"

    def __post_init__(self):
        object.__setattr__(self, "covariance", sympify(self.covariance))
        if self.covariance.has(*NOT_ANALYTIC):
            raise InputError(f"a covariance must be a power series in the overlap: {self.covariance} is not analytic at 0")

    @property
    def free_symbols(self):
        return self.covariance.free_symbols

    def check(self, values):
        """Refuse what is no covariance at these parameter values, {symbol: number}.

        E[H H'] = N c(q) is positive definite at every N where no Taylor coefficient of c at q = 0 is negative
        [I. J. Schoenberg, Duke Math. J. 9, 96 (1942)].
        """
        overlaps = tuple(self.overlaps) or (symbol("q"),)
        found = _at(self.covariance, values)
        if found.free_symbols - set(overlaps):
            return
        for powers, coefficient in _taylor(found, overlaps):
            term = "*".join(f"{q}**{k}" if k > 1 else str(q) for q, k in zip(overlaps, powers) if k) or "1"
            if coefficient is None:
                raise InputError(f"a covariance must be a power series in the overlap: {self.covariance} is not analytic at 0")
            if coefficient < 0:
                raise InputError(f"covariance {self.covariance} is none: the coefficient of {term} is negative, {coefficient:g}")


def _at(expr, values):
    """`expr` at parameter values; integers stay integers, so that powers of the overlap do."""
    used = {s: values[s] for s in expr.free_symbols & set(values)}
    return expr.xreplace({s: sympy.Integer(int(v)) if v == int(v) else sympy.Float(v) for s, v in used.items()})


@lru_cache(maxsize=4096)
def _taylor(covariance, overlaps):
    """[(powers, coefficient)] of a covariance about overlaps 0; None where there is no such coefficient."""
    if covariance.is_polynomial(*overlaps):
        return [(powers, float(c)) for powers, c in sympy.Poly(covariance, *overlaps).terms()]
    degree, found = DEGREES.get(len(overlaps), 3), []
    zero = dict.fromkeys(overlaps, S.Zero)
    derivatives = {(0,) * len(overlaps): covariance}
    for powers in sorted(product(range(degree + 1), repeat=len(overlaps)), key=sum):
        if sum(powers) > degree:
            break
        if powers not in derivatives:
            i = next(i for i, k in enumerate(powers) if k)
            lower = tuple(k - (j == i) for j, k in enumerate(powers))
            derivatives[powers] = derivatives[lower].diff(overlaps[i])
        value = derivatives[powers].subs(zero)
        finite = value.is_number and value.is_finite and value.is_real
        # Coefficients that cancel to rounding errors are none.
        size = float(value) / math.prod(map(math.factorial, powers)) if finite else None
        found.append((powers, 0.0 if size is not None and abs(size) < 1e-13 else size))
    return found


def _check_load(load, values):
    """Refuse a load that is negative at these parameter values."""
    number = load.xreplace(values)
    if number.is_number and number < 0:
        raise InputError(f"a load must not be negative: {load} is {float(number):g}")


@dataclass(frozen=True)
class DenseLoad:
    """Crosstalk of load N^(p-1) random patterns stored by p-body couplings, p >= 3.

    Parameters
    ----------
    load : alpha
    p : number of spins that interact
    full_power : keep coinciding indices, H = -(N/p) sum m^p, instead of distinct ones. They are different models: with coinciding
        indices the lower Hermite components of m^p survive in the covariance.
    """

    load: Expr
    p: int
    full_power: bool = False
    overlaps: dict = field(default_factory=dict)

    kind = "elementwise"

    def __post_init__(self):
        object.__setattr__(self, "load", sympify(self.load))
        if int(self.p) != self.p or self.p < 3:
            raise InputError(f"dense couplings need an integer p of at least 3: got {self.p}; pairwise ones are a Hebbian load")

    def check(self, values):
        """Refuse a negative load at these parameter values, {symbol: number}."""
        _check_load(self.load, values)

    @property
    def free_symbols(self):
        return self.load.free_symbols

    @cached_property
    def covariance(self):
        """c(q): load (p-1)! q^p / p, or (load/p^2) Cov(g^p, g'^p) of standard Gaussians of correlation q."""
        q = next(iter(self.overlaps), symbol("q"))
        if not self.full_power:
            return self.load * sympy.factorial(self.p - 1) * q**self.p / self.p
        return sympy.expand(self.load / self.p**2 * sum(_hermite(self.p, j) ** 2 * sympy.factorial(j) * q**j
                                                        for j in range(self.p, 0, -2)))


def _hermite(p, j):
    """Coefficient of the Hermite polynomial He_j in x^p (Wick pairings of the other p - j factors)."""
    return sympy.binomial(p, j) * sympy.factorial2(p - j - 1)


@dataclass(frozen=True)
class HebbianLoad:
    """Crosstalk of load N random patterns stored by pairwise couplings: G(y) = -(load/2) log(1 - scale y).

    Parameters
    ----------
    load : alpha
    scale : variance of a pattern's entries times the strength of its couplings
    overlap : symbol of the overlap, on `variable` (None: the site's only one)
    noise : symbol under which the variance of the crosstalk over the load is reported, or None
    """

    load: Expr
    scale: Expr = S.One
    overlaps: dict = field(default_factory=dict)
    noise: sympy.Symbol | None = None

    kind = "spectral"

    def __post_init__(self):
        object.__setattr__(self, "load", sympify(self.load))
        object.__setattr__(self, "scale", sympify(self.scale))

    def check(self, values):
        """Refuse a negative load at these parameter values, {symbol: number}."""
        _check_load(self.load, values)

    @property
    def free_symbols(self):
        return self.load.free_symbols | self.scale.free_symbols

    def spectral(self, y):
        """G at the eigenvalue(s) y = (beta lambda,) of beta Q."""
        return -self.load / 2 * sympy.log(1 - self.scale * y[0])


@dataclass(frozen=True)
class BipartiteLoad:
    """Crosstalk of load sqrt(N1 N2) pairs of random patterns between two layers: G(y1, y2) = -(load/2) log(1 - y1 y2).

    Parameters
    ----------
    load : alpha
    overlaps : {symbol: site variable} of the two layers
    """

    load: Expr
    overlaps: dict

    kind = "spectral"

    def __post_init__(self):
        object.__setattr__(self, "load", sympify(self.load))
        if len(self.overlaps) != 2:
            raise InputError("a bipartite load couples two overlaps: give {symbol: site variable} for both layers")

    def check(self, values):
        """Refuse a negative load at these parameter values, {symbol: number}."""
        _check_load(self.load, values)

    @property
    def free_symbols(self):
        return self.load.free_symbols

    def spectral(self, y):
        """G at the eigenvalues y = (beta lambda_1, beta lambda_2)."""
        return -self.load / 2 * sympy.log(1 - y[0] * y[1])


@dataclass(frozen=True)
class PatternConstraints:
    """load N random patterns, each of which weighs the configuration by gate(u), u = sum_i w_i xi_i / sqrt(N): perceptrons.

    Parameters
    ----------
    load : alpha
    gate : expression in `STABILITY` (the symbol u), not negative; None is step(u - margin)
    margin : kappa, used where no gate is given
    teacher : the patterns' labels are those of a teacher with weights of the same kind, whose gate is step(u)
    """

    load: Expr
    gate: Expr | None = None
    margin: Expr = S.Zero
    teacher: bool = False
    overlaps: dict = field(default_factory=dict)

    kind = "channel"

    def __post_init__(self):
        object.__setattr__(self, "load", sympify(self.load))
        gate = step(STABILITY - sympify(self.margin)) if self.gate is None else sympify(self.gate)
        object.__setattr__(self, "gate", gate)
        if not gate.has(STABILITY):
            raise InputError(f"the gate must depend on the stability {STABILITY}: got {gate}")

    def check(self, values):
        """Refuse a load or a gate's values that are negative, and a gate without a finite mean, at these parameter values."""
        _check_load(self.load, values)
        gate = self.gate.xreplace({s: sympy.Float(v) for s, v in values.items() if s != STABILITY})
        if not gate.free_symbols - {STABILITY} and (reason := _refused(gate, self.steps is not None)):
            raise InputError(f"the gate {self.gate} {reason}")
        for _, steps in self.products() if self.steps is not None and len(self.steps) > 1 else ():
            low, high = ([float(edge.xreplace(values)) for edge, rises in steps if rises == side] for side in (True, False))
            if low and high and max(low) >= min(high):
                raise InputError(f"the gate {self.gate} has an empty interval, from {max(low):g} to {min(high):g}: leave it out")

    @property
    def free_symbols(self):
        return self.load.free_symbols | self.gate.free_symbols - {STABILITY}

    @cached_property
    def steps(self):
        """((edge, rises), ...) of a piecewise constant gate: where its steps lie and whether they go up; None if it is not one."""
        atoms = sorted(self.gate.atoms(sympy.Heaviside), key=sympy.default_sort_key)
        edges = tuple(_edge(s.args[0]) for s in atoms)
        flat = not self.gate.xreplace({s: sympy.Dummy() for s in atoms}).has(STABILITY)
        return edges if atoms and flat and None not in edges else None

    def value(self, above):
        """The gate's value where u lies above (True) or below each edge of `steps`."""
        atoms = sorted(self.gate.atoms(sympy.Heaviside), key=sympy.default_sort_key)
        on = {s: S.One if rises == over else S.Zero for s, (_, rises), over in zip(atoms, self.steps, above)}
        return self.gate.xreplace(on)

    def products(self):
        """[(coefficient, ((edge, rises), ...))] of a piecewise constant gate, written as a polynomial in its steps."""
        found = []
        for chosen in product((0, 1), repeat=len(self.steps)):
            # Moebius inversion over the steps that are on.
            subsets = product(*((0, 1) if c else (0,) for c in chosen))
            coefficient = sympy.expand(sympy.Add(*((-1) ** (sum(chosen) - sum(on)) * self._with(on) for on in subsets)))
            if coefficient != 0:
                found.append((coefficient, tuple(step for step, c in zip(self.steps, chosen) if c)))
        return found

    def _with(self, on):
        return self.value([rises == bool(x) for x, (_, rises) in zip(on, self.steps)])


def _edge(argument):
    """(place, rises) of a step in u, or None where its argument is not linear with a number as its slope."""
    slope = sympy.expand(argument).coeff(STABILITY)
    rest = sympy.expand(argument - slope * STABILITY)
    if not slope.is_number or slope == 0 or rest.has(STABILITY):
        return None
    return -rest / slope, bool(slope > 0)


@lru_cache(maxsize=4096)
def _refused(gate, flat):
    """What speaks against a gate, a function of the stability alone, or None."""
    call = sympy.lambdify(STABILITY, gate, [{"Heaviside": lambda x, *_: mpmath.mpf(x > 0)}, "mpmath"])
    places = _between(gate) if flat else GRID
    values = [_number(call, u) for u in places]
    for u, value in zip(places, values):
        if value is None or mpmath.isinf(value):
            return f"must be a finite real number: it is none at u = {u:g}"
        if value < 0:
            return f"must not be negative: it is {float(value):g} at u = {u:g}"
    if not any(values):
        return "vanishes at every u: no configuration has a weight"
    for u in FAR if not flat else ():
        value = _number(call, u)
        # E gate(u) over N(0, 1) converges where gate(u) exp(-u^2/2) decays faster than 1/|u|.
        if value is None or value > 0 and mpmath.log(value) - u**2 / 2 > -math.log(abs(u)):
            return "grows too fast: its average over a standard Gaussian u must be finite, which needs less than exp(u**2/2)"
    return None


def _number(call, u):
    """The value of a gate, or None."""
    try:
        value = call(mpmath.mpf(u))
    except (ArithmeticError, ValueError, TypeError):
        return None
    return None if isinstance(value, mpmath.mpc) and value.imag or mpmath.isnan(value) else mpmath.re(value)


def _between(gate):
    """Places in u between the steps of a gate."""
    edges = sorted({float(_edge(s.args[0])[0]) for s in gate.atoms(sympy.Heaviside)})
    return [edges[0] - 1, *((a + b) / 2 for a, b in zip(edges, edges[1:])), edges[-1] + 1]
