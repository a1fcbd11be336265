"""Online learning integrated: order parameters and generalisation error in time, plateaus and the escape from them."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import sympy
from scipy.integrate import solve_ivp
from scipy.optimize import root

from theory.errors import InputError
from theory.learning.soft_committee import soft_committee

__all__ = ["Committee", "Plateau", "Trajectory", "committee", "integrate", "plateau"]

RTOL, ATOL = 1e-10, 1e-12
# Symmetric students (q, c, r) that the plateau draws in, and for how long (times the rate).
START, SETTLED = (0.6, 0.25, 0.4), 300.0


@dataclass(frozen=True)
class Trajectory:
    """Order parameters along the flow.

    Attributes
    ----------
    times : array (n,), examples over N; times the learning rate where that tends to 0
    Q : array (n, K, K), overlaps of students; R : array (n, K, M), with teachers; T : array (M, M), of teachers
    error : array (n,), generalisation error, half the mean square deviation of the outputs
    accuracy : largest change of the error when the tolerances of the integration are 100 times wider
    """

    times: np.ndarray
    Q: np.ndarray = field(repr=False)
    R: np.ndarray = field(repr=False)
    T: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    accuracy: float


@dataclass(frozen=True)
class Plateau:
    """The fixed point at which no student has chosen a teacher yet, for as many students as teachers.

    Attributes
    ----------
    q, c, r : Q_ii, Q_ik for i != k, and R_in, equal for all
    error : generalisation error
    escape : largest real part of the eigenvalues of the flow about it, per unit of the flow's time
    residual : largest rate of change left over there
    """

    q: float
    c: float
    r: float
    error: float
    escape: float
    residual: float


class Committee:
    """The flow of a soft committee machine as numerical functions; see `committee`.

    Parameters
    ----------
    students, teachers : numbers of hidden units K and M
    """

    def __init__(self, students, teachers):
        self.students, self.teachers = students, teachers
        self.theory = theory = soft_committee(students, teachers)
        names = sorted(theory.results)
        terms = [term for rate in theory.flow.values() for term in rate]
        self._where = {name: sorted({term[3] for term in terms if term[2] == name} | {t[2] for t in theory.error if t[1] == name})
                       for name in names}
        self._averages = {name: _numeric(theory.results[name], self._where[name]) for name in names}
        self._offsets = dict(zip(names, np.cumsum([0, *(len(self._where[name]) for name in names)])))
        self._linear, self._quadratic = (self._table(theory.flow.values(), power) for power in (1, 2))
        self._error = self._row([(c, name, where) for c, name, where in theory.error])

    def rates(self, Q, R, T, rate):
        """dQ/dt and dR/dt, divided by the learning rate: arrays (K, K) and (K, M).

        Parameters
        ----------
        Q, R, T : arrays (K, K), (K, M), (M, M)
        rate : learning rate; 0 is the limit in which time is examples over N times the rate
        """
        averages = self._all(Q, R, T)
        flow = self._linear @ averages + rate * (self._quadratic @ averages)
        return self._unpacked(flow)

    def error(self, Q, R, T):
        """The generalisation error."""
        return float(self._error @ self._all(Q, R, T))

    def packed(self, Q, R):
        """Q above and on the diagonal, and R, as one vector."""
        return np.concatenate([np.asarray(Q)[np.triu_indices(self.students)], np.ravel(R)])

    def _unpacked(self, flat):
        pairs = np.triu_indices(self.students)
        Q = np.empty((self.students, self.students))
        Q[pairs] = Q[pairs[::-1]] = flat[:len(pairs[0])]
        return Q, flat[len(pairs[0]):].reshape(self.students, self.teachers)

    def _all(self, Q, R, T):
        covariance = np.block([[Q, R], [np.transpose(R), T]])
        # a search for fixed points may leave the overlaps that vectors have: what it meets there is no number, and is refused
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return np.concatenate([average(covariance) for average in self._averages.values()])

    def _table(self, rates, power):
        return np.array([self._row([(c, name, where) for k, c, name, where in terms if k == power]) for terms in rates])

    def _row(self, terms):
        row = np.zeros(sum(map(len, self._where.values())))
        for weight, name, where in terms:
            row[self._offsets[name] + self._where[name].index(where)] += float(weight)
        return row


@cache
def committee(students, teachers):
    """The flow of a soft committee machine with K students and M teachers, compiled once.

    Returns
    -------
    Committee
    """
    return Committee(students, teachers)


def integrate(Q, R, T, rate, times):
    """Integrate the flow of the order parameters.

    Parameters
    ----------
    Q, R, T : arrays (K, K), (K, M), (M, M): overlaps of students at the start, with teachers, of teachers
    rate : learning rate, at least 0; 0 is the limit of small rates, with times multiplied by the rate
    times : increasing array, examples over N; the start is at 0

    Returns
    -------
    Trajectory

    Raises
    ------
    InputError
        Overlaps that no vectors have, a negative rate, or an integration that fails.
    """
    Q, R, T = (np.array(a, dtype=float) for a in (Q, R, T))
    times = np.asarray(times, dtype=float)
    _require(Q, R, T, rate, times)
    flow = committee(*R.shape)
    fine, coarse = (_solve(flow, Q, R, T, rate, times, widen) for widen in (1.0, 100.0))
    errors = [np.array([flow.error(*flow._unpacked(y), T) for y in states]) for states in (fine, coarse)]
    overlaps = [flow._unpacked(y) for y in fine]
    return Trajectory(times, np.array([a for a, _ in overlaps]), np.array([b for _, b in overlaps]), T, errors[0],
                      float(abs(errors[0] - errors[1]).max()))


def plateau(units, rate=0.0):
    """The symmetric fixed point of as many students as orthonormal teachers.

    Parameters
    ----------
    units : K = M, at least 2
    rate : learning rate, at least 0

    Returns
    -------
    Plateau

    Raises
    ------
    InputError
        For a number of units or a rate that is none, or where no symmetric fixed point is found.
    """
    if not isinstance(units, (int, np.integer)) or units < 2:
        raise InputError(f"a plateau needs an integer number of at least 2 units, got {units!r}")
    flow, T = committee(int(units), int(units)), np.eye(units)
    found = _symmetric(flow, T, rate)
    q, c, r = found
    Q, R = _replicated(units, q, c, r)
    residual = max(abs(a).max() for a in flow.rates(Q, R, T, rate))
    if not residual < 1e-9:
        raise InputError(f"no symmetric fixed point of {units} units at the learning rate {rate:g} (rates of {residual:.1g} are "
                         "left): lower the rate")
    growth = np.linalg.eigvals(_jacobian(flow, Q, R, T, rate)).real.max()
    return Plateau(float(q), float(c), float(r), flow.error(Q, R, T), float(growth * (rate or 1.0)), float(residual))


def _symmetric(flow, T, rate):
    """(q, c, r) of the fixed point that attracts symmetric students; at small rates it is a double one, q = c."""

    def rates(state):
        dq, dr = flow.rates(*_replicated(flow.students, *state), T, rate)
        return np.array([dq[0, 0], dq[0, 1], dr[0, 0]])

    drawn = solve_ivp(lambda _, state: rates(state), (0.0, SETTLED), START, "LSODA", rtol=1e-8, atol=1e-10).y[:, -1]
    return root(rates, drawn, tol=1e-14).x


def _replicated(units, q, c, r):
    return np.full((units, units), c) + (q - c) * np.eye(units), np.full((units, units), r)


def _jacobian(flow, Q, R, T, rate, width=1e-4):
    """Derivatives of the flow, divided by the learning rate, by fourth-order central differences."""
    centre = flow.packed(Q, R)
    at = lambda y: flow.packed(*flow.rates(*flow._unpacked(y), T, rate))  # noqa: E731
    columns = []
    for direction in np.eye(len(centre)) * width:
        near, far = (at(centre + k * direction) - at(centre - k * direction) for k in (1, 2))
        columns.append((8 * near - far) / (12 * width))
    return np.array(columns).T


def _solve(flow, Q, R, T, rate, times, widen):
    scale = rate or 1.0

    def velocity(_, y):
        return scale * flow.packed(*flow.rates(*flow._unpacked(y), T, rate))

    found = solve_ivp(velocity, (0.0, max(times[-1], 1e-12)), flow.packed(Q, R), "DOP853", times, rtol=RTOL * widen,
                      atol=ATOL * widen)
    if not found.success or not np.isfinite(found.y).all():
        raise InputError(f"the flow could not be integrated to time {times[-1]:g} ({found.message}): lower the learning rate or "
                         "the time")
    return found.y.T


def _require(Q, R, T, rate, times):
    if Q.ndim != 2 or R.ndim != 2 or Q.shape != (len(R),) * 2 or T.shape != (R.shape[1],) * 2:
        raise InputError(f"expected overlaps of shapes (K, K), (K, M), (M, M), got {Q.shape}, {R.shape}, {T.shape}")
    covariance = np.block([[Q, R], [R.T, T]])
    if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance).min() < -1e-9:
        raise InputError("expected overlaps that vectors can have: [[Q, R], [R^T, T]] symmetric without negative eigenvalues")
    if not rate >= 0:
        raise InputError(f"expected a learning rate of at least 0, got {rate}")
    if times.ndim != 1 or not len(times) or times[0] < 0 or (np.diff(times) <= 0).any():
        raise InputError("expected increasing times, the first at least 0")


def _numeric(moment, where):
    """The averages over the given fields as a function of the covariance matrix of all fields."""
    size = moment.covariance.shape[0]
    pairs = [(a, b) for a in range(size) for b in range(a, size)]
    symbols = [moment.covariance[a, b] for a, b in pairs]
    compiled = sympy.lambdify(symbols, moment.expression, modules="numpy", cse=True)
    fields = np.array(where, dtype=int).reshape(len(where), size)
    rows, columns = (np.array([fields[:, pair[k]] for pair in pairs]) for k in (0, 1))
    return lambda covariance: compiled(*covariance[rows, columns])
