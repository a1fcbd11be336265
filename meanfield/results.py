"""Results of `solve` and `solutions`: immutable, readable in a terminal and in a notebook, plain for JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from html import escape
from importlib import metadata

import numpy as np

__all__ = ["Completeness", "Solution", "Solutions", "Stability", "Status"]


class Status(str, Enum):
    """How a computation ended; the value is the message."""

    CONVERGED = "converged"
    KINK = "converged onto a discontinuity of the self-consistency map (T = 0): the limit of solutions at T > 0"
    EDGE = "no solution: a fixed point at T = 0 on the edge of a discontinuity, to which no solution at T > 0 leads"
    UNRESOLVED = "converged, but the quadrature error is larger than the tolerance"
    STEP_LIMIT = "not converged within the step limit"
    OSCILLATING = "not converged: the iteration oscillates"
    STALLED = "not converged: stalled at a singular Jacobian away from a solution"
    DIVERGED = "not converged: the iteration left every bound"
    NOT_FINITE = "not converged: a value is not finite"
    ABSENT = "no solution was found at this point"

    @property
    def converged(self):
        """Whether the state is a fixed point to the requested accuracy."""
        return self in (Status.CONVERGED, Status.KINK)

    def __str__(self):
        return self.value


class Stability(str, Enum):
    """Local thermodynamic stability of a fixed point, overlaps eliminated."""

    STABLE = "stable"
    MARGINAL = "marginal"
    UNSTABLE = "unstable"

    def __str__(self):
        return self.value


class FrozenDict(dict):
    """A dict that refuses changes; it pickles and compares like a dict."""

    def _refuse(self, *args, **kwargs):
        raise TypeError("results are immutable: make a dict(...) copy to change it")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self):
        return FrozenDict, (dict(self),)


@cache
def versions():
    """Versions of the packages that numbers depend on, {name: version}."""
    found = {}
    for name in ("meanfield", "numpy", "numba", "sympy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "source tree"
    return FrozenDict(found)


@dataclass(frozen=True)
class Solution:
    """One fixed point of the self-consistency equations, the representative of its symmetry orbit.

    Free energy, entropy and energy are per site, k_B = 1; NaN where they do not exist.

    Attributes
    ----------
    order_parameters : {name: value}, observables included
    stable : bool, local thermodynamic stability with overlaps eliminated
    stability : Stability, which also tells the marginal case
    kind : label of the phase
    multiplicity : number of states in the symmetry orbit; a continuous family counts once
    residual : max |phi - <g>|, undamped
    quadrature_error : estimate for the order parameters, 0 where no integral is done
    status : Status
    equilibrium : bool, lowest free energy among the solutions found
    replicon : lowest eigenvalue of the (innermost) replicon block, -inf where it has none; None without quenched couplings
    rs_valid : whether the ansatz is stable against further breaking: replicon > 0, and entropy >= 0 where the sites are
        discrete; None without quenched couplings
    """

    order_parameters: dict
    free_energy: float
    entropy: float
    energy: float
    stable: bool
    kind: str
    multiplicity: int
    residual: float
    quadrature_error: float
    status: Status
    parameters: dict
    model: str = ""
    stability: Stability = Stability.STABLE
    replicon: float | None = None
    rs_valid: bool | None = None
    equilibrium: bool = False
    options: dict = field(default_factory=dict, compare=False)
    versions: dict = field(default_factory=versions, compare=False)

    def __post_init__(self):
        for name in ("order_parameters", "parameters", "options", "versions"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    @property
    def converged(self):
        """Whether this is a fixed point; otherwise `status` says what went wrong."""
        return self.status.converged

    @property
    def values(self):
        """Order parameters as an array, in the model's order."""
        return np.array(list(self.order_parameters.values()))

    @property
    def T(self):
        """Temperature."""
        return self.parameters["T"]

    def __getitem__(self, name):
        return self.order_parameters[name]

    def as_dict(self):
        """The solution as plain numbers and strings, one element of the JSON of `solve`."""
        return {
            "order_parameters": {name: _number(x) for name, x in self.order_parameters.items()},
            "free_energy": _number(self.free_energy),
            "entropy": _number(self.entropy),
            "energy": _number(self.energy),
            "stable": bool(self.stable),
            "replicon": _number(self.replicon),
            "rs_valid": self.rs_valid,
            "kind": self.kind,
            "multiplicity": int(self.multiplicity),
            "residual": _number(self.residual),
            "quadrature_error": _number(self.quadrature_error),
            "converged": self.converged,
        }

    def __repr__(self):
        head = f"{self.model}: {self.kind}, {self._stability_text()}" + (", equilibrium" if self.equilibrium else "")
        lines = [head, f"  at {_assignments(self.parameters)}", f"  {_assignments(self.order_parameters, 10)}"]
        lines.append(f"  f = {self.free_energy:.10g}, s = {self.entropy:.6g}, u = {self.energy:.10g}, "
                     f"multiplicity {self.multiplicity}, residual {self.residual:.1g}")
        if self.status is not Status.CONVERGED:
            lines.append(f"  {self.status}")
        return "\n".join(lines)

    def _repr_html_(self):
        return _html_table([self], self.model, self.parameters)

    def _stability_text(self):
        return str(self.stability) if self.converged else "no solution"


@dataclass(frozen=True)
class Completeness:
    """What was done to find every solution, and what speaks for having found them.

    Attributes
    ----------
    exhaustive : True where a scan of one effective order parameter covers the whole range of <g>
    starts, rounds : Newton starts tried, and rounds in which they were drawn
    last_round_new : solutions that the last round added
    index_sum : sum of multiplicity x sign det(I + C e''); it is 1 if all solutions are known
        (degree of a map of a compact convex set into itself), None where it is not defined
    failures : {status message: number of starts}; a failed start is no solution
    """

    exhaustive: bool
    starts: int = 0
    rounds: int = 0
    last_round_new: int = 0
    index_sum: int | None = None
    failures: dict = field(default_factory=dict)

    @property
    def passed(self):
        """Whether every test that applies was passed; necessary for completeness, not a proof."""
        return self.index_sum in (1, None) and (self.exhaustive or not self.last_round_new)

    def __str__(self):
        how = "exhaustive scan" if self.exhaustive else (
            f"{self.starts} starts in {self.rounds} rounds, the last of which found {self.last_round_new or 'nothing'} new")
        index = "index sum not defined here" if self.index_sum is None else (
            f"index sum {self.index_sum}" + ("" if self.index_sum == 1 else " (1 expected: a solution is missing)"))
        failed = f"; {sum(self.failures.values())} starts failed" if self.failures else ""
        return f"{how}; {index}{failed}"


@dataclass(frozen=True)
class Solutions(Sequence):
    """Solutions at one parameter point, up to symmetry: stable by free energy (equilibrium first), then unstable.

    Attributes
    ----------
    model : name
    parameters : {name: value}, T and structural integers included
    completeness : Completeness
    """

    items: tuple
    model: str
    parameters: dict
    completeness: Completeness

    def __post_init__(self):
        object.__setattr__(self, "items", tuple(self.items))
        object.__setattr__(self, "parameters", FrozenDict(self.parameters))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

    @property
    def stable(self):
        """Locally stable solutions, equilibrium first."""
        return tuple(s for s in self.items if s.stable)

    @property
    def equilibrium(self):
        """The solution of lowest free energy; None if no solution was found."""
        return next((s for s in self.items if s.equilibrium), None)

    def as_dict(self, every=True):
        """The JSON document of `solve`; `every=False` keeps the stable solutions."""
        kept = self.items if every else self.stable
        return {"model": self.model, "parameters": dict(self.parameters), "solutions": [s.as_dict() for s in kept]}

    def __repr__(self):
        head = f"{self.model} at {_assignments(self.parameters)}: {len(self)} solutions"
        rows = [_row(s) for s in self.items]
        return "\n".join([head, *_aligned([_headers(self.items), *rows]), f"  {self.completeness}"])

    def _repr_html_(self):
        return _html_table(self.items, self.model, self.parameters) + f"<p>{escape(str(self.completeness))}</p>"


def _number(x):
    """A float, or None where there is no number."""
    return None if x is None or not math.isfinite(x) else float(x)


def _assignments(values, digits=6):
    return ", ".join(f"{name} = {value:.{digits}g}" for name, value in values.items())


def _headers(items):
    names = list(items[0].order_parameters) if items else []
    return ["kind", *names, "f", "s", "stability", "states"]


def _row(s):
    mark = " (equilibrium)" if s.equilibrium else ""
    numbers = [f"{x:.8f}" for x in s.order_parameters.values()]
    return [s.kind, *numbers, f"{s.free_energy:.9f}", f"{s.entropy:.6f}", s._stability_text() + mark, str(s.multiplicity)]


def _aligned(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]


def _html_table(items, model, parameters):
    head = "".join(f"<th>{escape(h)}</th>" for h in _headers(items))
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in _row(s)) + "</tr>" for s in items)
    caption = escape(f"{model} at {_assignments(parameters)}")
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"
