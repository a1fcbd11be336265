"""Power series of the entropic free energy about the symmetric solution of a theory.

The fields that hold given amplitudes of some directions follow order by order from the equations of state; the
other order parameters are eliminated on the way.
"""

from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import Integer, Rational, S

from .approximate import approximate
from .errors import InputError
from .series import Coefficients, Expander, Series
from .symbols import symbol
from .tidy import rational, typical_values


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


class Problem:
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
            if rational(self.domain.expression(r) - values[a]) != 0:
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
            elimination = Elimination(self, directions, order)
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
                    found[exponential] = rational(-linear.coeff_monomial(1) / linear.coeff_monomial(dummy))
                    self.domain.relate(exponential, found[exponential])
                    break
        return found

    def quartic_invariants(self, mode):
        """(u, v) of f = ... + u sum m^4 + v sum_{mu<nu} m_mu^2 m_nu^2 over equivalent order parameters, or None."""
        if len(mode.partners) < 2 or any(len(v) > 1 for v in mode.partners):
            return None
        u, v = self._hypercubic(self.conjugate_fields(list(mode.partners[:4]), 3))
        return None if u is None else (self.domain.expression(u / 4), self.domain.expression(v / 2))

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


class Elimination:
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


def _unknown(a):
    return symbol(f"{a}_0")


def _substitute(expr, values):
    return expr.subs(values) if values else expr
