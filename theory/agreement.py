"""Agreement of the routes: the same free energy and equations, symbolically where possible and in numbers."""

from dataclasses import dataclass

import sympy

from .derivation import derive
from .errors import InputError


@dataclass(frozen=True)
class Agreement:
    """How the results of several routes compare.

    Attributes
    ----------
    model : Model
    routes : names of the routes compared
    identical : routes whose free energy and equations are the same expressions as the first route's
    deviation : largest relative difference at random points, free energies and equations
    points : number of random points
    """

    model: object
    routes: tuple
    identical: tuple
    deviation: float
    points: int

    @property
    def agree(self):
        """Whether the routes agree to double precision."""
        return self.deviation < 1e-9

    def summary(self):
        """One sentence."""
        if len(self.routes) == 1:
            return f"no other route applies to {self.model.name}; the closed forms agree"
        return (f"free energy and equations of {', '.join(self.routes)} agree at {self.points} random points "
                f"to {max(self.deviation, 1e-30):.0e}; identical expressions: {len(self.identical)} of {len(self.routes)}")

    def __bool__(self):
        return self.agree


def agreement(model, routes=None, seed=0, points=2, given=()):
    """Compare the free energies and self-consistency equations that several routes end in.

    Parameters
    ----------
    model : Model
    routes : names, or None for all that apply
    seed, points : of the random points
    given : derivations already at hand

    Returns
    -------
    Agreement
    """
    from .context import Context
    from .routes import applicable

    names = _names(model, routes, given, applicable(model))
    known = {d.route: d for d in given}
    derivations = [known.get(name) or derive(model, name) for name in names]
    context = Context(derivations[0], seed)
    first, worst, identical = _results(derivations[0]), 0.0, []
    for derivation in derivations:
        others = _results(derivation)
        if all(same(a, b) for a, b in zip(first, others)):
            identical.append(derivation.route)
            continue
        for a, b in zip(first, others):
            worst = max(worst, *(float(context.deviation(a, b, p)) for p in context.points(points)))
    return Agreement(model, tuple(names), tuple(identical), worst, points)


def same(first, second):
    """Whether two expressions are equal symbolically, as far as expansion shows."""
    return first == second or sympy.expand(first - second) == 0


def _results(derivation):
    """The free energy and the equations as the route's own steps leave them."""
    from .context import opened
    from .routes.common import SELF_CONSISTENCY

    (closing,) = (step for step in derivation.steps if step.title == SELF_CONSISTENCY)
    return (opened(derivation.steps[-1].before), *(after for _, after in closing.rows))


def _names(model, routes, given, applicable):
    if routes is None or len(routes) == 1:
        own = tuple(routes or ())
        return own + tuple(r for r in applicable if r not in own)
    if unknown := [r for r in routes if r not in applicable]:
        raise InputError(f"{unknown[0]!r} is not a route of {model.name}: choose among {', '.join(applicable)}")
    return tuple(routes)
