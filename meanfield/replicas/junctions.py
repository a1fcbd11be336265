"""Where lines of a plane meet: tricritical points of continuous transitions, and what ends of lines next to each other make."""

from collections import Counter
from itertools import pairwise

import numpy as np
from scipy.interpolate import BarycentricInterpolator
from scipy.optimize import brentq

from .reduced import Reduced

__all__ = ["Growth", "junction_kind"]

# Amplitudes at which a state of less symmetry is solved for, as shares of the first; rounds of Newton's method for it.
AMPLITUDE, SHARES, ROUNDS = 0.006, (1.0, 0.5, 0.25, 0.125), 12
# A solution whose parameters are farther from the instability, in units of the box, is another.
FAR = 0.05
STEP = 1e-6
# Where on the chord of two points of the curve a is computed, and how many values are enough.
CHEBYSHEV = (1 - np.cos(np.pi * np.arange(10) / 9)) / 2
ENOUGH = 6
# How far beside the curve, in units of the box, the symmetric state is asked whether it is stable.
SIDES = (1e-3, 1e-4, 1e-5)


class Growth:
    """How a state of less symmetry grows at a curve of instabilities: the amplitude eps shifts the parameters by a(z) eps^k.

    k = 1 for overlaps, which appear by a transcritical bifurcation, and 2 for means, which appear by a pitchfork. Where a changes
    its sign, continuous transitions end at a tricritical point.

    Parameters
    ----------
    border : of kind "instability"
    grown : Member that contains the state
    """

    def __init__(self, border, grown):
        self.border, self.grown, self.area = border, grown, border.area
        self.power = 2 if border.block == "means" else 1

    def rate(self, z, towards=None):
        """a(z), positive where the state grows on the side on which the symmetric one is unstable; nan where it is not found.

        `towards` is a vector towards that side, where it is known.
        """
        start = self._start(z, towards)
        if start is None:
            return np.nan
        shifts, guess = [], None
        for share, following in zip(SHARES, (*SHARES[1:], SHARES[-1])):
            shift = self._shift(*start, AMPLITUDE * share, guess)
            if shift is None:
                return np.nan
            shifts.append(shift)
            guess = shift * (following / share) ** self.power
        eps = AMPLITUDE * np.array(SHARES)
        # The polynomial in eps (eps^2 for a pitchfork) through the quotients, at zero.
        nodes = eps**self.power
        values = np.array(shifts) / nodes
        return float(sum(v * np.prod([-c / (b - c) for c in nodes if c != b]) for b, v in zip(nodes, values)))

    def sign(self, z):
        """The sign of the shift at a small amplitude; nan where the state is not found."""
        start = self._start(z)
        shift = None if start is None else self._shift(*start, AMPLITUDE * SHARES[-1], None)
        return np.nan if shift is None else float(np.sign(shift))

    def _start(self, z, towards=None):
        """(place, normal to the unstable side, symmetric solution, vector that grows, of unit amplitude) at a point of the curve."""
        border, place = self.border, np.array(self.border.values(z))
        symmetric, member = border.members[0], self.grown
        free = list(member.sector.free)
        system = self.area.system(member.steps, tuple(map(float, place)))
        u = symmetric.sector.lift(symmetric.sector.restrict(border.unknowns(z)), system)
        jacobian = Reduced(member.unknowns(tuple(map(float, place))), u, free, scaled=False).jacobian(u[free])
        if not np.isfinite(jacobian).all():
            return None
        vector = np.linalg.svd(jacobian)[2][-1]
        grows = self._amplitude(u[free] + vector, vector, place) - self._amplitude(u[free], vector, place)
        if not abs(grows) > 1e-6:
            return None
        vector = vector / grows
        size = self.area.high - self.area.low
        along = border.direction(z) / size
        normal = np.array([-along[1], along[0]]) / np.linalg.norm(along) * size
        if towards is not None:
            return place, normal * np.sign((normal / size) @ (towards / size)), u[free], vector
        for distance in SIDES:
            sides = [self._block(u, tuple(map(float, place + side * distance * normal))) for side in (1, -1)]
            if np.isfinite(sides).all() and sides[0] * sides[1] < 0:
                return place, normal if sides[0] < sides[1] else -normal, u[free], vector
        return None

    def _amplitude(self, w, vector, values):
        """What vanishes in the symmetric state wherever it is: the means along the vector that grows, or the lowest overlap."""
        member, values = self.grown, tuple(map(float, values))
        if self.power == 1:
            return member.lowest_overlap(member.sector.lift(w, self.area.system(member.steps, values)), values)
        null = [i for i, k in enumerate(member.sector.free) if k in self.border.members[0].sector.null]
        return vector[null] @ w[null] / np.linalg.norm(vector[null])

    def _block(self, u, values):
        """Determinant of the block that becomes singular, of the symmetric solution near u; nan where there is none."""
        symmetric = self.border.members[0]
        found = symmetric.solve(u, values)
        return np.nan if found is None else symmetric.transversal(symmetric.sector.restrict(found.u), values, self.border.block)

    def _shift(self, place, normal, w, vector, eps, guess):
        """How far along the normal the state of an amplitude exists, in units of the box; None where it is not found."""
        values = lambda s: tuple(map(float, place + s * normal))
        excess = lambda x: self._amplitude(x[:-1], vector, values(x[-1])) - eps
        equations = lambda x: np.append(self.grown.residual(x[:-1], values(x[-1])), excess(x))
        x = np.append(w + eps * vector, 0.0 if guess is None else guess)
        for _ in range(ROUNDS):
            F = equations(x)
            if not np.isfinite(F).all():
                return None
            J = np.column_stack([(equations(x + STEP * e) - F) / STEP for e in np.eye(len(x))])
            if not np.isfinite(J).all() or abs(np.linalg.det(J)) < 1e-300:
                return None
            step = np.linalg.solve(J, -F)
            x = x + step
            if abs(x[-1]) > FAR:
                return None
            if np.abs(step).max() < 1e-12:
                break
        return float(x[-1])

    def tricritical(self, indices):
        """[(i, variables of the point between the i-th and the next at which a changes its sign, sign of a at the i-th)]."""
        rates = {i: self.rate(self.border.variables(i)) for i in indices}
        known = [i for i in indices if np.isfinite(rates[i])]
        for i, j in pairwise(known):
            if rates[i] * rates[j] < 0:
                found = self._zero(i, j, rates[i])
                if found is not None:
                    yield found

    def _zero(self, i, j, before):
        """The change of sign between two points, by bisection down to neighbours, then on the curve between these; or None."""
        while j - i > 1:
            middle = (i + j) // 2
            rate = self.rate(self.border.variables(middle))
            if not np.isfinite(rate):
                return None
            i, j, before = (middle, j, rate) if rate * before > 0 else (i, middle, before)
        towards = self._start(self.border.variables(i))[1]
        a, b = self.border.variables(i), self.border.variables(j)
        at = lambda share: a if share == 0 else b if share == 1 else self.border.chord(a, b, share)

        places = [(share, at(share)) for share in CHEBYSHEV]
        rates = [(share, self.rate(z, towards)) for share, z in places if z is not None]
        # Right at the point the equations are singular: a is interpolated there.
        shares, values = np.array([(share, rate) for share, rate in rates if np.isfinite(rate)]).reshape(-1, 2).T
        if len(shares) < ENOUGH or values[0] * values[-1] >= 0:
            return None
        z = at(brentq(BarycentricInterpolator(shares, values), shares[0], shares[-1], xtol=1e-15))
        return None if z is None else (i, z, before)


def junction_kind(kinds):
    """The kind of a special point at which lines of these kinds end, None for none.

    Three lines of first order meet in a triple point, a continuous one (that of breaking included) and one of first order in a
    tricritical point; a continuous one that meets two of first order ends on their line; several continuous ones meet in a
    multicritical point.
    """
    count = Counter(kinds)
    jumps = count["first-order"] + count["static"]
    if count["continuous"] > 1:
        return "multicritical"
    if count["continuous"]:
        return "tricritical" if jumps == 1 else "critical-end" if jumps > 1 else None
    if count["static"] == 1 and count["at"]:
        return "tricritical"
    return "triple" if count["first-order"] > 2 else None
