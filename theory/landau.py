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
from sympy import Expr, Integer, Rational, S

from .errors import InputError
from .series import Coefficients, Expander, Series
from .symbols import T, symbol

AMPLITUDE = symbol("m")


@dataclass(frozen=True)
class SymmetricSolution:
    """The solution that the expansion is about.

    Attributes
    ----------
    values : {order parameter: its value}, expressions in T, the parameters and the unknowns below
    unknowns : {symbol: right-hand side of its own self-consistency equation}, such as q_0 = <s^2> at m = 0
    dropped : parameters set to zero because they break the symmetry (external fields)
    """

    values: dict
    unknowns: dict
    dropped: tuple = ()


@dataclass(frozen=True)
class Mode:
    """A direction in which the symmetric solution can lose stability.

    Attributes
    ----------
    direction : {order parameter: component}, the change per unit amplitude
    partners : directions of the same eigenvalue, this one included
    eliminated : order parameters that respond to the amplitude and are minimised out
    """

    direction: dict
    partners: tuple
    eliminated: tuple


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
        return _matching(_tidy(self.v - 2 * self.u), self.v)

    @cached_property
    def threshold(self):
        """{parameter: value} at which the winner changes, where that equation is linear."""
        return _linear_roots(self.preference)

    def quartic(self, n):
        """a4 of the state with n equal amplitudes, per amplitude: m^2 = -a2/a4."""
        return _matching(_tidy(4 * self.u + 2 * (n - 1) * self.v), self.v)

    def winner(self, values):
        """The state just below the transition: 'pure', 'parallel' or 'isotropic'.

        Parameters
        ----------
        values : {name: number}, T included where it matters
        """
        from .evaluate import evaluate

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
    problem = _Problem(theory)
    solution = problem.check(about) if about is not None else problem.symmetric_solution()
    problem.expand_about(solution)
    mode = problem.given_mode(direction) if direction is not None else problem.critical_mode()
    found = problem.coefficients(mode, order)
    mode = replace(mode, eliminated=problem.eliminated)
    typical = typical_values(theory, solution)
    coefficients = {n: oriented(a, typical) for n, a in found.items()}
    return Landau(theory, solution, mode, coefficients, problem.competition(mode, coefficients),
                  problem.relations)


class _Problem:
    """Working state of one expansion: the field of coefficients and the theory's gradient."""

    def __init__(self, theory):
        self.theory = theory
        self.names = tuple(a for a in theory.order_parameters if a not in theory.model.observables)
        self.fields = tuple(h for a, h in zip(theory.order_parameters, theory.fields) if a in self.names)
        pressure = theory.site_pressure.xreplace({h: S.Zero for h in set(theory.fields) - set(self.fields)})
        self.pressure, self.energy = pressure, theory.energy
        self.domain = Coefficients()
        self.solution = None
        if not self.names:
            raise InputError(f"the energy of {theory.model.name} uses no order parameter: nothing can order")

    @cached_property
    def gradient(self):
        """dP/dh_a."""
        return tuple(self.pressure.diff(h) for h in self.fields)

    @cached_property
    def forces(self):
        """de/dphi_a."""
        return tuple(self.energy.diff(a) for a in self.names)

    def drop(self, parameters):
        """Set symmetry-breaking parameters to zero."""
        zero = {p: S.Zero for p in parameters}
        self.pressure, self.energy = _substitute(self.pressure, zero), self.energy.xreplace(zero)
        for name in ("gradient", "forces"):
            self.__dict__.pop(name, None)

    # The symmetric solution

    def symmetric_solution(self):
        """The most symmetric solution: vanishing where it may, equal where it may, unknowns elsewhere."""
        fields = [symbol(n) for n, p in self.theory.model.parameters.items() if p.default == 0]
        for dropped in [(), *((p,) for p in fields), *([tuple(fields)] if len(fields) > 1 else [])]:
            pressure, energy = self.pressure, self.energy
            self.drop(dropped)
            found = self._symmetric(dropped)
            if found is not None:
                return found
            self.pressure, self.energy = pressure, energy
            self.drop(())
        raise InputError(f"{self.theory.model.name} has no symmetric solution to expand about: give about={{...}}")

    def _symmetric(self, dropped):
        vanishing = list(self.names)
        while True:
            values = {a: S.Zero if a in vanishing else _unknown(a) for a in self.names}
            moved = [a for a, r in zip(self.names, self._response(values)) if a in vanishing and r != 0]
            if not moved:
                break
            vanishing = [a for a in vanishing if a not in moved]
        rest = [a for a in self.names if a not in vanishing]
        common = self._equal(values, rest) if len(rest) > 1 else None
        if common is not None:
            return SymmetricSolution(common[0], common[1], dropped)
        if not vanishing:
            return None
        return self._with_unknowns(values, rest, dropped)

    def _with_unknowns(self, values, rest, dropped):
        right = dict(zip(self.names, self._response(values)))
        unknowns = {}
        for a in rest:
            shown = self.domain.expression(right[a])
            if shown.has(*(_unknown(b) for b in rest)):
                unknowns[_unknown(a)] = shown
            else:
                values[a] = shown
        return SymmetricSolution(values, unknowns, dropped)

    def _equal(self, values, rest):
        """Equal values of several order parameters, when their equations then coincide."""
        shared = symbol(f"{rest[0]}_0")
        trial = {a: shared if a in rest else v for a, v in values.items()}
        right = [r for a, r in zip(self.names, self._response(trial)) if a in rest]
        if any(r != right[0] for r in right):
            return None
        shown = self.domain.expression(right[0])
        if shown.has(shared):
            return trial, {shared: shown}
        return {a: shown if a in rest else v for a, v in values.items()}, {}

    def _response(self, values):
        """dP/dh_a at the fields of these order parameters, as coefficients."""
        at = [-f.xreplace(values) for f in self.forces]

        def compute():
            held = {h: Series(self.domain, 1, 0, {(0,): self.domain(x)}) for h, x in zip(self.fields, at)}
            expander = Expander(self.domain, held)
            return [expander(g).base for g in self.gradient]

        return self.domain.run(compute)

    def check(self, about):
        """A user's solution: unnamed order parameters vanish."""
        about = {symbol(str(a)): sympy.sympify(v) for a, v in about.items()}
        if unknown := sorted(str(a) for a in about if a not in self.names):
            raise InputError(f"about names {', '.join(unknown)}; the energy's order parameters are "
                             f"{', '.join(map(str, self.names))}")
        values = {a: about.get(a, S.Zero) for a in self.names}
        for a, r in zip(self.names, self._response(values)):
            if _tidy(self.domain.expression(r) - values[a]) != 0:
                raise InputError(f"{a} = {values[a]} does not solve the equation of {a} at all temperatures: "
                                 f"its right-hand side is {self.domain.expression(r)}")
        return SymmetricSolution(values, {})

    def expand_about(self, solution):
        """Fix the solution and the site response C there."""
        self.solution = solution
        self.relations = self._relate_unknowns(solution.unknowns)
        self.base_fields = [-f.xreplace(solution.values) for f in self.forces]
        n = len(self.names)

        def compute():
            amplitude = {h: self._series({_unit(i, n): self.domain.one}, n, 1, x)
                         for i, (h, x) in enumerate(zip(self.fields, self.base_fields))}
            expander = Expander(self.domain, amplitude)
            return [[expander(g).terms.get(_unit(i, n), self.domain.zero) for i in range(n)] for g in self.gradient]

        self._response_exprs = self._expressions(self.domain.run(compute))
        self._curvature_exprs = [[f.diff(b).xreplace(solution.values) for b in self.names] for f in self.forces]

    def _expressions(self, matrix):
        return [[self.domain.expression(x) for x in row] for row in matrix]

    @property
    def response(self):
        """C = d2P/dh dh at the symmetric solution, in the present field of coefficients."""
        return [[self.domain(x) for x in row] for row in self._response_exprs]

    @property
    def curvature(self):
        """e'' at the symmetric solution, in the present field of coefficients."""
        return [[self.domain(x) for x in row] for row in self._curvature_exprs]

    def _series(self, terms, size, order, base=S.Zero):
        series = Series(self.domain, size, order, dict(terms))
        return series + series.scalar(self.domain(base)) if base != 0 else series

    # The critical mode

    def critical_mode(self):
        """The mode whose stability is lost first; of modes that never lose it, the first."""
        modes = self.domain.run(self._modes)
        live = [(e, m) for e, m in modes if e != self.domain.one]
        if len(live) <= 1:
            return (live or modes)[0][1]
        return max(live, key=lambda em: self._susceptibility(em[0]))[1]

    def _susceptibility(self, eigenvalue):
        """Minus the eigenvalue of I + C e'' at a high temperature: the larger, the earlier it becomes critical."""
        from .approximate import approximate

        return -approximate(self.domain.expression(eigenvalue), typical_values(self.theory, self.solution))

    def _modes(self):
        """(eigenvalue of I + C e'', Mode) for each group of equal eigenvalues."""
        matrix = self._stability()
        groups = []
        for block in _blocks(matrix):
            for eigenvalue, direction in self._block_modes(matrix, block):
                for known in groups:
                    if known[0] == eigenvalue:
                        known[1].append(direction)
                        break
                else:
                    groups.append((eigenvalue, [direction]))
        return [(e, self._mode(vectors)) for e, vectors in groups]

    def _stability(self):
        n, domain = len(self.names), self.domain
        response, curvature = self.response, self.curvature
        return [[sum((response[i][k] * curvature[k][j] for k in range(n)), domain.zero)
                 + (domain.one if i == j else domain.zero) for j in range(n)] for i in range(n)]

    def _block_modes(self, matrix, block):
        n = len(block)
        if n == 1:
            return [(matrix[block[0]][block[0]], {block[0]: Integer(1)})]
        diagonal = {matrix[i][i] for i in block}
        off = {matrix[i][j] for i in block for j in block if i != j}
        if len(diagonal) == len(off) == 1:
            a, b = diagonal.pop(), off.pop()
            apart = [{i: Rational(n - 1, n) if i == first else Rational(-1, n) for i in block} for first in block[:-1]]
            return [(a + (n - 1) * b, {i: Integer(1) for i in block})] + [(a - b, v) for v in apart]
        return [(_determinant(self.domain, matrix, block), {block[0]: Integer(1)})]

    def _mode(self, vectors):
        named = tuple({self.names[i]: c for i, c in v.items()} for v in vectors)
        return Mode(named[0], named, ())

    def given_mode(self, direction):
        """A user's direction."""
        if not isinstance(direction, dict):
            direction = dict(zip(self.names, direction))
        direction = {symbol(str(a)): sympy.sympify(c) for a, c in direction.items()}
        if not set(direction) <= set(self.names) or not any(direction.values()):
            raise InputError(f"a direction gives components of {', '.join(map(str, self.names))}: got {direction}")
        return Mode(direction, (direction,), ())

    # The expansion

    def coefficients(self, mode, order):
        """{n: a_n} along a mode."""
        conjugate = self.conjugate_fields([mode.direction], order - 1)[0]
        return {n: self.domain.expression(conjugate.terms.get((n - 1,), self.domain.zero)) for n in range(2, order + 1)}

    def conjugate_fields(self, directions, order):
        """df/d(amplitude) along each direction as a series in all the amplitudes, the rest eliminated."""
        def compute():
            elimination = _Elimination(self, directions, order)
            fields = elimination.solve()
            self.eliminated = elimination.moved_names()
            return fields

        return self.domain.run(compute)

    def _relate_unknowns(self, unknowns):
        """Solve q_0 = <s^2>(q_0) for an exponential where it is linear in one: all becomes rational in q_0."""
        found = {}
        for unknown, right in unknowns.items():
            for exponential in sorted(right.atoms(sympy.exp), key=str):
                dummy = sympy.Dummy()
                relation = sympy.numer(sympy.together(right.xreplace({exponential: dummy}) - unknown))
                linear = sympy.Poly(relation, dummy)
                if linear.degree() == 1 and not linear.as_expr().has(sympy.exp):
                    found[exponential] = _tidy(-linear.coeff_monomial(1) / linear.coeff_monomial(dummy))
                    self.domain.relate(exponential, found[exponential])
                    break
        return found

    def competition(self, mode, coefficients):
        """Quartic invariants when several order parameters become critical together and no cubic term decides."""
        size = len(mode.partners)
        single = all(len(v) == 1 for v in mode.partners)
        if size < 2 or not single or coefficients.get(3, S.Zero) != 0:
            return None
        tried = mode.partners[: min(size, 4)]
        fields = self.conjugate_fields(list(tried), 3)
        u, v = self._hypercubic(fields)
        if u is None:
            return None
        typical = typical_values(self.theory, self.solution)
        return Competition(size, *(oriented(self.domain.expression(x), typical) for x in (u / 4, v / 2)))

    def _hypercubic(self, fields):
        """df/dm_i = a2 m_i + 4u m_i^3 + 2v m_i sum_{j != i} m_j^2 for all i, or (None, None)."""
        r = len(fields)
        u = fields[0].terms.get(_unit(0, r, 3), self.domain.zero)
        v = fields[0].terms.get(_unit(0, r, 1, 1, 2), self.domain.zero)
        for i, field in enumerate(fields):
            allowed = {_unit(i, r, 3): u, **{_unit(i, r, 1, j, 2): v for j in range(r) if j != i}}
            found = field.degree(3)
            if field.degree(2) or any(found.get(k, self.domain.zero) != c for k, c in allowed.items()):
                return None, None
            if not set(found) <= set(allowed):
                return None, None
        return u, v


class _Elimination:
    """Solves the equations of state order by order at given amplitudes of some directions.

    Unknowns are the fields conjugate to a few active directions B; the amplitudes fix the components of
    phi along the critical ones and the other components obey their own equations, w.(h + grad e) = 0.
    """

    def __init__(self, problem, directions, order):
        self.problem, self.order, self.size = problem, order, len(directions)
        self.domain, self.n = problem.domain, len(problem.names)
        self.critical = [self._vector(d) for d in directions]
        self.active = list(self.critical)

    def _vector(self, direction):
        return [self.domain(direction.get(a, S.Zero)) for a in self.problem.names]

    def solve(self):
        """The series of df/d(amplitude_i)."""
        while True:
            self._start()
            for degree in range(1, self.order + 1):
                self._correct(degree)
            forced = self._forced()
            if forced is None:
                return [self._project(v, self._imbalance()) for v in self.critical]
            self.active.append(forced)

    def moved_names(self):
        """Order parameters outside the critical directions that respond to the amplitudes."""
        moved = [any(v[i] != 0 for v in self.active[self.size:]) for i in range(self.n)]
        return tuple(a for a, yes in zip(self.problem.names, moved) if yes)

    def _start(self):
        zero = Series(self.domain, self.size, self.order, {})
        self.fields = [zero for _ in self.active]
        self.norms = [_dot(v, v, self.domain.zero) for v in self.active]
        self._linearise()

    def _linearise(self):
        """Rows of the linear part: dp/dc for critical directions, w.(k + e'' phi) for the others."""
        zero, curvature, response = self.domain.zero, self.problem.curvature, self.problem.response
        columns = [[_dot(row, v, zero) for row in response] for v in self.active]
        self.linear = []
        for a, v in enumerate(self.active):
            row = []
            for b, (w, moved) in enumerate(zip(self.active, columns)):
                if a < self.size:
                    row.append(_dot(v, moved, zero))
                else:
                    force = [_dot(c, self._onto_active(moved), zero) for c in curvature]
                    row.append(_dot(v, w, zero) + _dot(v, force, zero))
            self.linear.append(row)

    def _onto_active(self, vector):
        total = [self.domain.zero] * self.n
        for v, norm in zip(self.active, self.norms):
            share = _dot(v, vector, self.domain.zero) / norm
            total = [t + share * x for t, x in zip(total, v)]
        return total

    def _correct(self, degree):
        residual = [r.degree(degree) for r in self._residual()]
        keys = sorted(set().union(*residual))
        for key in keys:
            right = [r.get(key, self.domain.zero) for r in residual]
            step = _solve(self.linear, right, self.domain)
            self.fields = [f - f.new({key: s}) for f, s in zip(self.fields, step)]

    def _residual(self):
        moved, imbalance = self._displacement(), self._imbalance()
        rows = []
        for a, v in enumerate(self.active):
            if a < self.size:
                amplitude = moved[0].new({_unit(a, self.size): self.norms[a]})
                rows.append(self._project(v, moved) - amplitude)
            else:
                rows.append(self._project(v, imbalance))
        return rows

    def _displacement(self):
        """phi - phi0 = grad P(h0 + k) - grad P(h0)."""
        if getattr(self, "_known", None) is not self.fields:
            p = self.problem
            held = {h: k + k.scalar(self.domain(x)) for h, k, x in zip(p.fields, self._all_fields(), p.base_fields)}
            expander = Expander(self.domain, held)
            self._moved = [expander(g).shift for g in p.gradient]
            self._known = self.fields
        return self._moved

    def _all_fields(self):
        zero = self.fields[0].new({})
        return [sum((f.scale(v[i]) for f, v in zip(self.fields, self.active) if v[i] != 0), zero) for i in range(self.n)]

    def _imbalance(self):
        """k + grad e(phi) - grad e(phi0), component by component."""
        p = self.problem
        moved = self._displacement()
        on = [self._project(v, moved).scale(1 / norm) for v, norm in zip(self.active, self.norms)]
        zero = moved[0].new({})
        phi = {}
        for i, a in enumerate(p.names):
            change = sum((c.scale(v[i]) for c, v in zip(on, self.active) if v[i] != 0), zero)
            phi[a] = change + change.scalar(self.domain(p.solution.values[a]))
        expander = Expander(self.domain, phi)
        forces = [expander(f).shift if f.free_symbols & set(phi) else zero for f in p.forces]
        return [k + f for k, f in zip(self._all_fields(), forces)]

    def _project(self, v, components):
        zero = components[0].new({})
        return sum((c.scale(x) for c, x in zip(components, v) if x != 0), zero)

    def _forced(self):
        """A direction outside the active ones that the amplitudes move or push, or None when the set is closed."""
        for components in (self._displacement(), self._imbalance()):
            for key in sorted(set().union(*(c.terms for c in components))):
                vector = [c.terms.get(key, self.domain.zero) for c in components]
                outside = [x - y for x, y in zip(vector, self._onto_active(vector))]
                if any(x != 0 for x in outside):
                    return self._next_direction(outside)
        return None

    def _next_direction(self, outside):
        """The forced coordinate, made orthogonal to the active directions."""
        for i, x in enumerate(outside):
            if x == 0:
                continue
            unit = [self.domain.one if j == i else self.domain.zero for j in range(self.n)]
            rest = [a - b for a, b in zip(unit, self._onto_active(unit))]
            if any(r != 0 for r in rest):
                return rest
        raise InputError("the critical direction does not close under the equations of state")


def _solve(matrix, right, domain):
    """Solve a small linear system over the coefficients by elimination with pivoting for nonzeros."""
    n = len(right)
    rows = [list(row) + [r] for row, r in zip(matrix, right)]
    for i in range(n):
        pivot = next((j for j in range(i, n) if rows[j][i] != 0), None)
        if pivot is None:
            raise InputError("the response to the order parameters is singular at the symmetric solution")
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for j in range(n):
            if j != i and rows[j][i] != 0:
                factor = rows[j][i] / rows[i][i]
                rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def _blocks(matrix):
    """Connected components of the nonzero pattern, in order."""
    n, seen, blocks = len(matrix), set(), []
    for start in range(n):
        if start in seen:
            continue
        block, stack = [], [start]
        while stack:
            i = stack.pop()
            if i in seen:
                continue
            seen.add(i)
            block.append(i)
            stack += [j for j in range(n) if j not in seen and (matrix[i][j] != 0 or matrix[j][i] != 0)]
        blocks.append(sorted(block))
    return blocks


def _determinant(domain, matrix, block):
    if not block:
        return domain.one
    first, total = block[0], domain.zero
    return _minor(domain, [[matrix[i][j] for j in block] for i in block])


def _minor(domain, matrix):
    if len(matrix) == 1:
        return matrix[0][0]
    total = domain.zero
    for j, x in enumerate(matrix[0]):
        if x != 0:
            rest = [row[:j] + row[j + 1:] for row in matrix[1:]]
            total += (x if j % 2 == 0 else -x) * _minor(domain, rest)
    return total


def _dot(a, b, zero):
    return sum((x * y for x, y in zip(a, b) if x != 0 and y != 0), zero)


def _unit(i, size, power=1, j=None, other=0):
    key = [0] * size
    key[i] = power
    if j is not None:
        key[j] = other
    return tuple(key)


def typical_values(theory, solution=None):
    """Numbers at which signs are read for display: default parameters in the symmetric phase."""
    known = {n: Rational(3, 7) if p.default is None else p.default for n, p in theory.model.parameters.items()}
    return {**known, **{str(u): Rational(1, 2) for u in (solution.unknowns if solution else ())}, "T": Integer(3)}


def oriented(expr, typical):
    """The same product with every sum written with the sign that makes it positive at typical values: 1 - d, not -(d - 1)."""
    from .approximate import approximate

    sign, factors = 1, []
    for factor in sympy.Mul.make_args(expr):
        base, power = factor.as_base_exp()
        if power.is_Rational and not power.is_Integer and not base.is_number:
            factor = sympy.Pow(oriented(base, typical), power, evaluate=False)
        if base.is_Add and power.is_Integer and approximate(base, typical) < 0:
            sign *= -1 if power % 2 else 1
            factor = sympy.Add(*(-x for x in base.args)) ** power
        factors.append(factor)
    return sympy.Mul(sign, *factors)


def _matching(expr, model):
    """Write the sums of a product as they stand in another expression: 1 - d where that has 1 - d."""
    sums = {s for s in sympy.preorder_traversal(model) if isinstance(s, sympy.Add)}
    sign, factors = 1, []
    for factor in sympy.Mul.make_args(expr):
        base, power = factor.as_base_exp()
        if base.is_Add and -base in sums and power.is_Integer:
            sign *= -1 if power % 2 else 1
            factor = sympy.Add(*(-x for x in base.args)) ** power
        factors.append(factor)
    return _distributed(sign, factors)


def _distributed(sign, factors):
    """sign times factors, a minus sign taken into the first sum of first degree."""
    for k, f in enumerate(factors):
        if sign < 0 and f.is_Add:
            factors[k], sign = sympy.Add(*(-x for x in f.args)), 1
    return sympy.Mul(sign, *factors)


def _unknown(a):
    return symbol(f"{a}_0")


def _tidy(expr):
    """Rational normal form, factored, with transcendental constants held as symbols."""
    domain = Coefficients()
    return domain.run(lambda: domain.expression(domain(expr)))


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


def _substitute(expr, values):
    return expr.subs(values) if values else expr
