"""Solutions followed to T = 0, where the self-consistency map has jumps that Newton's method cannot cross."""

import numpy as np

from ..results import Status

__all__ = ["at_temperature", "ground_state", "limit_of_solutions"]

# The limit is extrapolated from four times this temperature, twice and once, in units of the largest field.
THAWED = 5e-8
ATOL = 1e-9
ROUNDING = 1e-15
JUMPED = 0.1
SMALLEST_STEP = 0.97
# Times the largest field, a response beyond this means sites without field.
KINK = 1e3


def at_temperature(system, T):
    """The same parameters at another temperature."""
    return system.compiled.at(**{**system.parameters, "T": T})


def ground_state(system, phi, T, unit=1.0):
    """The limit T -> 0 of the branch through the solution phi at temperature T; `unit` is the largest field.

    Returns
    -------
    (phi, status, residual, evaluation at a tiny temperature), or None if the branch ends before
    """
    path = _cooled(system, phi, T, THAWED * unit)
    if path is None:
        return None
    temperatures, states = zip(*path)
    cold = at_temperature(system, temperatures[-1])
    limit = _extrapolated(*states)
    judged = cold.evaluate(states[-1])
    jump = system.residual(limit)[0]
    if np.abs(jump).max() < ATOL:
        return limit - jump, Status.CONVERGED, None, judged
    return limit, Status.KINK, float(np.abs(judged.residual).max()), judged


def limit_of_solutions(cold, phi, unit=1.0):
    """Evaluation at the solution next to phi of a system at a tiny temperature; None if there is none.

    A fixed point at T = 0 with sites without field may sit on the edge of a discontinuity, by rounding or
    because the field vanishes by accident; no solution at T > 0 leads to it then.
    """
    evaluation = cold.evaluate(phi)
    if np.abs(evaluation.response).max() * unit < KINK:
        return evaluation
    near, status, _ = cold.newton(phi)
    close = np.abs(near - phi).max() < np.sqrt(cold.T / unit)
    return cold.evaluate(near) if status == 0 and close else None


def _extrapolated(first, second, third):
    """The limit of three states at T, T/2, T/4, if they approach it as a power of T (Aitken)."""
    last, bend = third - second, third - 2 * second + first
    safe = np.abs(bend) > np.abs(last) * 1e-3
    return third - np.where(safe, last**2 / np.where(safe, bend, 1.0), last)


def _cooled(system, phi, T, end):
    """Points (T, phi) of a branch at 4, 2 and 1 times the temperature `end`; None if it ends before."""
    path, ratio = [(T, np.asarray(phi, dtype=float))], 0.5
    while path[-1][0] > end:
        colder = _next(path[-1][0], ratio, end)
        guess = _predicted(path, colder)
        reached = _corrected(at_temperature(system, colder), guess)
        if reached is not None:
            path, ratio = [*path[-2:], (colder, reached)], max(0.5, ratio**1.5)
        else:
            ratio = np.sqrt(ratio)
            if ratio > SMALLEST_STEP:
                return None
    return path


def _next(T, ratio, end):
    """The next lower temperature, so that the last three are 4, 2 and 1 times `end`."""
    stops = [stop for stop in (4 * end, 2 * end, end) if stop < 0.99 * T]
    return max(stops[0], T * ratio) if stops[0] == 4 * end else stops[0]


def _predicted(path, T):
    """Linear extrapolation in T: on a kink fields are proportional to T."""
    if len(path) == 1:
        return path[0][1]
    (first, before), (second, now) = path[-2:]
    return now + (now - before) * (T - second) / (second - first)


def _corrected(system, guess):
    phi, _, _ = system.newton(guess)
    residual, jacobian = system.residual(phi)
    if not np.isfinite(residual).all() or np.abs(phi - guess).max() > JUMPED:
        return None
    step = np.linalg.lstsq(jacobian, residual, rcond=None)[0]
    return phi if np.abs(step).max() < max(ATOL * system.T, ROUNDING) and np.abs(residual).max() < 1e-5 else None
