"""The equations of some of the unknowns while the others are held, and the damped iteration of their maps."""

import numpy as np

from .differences import moved, slope
from .physical import is_near

RELATIVE_STEP = 1e-5
ONE_SIDED_STEP = 1e-7
SMALL = 1e-3
# A residual below this counts as zero; the averages are good to about 1e-13.
ACCEPTED = 1e-11
# Accepted growth of the residual in one step, reduction below which Broyden's update is given up, halvings of a step.
GROWTH, SLOW, MOST, FIRST = 1.5, 0.5, 9, 1
# The damped iteration leaves smaller residuals to Newton's method.
SETTLED = 1e-5


class Reduced:
    """Equations of the unknowns at `free`, the others held at `base`; looks like a system to `newton`.

    The equation of a block parameter D_i vanishes like (q_i - q_(i-1))^2 where its step closes; it is divided by that square, so
    that the collapsed solution is none.
    """

    def __init__(self, unknowns, base, free, scaled=True):
        self.unknowns, self.system = unknowns, unknowns.system
        self.base, self.free = np.array(base, dtype=float), list(free)
        self.size, self.scaled = len(self.free), scaled and bool(unknowns.breaking)

    def full(self, x):
        """All unknowns."""
        u = self.base.copy()
        u[self.free] = x
        return self.unknowns.matched(u)

    def residual(self, x):
        """Residual of the free equations, shape (len(free),)."""
        u = self.full(x)
        if not is_near(self.unknowns, u):
            return np.full(self.size, np.nan)
        F = self.system.residual(u)
        if self.scaled:
            F[list(self.unknowns.breaking)] /= closing(self.unknowns, u)
        return F[self.free]

    def jacobian(self, x):
        """Jacobian by central differences with steps relative to the unknowns."""
        columns = [slope(lambda d: self.residual(moved(x, i, d)), RELATIVE_STEP * max(abs(x[i]), SMALL)) for i in range(self.size)]
        return np.column_stack(columns) if columns else np.zeros((0, 0))

    def slopes(self, x, F):
        """Jacobian by one-sided differences from the residual F at x: half the work, and good enough for steps."""
        columns = [self._one_sided(x, F, i, ONE_SIDED_STEP * max(abs(x[i]), SMALL)) for i in range(self.size)]
        return np.column_stack(columns) if columns else np.zeros((0, 0))

    def _one_sided(self, x, F, i, step):
        ahead = (self.residual(moved(x, i, step)) - F) / step
        return ahead if np.isfinite(ahead).all() else (F - self.residual(moved(x, i, -step))) / step

    def solve(self, limit=40, atol=1e-13):
        """A quasi-Newton method from the base: (u, converged)."""
        x, size = quasi_newton(self, self.base[self.free], atol, limit)
        return self.full(x), size < ACCEPTED


def quasi_newton(system, x, atol, limit):
    """Newton's method with Broyden's updates of the Jacobian, which is computed anew where they do not help.

    Returns
    -------
    (x, max |residual|), nan outside the domain
    """
    F, jacobian, fresh = system.residual(x), None, False
    for _ in range(limit):
        size = np.abs(F).max(initial=0.0)
        if not np.isfinite(size) or size <= atol:
            break
        if jacobian is None:
            jacobian, fresh = system.slopes(x, F), True
        step = _newton_step(jacobian, F)
        further, new = _damped(system, x, step, size, MOST if fresh else FIRST) if step is not None else (None, None)
        if further is None:
            if fresh:
                break
            jacobian = None
            continue
        slow = np.abs(new).max() > SLOW * size
        jacobian = None if slow and not fresh else _updated(jacobian, further - x, new - F)
        x, F, fresh = further, new, False
    return x, np.abs(F).max(initial=0.0)


def _newton_step(jacobian, F):
    try:
        step = -np.linalg.solve(jacobian, F)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def _damped(system, x, step, size, most):
    """(x, residual) after the longest step of halves that stays in the domain and does not raise the residual, or Nones."""
    factor = 1.0
    for _ in range(most):
        new = system.residual(x + factor * step)
        if np.isfinite(new).all() and np.abs(new).max(initial=0.0) < GROWTH * size:
            return x + factor * step, new
        factor /= 2
    return None, None


def _updated(jacobian, step, change):
    return jacobian + np.outer(change - jacobian @ step, step) / (step @ step) if step @ step > 0 else jacobian


def closing(unknowns, u):
    """(q_i - q_(i-1))^2 of every step, the largest over the overlaps, with a floor."""
    steps = [np.diff(levels) ** 2 for levels, _ in unknowns.levels(u)]
    return np.maximum(np.max(steps, axis=0), 1e-24)


def with_auxiliaries(unknowns, u):
    """u with the auxiliaries at the solution of their own equations, which contain no averages; None where there is none."""
    if not unknowns.auxiliaries:
        return u
    own, values = list(unknowns.auxiliaries), unknowns.system.saddle.auxiliary
    residual = lambda x: np.array(values(*unknowns.system.numbers, *_placed(u, own, x)), dtype=float)
    for start in (u[own], unknowns.auxiliary_start, 0.3 * unknowns.auxiliary_start, 2 * unknowns.auxiliary_start):
        try:
            x = _small_newton(residual, start.copy())
        except (ValueError, ZeroDivisionError, OverflowError, np.linalg.LinAlgError):
            continue
        if x is not None:
            return _placed(u, own, x)
    return None


def _small_newton(residual, x):
    for _ in range(30):
        F = residual(x)
        if not np.isfinite(F).all():
            return None
        if np.abs(F).max() < 1e-10:
            return x
        J = np.column_stack([slope(lambda d: residual(moved(x, i, d)), 1e-6) for i in range(len(x))])
        step = np.linalg.solve(J, F)
        factor = 1.0
        while factor > 1e-3 and not np.isfinite(residual_or_nan(residual, x - factor * step)).all():
            factor /= 2
        x = x - factor * step
    return None


def residual_or_nan(residual, x):
    """residual(x), nan outside its domain."""
    try:
        return residual(x)
    except (ValueError, ZeroDivisionError, OverflowError):
        return np.full(len(x), np.nan)


def _placed(u, where, x):
    v = u.copy()
    v[where] = x
    return v


def iterated(unknowns, u, held=(), damping=0.5, steps=12):
    """Damped iteration of means and overlaps at fixed block parameters; the unknowns `held` stay.

    Returns
    -------
    u where the last finite iteration left it, or None where the start is outside the domain
    """
    u = with_auxiliaries(unknowns, u)
    for _ in range(steps if u is not None else 0):
        F = unknowns.system.residual(u)
        if not np.isfinite(F).all():
            return None
        if np.abs(F).max(initial=0.0) < SETTLED:
            return u
        new = with_auxiliaries(unknowns, _mapped(unknowns, u, F, held, damping))
        if new is None or not np.isfinite(unknowns.system.residual(new)).all():
            return u
        u = new
    return u


def _mapped(unknowns, u, F, held, damping):
    change = np.zeros(len(u))
    rows = [*unknowns.means, *unknowns.glass]
    change[rows] = -damping * F[rows]
    T = unknowns.system.T
    for o in unknowns.overlaps:
        if o.kind == "spherical":
            # There the equation of C is that of q_k = 1 - T C; at T = 0 it reads 1 = C^2 V.
            change[o.C] = damping * F[o.C] * (1 / T if T > 0 else u[o.C] / 2)
    change[list(held)] = 0.0
    new = u + change
    for o in unknowns.overlaps:
        _keep_inside(unknowns, o, new, u)
    return new


def _keep_inside(unknowns, o, new, u):
    """C within (0, beta q_d) where q_d is fixed."""
    if not o.fixed:
        return
    T, top = unknowns.system.T, unknowns.diagonal(o)
    if new[o.C] <= 0:
        new[o.C] = u[o.C] / 4
    if T > 0 and new[o.C] > top / T:
        new[o.C] = (u[o.C] + top / T) / 2
