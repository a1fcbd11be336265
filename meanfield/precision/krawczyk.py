"""Proofs by interval arithmetic that a solution exists and is the only one in a stated box.

Krawczyk's operator K(X) = x - C f(x) + (1 - C f'(X)) (X - x), with C an approximate inverse of f'(x): where K(X) lies in the
interior of X there is exactly one zero of f in X, and it lies in K(X) (R. Krawczyk, Computing 4, 187 (1969); R. E. Moore, SIAM J.
Numer. Anal. 14, 611 (1977)).
"""

from dataclasses import dataclass

import mpmath
from mpmath import iv, mp

from theory.errors import InputError

from ..results import FrozenDict
from .inputs import Start, pose
from .intervals import Intervals, ball, lower, size, upper
from .polish import PreciseSolution, polished
from .reals import Reals

__all__ = ["Certificate", "certify"]

# Radii of the boxes that are tried, 10^-k of the unknowns' scale; the first that works is the region of uniqueness.
RADII = range(2, 40)
# The enclosure is tightened until it shrinks by no more than this factor.
TIGHTER = 0.97


@dataclass(frozen=True)
class Certificate:
    """A theorem, proved by a computation: in `box` there is exactly one solution, and it lies in `enclosure`.

    Attributes
    ----------
    kind : as of a PreciseSolution
    box : {name: (low, high)} of all unknowns, directions of instability and coexisting states included; within it the solution is
        unique
    enclosure : {name: (low, high)}, in which it lies; order parameters that a symmetry ties, or sends to zero, follow
    parameters : {name: text} of the exact values
    statement : what is proved, in words
    digits : decimal places that the enclosure fixes
    nodes : of the finest quadrature rule, whose error is in the intervals; 0 where nothing is integrated
    """

    model: str
    kind: str
    box: dict
    enclosure: dict
    parameters: dict
    statement: str
    digits: int
    nodes: int

    def __post_init__(self):
        for name in ("box", "enclosure", "parameters"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    def as_dict(self):
        """Plain texts; the ends of intervals are rounded outwards."""
        places = max(self.digits, 1) + 2
        text = lambda ends: [_outward(ends[0], -1, places), _outward(ends[1], 1, places)]
        ends = lambda values: {name: text(pair) for name, pair in values.items()}
        return {"model": self.model, "kind": self.kind, "parameters": dict(self.parameters), "statement": self.statement,
                "box": ends(self.box), "enclosure": ends(self.enclosure), "digits": self.digits, "nodes": self.nodes}

    def __repr__(self):
        where = ", ".join(f"{name} = {v}" for name, v in self.parameters.items())
        places = max(self.digits, 1) + 1
        rows = [f"  {name} in [{_outward(a, -1, places)}, {_outward(b, 1, places)}]" for name, (a, b) in self.enclosure.items()]
        radius = min((high - low) / 2 for low, high in self.box.values()) if self.box else mpmath.mpf(0)
        head, tail = f"{self.model} at {where}: {self.kind}, proved", f"  the only one within about {mpmath.nstr(radius, 2)}"
        return "\n".join([head, *rows, tail])


def certify(source, *, digits=25, T=None, beta=None, start=None, at=None, condition=None, **parameters):
    """Prove that a fixed point or a special point exists and is unique in a box.

    Parameters
    ----------
    source : PreciseSolution, or what `precise` takes
    digits : about how many decimal places the enclosure shall have
    T, beta, start, at, condition, **parameters : as of `precise`

    Returns
    -------
    Certificate

    Raises
    ------
    InputError
        For T = 0, for functions without interval arithmetic or without a bound on their averages' error, for symmetries that
        algebra does not show to be exact, and where the solution is degenerate.
    """
    if not (isinstance(digits, int) and 5 <= digits <= 1000):
        raise InputError(f"digits: expected an integer from 5 to 1000, got {digits!r}")
    if isinstance(source, PreciseSolution):
        posed = source.posed
        if posed is None:
            raise InputError("a solution that was stored has lost its equations: give the model instead")
    else:
        posed = pose(source, T, beta, start, at, condition=condition, **parameters)
    return _proved(posed, digits)


def _proved(posed: Start, digits):
    """The Certificate of the problem, without ties where it is a plain solution."""
    found = polished(posed, digits + 5)
    problem = posed.alternatives[0][0] if found.kind == "solution" and posed.alternatives else found.problem
    if not problem.proven:
        raise InputError("algebra does not show that the symmetry of this state is exact: a certificate is not available here")
    known = {**found.order_parameters, **found.values}
    centre = [known[str(u)] for u in problem.unknowns]
    before = iv.prec
    try:
        with mp.workdps(digits + 15):
            iv.dps = digits + 15
            return _certificate(posed, problem, centre, digits)
    finally:
        iv.prec = before


def _certificate(posed, problem, centre, digits):
    arithmetic = Intervals(digits + 5)
    krawczyk = _Krawczyk(problem, arithmetic, centre)
    box = krawczyk.unique()
    if box is None:
        raise InputError("no proof: the solution is (nearly) degenerate; ask for more digits, or seek the special point with at=")
    enclosure = krawczyk.tightened(box)
    setting = posed.setting
    width = max((size(x - iv.mpf(lower(x))) for x in enclosure), default=mpmath.mpf(10) ** -digits)
    places = int(mpmath.floor(-mpmath.log10(width))) if width else digits
    named = lambda intervals: {_label(u, problem.kind): (lower(x), upper(x)) for u, x in zip(problem.unknowns, intervals)}
    parameters = {str(k): str(v) for k, v in {**setting.theory.model.structural, **setting.exact}.items()}
    return Certificate(setting.theory.model.name, problem.kind, named(box), named(enclosure), parameters,
                       _STATEMENTS[problem.kind], places, arithmetic.nodes)


class _Krawczyk:
    """Krawczyk's operator about a point."""

    def __init__(self, problem, arithmetic, centre):
        self.problem, self.arithmetic, self.centre = problem, arithmetic, centre
        self.n = len(centre)
        out = problem.program(Reals(), dict(zip(problem.unknowns, centre)))
        try:
            inverse = mpmath.matrix([out[self.n + i * self.n:self.n + (i + 1) * self.n] for i in range(self.n)]) ** -1
        except ZeroDivisionError:
            raise InputError("no proof: the Jacobian is singular here; seek the special point with at=") from None
        self.inverse = [[iv.mpf(inverse[i, j]) for j in range(self.n)] for i in range(self.n)]
        self.points = [iv.mpf(x) for x in centre]
        self.shift = self._times(problem.values(arithmetic, dict(zip(problem.unknowns, self.points))))

    def _times(self, vector):
        return [sum((c * v for c, v in zip(row, vector)), iv.mpf(0)) for row in self.inverse]

    def image(self, box):
        """K(box)."""
        out = self.problem.program(self.arithmetic, dict(zip(self.problem.unknowns, box)))
        slopes = [out[self.n + i * self.n:self.n + (i + 1) * self.n] for i in range(self.n)]
        away = [x - p for x, p in zip(box, self.points)]
        image = []
        for i, row in enumerate(self.inverse):
            factors = [iv.mpf(int(i == j)) - sum((c * slopes[k][j] for k, c in enumerate(row)), iv.mpf(0)) for j in range(self.n)]
            image.append(self.points[i] - self.shift[i] + sum((f * a for f, a in zip(factors, away)), iv.mpf(0)))
        return image

    def unique(self):
        """The largest box tried whose image lies in its interior, or None."""
        for k in RADII:
            radii = [mpmath.mpf(10) ** -k * max(abs(x), mpmath.mpf(1) / 10) for x in self.centre]
            box = [ball(x, r) for x, r in zip(self.centre, radii)]
            image = self._tried(box)
            if image and all(lower(x) < lower(y) and upper(y) < upper(x) for x, y in zip(box, image)):
                return box
            if 10.0 ** -k < 10.0 ** -(mp.dps - 5):
                return None
        return None

    def _tried(self, box):
        """The image of a box, None where the equations are not defined on all of it."""
        try:
            return self.image(box)
        except (InputError, ZeroDivisionError, ValueError):
            if max(size(x - p) for x, p in zip(box, self.points)) < mpmath.mpf(10) ** -6:
                raise
            return None

    def tightened(self, box):
        """The image of the box, again and again."""
        while True:
            image = [_meet(x, y) for x, y in zip(box, self.image(box))]
            wide, narrow = (max((upper(x) - lower(x) for x in b), default=0) for b in (box, image))
            box = image
            if narrow > TIGHTER * wide or narrow < mpmath.mpf(10) ** -mp.dps:
                return box


def _meet(x, y):
    return iv.mpf([max(lower(x), lower(y)), min(upper(x), upper(y))])


def _label(unknown, kind):
    """The name of an unknown; a star marks the second state of a coexistence and the direction of an instability."""
    name = str(unknown).rstrip("*")
    marks = len(str(unknown)) - len(name)
    words = ("partner", "third") if kind in ("coexistence", "triple", "critical-end") else ("direction", "bending")
    return f"{name} ({words[marks - 1]})" if marks else name


def _outward(value, side, places):
    """A decimal text on the outer side of a value (or equal to it), exactly."""
    numerator, denominator = map(int, mpmath.libmp.to_rational(value._mpf_))
    scaled = numerator * 10**places
    whole = scaled // denominator if side < 0 else -(-scaled // denominator)
    digits = str(abs(whole)).rjust(places + 1, "0")
    return f"{'-' if whole < 0 else ''}{digits[:-places]}.{digits[-places:]}"


_STATEMENTS = {
    "solution": "the self-consistency equations have exactly one solution in the box, and it lies in the enclosure",
    "fold": "in the box there is exactly one solution with a singular Jacobian and its direction, and it lies in the enclosure",
    "critical": "in the box exactly one symmetric solution has the direction of instability in its Jacobian's kernel, and it "
                "lies in the enclosure",
    "cusp": "in the box exactly one solution has a singular Jacobian and no second-order force along its kernel, and it lies in the "
            "enclosure",
    "tricritical": "in the box exactly one symmetric solution has neither a linear nor a cubic force along the direction of "
                   "instability, and it lies in the enclosure",
    "critical-end": "in the box exactly one unstable symmetric solution has the free energy of another solution, and both lie in "
                    "the enclosure",
    "triple": "in the box exactly one triple of solutions has one free energy, and it lies in the enclosure",
    "at": "in the box there is exactly one solution with a singular replicon block, and it lies in the enclosure",
    "zero-entropy": "in the box there is exactly one solution without entropy, and it lies in the enclosure",
    "condition": "in the box there is exactly one solution that satisfies the condition, and it lies in the enclosure",
    "coexistence": "in the box there is exactly one pair of solutions of the same free energy, and it lies in the enclosure",
}
