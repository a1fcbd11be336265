"""Replica-symmetric equations of quenched couplings to any number of digits.

The Gaussian fields of two-state sites enter through averages E T log 2cosh(x/T) and their slopes; at T = 0 these are error
functions.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from sympy import S

from theory.averages import GAUSSIAN, GaussianAverage
from theory.errors import InputError
from theory.functions import log2cosh
from theory.replica import ansatz_of
from theory.symbols import T, symbol

from ..codegen.saddle import equations
from ..replicas.assemble import assemble, ordered
from ..replicas.reduced import Reduced, iterated, with_auxiliaries
from ..replicas.search import replica_symmetric
from ..replicas.solutions import nowhere, system_of
from ..replicas.unknowns import Unknowns
from ..results import Solution

__all__ = ["Point", "ReplicaSetting", "check"]

# Steps of damped iteration from the starts of two coexisting states.
SETTLING = 300
# Smaller overlaps vanish.
EMPTY = 1e-9
# Relative change of a parameter by which the nearest instability is guessed.
NUDGE = 1e-4


def _unavailable(ansatz):
    return InputError(f"precise points with quenched couplings are replica symmetric: got {ansatz.title}, use the ansatz rs")


def check(theory, cold):
    """Refuse what has no precise points.

    Parameters
    ----------
    theory : ReplicaTheory
    cold : whether T = 0
    """
    name, leaves = theory.model.name, [leaf for layer in theory.layers for leaf in layer.leaves]
    if theory.steps:
        raise _unavailable(theory.ansatz)
    if theory.channel is not None or not theory.model.has_temperature:
        raise InputError(f"{name} has pattern constraints: precise points are available for couplings between two-state sites")
    if any(leaf.kind == "finite" and len(leaf.slopes) > 2 for leaf in leaves):
        raise InputError(f"{name} has sites of more than two states in random fields: precise points are available for two")
    if cold and any(leaf.kind == "quadratic" for leaf in leaves):
        raise InputError(f"{name} has continuous sites, whose entropy diverges at T = 0: take T > 0")


@dataclass(frozen=True, eq=False)
class ReplicaSetting:
    """A replica-symmetric theory with exact parameter values, some of which may be free; used like `problems.Setting`.

    Attributes
    ----------
    theory : ReplicaTheory
    exact : {symbol: number} of the parameters that are held
    free : symbols of the free parameters
    near : about the temperature
    """

    theory: object
    exact: dict
    free: tuple = ()
    near: float = 0.0

    def __post_init__(self):
        check(self.theory, self.is_cold)

    @property
    def is_cold(self):
        """Whether T = 0."""
        return self.exact.get(T) == 0

    @property
    def phi(self):
        """Means, auxiliaries and responses C = (q_d - q)/T."""
        return self.theory.unknowns

    @property
    def names(self):
        return tuple(map(str, self.phi))

    @cached_property
    def _equations(self):
        return equations(self.theory)

    @cached_property
    def _values(self):
        return _Values(self._equations.chain, self.is_cold)

    @cached_property
    def residual(self):
        """The equations that vanish, a tuple."""
        return tuple(map(self.held, self._equations.residual))

    @cached_property
    def jacobian(self):
        """Matrix of d residual / d unknown."""
        return sympy.Matrix([[r.diff(a) for a in self.phi] for r in self.residual])

    @cached_property
    def free_energy(self):
        return self.held(self._equations.free_energy)

    @cached_property
    def entropy(self):
        return self.held(self._equations.entropy)

    @property
    def temperature(self):
        return self.held(T)

    @cached_property
    def reported(self):
        """{name: Expr}: means, auxiliaries, overlaps, crosstalk, responses."""
        solved, others = {str(a): a for a in self.phi}, dict(self._equations.observables)
        means = {str(a): solved[str(a)] if str(a) in solved else others.pop(str(a)) for a in self.theory.order_parameters}
        overlaps = {name: e for name, e in (others | self._equations.reported).items() if name not in solved}
        return {name: self.held(e) for name, e in (means | overlaps).items()} | solved

    @cached_property
    def stability(self):
        """Entries of T times the replicon block by rows."""
        return tuple(map(self.held, self._equations.stability or ()))

    def emptied(self, phi):
        """{C: q_d/T} of the overlaps that vanish at the unknowns phi: q = q_d - T C, where the equations hold trivially."""
        known = dict(zip(self.phi, map(float, phi)))
        empty = {o.C: o.diagonal - T * o.C for o in self.theory.overlaps if o.diagonal is not None and o.C in known}
        return {C: self.held((q + T * C) / T) for C, q in empty.items() if abs(float(q.xreplace({**known, T: self.near}))) < EMPTY}

    def held(self, expr):
        """An expression with averages written out and the parameter values put in."""
        return self._values(expr).xreplace(self.exact)


class _Values:
    """Expressions of the names of a Chain."""

    def __init__(self, chain, is_cold):
        self.chain, self.slope, self._done = chain, _cold_slope if is_cold else _slope, {}

    def __call__(self, expr):
        expr = sympy.sympify(expr)
        opaque = [s for s in expr.free_symbols if s in self.chain.nodes or s in self.chain.definitions]
        return expr.xreplace({s: self._value(s) for s in opaque})

    def _value(self, s):
        if s not in self._done:
            self._done[s] = self._average(*self.chain.nodes[s]) if s in self.chain.nodes else self(self.chain.definitions[s])
        return self._done[s]

    def _average(self, index, order, warm):
        mean, variance = map(self, self.chain.averages[index])
        # The average is even in the mean: one sign for all leaves lets them share their nodes.
        flipped = mean.could_extract_minus_sign()
        return (-1) ** (order * flipped) * self.slope(order, warm, -mean if flipped else mean, variance)


def _slope(order, warm, mean, variance):
    """The average of the derivative of T log 2cosh(x/T), `order` times in x and `warm` times in T."""
    f = T * log2cosh(GAUSSIAN / T)
    for x in (*[T] * warm, *[GAUSSIAN] * order):
        f = f.diff(x)
    return GaussianAverage(f, GAUSSIAN, mean, variance)


def _cold_slope(order, warm, mean, variance):
    """The same at T = 0: E |x| in error functions, to which the temperature adds nothing in first order."""
    if warm:
        return S.Zero
    y, v = symbol("y"), symbol("v")
    f = y * sympy.erf(y / sympy.sqrt(2 * v)) + sympy.sqrt(2 * v / sympy.pi) * sympy.exp(-(y**2) / (2 * v))
    if order:
        f = sympy.erf(y / sympy.sqrt(2 * v)).diff(y, order - 1)
    return f.xreplace({y: mean, v: variance})


class Point:
    """A model with quenched couplings at a point in double precision, from which unknowns are started.

    Attributes
    ----------
    model : Model
    unknowns : `meanfield.replicas.unknowns.Unknowns`
    """

    def __init__(self, model, values, ansatz=None):
        chosen = ansatz_of(ansatz)
        if chosen.steps:
            raise _unavailable(chosen)
        self.model, self.values = model, {name: float(v) for name, v in values.items()}
        self.system = system_of(model, self.values)
        self.unknowns = Unknowns(self.system)
        check(self.system.theory, self.values.get("T") == 0)

    def placed(self, start):
        """Unknowns of a start: {name: value}, a Solution, or values of all unknowns."""
        if isinstance(start, Solution):
            start = self._sufficient(start.order_parameters)
        if not hasattr(start, "get"):
            return self._listed(start)
        try:
            values = {name: float(value) for name, value in start.items()}
        except (TypeError, ValueError):
            raise self._refused(start) from None
        return self._completed(self.unknowns.placed(values), start)

    def _sufficient(self, values):
        """What a start needs of a solution's values: no overlap beside its response."""
        names = self.system.names
        overlaps = {str(o.overlap.names[-1]) for o in self.unknowns.overlaps if names[o.C] not in values}
        return {name: value for name, value in values.items() if name in names or name in overlaps}

    def _completed(self, u, start):
        """u with the auxiliaries that the start does not name solved for."""
        missing = [i for i in self.unknowns.auxiliaries if self.system.names[i] not in start]
        with np.errstate(all="ignore"):
            better = with_auxiliaries(self.unknowns, u) if missing else None
        if better is not None:
            u[missing] = better[missing]
        return u

    def _listed(self, start):
        try:
            u = np.array(start, dtype=float)
        except (TypeError, ValueError):
            raise self._refused(start) from None
        if u.shape != (self.unknowns.size,):
            raise self._refused(start)
        return u

    def _refused(self, start):
        overlaps = ", ".join(str(o.overlap.names[-1]) for o in self.unknowns.overlaps)
        return InputError(f"start: expected {{name: value}} of {', '.join(self.system.names)} or {overlaps}, got {start!r}")

    def settled(self, start):
        """Unknowns of the closest state that Newton's method reaches, at once or after iterations; else of the start."""
        u = self.placed(start)
        with np.errstate(all="ignore"):
            v = iterated(self.unknowns, u, held=[i for i in self.unknowns.means if u[i] == 0], steps=SETTLING)
        found = [w for w in (self._refined(u), v if v is None else self._refined(v)) if w is not None]
        return min(found, key=lambda w: np.abs(w - u).max(), default=u)

    def _refined(self, u):
        """What Newton's method leads to, or None."""
        with np.errstate(all="ignore"):
            v, converged = Reduced(self.unknowns, u, range(self.unknowns.size)).solve()
            return v if converged and np.isfinite(self.system.residual(v)).all() else None

    def gains_overlaps(self, start, name):
        """Whether a state without overlaps gains these at a closer value of a parameter than it gains a mean."""
        step = NUDGE * max(abs(self.values[name]), NUDGE)
        here, there = (self._softness(start, {**self.values, name: self.values[name] + s}) for s in (0.0, step))
        with np.errstate(divide="ignore", invalid="ignore"):
            distances = np.abs(here * step / (there - here))
        return bool(distances[0] < np.nanmin(distances[1:], initial=np.inf))

    def _softness(self, start, values):
        """(replicon, then the eigenvalues of the means' Jacobian in ascending order) of a start at parameter values."""
        point = Point(self.model, values)
        u, means = point.placed(start), list(point.unknowns.means)
        jacobian = point.system.jacobian(u)[np.ix_(means, means)]
        return np.array([point.system.state(u).replicon, *np.sort(np.linalg.eigvals(jacobian).real)])

    def solved(self, start):
        """Unknowns of the equilibrium, or of the solution that Newton's method leads to from a start, and its Solution or None.

        Raises
        ------
        InputError
            Where there is none.
        """
        if start is None:
            return self._equilibrium()
        u = self._refined(self.placed(start))
        if u is None:
            raise InputError("no solution to refine: Newton's method did not converge from this start; give a closer one")
        return u, None

    def _equilibrium(self):
        found = replica_symmetric(self.system)
        pairs = [assemble(found.unknowns, u) for u in found.points]
        best = next((s for s in ordered(pairs) if s.equilibrium), None)
        if best is None or not best.converged:
            status = nowhere(self.system).status if best is None else best.status
            raise InputError(f"no solution to refine: {status}; give another start")
        same = (s.order_parameters == best.order_parameters and s.free_energy == best.free_energy for s, _ in pairs)
        return found.points[next(i for i, yes in enumerate(same) if yes)], best
