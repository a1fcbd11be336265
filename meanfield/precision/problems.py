"""Square systems of equations whose solutions are fixed points and the special points of one or two parameters."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import sympy

from theory.averages import DisorderAverage, GaussianAverage
from theory.errors import InputError
from theory.functions import Gibbs, LogSumExp
from theory.symbols import T

from .programs import Program

__all__ = ["Problem", "Setting", "coexistence", "condition", "critical", "cusp", "end_point", "fixed_point", "fold", "tie", "tricritical", "untied"]

# Order parameters equal in modulus, or zero, to this are tied together.
TIED = 1e-9
# Entries of a kernel vector this close to integers are integers.
WHOLE = 1e-6


@dataclass(frozen=True, eq=False)
class Problem:
    """A square system, regular at the solution that is looked for.

    Attributes
    ----------
    kind : "solution", "fold", "critical", "coexistence", "triple", "cusp", "tricritical", "critical-end", or what a condition is called
    unknowns : symbols
    equations : as many expressions, zero at the solution
    states : tuple of {name: Expr in the unknowns}, as many as coexist
    free_energy, entropy : Expr of the first state
    checks : expressions that vanish too if the reduction to the unknowns is right
    temperature : Expr
    free : symbols of the parameters that are found
    vector : {name: Expr} of the direction of instability, or None
    stability : entries of T times the replicon block by rows, () without one
    proven : whether the reduction was shown to be exact by algebra
    """

    kind: str
    unknowns: tuple
    equations: tuple
    states: tuple
    free_energy: object
    entropy: object
    checks: tuple
    temperature: object
    free: tuple = ()
    vector: object = None
    proven: bool = True
    stability: tuple = ()

    @cached_property
    def jacobian(self):
        """d equations / d unknowns, row by row."""
        return [e.diff(u) for e in self.equations for u in self.unknowns]

    @cached_property
    def program(self):
        """Equations, then their Jacobian."""
        return Program([*self.equations, *self.jacobian])

    @cached_property
    def values(self):
        """The Program of the equations alone."""
        return Program(self.equations)

    @cached_property
    def observed(self):
        """The Program of states, free energy, entropy, temperature, stability, then checks."""
        states = [e for state in self.states for e in state.values()]
        return Program([*states, self.free_energy, self.entropy, self.temperature, *self.stability, *self.checks])


@dataclass(frozen=True, eq=False)
class Setting:
    """A theory with exact parameter values, one or two of which may be free.

    Attributes
    ----------
    theory : MeanFieldTheory
    exact : {symbol: number} of the parameters that are held
    free : symbols of the free parameters
    """

    theory: object
    exact: dict
    free: tuple = ()

    stability = ()

    @property
    def phi(self):
        return self.theory.order_parameters

    @property
    def names(self):
        return tuple(map(str, self.phi))

    @property
    def reported(self):
        """{name: Expr} of a state."""
        return dict(zip(self.names, self.phi))

    @cached_property
    def residual(self):
        """phi - <g> at the parameters, a tuple."""
        return tuple(self.held(a - mean) for a, mean in self.theory.equations.items())

    @cached_property
    def jacobian(self):
        """Matrix of d residual / d phi."""
        return sympy.Matrix([[r.diff(a) for a in self.phi] for r in self.residual])

    @cached_property
    def free_energy(self):
        return self.held(self.theory.free_energy)

    @cached_property
    def entropy(self):
        return self.held(self.theory.entropy)

    @property
    def temperature(self):
        return self.held(T)

    def emptied(self, phi):
        """{unknown: Expr} where overlaps vanish: there are none."""
        return {}

    def held(self, expr):
        """An expression with the parameter values put in."""
        return sympy.sympify(expr).xreplace(self.exact)


@dataclass(frozen=True, eq=False)
class Tie:
    """Order parameters that are equal in modulus, or zero, expressed by representatives.

    Attributes
    ----------
    unknowns : symbols of the representatives
    rows : their positions
    values : {symbol: Expr} of all order parameters
    """

    unknowns: tuple
    rows: tuple
    values: dict = field(default_factory=dict)

    def __call__(self, expr):
        """An expression in the representatives."""
        return expr.xreplace(self.values)


def untied(setting):
    """The Tie that ties nothing."""
    return Tie(setting.phi, tuple(range(len(setting.phi))), {a: a for a in setting.phi})


def tie(setting, phi):
    """The Tie that the values phi of the order parameters suggest."""
    rows, values = [], setting.emptied(phi)
    for i, (a, value) in enumerate(zip(setting.phi, phi)):
        if a in values:
            continue
        same = next((k for k in rows if abs(abs(phi[k]) - abs(value)) < TIED), None)
        if abs(value) < TIED:
            values[a] = sympy.S.Zero
        elif same is not None:
            values[a] = setting.phi[same] * (1 if phi[same] * value > 0 else -1)
        else:
            rows.append(i)
            values[a] = a
    return Tie(tuple(setting.phi[i] for i in rows), tuple(rows), values)


def fixed_point(setting, tied):
    """The Problem of a fixed point."""
    return _problem(setting, "solution", tied, (), ())


def fold(setting, vector, tied=None):
    """The Problem of a point where a simple eigenvalue of the Jacobian vanishes: a fold, or an instability of a tied state.

    F(phi) = 0, F'(phi) v = 0, c.v = 1 for (phi, v, parameter).

    Parameters
    ----------
    vector : approximate v, shape (n,)
    tied : Tie of the order parameters; None ties nothing
    """
    ties = tied or untied(setting)
    directions = tuple(sympy.Symbol(f"{a}*", real=True) for a in setting.phi)
    weights = _weights(vector)
    rows = tuple(map(ties, setting.jacobian * sympy.Matrix(directions)))
    norm = sum(c * v for c, v in zip(weights, directions)) - 1
    kind = "critical" if tied else "fold"
    return _problem(setting, kind, ties, (*rows, norm), (*directions, *setting.free), dict(zip(setting.names, directions)))


def critical(setting, tied, kernel):
    """The Problem of an instability of a symmetric state towards less symmetry, in whole-number directions of its kernel.

    F(phi) = 0 for the tied order parameters, r.F'(phi) r = 0 for (phi, parameter).

    Parameters
    ----------
    tied : Tie
    kernel : (n, d) basis of the directions of instability
    """
    if np.shape(kernel)[1] == 1 and _whole_vector(kernel) is None:
        return fold(setting, np.asarray(kernel)[:, 0], tied)
    direction = _recognised(kernel)
    r = sympy.Matrix(direction)
    image = setting.jacobian * r
    slope = (r.T * image)[0]
    across = [image[i] - slope * r[i] / sum(x * x for x in direction) for i in range(len(direction))]
    vector = dict(zip(setting.names, map(sympy.Integer, direction)))
    return _problem(setting, "critical", tied, (tied(slope),), setting.free, vector, tuple(map(tied, across)))


def coexistence(setting, count=2):
    """The Problem of states of equal free energy: two in one parameter, three ("triple") in two."""
    renamed = [{}, *({a: sympy.Symbol(f"{a}{'*' * k}", real=True) for a in setting.phi} for k in range(1, count))]
    residuals = [r.xreplace(names) for names in renamed for r in setting.residual]
    gaps = [setting.free_energy - setting.free_energy.xreplace(names) for names in renamed[1:]]
    states = tuple({name: e.xreplace(names) for name, e in setting.reported.items()} for names in renamed)
    unknowns = [names.get(a, a) for names in renamed for a in setting.phi]
    return Problem("coexistence" if count == 2 else "triple", (*unknowns, *setting.free), (*residuals, *gaps), states,
                   setting.free_energy, setting.entropy, tuple(residuals), setting.temperature, setting.free)


def condition(setting, tied, expression, kind):
    """The Problem of a solution on which an expression vanishes: F(phi) = 0 and g(phi) = 0 for (phi, parameter)."""
    return _problem(setting, kind, tied, (tied(expression),), setting.free)


def cusp(setting, vector):
    """The Problem of a point in two parameters where two folds meet, the end of a first-order line.

    F = 0, dF v = 0, c.v = 1 and dF u + d2F v v = 0, c.u = 0: the second derivative along v lies in the range of dF.
    """
    first, second = (tuple(sympy.Symbol(f"{a}{mark}", real=True) for a in setting.phi) for mark in ("*", "**"))
    weights = _weights(vector)
    bend = [_along(_along(r, setting.phi, first), setting.phi, first) for r in setting.residual]
    rows = [*(setting.jacobian * sympy.Matrix(first)), *(setting.jacobian * sympy.Matrix(second) + sympy.Matrix(bend))]
    norms = [sum(c * v for c, v in zip(weights, first)) - 1, sum(c * u for c, u in zip(weights, second))]
    return _problem(setting, "cusp", untied(setting), (*rows, *norms), (*first, *second, *setting.free), dict(zip(setting.names, first)))


def tricritical(setting, tied, kernel):
    """The Problem of a tricritical point: the instability of a symmetric state in a whole-number direction r, and no cubic force.

    With u the response of the symmetric order parameters, dF u + d2F r r = 0: r.(3 d2F r u + d3F r r r) = 0 and r.dF r = 0.
    """
    direction = _recognised(kernel)
    phi, F = setting.phi, setting.residual
    response = {phi[i]: sympy.Symbol(f"{phi[i]}*", real=True) for i in tied.rows}
    # What follows a representative moves with it.
    u = [sum((tied.values[a].diff(b) * x for b, x in response.items()), sympy.S.Zero) for a in phi]
    along = lambda e, v: _along(e, phi, v)
    force = lambda entries: sum(c * e for c, e in zip(direction, entries))
    slope = force([along(r, direction) for r in F])
    cubic = force([3 * along(along(r, direction), u) + along(along(along(r, direction), direction), direction) for r in F])
    follow = [along(F[i], u) + along(along(F[i], direction), direction) for i in tied.rows]
    vector = dict(zip(setting.names, map(sympy.Integer, direction)))
    equations = tuple(map(tied, (slope, cubic, *follow)))
    return _problem(setting, "tricritical", tied, equations, (*response.values(), *setting.free), vector)


def end_point(setting, tied, kernel):
    """The Problem of the end of a continuous transition on a first-order one: an unstable symmetric state and another of its free energy."""
    direction = _recognised(kernel)
    other = {a: sympy.Symbol(f"{a}*", real=True) for a in setting.phi}
    slope = sum(c * _along(r, setting.phi, direction) for c, r in zip(direction, setting.residual))
    gap = tied(setting.free_energy) - setting.free_energy.xreplace(other)
    second = [r.xreplace(other) for r in setting.residual]
    made = _problem(setting, "critical-end", tied, (tied(slope), *second, gap), (*other.values(), *setting.free))
    return replace(made, states=(*made.states, {name: e.xreplace(other) for name, e in setting.reported.items()}))


def _along(expr, unknowns, direction):
    """The derivative of an expression of the unknowns along a vector."""
    return sum((expr.diff(a) * x for a, x in zip(unknowns, direction) if x != 0), sympy.S.Zero)


def _recognised(kernel):
    """A direction of whole numbers in a kernel."""
    direction = _whole_vector(kernel)
    if direction is None:
        raise InputError("the directions of this instability follow no symmetry that is recognised: it cannot be refined")
    return direction


def _weights(vector):
    """A unit vector as rationals."""
    return [sympy.Rational(round(float(x) * 2**20), 2**20) for x in np.asarray(vector) / np.linalg.norm(vector)]


def _problem(setting, kind, tied, equations, unknowns, vector=None, across=()):
    residual = tuple(map(tied, setting.residual))
    kept = tuple(residual[i] for i in tied.rows)
    state = {name: tied(e) for name, e in setting.reported.items()}
    checks = (*residual, *across)
    return Problem(kind, (*tied.unknowns, *unknowns), (*kept, *equations), (state,), tied(setting.free_energy),
                   tied(setting.entropy), checks, setting.temperature, setting.free, vector,
                   _is_exact(tied, setting, residual, across), tuple(map(tied, setting.stability)))


def _is_exact(tied, setting, residual, across):
    """Whether algebra shows that the equations left out follow from those kept."""
    for a, r in zip(setting.phi, residual):
        value = tied.values[a]
        leads = value.free_symbols & set(setting.phi)
        left = r if not leads else r - sum(residual[setting.phi.index(k)] * (value / k) for k in leads)
        if left != 0 and _plain(left) != 0:
            return False
    return all(_plain(e) == 0 for e in across)


def _plain(expr):
    """An expression with its finite averages written out, terms of one value written in one way, and multiplied out."""
    expr = expr.xreplace({a: a.expand_configurations() for a in expr.atoms(DisorderAverage)})
    expr = expr.replace(lambda e: isinstance(e, (Gibbs, LogSumExp)), _sorted)
    return sympy.expand(expr.replace(lambda e: isinstance(e, GaussianAverage), _reflected))


def _sorted(expr):
    """A Gibbs weight or a log of a sum with its exponents in order: it depends on the order in nothing but the state meant."""
    if isinstance(expr, LogSumExp):
        return LogSumExp(*sorted(expr.args, key=sympy.default_sort_key))
    i, *exponents = expr.args
    return sympy.Function("Gibbs*")(exponents[int(i) - 1], *sorted(exponents, key=sympy.default_sort_key))


def _reflected(average):
    """A Gaussian average with the sign of its mean fixed; zero for an odd integrand about zero."""
    f, x, mean, variance = average.args
    mirrored = f.xreplace({x: -x})
    if mean == 0 and sympy.expand(f + mirrored) == 0:
        return sympy.S.Zero
    if mean.could_extract_minus_sign():
        return GaussianAverage(sympy.expand(mirrored), x, -mean, variance)
    return GaussianAverage(sympy.expand(f), x, mean, variance)


def _whole_vector(kernel):
    """A vector of the kernel with entries that are whole numbers, or None."""
    rows = np.array(kernel, float).T.copy()
    used = []
    for row in range(len(rows)):
        column = int(np.argmax(np.abs(rows[row])))
        rows[row] /= rows[row, column]
        used.append(column)
        for other in range(len(rows)):
            if other != row:
                rows[other] -= rows[other, column] * rows[row]
    for scale in (1, 2, 3, 4, 6):
        for row in rows * scale:
            if np.abs(row - row.round()).max() < WHOLE:
                return [int(x) for x in row.round()]
    return None
