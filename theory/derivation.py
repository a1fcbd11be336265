"""Derivations: ordered, checkable steps from a model's Hamiltonian to its mean-field theory."""

from dataclasses import dataclass, field, replace

import sympy
from sympy import Basic, Tuple

from .errors import InputError
from .functions import closed_form

STATUSES = ("unchecked", "passed", "assumption", "failed")
DEFAULT_ROUTE, COUPLED_ROUTE = "saddle-point", "replica"


@dataclass(frozen=True)
class Step:
    """One move of a derivation, with what allows it and the expression before and after.

    Attributes
    ----------
    title : what the step does
    rule : the mathematical rule that it applies
    justification : why the rule may be applied here; prose with inline $math$
    reference : paper or textbook
    before, after : Expr, Eq, Tuple of these, or None; Tuples of equal length are read row by row
    relation : LaTeX of the relation between the two
    claim : what `check` verifies about the step (`theory.checks`)
    status : unchecked, passed, assumption or failed
    evidence : what the check saw
    """

    title: str
    rule: str
    justification: str
    reference: str = ""
    before: Basic | None = None
    after: Basic | None = None
    relation: str = "="
    claim: object = field(default=None, repr=False, compare=False)
    status: str = "unchecked"
    evidence: str = ""

    @property
    def rows(self):
        """Pairs (before, after), one for each displayed line; either may be None."""
        left, right = _rows(self.before), _rows(self.after)
        if not left or not right:
            return tuple((a, None) for a in left) + tuple((None, b) for b in right)
        if len(left) == len(right):
            return tuple(zip(left, right))
        return tuple((a, None) for a in left[:-1]) + ((left[-1], right[0]),) + tuple((None, b) for b in right[1:])

    @property
    def latex(self):
        """The displayed formula: `before relation after`, aligned when it has several rows."""
        if len(self.rows) < 2:
            return "".join(_line(row, f" {self.relation} ") for row in self.rows)
        lines = [_line(row, f" &{self.relation} ") for row in self.rows]
        return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"

    def as_dict(self):
        """The step as the command line prints it in JSON."""
        return {"title": self.title, "rule": self.rule, "justification": self.justification,
                "reference": self.reference, "latex": self.latex, "check": self.status, "evidence": self.evidence}


@dataclass(frozen=True)
class Derivation:
    """The steps of one route and the theory that they end in.

    Attributes
    ----------
    model : Model
    route : str
    ansatz : str or None
    steps : tuple of Step
    theory : MeanFieldTheory, or ReplicaTheory
    """

    model: object
    route: str
    ansatz: str | None
    steps: tuple
    theory: object

    @property
    def free_energy(self):
        """The free energy per site, a function of the order parameters."""
        return self.theory.free_energy

    @property
    def equations(self):
        """{order parameter: right-hand side of its self-consistency equation}."""
        return self.theory.equations

    @property
    def passed(self):
        """Whether every step was checked and none failed (assumptions do not count as failures)."""
        return all(step.status in ("passed", "assumption") for step in self.steps)

    def check(self, seed=0):
        """The same derivation with every step verified: passed, assumption or failed, with evidence.

        Identities are evaluated at random points, limits compared with exact sums at small N.

        Parameters
        ----------
        seed : int
        """
        from .checks import verify
        from .context import Context

        context = self.theory.check_context(self, seed) if hasattr(self.theory, "check_context") else Context(self, seed)
        return replace(self, steps=tuple(verify(step, context) for step in self.steps))

    def as_dict(self):
        """The derivation as the command line prints it in JSON."""
        return {
            "model": self.model.name, "route": self.route, "ansatz": self.ansatz,
            "steps": [step.as_dict() for step in self.steps],
            "free_energy": self._latex(self.free_energy),
            "equations": {str(a): self._latex(rhs) for a, rhs in self.equations.items()},
        }

    def _latex(self, expr):
        if self.route != COUPLED_ROUTE:
            return sympy.latex(closed_form(expr))
        from .writing.formulas import latex
        from .writing.replica import readable

        return latex(readable(expr, self.theory))

    def to_latex(self):
        """A complete LaTeX document."""
        from .writing import to_latex

        return to_latex(self)

    def to_markdown(self):
        """Markdown with $math$."""
        from .writing import to_markdown

        return to_markdown(self)

    def to_text(self):
        """Plain text for a terminal."""
        from .writing import to_text

        return to_text(self)

    def _repr_markdown_(self):
        return self.to_markdown()

    def _repr_latex_(self):
        from .writing import repr_latex

        return repr_latex(self)

    def _repr_html_(self):
        from .writing import repr_html

        return repr_html(self)

    def __repr__(self):
        marks = ", ".join(f"{n} {s}" for s in STATUSES if (n := sum(step.status == s for step in self.steps)))
        return f"Derivation({self.model.name}, route={self.route!r}, {len(self.steps)} steps: {marks})"


def derive(model, route=None, ansatz=None, steps=None):
    """Derive the mean-field theory of a model, step by step.

    Parameters
    ----------
    model : Model
    route : "saddle-point", "entropy", "interpolation", "hamilton-jacobi" or "replica"; None is the saddle point, and replicas with
        quenched couplings
    ansatz : of the replicas, a `theory.replica.KStepRSB` or its name: "rs" (default), "1rsb" or "krsb"
    steps : number of steps of replica symmetry breaking, with "krsb"

    Returns
    -------
    Derivation

    Raises
    ------
    InputError
        An unknown route, a route or an ansatz that does not apply to the model, or a Gaussian site whose measure does not normalise.
    """
    from .routes import COUPLED, ROUTES, refuse

    route = route or (COUPLED_ROUTE if model.couplings else DEFAULT_ROUTE)
    if route in COUPLED:
        return COUPLED[route](model, ansatz, steps)
    if route not in ROUTES:
        raise InputError(f"unknown route {route!r}: choose one of {', '.join((*ROUTES, *COUPLED))}")
    refuse(model, route, ansatz)
    return ROUTES[route](model)


def _rows(side):
    if side is None:
        return ()
    return tuple(side) if isinstance(side, (Tuple, tuple)) else (side,)


def _line(row, relation):
    before, after = row
    if before is None or after is None:
        return relation.partition("&")[1] + sympy.latex(after if before is None else before)
    return sympy.latex(before) + relation + sympy.latex(after)
