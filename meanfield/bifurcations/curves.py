"""Lines between phases in a plane of two parameters, as curves of extended systems followed by predictor and corrector.

The unknowns w hold the order parameters of one or two solutions, in the invariant subspaces of their branches, and the unit
coordinates of the two parameters; there is one equation less than unknowns. Each point of a curve is a Newton solution, accurate
to rounding, never an edge between pixels.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .family import Family, complement, spectrum, state
from .steps import Steps

__all__ = ["Coexistence", "Condition", "CurvePoint", "Fold", "Instability", "Tracing", "merging_point", "trace"]

# Ends of curves: largest change with the degree of a polynomial, nodes of it and the fewest, their least share of the amplitude, the
# amplitudes up to which they reach, and how close an end is to the edge of the box to lie on it.
FIT = 1e-6
NODES, LEAST_NODES, LOW, WIDEST, EDGE = 18, 7, 0.15, (0.1, 0.2, 0.35, 0.6), 1e-12
# A change with the degree that is good enough to try no other range.
SHARP = 1e-13
# The smallest width of a difference.
LEAST = 1e-10


@dataclass(frozen=True)
class Tracing(Steps):
    """Steps along curves in a plane; lengths in units of the order parameters and of the box's sides.

    Attributes
    ----------
    apart : two solutions closer than this are taken to merge
    """

    atol: float = 1e-14
    first: float = 0.005
    largest: float = 0.02
    smallest: float = 1e-7
    turn: float = 0.95
    steps: int = 3000
    apart: float = 0.03


class Equations:
    """The equations of a curve: `residual(w)` has one entry less than w; `states(w)` are the solutions on it."""

    def values(self, w):
        """Parameter values, shape (2,)."""
        return self.family.values(w[-2:])

    def jacobian(self, w, step=1e-6):
        """The residual's Jacobian by central differences, one-sided at the edges of the box; shape (k - 1, k)."""
        columns = []
        for i in range(len(w)):
            ends = w[i] + self._width(w, i, step) * np.array([-1, 1])
            if i >= len(w) - 2:
                ends = np.clip(ends, 0, 1)
            low, high = (self._moved(w, i, end) for end in ends)
            columns.append((self.residual(high) - self.residual(low)) / (ends[1] - ends[0]))
        return np.array(columns).T

    def _width(self, w, i, step):
        """Half the width of a difference, small against T unless lost in rounding."""
        k, T = i - (len(w) - 2), self.family.parameters(self.values(w))["T"]
        if T == 0:
            return step
        unit = self.family.span[k] if k >= 0 and self.family.names[k] == "T" else 1.0
        return max(min(step, 0.01 * T / unit), LEAST)

    def between(self, first, second, share, options=Tracing()):
        """The unknowns of the point at a share of the way from one point of the curve to the next; None if Newton fails."""
        step = second.w - first.w
        return _correct(self, first.w + share * step, step / np.linalg.norm(step), options)

    @staticmethod
    def _moved(w, i, end):
        moved = w.copy()
        moved[i] = end
        return moved


@dataclass(frozen=True, eq=False)
class Instability(Equations):
    """Where the lowest eigenvalue across the subspace of a branch vanishes: the branch loses its stability to a less symmetric one."""

    family: Family
    basis: np.ndarray

    @cached_property
    def across(self):
        return complement(self.basis)

    def start(self, order_parameters, values):
        """Unknowns from a solution near the curve."""
        return np.concatenate([self.basis.T @ order_parameters, self.family.unit(values)])

    def states(self, w):
        """Order parameters of the solution, in a list."""
        return [self.basis @ w[:-2]]

    def form(self, direction):
        """The linear form in w whose value is direction . phi."""
        return np.append(self.basis.T @ direction, [0.0, 0.0])

    def residual(self, w):
        evaluation = self.family.at(self.values(w)).evaluate(self.basis @ w[:-2])
        return np.append(self.basis.T @ evaluation.residual, self.indicator(evaluation))

    def indicator(self, evaluation):
        """The eigenvalue that vanishes on the curve."""
        return spectrum(evaluation, self.across)[0]


class Fold(Instability):
    """Where the lowest eigenvalue within the subspace of a branch vanishes: the branch turns round."""

    def indicator(self, evaluation):
        return spectrum(evaluation, self.basis)[0]


@dataclass(frozen=True, eq=False)
class Condition(Equations):
    """Where a function of a solution vanishes: `function(family, basis, State)`."""

    family: Family
    basis: np.ndarray
    function: object

    start, states, form = Instability.start, Instability.states, Instability.form

    def residual(self, w):
        values, phi = self.values(w), self.basis @ w[:-2]
        solution = state(self.family, self.basis, values, phi)
        return np.append(self.basis.T @ solution.evaluation.residual, self.function(self.family, self.basis, solution))


@dataclass(frozen=True, eq=False)
class Coexistence(Equations):
    """Where two solutions, on branches in the subspaces `first` and `second`, have equal free energies."""

    family: Family
    first: np.ndarray
    second: np.ndarray

    def start(self, order_parameters, values):
        """Unknowns from a pair of solutions near the curve."""
        a, b = order_parameters
        return np.concatenate([self.first.T @ a, self.second.T @ b, self.family.unit(values)])

    def states(self, w):
        """Order parameters of both solutions."""
        k = self.first.shape[1]
        return [self.first @ w[:k], self.second @ w[k:-2]]

    def form(self, first, second):
        """The linear form in w whose value is first . phi_1 + second . phi_2."""
        return np.concatenate([self.first.T @ first, self.second.T @ second, [0.0, 0.0]])

    def residual(self, w):
        system = self.family.at(self.values(w))
        a, b = (system.evaluate(phi) for phi in self.states(w))
        return np.concatenate([self.first.T @ a.residual, self.second.T @ b.residual, [a.free_energy - b.free_energy]])


@dataclass(frozen=True, eq=False)
class CurvePoint:
    """A point on a curve: unknowns, unit tangent, and how the curve ends there, if it does.

    `end` is "", "edge" (of the box), "merge" (solutions merge just beyond), "closed" or "lost"; where solutions merge, `fading` . w
    is the amplitude that vanishes.
    """

    w: np.ndarray
    tangent: np.ndarray
    end: str = ""
    fading: np.ndarray | None = None


def trace(equations, start, symmetry, options=Tracing()):
    """Follow a curve from unknowns close to it, in both directions.

    Parameters
    ----------
    equations : Equations
    start : unknowns near the curve, the solutions in canonical representatives
    symmetry : of the box; a curve ends where a solution meets its mirror image

    Returns
    -------
    list of CurvePoint in order along the curve; [] where there is no curve near the start
    """
    w = _correct(equations, np.array(start, float), _nearest_normal(equations, start), options)
    if w is None or not _inside(w):
        return []
    tangent = _tangent(equations, w, np.eye(len(w))[-1])
    tracer = _Tracer(equations, symmetry, replace(options, apart=min(options.apart, 0.2 * _gap(equations, w))))
    forward = tracer.march(CurvePoint(w, tangent))
    if len(forward) > 2 and forward[-1].end == "closed":
        return forward
    backward = tracer.march(CurvePoint(w, -tangent))
    turned = [replace(p, tangent=-p.tangent) for p in backward[::-1]]
    return [*turned[:-1], forward[0] if forward[0].end else turned[-1], *forward[1:]]


def _gap(equations, w):
    """Distance of the two solutions on a curve; infinite where there is one."""
    states = equations.states(w)
    return float(np.linalg.norm(states[1] - states[0])) if len(states) == 2 else np.inf


def _inside(w):
    return bool((w[-2:] >= 0).all() and (w[-2:] <= 1).all())


def _nearest_normal(equations, start):
    """The direction along the curve near the start: the first correction is made across it."""
    return _tangent(equations, np.array(start, float), np.ones(len(start)))


def _tangent(equations, w, along):
    vector = np.linalg.svd(equations.jacobian(w))[2][-1]
    return vector if vector @ along >= 0 else -vector


def _correct(equations, w, normal, options, target=None):
    """Newton's method in the plane through w (or at normal.w = target); the Jacobian is that of the first point."""
    target = normal @ w if target is None else target
    inverse, last = None, np.inf
    for iteration in range(25):
        residual = np.append(equations.residual(w), normal @ w - target)
        error = np.abs(residual).max()
        if error <= options.atol or (last <= error < 1e-12):
            return w
        if not error < 3 * last + 1e-2:
            return None
        if inverse is None or error > 0.2 * last:
            inverse = _inverse(np.vstack([equations.jacobian(w), normal]))
        if inverse is None:
            return None
        last, w = error, w - inverse @ residual
        w[-2:] = np.where(np.abs(w[-2:] - np.clip(w[-2:], 0, 1)) < 1e-12, np.clip(w[-2:], 0, 1), w[-2:])
        if not _inside(w):
            return None
    return None


def _inverse(matrix):
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None


@dataclass(frozen=True, eq=False)
class _Tracer:
    equations: Equations
    symmetry: object
    options: Tracing

    def march(self, start):
        """Points from `start` along its tangent; the last one says why the march ends."""
        points, length, calm = [start], self.options.first, 0
        while len(points) < self.options.steps:
            here = points[-1]
            if self.leaves(here):
                return self.ended(points, "edge")
            new = self.step(here, length)
            if new is None:
                length, calm = length / 2, 0
                if length < self.options.smallest:
                    return self.ended(points, "lost")
                continue
            fading = self.fading(here, new)
            if fading is not None:
                return [*points[:-1], replace(here, end="merge", fading=fading)]
            if len(points) > 3 and _closes(start, here, new):
                return [*points, CurvePoint(start.w, start.tangent, "closed")]
            points.append(new)
            calm += 1
            length = min(length * (1.5 if calm > 1 else 1), self.options.largest)
        return self.ended(points, "lost")

    @staticmethod
    def ended(points, why):
        return [*points[:-1], replace(points[-1], end=why)]

    @staticmethod
    def leaves(point):
        place, motion = point.w[-2:], point.tangent[-2:]
        return bool((((place == 0) & (motion < 0)) | ((place == 1) & (motion > 0))).any())

    def step(self, here, length):
        guess, normal, target = self.predict(here, length)
        w = _correct(self.equations, guess, normal, self.options, target)
        reach = np.linalg.norm(guess - here.w)
        if w is None or np.linalg.norm(w - guess) > 0.3 * reach + 1e-9:
            return None
        new = CurvePoint(w, _tangent(self.equations, w, here.tangent))
        return new if new.tangent @ here.tangent > self.options.turn else None

    def predict(self, here, length):
        """Guess, normal and plane of the next point: on the edge of the box if the step would leave it."""
        guess = here.w + length * here.tangent
        beyond = np.maximum(guess[-2:] - 1, -guess[-2:])
        if (beyond <= 0).all():
            return guess, here.tangent, None
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(beyond > 0, (np.clip(guess[-2:], 0, 1) - here.w[-2:]) / here.tangent[-2:], np.inf)
        k = int(np.argmin(shares))
        edge = float(guess[-2 + k] > 1)
        guess = here.w + shares[k] * here.tangent
        guess[-2 + k] = edge
        return guess, np.eye(len(guess))[len(guess) - 2 + k], edge

    def fading(self, here, new):
        """The linear form in w that vanishes between two points where solutions merge there, or None."""
        before, after = (self.equations.states(p.w) for p in (here, new))
        if len(after) == 2:
            gap, last = after[1] - after[0], before[1] - before[0]
            if np.linalg.norm(gap) < self.options.apart or gap @ last <= 0:
                return self.equations.form(-last / np.linalg.norm(last), last / np.linalg.norm(last))
        for k, phi in enumerate(after):
            crossed = self.symmetry.canonical(phi) - phi
            if np.abs(crossed).max() > 1e-7:
                direction = crossed * np.sign(crossed @ before[k]) / np.linalg.norm(crossed)
                return self.equations.form(*(direction if i == k else 0 * phi for i in range(len(after))))
        return None


def _closes(start, here, new):
    step = new.w - here.w
    share = step @ (start.w - here.w) / (step @ step)
    near = np.linalg.norm(start.w - here.w - share * step) < 0.2 * np.linalg.norm(step)
    return bool(0 < share <= 1 and near and start.tangent @ here.tangent > 0)


def merging_point(equations, points, options=Tracing()):
    """Parameter values, shape (2,), at which a curve ends because solutions merge there, and whether they were found.

    The curve is an even function of the amplitude that vanishes at its end: the end is the value at zero of a polynomial in
    the square of the amplitude, through points on the curve, of the degree and the range that change it least.

    Parameters
    ----------
    points : those of the curve from the end that merges inwards

    Returns
    -------
    (values, sound)
        the last point itself where the curve is no even function of the amplitude that fades
    """
    fading = points[0].fading
    amplitudes = np.array([fading @ p.w for p in points])
    rising = int(np.argmin(np.append(np.diff(amplitudes) > 0, False))) + 1
    known, w = amplitudes[:rising], np.array([p.w for p in points[:rising]])
    best = np.inf, None
    for top in sorted({min(known[-1], widest) for widest in WIDEST}, reverse=True):
        if best[0] < SHARP:
            break
        nodes = _even_nodes(equations, options, fading, known, w, top)
        if len(nodes) > LEAST_NODES:
            best = min(best, _at_zero(nodes), key=lambda found: found[0])
    change, unit = best
    if unit is None:
        return equations.values(points[0].w), False
    unit = np.clip(np.where(np.abs(unit - np.round(unit)) < EDGE, np.round(unit), unit), 0, 1)
    # The end lies within a step of the last point; a fit that strays was no function of the square.
    sound = change < FIT and np.abs(unit - points[0].w[-2:]).max() < 2 * options.largest
    return (equations.family.values(unit), True) if sound else (equations.values(points[0].w), False)


def _even_nodes(equations, options, fading, known, w, top):
    """[(amplitude^2, unit coordinates)] of points on the curve at Chebyshev nodes of the square, up to an amplitude."""
    low, found = max(known[0], LOW * top) ** 2, []
    for square in (low + top**2) / 2 + (top**2 - low) / 2 * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES):
        amplitude = np.sqrt(square)
        guess = np.array([np.interp(amplitude, known, column) for column in w.T])
        solved = _correct(equations, guess, fading, options, amplitude)
        if solved is not None:
            found.append((square, *solved[-2:]))
    return found


def _at_zero(nodes):
    """(change, unit coordinates at amplitude zero) from polynomials of rising degree, where one more degree changes least."""
    squares, *places = np.array(nodes).T
    degrees = range(2, len(nodes) - 3)
    fits = [[np.polynomial.Chebyshev.fit(squares, place, degree)(0.0) for place in places] for degree in degrees]
    changes = np.abs(np.diff(fits, axis=0)).max(axis=1)
    best = int(changes.argmin())
    return changes[best], np.array(fits[best + 1])
