"""A whole phase diagram against simulations: points inside every phase and on both sides of every line."""

import time
from dataclasses import dataclass, field

import numpy as np

from meanfield.results import FrozenDict, versions
from theory.errors import InputError

from .compare import Verdict, compare
from .resume import resumable
from .simulate import model_at

# Lines that bound an equilibrium phase; points keep this distance from them, in units of the sides of the box.
WALLS = ("continuous", "first-order", "static")
OFFSET = 0.08
# Nominal seconds for each point.
BUDGET = 5.0


@dataclass(frozen=True)
class Place:
    """A point of a diagram that was simulated.

    Attributes
    ----------
    at : {name: value} of the two parameters
    phase : label of the diagram's phase there
    where : "phase" (inside) or the kind of the line that it is beside
    verdict : validate.Verdict
    """

    at: dict
    phase: str
    where: str
    verdict: Verdict

    def __post_init__(self):
        object.__setattr__(self, "at", FrozenDict(self.at))

    def as_dict(self):
        """Plain values for JSON."""
        return {
            "point": dict(self.at),
            "phase": self.phase,
            "where": self.where,
            "verdict": self.verdict.verdict,
            "reason": self.verdict.reason,
        }


@dataclass(frozen=True, eq=False)
class DiagramVerdict:
    """What simulations say about a phase diagram.

    Attributes
    ----------
    diagram : meanfield.PhaseDiagram
    places : tuple of Place
    verdict : "inconsistent" if one of them is, else "undecided" if one of them is, else "consistent"
    """

    diagram: object
    places: tuple
    options: dict = field(repr=False)
    seconds: float = 0.0
    versions: dict = field(default_factory=versions, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "options", FrozenDict(self.options))

    @property
    def verdict(self):
        """One word on all points."""
        words = {p.verdict.verdict for p in self.places}
        return next((w for w in ("inconsistent", "undecided") if w in words), "consistent" if words else "undecided")

    @property
    def consistent(self):
        """Whether the verdict is "consistent"."""
        return self.verdict == "consistent"

    def as_dict(self):
        """The JSON document of `validate` with a plane: as `Verdict.as_dict`, each check with its point."""
        checks = [
            {"point": dict(p.at), "phase": p.phase, **check} for p in self.places for check in p.verdict.as_dict()["checks"]
        ]
        return {"checks": checks, "verdict": self.verdict, "points": [p.as_dict() for p in self.places]}

    def plot(self, ax=None):
        """Draw the diagram with the points; see `validate.plot.plot_diagram`."""
        from .plot import plot_diagram

        return plot_diagram(self, ax)

    def __repr__(self):
        lines = [f"{self.diagram.model}, {self.diagram.x.name} and {self.diagram.y.name}: {self.verdict}, {self.seconds:.0f} s"]
        for p in self.places:
            at = ", ".join(f"{name} = {value:.4g}" for name, value in p.at.items())
            worst = max((abs(c.z) for c in p.verdict.checks if c.z is not None), default=np.nan)
            lines.append(
                f"  {at} ({p.phase}, {p.where}): {p.verdict.verdict}, largest |z| {worst:.2f}"
                + (f" ({p.verdict.reason})" if p.verdict.reason else "")
            )
        return "\n".join(lines)


def compare_diagram(
    source,
    *,
    x=None,
    y=None,
    points=1,
    offset=OFFSET,
    model=None,
    checkpoint=None,
    seed=0,
    budget=BUDGET,
    sizes=None,
    chains=None,
    sweeps=None,
    device="auto",
    state="auto",
    ansatz=None,
    steps=None,
    threads=None,
    theory_temperature_shift=0.0,
    **fixed,
):
    """Compare the theory with simulations at points inside every phase of a plane and on both sides of every line between phases.

    Parameters
    ----------
    source : meanfield.PhaseDiagram | Model | name of a built-in model | path of a model file
    x, y : (name, low, high) or (name, low, high, points), as of `meanfield.phase_diagram`; not for a diagram
    points : int, inside each phase
    offset : distance of points from lines, as a share of the sides of the plane
    model : of a diagram of a model that is not built in
    checkpoint : name of a file (.npz); see `validate.simulate`
    budget : nominal seconds for each point
    seed, sizes, chains, sweeps, device, state, ansatz, steps, threads, theory_temperature_shift : see `validate.compare`
    **fixed : the other parameters

    Returns
    -------
    DiagramVerdict
    """
    begin = time.perf_counter()
    if points < 1 or not 0 < offset < 0.5:
        raise InputError(f"expected at least one point a phase and an offset between 0 and 0.5: got {points} and {offset:g}")
    diagram = _diagram(source, x, y, fixed, {"ansatz": ansatz, "steps": steps})
    values = {**diagram.parameters, diagram.x.name: diagram.x.high, diagram.y.name: diagram.y.high}
    model, checked = model_at(
        model or source if source is not diagram else model or diagram.model, values.pop("T", None), None, values
    )
    chosen = chosen_points(diagram, points, offset)
    if model.couplings:
        more = {"state": state, "ansatz": ansatz or "auto", "steps": steps}
    else:
        more = {}
    options = {
        "seed": seed,
        "budget": budget,
        "sizes": sizes,
        "chains": chains,
        "sweeps": sweeps,
        "device": device,
        "theory_temperature_shift": theory_temperature_shift,
    }
    plane = {"plane": [[r.name, r.low, r.high] for r in (diagram.x, diagram.y)], "points": points, "offset": offset}
    with resumable(
        checkpoint,
        "validate a diagram",
        model,
        {k: v for k, v in checked.items() if k in diagram.parameters},
        **plane,
        **{k: repr(v) for k, v in {**options, **more}.items()},
    ):
        places = tuple(
            _place(model, checked, diagram, k, *point, {**options, **more, "threads": threads}) for k, point in enumerate(chosen)
        )
    return DiagramVerdict(diagram, places, {**options, **more, "points": points, "offset": offset}, time.perf_counter() - begin)


def _diagram(source, x, y, fixed, replicas):
    from meanfield import PhaseDiagram, phase_diagram

    if isinstance(source, PhaseDiagram):
        if x is not None or y is not None or fixed:
            raise InputError("a diagram has its own plane and parameters: leave out x, y and the others")
        return source
    if x is None or y is None:
        raise InputError("a plane needs both x=(name, low, high) and y=(name, low, high)")
    return phase_diagram(source, x=x, y=y, **{k: v for k, v in replicas.items() if v is not None}, **fixed)


def _place(model, checked, diagram, k, unit, where, options):
    """Compare at a point of the unit square."""
    at = {r.name: r.low + share * (r.high - r.low) for r, share in zip((diagram.x, diagram.y), unit)}
    values = {name: value for name, value in {**checked, **at}.items() if name not in model.structural}
    T = values.pop("T")
    verdict = compare(model, T=T, **{**options, "seed": options["seed"] + 1_000_003 * k}, **values)
    return Place(at, phase_at(diagram, unit), where, verdict)


def phase_at(diagram, unit):
    """Label of the diagram's phase at a point of the unit square, from the nearest point of the grid."""
    phase = diagram.dataset["phase"].transpose(diagram.x.name, diagram.y.name).values
    i, j = (round(share * (n - 1)) for share, n in zip(unit, phase.shape))
    return diagram.phases[int(phase[i, j])].label if phase[i, j] >= 0 else "none"


def chosen_points(diagram, points, offset):
    """[(point of the unit square, where)]: those deepest inside every phase, then both sides of the middle of every line."""
    walls = {line: _unit(diagram, line.points) for line in diagram.lines if line.kind in WALLS and len(line.points) > 1}
    phase = diagram.dataset["phase"].transpose(diagram.x.name, diagram.y.name).values
    found = [(point, "phase") for index in range(len(diagram.phases)) for point in _deepest(phase == index, points, offset)]
    for line, curve in walls.items():
        others = [c for other, c in walls.items() if other is not line]
        beside = [p for p in _beside(curve, others, offset) if all(np.linalg.norm(p - other) > offset / 2 for other, _ in found)]
        found += [(point, line.kind) for point in beside]
    return found


def _unit(diagram, at):
    low, high = (np.array([getattr(r, end) for r in (diagram.x, diagram.y)]) for end in ("low", "high"))
    return (at - low) / (high - low)


def _deepest(inside, count, offset):
    """Points of a region far from its border and from each other; none where it is narrow."""
    from scipy.ndimage import distance_transform_edt

    if not inside.any():
        return []
    steps = [1 / (n - 1) for n in inside.shape]
    depth = distance_transform_edt(np.pad(inside, 1), sampling=steps)[1:-1, 1:-1]
    grid = np.stack(np.meshgrid(*(np.linspace(0, 1, n) for n in inside.shape), indexing="ij"), axis=-1)
    found, merit = [], depth.copy()
    while len(found) < count and merit.max() > offset / 2:
        found.append(grid[np.unravel_index(merit.argmax(), merit.shape)])
        merit = np.minimum(merit, np.linalg.norm(grid - found[-1], axis=-1))
    return found


def _beside(curve, others, offset):
    """The two points beside the middle of a curve that lie in the square and away from other curves."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    at = lambda s: np.array([np.interp(s, lengths, column) for column in curve.T])
    middle = at(lengths[-1] / 2)
    tangent = at(lengths[-1] * 0.55) - at(lengths[-1] * 0.45)
    normal = np.array([-tangent[1], tangent[0]]) / max(np.linalg.norm(tangent), 1e-300)
    found = [middle + side * offset * normal for side in (-1, 1)]
    return [
        p for p in found if ((p > offset / 4) & (p < 1 - offset / 4)).all() and all(_distance(p, c) > offset / 2 for c in others)
    ]


def _distance(point, curve):
    """From a point to a polyline."""
    a, step = curve[:-1], np.diff(curve, axis=0)
    share = np.clip(((point - a) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-300), 0, 1)
    return np.linalg.norm(a + share[:, None] * step - point, axis=1).min()
