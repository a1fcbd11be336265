"""Landau expansion of a mean-field theory about its symmetric solution.

The entropic free energy f(phi) = e(phi) + P*(phi), P* the Legendre transform of the site pressure P(h), is
expanded as an exact power series: the fields h(m) that hold the order parameter at amplitude m follow order
by order from m = dP/dh, the directions that are not critical are eliminated on the way (their equations of
state are kept), and df/dm is the field conjugate to m. Conventions:

    f = f0 + a2 m^2/2 + a3 m^3/3 + a4 m^4/4 + a5 m^5/5 + a6 m^6/6,     h = a2 m + a3 m^2 + a4 m^3 + ...

so that chi = 1/a2 above the transition and m^2 = -a2/a4 below it.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import sympy
from sympy import Expr, S

from .errors import InputError
from .evaluate import evaluate
from .expansion import Mode, Problem, SymmetricSolution
from .symbols import T, symbol
from .tidy import matching, oriented, rational, typical_values

AMPLITUDE = symbol("m")


@dataclass(frozen=True)
class Competition:
    """Quartic terms of several equivalent order parameters: f = (a2/2) sum m^2 + u sum m^4 + v sum_{mu<nu} m_mu^2 m_nu^2.

    With n of the P amplitudes equal the quartic term is (sum m^2)^2 [v/2 + (u - v/2)/n]: one of them wins where
    2u < v, all P where 2u > v; at 2u = v every direction is as good (rotational symmetry).
    """

    size: int
    u: Expr
    v: Expr

    @cached_property
    def preference(self):
        """v - 2u: positive where a single amplitude wins, negative where all are equal."""
        return matching(rational(self.v - 2 * self.u), self.v)

    @cached_property
    def threshold(self):
        """{parameter: value} at which the winner changes, where that equation is linear."""
        return _linear_roots(self.preference)

    def quartic(self, n):
        """a4 of the state with n equal amplitudes, per amplitude: m^2 = -a2/a4."""
        return matching(rational(4 * self.u + 2 * (n - 1) * self.v), self.v)

    def winner(self, values):
        """The state just below the transition: 'pure', 'parallel' or 'isotropic'.

        Parameters
        ----------
        values : {name: number}, T included where it matters
        """
        number = evaluate(self.preference, values)
        scale = abs(evaluate(self.v, values)) + abs(evaluate(self.u, values))
        if abs(number) < scale * 1e-12:
            return "isotropic"
        return "pure" if number > 0 else "parallel"


@dataclass(frozen=True, eq=False)
class Landau:
    """Landau theory of a model.

    Attributes
    ----------
    theory : MeanFieldTheory
    about : SymmetricSolution
    mode : Mode
    coefficients : {n: a_n}, n = 2 ... order, expressions in T, the parameters and the unknowns of `about`
    competition : Competition or None
    relations : {exponential: its value in terms of the unknowns}, used in the coefficients
    """

    theory: object
    about: SymmetricSolution
    mode: Mode
    coefficients: dict
    competition: Competition | None = None
    relations: dict = field(default_factory=dict)

    @property
    def parameter(self):
        """The symbol of the amplitude: the order parameter itself when it is alone."""
        moved = [a for a, c in self.mode.direction.items() if c != 0]
        return moved[0] if len(moved) == 1 and moved[0] in self.about.values else AMPLITUDE

    @property
    def order(self):
        """The highest power of the expansion."""
        return max(self.coefficients)

    @cached_property
    def free_energy(self):
        """f - f0 as a polynomial in the amplitude."""
        m = self.parameter
        return sympy.Add(*(a * m**n / n for n, a in self.coefficients.items()))

    @property
    def equivalent(self):
        """Number of equivalent directions."""
        return len(self.mode.partners)

    @cached_property
    def cubic(self):
        """Whether a cubic term is allowed, which makes the transition first order."""
        return self.coefficients.get(3, S.Zero) != 0

    @cached_property
    def criticality(self):
        """Critical temperature, lines, tricritical point and exponents (`theory.criticality`)."""
        from .criticality import Criticality

        return Criticality(self)

    @property
    def condition(self):
        """The equation a2 = 0 of the critical temperature in its simplest form, or None if a2 never vanishes."""
        return self.criticality.condition

    @property
    def T_c(self):
        """The critical temperature where the equation can be solved for it, else None."""
        return self.criticality.temperature

    @property
    def critical_lines(self):
        """{parameter: expression in T}: the critical line solved for each parameter that it can be solved for."""
        return self.criticality.lines

    def critical_temperature(self, values=None, **options):
        """The highest root of a2(T) = 0 in mpmath; see `critical_temperatures`."""
        roots = self.critical_temperatures(values, **options)
        if not roots:
            raise InputError(f"the symmetric solution of {self.theory.model.name} is stable at every temperature here: "
                             "it has no critical temperature")
        return roots[-1]

    def critical_temperatures(self, values=None, dps=30, range=None):
        """All roots of a2(T) = 0, ascending.

        Parameters
        ----------
        values : {name: number} for parameters other than the defaults
        dps : decimal digits
        range : (low, high) of T to search, by default the temperatures of the model's couplings
        """
        from .criticality import roots

        return roots(self, self.values(values), dps, range)

    def tricritical(self, values=None, start=None, dps=30):
        """The tricritical point a2 = a4 = 0 nearest `start`, or the one of the closed form.

        Parameters
        ----------
        values : {name: number}
        start : {"T": guess, parameter: guess}; names the parameter that is solved for along with T

        Returns
        -------
        dict name -> mpf with T and the parameter, and "a6", positive where the point is truly tricritical
        """
        from .criticality import tricritical

        return tricritical(self, values or {}, start, dps)

    def transition(self, values=None, dps=12):
        """'continuous', 'tricritical', 'first-order' or 'none' at these parameter values.

        'none' means that the symmetric solution never loses its local stability; a first-order
        transition to a distant solution is then outside a Landau expansion.
        """
        from .criticality import transition

        return transition(self, self.values(values), dps)

    def exponents(self, tricritical=False, n=1):
        """Mean-field exponents with their amplitudes, symbolic at T = T_c, of the state with n equal amplitudes."""
        from .criticality import exponents

        return exponents(self, tricritical, n)

    def values(self, given=None):
        """Numbers for all parameters: defaults, then `given`; dropped fields are zero."""
        known = {n: p.default for n, p in self.theory.model.parameters.items() if p.default is not None}
        given = {str(k): v for k, v in (given or {}).items()}
        if unknown := sorted(set(given) - set(self.theory.model.parameters)):
            raise InputError(f"{self.theory.model.name} has no parameter {', '.join(unknown)}: "
                             f"it has {', '.join(self.theory.model.parameters)}")
        known.update(given)
        known.update({str(p): 0 for p in self.about.dropped})
        missing = [n for n in self.theory.model.parameters if n not in known]
        if missing:
            raise InputError(f"{self.theory.model.name} needs a value for {', '.join(missing)}")
        return known

    def _repr_latex_(self):
        m = sympy.latex(self.parameter)
        terms = [rf"\frac{{{sympy.latex(a)}}}{{{n}}}\,{m}^{n}" for n, a in self.coefficients.items() if a != 0]
        return "$f - f_0 = " + " + ".join(terms) + "$"


def landau(theory, about=None, order=6, direction=None):
    """Expand the entropic free energy of a theory about its symmetric solution.

    Parameters
    ----------
    theory : MeanFieldTheory
    about : {order parameter: value}, by default the symmetric solution found from the equations
    order : highest power of the amplitude, at least 4
    direction : {order parameter: component}, by default the critical one

    Returns
    -------
    Landau

    Raises
    ------
    InputError
        There is no symmetric solution, the direction is unknown, or the theory is not smooth there.
    """
    if order < 4:
        raise InputError(f"a Landau expansion needs at least the fourth order: got order={order}")
    problem = Problem(theory)
    solution = problem.check(about) if about is not None else problem.symmetric_solution()
    problem.expand_about(solution)
    mode = problem.given_mode(direction) if direction is not None else problem.critical_mode()
    found = problem.coefficients(mode, order)
    mode = replace(mode, eliminated=problem.eliminated)
    typical = typical_values(theory, solution)
    coefficients = {n: oriented(a, typical) for n, a in found.items()}
    return Landau(theory, solution, mode, coefficients, _competition(problem, mode, coefficients, typical), problem.relations)


def _competition(problem, mode, coefficients, typical):
    """Quartic invariants when several order parameters become critical together and no cubic term decides."""
    invariants = problem.quartic_invariants(mode) if coefficients[3] == 0 else None
    return None if invariants is None else Competition(len(mode.partners), *(oriented(x, typical) for x in invariants))


def _linear_roots(expr):
    """{parameter: root} of the factors of a numerator that are linear in one parameter, T apart."""
    numerator = sympy.numer(sympy.together(expr))
    roots = {}
    for factor in sympy.Mul.make_args(sympy.factor(numerator)):
        base = factor.base if factor.is_Pow else factor
        free = sorted(base.free_symbols - {T}, key=str)
        if len(free) == 1 and base.is_polynomial(free[0]) and sympy.degree(base, free[0]) == 1:
            roots.setdefault(free[0], []).append(-base.coeff(free[0], 0) / base.coeff(free[0], 1))
    return {p: tuple(r) for p, r in roots.items()}
