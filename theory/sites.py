"""One-site degrees of freedom and their a-priori measures.

Each site knows the closed form of its log-trace, log Tr_s exp X(s); everything that a
mean-field theory needs of a site follows from it by differentiation.
"""

from dataclasses import dataclass
from itertools import product

import sympy
from sympy import Integer, Rational, S, sympify

from .errors import InputError
from .functions import LogRadial, LogSumExp, log2cosh
from .symbols import T


@dataclass(frozen=True)
class FiniteSite:
    """Finitely many states of one or several variables; Tr sums over them with their weights.

    Parameters
    ----------
    variables : tuple of symbols
    states : tuple of tuples, the joint values of the variables
    weights : tuple, multiplicities (1 each by default, so that log Tr 1 = log(number of states))
    """

    variables: tuple
    states: tuple
    weights: tuple = ()

    kind = "finite"

    def __post_init__(self):
        states = tuple(tuple(map(sympify, state)) for state in self.states)
        weights = tuple(map(sympify, self.weights)) or (S.One,) * len(states)
        if not states:
            raise InputError("a site needs at least one state")
        if len(set(states)) != len(states):
            raise InputError("the states of a site must be distinct: give a weight to a state that counts twice")
        if any(len(state) != len(self.variables) for state in states):
            raise InputError(f"every state must give {len(self.variables)} values, one for each site variable")
        if len(weights) != len(states) or any(w.is_number and not w > 0 for w in weights):
            raise InputError(f"weights must be positive, one for each of the {len(states)} states")
        object.__setattr__(self, "states", states)
        object.__setattr__(self, "weights", weights)

    @classmethod
    def product(cls, values):
        """Independent variables: the product of their value lists, given as {symbol: values}."""
        return cls(tuple(values), tuple(product(*values.values())))

    def enumerate(self):
        """The states as a list of (weight, {variable: value})."""
        return [(w, dict(zip(self.variables, state))) for w, state in zip(self.weights, self.states)]

    def log_trace(self, exponent):
        """log sum_s w_s exp(exponent), as log 2cosh for two states."""
        terms = [exponent.xreplace(values) + sympy.log(w) for w, values in self.enumerate()]
        if len(terms) == 1:
            return terms[0]
        if len(terms) == 2:
            up, down = terms
            return tidy((up + down) / 2) + log2cosh(tidy((up - down) / 2))
        return LogSumExp(*map(tidy, terms))

    def normalisation(self, exponent):
        """Expressions that must be positive for the trace to exist: none."""
        return ()


@dataclass(frozen=True)
class GaussianSite:
    """A real variable with a normalised Gaussian measure."""

    variable: sympy.Symbol
    mean: sympy.Expr = Integer(0)
    variance: sympy.Expr = Integer(1)

    kind = "gaussian"

    def __post_init__(self):
        object.__setattr__(self, "mean", sympify(self.mean))
        object.__setattr__(self, "variance", sympify(self.variance))
        if self.variance.is_number and not self.variance > 0:
            raise InputError(f"the variance of a Gaussian site must be positive: got {self.variance}")

    @property
    def variables(self):
        return (self.variable,)

    def log_trace(self, exponent):
        """log E exp(A + B s + C s^2) in closed form."""
        a, b, c = self._coefficients(exponent)
        mean, variance = self.mean, self.variance
        width = 1 - 2 * c * variance
        slope = b + 2 * c * mean
        return a + b * mean + c * mean**2 + slope**2 * variance / (2 * width) - sympy.log(width) / 2

    def normalisation(self, exponent):
        """Expressions that must be positive for the trace to exist."""
        c = self._coefficients(exponent)[2]
        return () if c == 0 else (1 - 2 * c * self.variance,)

    def _coefficients(self, exponent):
        poly = tidy(exponent)
        c = poly.coeff(self.variable, 2)
        b = poly.coeff(self.variable, 1)
        a = tidy(poly - b * self.variable - c * self.variable**2)
        if a.has(self.variable):
            raise InputError(
                f"a Gaussian site takes functions of {self.variable} up to the second degree; got {exponent}"
            )
        return a, b, c


@dataclass(frozen=True)
class Sphere:
    """A unit vector in n dimensions (rotor, Heisenberg spin, n-vector), uniform measure normalised to one.

    The variable stands for the component along the order parameter, which is the length |m|;
    several vector order parameters are taken collinear.
    """

    variable: sympy.Symbol
    n: int

    kind = "sphere"

    def __post_init__(self):
        n = sympify(self.n)
        if not (n.is_Integer and n >= 1):
            raise InputError(f"the dimension of a sphere must be an integer of at least 1: got {self.n}")
        object.__setattr__(self, "n", int(n))

    @property
    def variables(self):
        return (self.variable,)

    def log_trace(self, exponent):
        """log of the uniform average of exp(A + kappa s_1): a modified Bessel function."""
        offset, kappa = _linear(exponent, self.variables)
        return offset + LogRadial(Rational(self.n, 2), kappa[0] ** 2 / 4)

    def normalisation(self, exponent):
        """Expressions that must be positive for the trace to exist: none."""
        return ()


@dataclass(frozen=True)
class SphericalSite:
    """A real variable under the global constraint sum_i s_i^2 = N, uniform measure on that sphere normalised to one.

    Only quenched couplings make it a mean-field problem of one site; its Lagrange multiplier is found by the engine.
    """

    variable: sympy.Symbol

    kind = "spherical"

    @property
    def variables(self):
        return (self.variable,)


@dataclass(frozen=True)
class AuxiliarySite:
    """A finite site with a real auxiliary variable that is integrated along the direction in which its Gaussian converges.

    The site energy must be quadratic in the auxiliary variable; its integral is normalised to one where neither couplings nor
    fields act on it (a Hubbard-Stratonovich transformation read backwards).
    """

    finite: FiniteSite
    auxiliary: sympy.Symbol

    kind = "auxiliary"

    @property
    def variables(self):
        return (*self.finite.variables, self.auxiliary)


@dataclass(frozen=True)
class Layers:
    """Several layers of sites of different size: N is the unit in which weights (sizes over N) are given.

    Order parameters are means over the sites of the layer whose variables they use.

    Parameters
    ----------
    layers : tuple of (site, weight)
    """

    layers: tuple

    kind = "layers"

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple((site, sympify(weight)) for site, weight in self.layers))
        names = [v for site, _ in self.layers for v in site.variables]
        if len(set(names)) != len(names):
            raise InputError("the layers of a site must use different variables")

    @property
    def variables(self):
        return tuple(v for site, _ in self.layers for v in site.variables)

    @property
    def free_symbols(self):
        return set().union(*(weight.free_symbols for _, weight in self.layers))


@dataclass(frozen=True)
class QuantumSpin:
    """A quantum spin 1/2; the variables stand for its Pauli matrices sigma^z and sigma^x."""

    z: sympy.Symbol
    x: sympy.Symbol

    kind = "quantum"

    @property
    def variables(self):
        return (self.z, self.x)

    def log_trace(self, exponent):
        """log Tr exp(A + b_z sigma^z + b_x sigma^x) = A + log 2cosh |b|."""
        offset, (bz, bx) = _linear(exponent, self.variables)
        return offset + sympy.log(2) + LogRadial(Rational(1, 2), (bz**2 + bx**2) / 4)

    def normalisation(self, exponent):
        """Expressions that must be positive for the trace to exist: none."""
        return ()


def over_temperature(energy):
    """energy / T, term by term; SymPy's `expand` would multiply out the denominators as well."""
    return sympy.Add(*(term / T for term in sympy.Add.make_args(sympy.expand(energy))))


def times_temperature(exponent):
    """T exponent, term by term, expanded."""
    return sympy.expand(sympy.Add(*(T * term for term in sympy.Add.make_args(exponent))))


def tidy(exponent):
    """An exponent as a sum of terms over T."""
    return over_temperature(times_temperature(exponent))


def Ising(variable):
    """A spin +1 or -1."""
    return FiniteSite((variable,), ((1,), (-1,)))


def Spin(variable, S):
    """A spin with the 2S + 1 values -S, ..., S."""
    doubled = sympify(S) * 2
    if not (doubled.is_Integer and doubled >= 1):
        raise InputError(f"a spin must be a positive multiple of 1/2: got {S}")
    return FiniteSite((variable,), tuple((Rational(k, 2),) for k in range(int(doubled), -int(doubled) - 1, -2)))


def Potts(variable, q):
    """One of q colours, 1 to q."""
    if not (sympify(q).is_Integer and q >= 2):
        raise InputError(f"a Potts spin needs an integer number of colours, at least 2: got {q}")
    return FiniteSite((variable,), tuple((k,) for k in range(1, int(q) + 1)))


def _linear(exponent, variables):
    linear = tidy(exponent)
    slopes = tuple(linear.coeff(v) for v in variables)
    offset = tidy(linear - sum(b * v for b, v in zip(slopes, variables)))
    if offset.has(*variables) or any(b.has(*variables) for b in slopes):
        raise InputError(f"this site takes functions linear in {', '.join(map(str, variables))}; got {exponent}")
    return offset, slopes
