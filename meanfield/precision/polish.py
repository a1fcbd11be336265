"""Fixed points and special points to any number of digits, as many as two independent computations agree in."""

from dataclasses import dataclass, field

import mpmath
from mpmath import mp

from theory.errors import InputError

from ..results import FrozenDict, versions
from .inputs import pose
from .reals import Reals

__all__ = ["PreciseSolution", "precise"]

# Digits beyond the requested ones in the first attempt, at most so many attempts, and how much more the second computation has.
GUARD, ATTEMPTS, MORE = 12, 4, 10
# Spacings of the first quadrature rules of the two computations.
SPACINGS = (0.5, 0.41)
STEPS = 60
LOWEST = 25


@dataclass(frozen=True)
class PreciseSolution:
    """A fixed point or a special point with the digits in which two computations agree.

    Attributes
    ----------
    kind : "solution", "fold", "critical" (instability of a symmetric state), "coexistence", "at", "zero-entropy", "condition"; of
        two parameters "cusp", "tricritical", "critical-end", "triple"
    order_parameters : {name: mpf}
    free_energy, entropy, energy : mpf, per site, k_B = 1
    digits : significant digits shown to agree (decimal places for what vanishes): between two working precisions with
        different quadrature rules
    requested : digits that were asked for
    parameters : {name: text} of the exact values
    replicon : mpf, lowest eigenvalue of the replicon block; None without quenched couplings and at T = 0
    at : {name: mpf} of the parameters that were sought, empty for a plain solution
    partner : {name: mpf} of the coexisting state, empty otherwise
    third : {name: mpf} of the third state at a triple point, empty otherwise
    direction : {name: mpf} of the instability, empty otherwise
    residual : max |equations|, those included that the symmetry of the state satisfies
    nodes : of the finest quadrature rule, 0 where nothing is integrated
    status : how the computation ended
    solution : Solution in double precision from which a plain solution was refined, None otherwise
    """

    model: str
    kind: str
    order_parameters: dict
    free_energy: object
    entropy: object
    energy: object
    digits: int
    requested: int
    parameters: dict
    at: dict
    partner: dict
    direction: dict
    residual: object
    nodes: int
    status: str
    solution: object = field(default=None, compare=False)
    replicon: object = None
    third: dict = field(default_factory=dict)
    versions: dict = field(default_factory=versions, compare=False)
    posed: object = field(default=None, compare=False, repr=False)
    problem: object = field(default=None, compare=False, repr=False)
    values: dict = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        for name in ("order_parameters", "parameters", "at", "partner", "direction", "third"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    def __getstate__(self):
        return {**self.__dict__, "posed": None, "problem": None, "values": {}}

    @property
    def converged(self):
        """Whether all digits that were asked for are verified."""
        return self.status == "converged"

    def __getitem__(self, name):
        return self.at[name] if name in self.at else self.order_parameters[name]

    def as_dict(self):
        """Numbers as texts of the verified digits."""
        text = lambda values: {name: self.text(x) for name, x in values.items()}
        return {"model": self.model, "kind": self.kind, "parameters": dict(self.parameters), "at": text(self.at),
                "order_parameters": text(self.order_parameters), "partner": text(self.partner), "direction": text(self.direction),
                "third": text(self.third), "replicon": None if self.replicon is None else self.text(self.replicon),
                "free_energy": self.text(self.free_energy), "entropy": self.text(self.entropy), "energy": self.text(self.energy),
                "digits": self.digits, "requested": self.requested, "residual": mpmath.nstr(self.residual, 3),
                "nodes": self.nodes, "status": self.status}

    def text(self, x):
        """A value in its verified digits."""
        return mpmath.nstr(x, max(self.digits, 1)) if abs(x) > mpmath.mpf(10) ** -max(self.digits, 1) else "0"

    def __repr__(self):
        where = ", ".join(f"{name} = {v}" for name, v in self.parameters.items())
        doubt = "" if self.converged else f" ({self.status})"
        head = f"{self.model} at {where}: {self.kind}, {self.digits} digits verified{doubt}"
        rows = {**self.at, **self.order_parameters, "f": self.free_energy, "s": self.entropy}
        width = max(map(len, rows))
        return "\n".join([head, *(f"  {name.ljust(width)} = {self.text(x)}" for name, x in rows.items())])


def precise(source, *, digits=50, T=None, beta=None, start=None, at=None, ansatz=None, condition=None, **parameters):
    """A solution or a special point of one parameter or two to `digits` verified digits.

    Newton's method in mpmath on the theory's own equations and their symbolic derivatives; finite disorder is summed, Gaussian
    averages are done by the trapezoidal rule, refined until it settles at the working precision. With quenched couplings: replica
    symmetry, sites of two states; there T = 0 is legal, where the averages are error functions.

    Parameters
    ----------
    source : model, theory, compiled theory, name or path of a model file; or a Solution of a built-in model
    digits : number of digits to verify
    T, beta, **parameters : numbers, or texts such as "1/3"; a float is the decimal that it is written as: 0.1 is 1/10
    start : {name: value} or values near the solution, stable or not; None takes the equilibrium. With `at`, near the special
        point; two of them ask for their coexistence, three for a triple point
    at : {name: approximate value} of one parameter that is left free, a `Transition` or a `SpecialPoint` of a branch: the nearest
        point where the state of `start` becomes singular. Of two parameters: a cusp or a tricritical point; with two states, of
        which the first is symmetric, the end of its instability on a first-order line; with three a triple point
    condition : "replicon", "entropy", or an expression in order parameters, parameters, f and s that vanishes at the point
    ansatz : of replicas, for models with quenched couplings: rs only. A start there is {name: value} of means and of overlaps
        q or responses C = (q_d - q)/T (C at T = 0)

    Returns
    -------
    PreciseSolution
        its `digits` are those shown to agree, `status` says if they are fewer than requested

    Raises
    ------
    InputError
        For T = 0 without quenched couplings, for what has no precise points, and where there is no solution near the start.
    """
    if not (isinstance(digits, int) and 1 <= digits <= 10_000):
        raise InputError(f"digits: expected an integer from 1 to 10000, got {digits!r}")
    posed = pose(source, T, beta, start, at, ansatz, condition, **parameters)
    return polished(posed, digits)


def polished(posed, digits):
    """The PreciseSolution of a Start; falls back on its alternatives where a symmetry was only apparent."""
    for problem, values in ((posed.problem, posed.values), *posed.alternatives):
        found = _verified(problem, values, digits)
        if found is not None:
            return _result(posed, problem, digits, *found)
    raise InputError("Newton's method did not converge to this point: give a closer start, or seek the special point with at=")


def _verified(problem, values, digits):
    """Two agreeing computations: (values, agreement, residual, nodes, settled); None where Newton's method fails."""
    precision, found = digits + GUARD, None
    for _ in range(ATTEMPTS):
        first = _computed(problem, values, precision, SPACINGS[0])
        second = first and _computed(problem, first[0], precision + MORE, SPACINGS[1])
        if second is None:
            return found
        agreement = min(precision, _agreement(first[1], second[1], digits))
        found = second[0], second[1], agreement, second[2], max(first[3], second[3]), first[4] and second[4]
        if agreement >= digits or not found[-1]:
            return found
        values, precision = second[0], precision + digits - agreement + GUARD
    return found


def _computed(problem, values, precision, spacing):
    """Newton's method with rising precision: (unknowns, observed values, residual, nodes, settled) or None."""
    values = list(values)
    stages = [precision + 5]
    while stages[-1] > 2 * LOWEST and not any(isinstance(x, mpmath.mpf) for x in values):
        stages.append(max(LOWEST, stages[-1] // 2 + 4))
    for stage in reversed(stages):
        with mp.workdps(stage):
            arithmetic = Reals(spacing)
            values = _newton(problem, arithmetic, [mpmath.mpf(x) for x in values])
            if values is None:
                return None
    with mp.workdps(precision + 5):
        observed, residual = _observed(problem, arithmetic, values)
        if not residual < mpmath.mpf(10) ** (5 - precision):
            return None
        return values, observed, residual, arithmetic.nodes, arithmetic.settled


def _newton(problem, arithmetic, values):
    """Newton's method at the working precision until a step is as small as rounding; None where it fails."""
    n, previous = len(values), mpmath.inf
    goal = mpmath.mpf(10) ** (-mp.dps + 3)
    for _ in range(STEPS if n else 0):
        try:
            residual, jacobian = _linearised(problem, arithmetic, values)
            step = mpmath.lu_solve(mpmath.matrix(jacobian), mpmath.matrix(residual))
        except (ZeroDivisionError, ValueError, TypeError):
            return None
        values = [x - d for x, d in zip(values, step)]
        size = max(abs(d) / (1 + abs(x)) for x, d in zip(values, step))
        if not mpmath.isfinite(size) or size > 1e3:
            return None
        # At the edge of rounding steps stop shrinking.
        if size < goal or size < goal * 1e6 and size >= previous / 2:
            return values
        previous = size
    return values if not n else None


def _linearised(problem, arithmetic, values):
    """The equations and their Jacobian by rows.

    Those of points in two parameters hold third derivatives: theirs are differences, which half the digits are enough for.
    """
    n, at = len(values), lambda x: dict(zip(problem.unknowns, x))
    if len(problem.free) < 2:
        out = problem.program(arithmetic, at(values))
        return out[:n], [out[n + i * n:n + (i + 1) * n] for i in range(n)]
    residual, step = problem.values(arithmetic, at(values)), mpmath.mpf(10) ** (-mp.dps // 2)
    columns = []
    for j in range(n):
        moved = problem.values(arithmetic, at([x + step if i == j else x for i, x in enumerate(values)]))
        columns.append([(a - b) / step for a, b in zip(moved, residual)])
    return residual, list(zip(*columns))


def _observed(problem, arithmetic, values):
    """Everything that is reported, and the largest of what must vanish."""
    out = problem.observed(arithmetic, dict(zip(problem.unknowns, values)))
    kept = sum(map(len, problem.states)) + 3 + len(problem.stability)
    residual = max((abs(x) for x in out[kept:]), default=mpmath.mpf(0))
    return [*out[:kept], *values], residual


def _agreement(first, second, digits):
    """Digits in which all values agree: relative, or decimal places where a value vanishes."""
    worst = mpmath.mpf(0)
    for a, b in zip(first, second):
        size = abs(b) if abs(b) > mpmath.mpf(10) ** -digits else 1
        worst = max(worst, abs(a - b) / size)
    return int(mpmath.floor(-mpmath.log10(worst))) if worst else 10**9


def _result(posed, problem, digits, values, observed, agreement, residual, nodes, settled):
    setting = posed.setting
    names, count = tuple(problem.states[0]), len(problem.states[0])
    states = [dict(zip(names, observed[k * count:(k + 1) * count])) for k in range(len(problem.states))]
    free_energy, entropy, temperature, *stability = observed[len(states) * count:len(states) * count + 3 + len(problem.stability)]
    known = dict(zip(problem.unknowns, values))
    place = {str(a): known[a] for a in problem.free}
    with mp.workdps(agreement + 10 if agreement < 10**6 else digits + 20):
        direction = {name: mpmath.mpf(known.get(v, v)) for name, v in (problem.vector or {}).items()}
        energy = free_energy + temperature * entropy
    parameters = {**setting.theory.model.structural, **setting.exact}
    partner, third = (*states[1:], {}, {})[:2]
    return PreciseSolution(setting.theory.model.name, problem.kind, states[0], free_energy, entropy, energy, max(agreement, 0),
                           digits, {str(k): str(v) for k, v in parameters.items()}, place, partner, direction, residual, nodes,
                           _status(agreement, digits, settled), posed.solution, _replicon(stability, temperature), third,
                           posed=posed, problem=problem, values={str(a): x for a, x in known.items()})


def _replicon(stability, temperature):
    """The lowest eigenvalue of the replicon block from the entries of T times it; None without any and at T = 0."""
    size = int(len(stability) ** 0.5)
    if not size or not temperature:
        return None
    if size == 1:
        return stability[0] / temperature
    values = mpmath.eig(mpmath.matrix(size, size, stability), left=False, right=False)
    return min(mpmath.re(x) for x in values) / temperature


def _status(agreement, digits, settled):
    if not settled:
        return "not converged: a Gaussian average did not settle"
    return "converged" if agreement >= digits else f"only {max(agreement, 0)} of {digits} digits were verified"
