"""Solution branches followed through folds by pseudo-arclength continuation, with their special points.

A branch is a curve z = (y, u): coordinates y of the order parameters in the invariant subspace of the branch and the unit
coordinate u of the parameter. Predictor: the tangent; corrector: Newton in the plane through the prediction. Special points are
roots, along the arc, of stability eigenvalues or of the tangent's parameter component (Keller 1977; Kuznetsov, chapter 10).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from ..events import is_root
from .family import Family, State, invariant_subspace, state
from .steps import Steps

__all__ = ["Arclength", "BranchPoint", "Curve", "Path", "between", "follow", "march", "vanishing"]

ROUNDING = 2e-15
# Order parameters of a rough special point that agree to these are tied on the more symmetric branch that is met there.
TIES = (1e-4, 0.05)
# Special points of one kind closer than this are one.
ONE = 1e-9


@dataclass(frozen=True)
class Arclength(Steps):
    """Steps along a branch; lengths in units of the order parameters and of the parameter's range."""

    atol: float = 1e-14
    first: float = 0.01
    largest: float = 0.04
    smallest: float = 1e-14
    turn: float = 0.97
    steps: int = 2000


@dataclass(frozen=True, eq=False)
class BranchPoint:
    """A point on a branch: its State, position z, unit tangent, and what is special about it.

    `event` is "" (regular), "fold" (the parameter turns), "bifurcation" (an eigenvalue crosses zero while the parameter runs on),
    "pitchfork" (the branch meets a more symmetric one and continues as its own mirror image), "edge" or "lost".
    """

    state: State
    z: np.ndarray
    tangent: np.ndarray
    event: str = ""

    @property
    def parameter(self):
        """Value of the continuation parameter."""
        return float(self.state.parameters[0])


@dataclass(frozen=True, eq=False)
class Path:
    """A branch: its points in order along the arc, special points included."""

    curve: "Curve"
    points: tuple[BranchPoint, ...]

    def at(self, value):
        """Points of the branch at a parameter value, one for each time that the branch passes it."""
        found = []
        for first, second in zip(self.points, self.points[1:]):
            point = between(self.curve, first, second, value)
            if point is not None and not any(_same(point, other) for other in found):
                found.append(point)
        return found


def _same(a, b):
    return np.abs(a.state.order_parameters - b.state.order_parameters).max(initial=0) < 1e-9


def follow(family, order_parameters, value, options=Arclength()):
    """Follow the branch through a solution in both directions until it leaves the range, closes or ends.

    Parameters
    ----------
    family : Family with one free parameter
    order_parameters : a solution, shape (n,), at the parameter `value`
    options : Arclength

    Returns
    -------
    Path, or None where the start is no regular solution
    """
    curve = Curve(family, invariant_subspace(family, order_parameters), options)
    start = curve.start(order_parameters, value)
    if start is None:
        return None
    forward = list(march(curve, start))
    if len(forward) > 1 and forward[-1] is start:
        return Path(curve, tuple(forward))
    backward = list(march(curve, replace(start, tangent=-start.tangent)))
    reverse = [replace(p, tangent=-p.tangent) for p in backward[:0:-1]]
    middle = forward[0] if forward[0].event else replace(forward[0], event=backward[0].event)
    return Path(curve, (*reverse, middle, *forward[1:]))


@dataclass(frozen=True, eq=False)
class Curve:
    """The equations of one branch in z = (y, u), with their corrector."""

    family: Family
    basis: np.ndarray
    options: Arclength

    @property
    def natural(self):
        """Normal of the planes of constant parameter."""
        return np.append(np.zeros(self.basis.shape[1]), 1.0)

    def residual(self, z):
        """Residual in the subspace, shape (k,), and its Jacobian in y, shape (k, k)."""
        residual, jacobian = self.family.at(self.family.values(z[-1:])).residual(self.basis @ z[:-1])
        return self.basis.T @ residual, self.basis.T @ jacobian @ self.basis

    def slope(self, z):
        """dF/du at fixed order parameters, shape (k,)."""
        phi = self.basis @ z[:-1]
        residual = lambda values: self.family.at(values).residual(phi)[0]
        return self.basis.T @ self.family.slope(residual, self.family.values(z[-1:]), 0)

    def correct(self, z, normal):
        """The solution in the plane through z with this normal, or None where Newton does not reach one."""
        slope, origin, last = self.slope(z), z, np.inf
        for _ in range(15):
            residual, jacobian = self.residual(z)
            error = np.abs(residual).max(initial=0)
            # A steep residual (low T) cannot be smaller than the rounding of z makes it.
            floor = max(1e-11, ROUNDING * np.abs(jacobian).max(initial=0))
            if error <= self.options.atol or last <= error < floor:
                return z
            if not error < 10 * last + 1e-3:
                return None
            last = error
            z = _newton_step(z, origin, normal, residual, np.column_stack([jacobian, slope]))
            if z is None:
                return None
        return None

    def tangent(self, z, along):
        """Unit tangent at z, oriented along the vector `along`."""
        jacobian = np.column_stack([self.residual(z)[1], self.slope(z)])
        if not np.isfinite(jacobian).all():
            raise ArithmeticError("the equations have no finite derivative here")
        vector = np.linalg.svd(jacobian)[2][-1]
        return vector if vector @ along >= 0 else -vector

    def point(self, z, along):
        """The BranchPoint at a solution z."""
        here = state(self.family, self.basis, self.family.values(z[-1:]), self.basis @ z[:-1])
        return BranchPoint(here, z, self.tangent(z, along))

    def start(self, order_parameters, value):
        """The BranchPoint of a solution at a parameter value, or None."""
        z = self.correct(np.append(self.basis.T @ order_parameters, self.family.unit([value])), self.natural)
        return None if z is None else self.try_point(z, self.natural)

    def try_point(self, z, along):
        """The BranchPoint at a solution z, or None where derivatives are not finite (kinks at T = 0)."""
        try:
            return self.point(z, along)
        except (ArithmeticError, np.linalg.LinAlgError):
            return None


def _newton_step(z, origin, normal, residual, jacobian):
    right = np.append(residual, normal @ (z - origin))
    try:
        z = z - np.linalg.solve(np.vstack([jacobian, normal]), right)
    except np.linalg.LinAlgError:
        return None
    u = min(max(z[-1], 0.0), 1.0)
    if not abs(u - z[-1]) < 1e-12:
        return None
    z[-1] = origin[-1] if normal[-1] == 1 else u
    return z


def march(curve, start):
    """Points from `start` along its tangent, one after the other; the last one says by its event why the march ends."""
    here, length, calm, count, options = start, curve.options.first, 0, 1, curve.options
    while count < options.steps:
        if _leaves(here):
            yield replace(here, event="edge")
            return
        new = _step(curve, here, length)
        if new is None:
            length, calm = length / 2, 0
            if length < options.smallest:
                yield replace(here, event="lost")
                return
            continue
        special = _special_points(curve, here, new)
        yield from (here, *special)
        count += len(special)
        if special and special[-1].event == "pitchfork":
            return
        if count > 2 and _closes(start, here, new):
            yield start
            return
        here, count, calm = new, count + 1, calm + 1
        length = min(length * (1.5 if calm > 2 else 1), options.largest)
    yield replace(here, event="lost")


def _leaves(point):
    u, du = point.z[-1], point.tangent[-1]
    return (u == 0 and du < 0) or (u == 1 and du > 0)


def _closes(start, here, new):
    """Whether the step passes the start in its own direction, which happens on isolated loops."""
    step = new.z - here.z
    share = step @ (start.z - here.z) / (step @ step)
    near = np.linalg.norm(start.z - here.z - share * step) < 0.2 * np.linalg.norm(step)
    return bool(0 < share <= 1 and near and start.tangent @ here.tangent > 0)


def _step(curve, here, length):
    """The next point at about this distance, on the edge of the range if it lies beyond, or None if the step must shrink."""
    guess, normal = here.z + length * here.tangent, here.tangent
    if not 0 <= guess[-1] <= 1:
        edge = float(guess[-1] > 1)
        length = (edge - here.z[-1]) / here.tangent[-1]
        guess, normal = here.z + length * here.tangent, curve.natural
        guess[-1] = edge
    z = curve.correct(guess, normal)
    if z is None or np.linalg.norm(z - guess) > 0.5 * length:
        return None
    new = curve.try_point(z, here.tangent)
    return new if new is not None and new.tangent @ here.tangent > curve.options.turn else None


def _special_points(curve, first, second):
    """Special points between two successive points, in order; a pitchfork ends the list."""
    section = _Section(curve, first, second)
    turns = first.tangent[-1] * second.tangent[-1] < 0
    inside = section.crossings(lambda state: state.inside)
    across = section.crossings(lambda state: state.across)
    if turns and len(inside) % 2 == 0:
        return [replace(_meeting_point(curve, section.turning_point()), event="pitchfork")]
    events = sorted([(t, "fold" if turns else "bifurcation") for t in inside] + [(t, "bifurcation") for t in across])
    distinct = [e for k, e in enumerate(events) if k == 0 or e[0] - events[k - 1][0] > 1e-8]
    # Where branches cross the Jacobian's kernel holds the tangents of both.
    tangents = [section.direction(t) if event == "bifurcation" else None for t, event in distinct]
    points = [section.point(t) for t, _ in distinct]
    points = [replace(p, event=event, tangent=p.tangent if d is None else d) for p, (_, event), d in zip(points, distinct, tangents)]
    sharp = [_meeting_point(curve, p, TIES[:1]) if p.event == "bifurcation" else p for p in points]
    return [p for k, p in enumerate(sharp) if k == 0 or p.event != sharp[k - 1].event or abs(p.z[-1] - sharp[k - 1].z[-1]) > ONE]


def _meeting_point(curve, rough, ties=None):
    """The point at which a branch meets a more symmetric one, sharp: the latter's instability nearby.

    At a tricritical point the branch is so flat that its turning point is only found to a few percent in the order parameters.
    """
    for tied in ties or TIES:
        basis = invariant_subspace(curve.family, rough.state.order_parameters, tied)
        if basis.shape[1] < curve.basis.shape[1]:
            return _instability_near(replace(curve, basis=basis), rough, curve.basis) or rough
    return rough


def _instability_near(symmetric, rough, basis, window=1e-4):
    """The point `rough` of a branch in `basis` moved to where the symmetric branch loses its stability close to it, or None."""
    start = rough.state.order_parameters
    here = symmetric.start(start, rough.parameter)
    if here is None:
        return None
    soft = int(np.argmin(np.abs(here.state.across)))

    def eigenvalue(u):
        point = symmetric.start(start, symmetric.family.values([u])[0])
        return np.nan if point is None else point.state.across[soft]

    low, high = max(rough.z[-1] - window, 0), min(rough.z[-1] + window, 1)
    if not eigenvalue(low) * eigenvalue(high) < 0:
        return None
    meeting = symmetric.start(start, symmetric.family.values([brentq(eigenvalue, low, high, xtol=1e-15)])[0])
    z = np.append(basis.T @ meeting.state.order_parameters, meeting.z[-1])
    return replace(rough, z=z, state=state(symmetric.family, basis, meeting.state.parameters, meeting.state.order_parameters))


@dataclass(frozen=True, eq=False)
class _Section:
    """The piece of a branch between two successive points, at shares 0 <= t <= 1 of their distance."""

    curve: Curve
    first: BranchPoint
    second: BranchPoint

    def estimate(self, t):
        """Cubic Hermite interpolation of z."""
        step = self.second.z - self.first.z
        length = np.linalg.norm(step)
        bend_in, bend_out = self.first.tangent * length - step, step - self.second.tangent * length
        return self.first.z + t * step + t * (1 - t) * ((1 - t) * bend_in + t * bend_out)

    def direction(self, t, step=1e-4):
        """Unit tangent of the interpolation."""
        along = self.estimate(t + step) - self.estimate(t - step)
        return along / np.linalg.norm(along)

    def point(self, t):
        """The corrected point; where another branch crosses, the corrector fails and the estimate stands."""
        guess = self.estimate(t)
        z = self.curve.correct(guess, self.first.tangent)
        return self.curve.point(guess if self._strays(z, guess) else z, self.first.tangent)

    def _strays(self, z, guess):
        return z is None or np.linalg.norm(z - guess) > 0.1 * np.linalg.norm(self.second.z - self.first.z)

    def crossings(self, eigenvalues):
        """Shares t at which sorted stability eigenvalues change sign."""
        before, after = ((eigenvalues(p.state) < 0).sum() for p in (self.first, self.second))
        return [self._root(lambda p: eigenvalues(p.state)[k]) for k in range(min(before, after), max(before, after))]

    def _root(self, value):
        return brentq(lambda t: value(self.first if t == 0 else self.second if t == 1 else self.point(t)), 0, 1, xtol=1e-15)

    def turning_point(self):
        """The point where the parameter turns while the branch meets its own mirror image."""
        return self.point(brentq(lambda t: self.estimate(t + 1e-6)[-1] - self.estimate(t - 1e-6)[-1], 0, 1, xtol=1e-9))

    def at(self, u):
        """The point at the parameter coordinate u, which lies between those of the ends."""
        guess = self.estimate(brentq(lambda t: self.estimate(t)[-1] - u, 0, 1, xtol=1e-14))
        guess[-1] = u
        z = self.curve.correct(guess, self.curve.natural)
        if not self._strays(z, guess):
            return self.curve.point(z, self.first.tangent)
        return self.point(self._root(lambda p: p.z[-1] - u))


def vanishing(curve, first, second, function, label):
    """The point between two successive ones at which a function of a BranchPoint vanishes, as an event; None where it does not."""
    ends = function(first), function(second)
    if not (np.isfinite(ends).all() and ends[0] * ends[1] < 0):
        return None
    section = _Section(curve, first, second)
    try:
        found = section.point(section._root(function))
    except (ValueError, ArithmeticError):
        return None
    return replace(found, event=label) if is_root(function(found), *ends) else None


def between(curve, first, second, value):
    """The point between two successive ones at a parameter value, or None if the branch does not pass it there."""
    u = float(curve.family.unit([value])[0])
    for end in (first, second):
        if abs(end.z[-1] - u) < 1e-14:
            return end
    if not min(first.z[-1], second.z[-1]) < u < max(first.z[-1], second.z[-1]):
        return None
    return _Section(curve, first, second).at(u)
