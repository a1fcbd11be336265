"""Labels of the phases of models with quenched couplings."""

import numpy as np

from ..phases import overlap_kind
from .reduced import Reduced, iterated

VANISHED = 1e-6
MARGIN = 1e-9


def sector(unknowns, u):
    """What carries the signal of a solution: "none", "induced" by outer fields, or "spontaneous"."""
    means = list(unknowns.means)
    if not means or np.abs(u[means]).max() < VANISHED:
        return "none"
    if unknowns.null_sets[0] == unknowns.means:
        return "spontaneous"
    return "spontaneous" if _persists(unknowns, u) else "induced"


def _persists(unknowns, u):
    """Whether a signal is left when the fields that act at zero signal are taken away."""
    fields = fields_without_signal(unknowns)
    if not any(fields.values()):
        return False
    system = _Shifted(unknowns.system, {a: -h for a, h in fields.items()})
    v, free = u, [i for i in range(unknowns.size) if i not in unknowns.breaking]
    for share in (0.25, 0.5, 0.75, 1.0):
        system.share = share
        shifted = unknowns.shifted(system)
        v = iterated(shifted, v, steps=6)
        if v is None:
            return False
        v, converged = Reduced(shifted, v, free).solve()
        if not converged:
            return False
    return bool(np.abs(v[list(unknowns.means)]).max() > 1e-4 and np.sign(v[unknowns.means[0]]) == np.sign(u[unknowns.means[0]]))


def fields_without_signal(unknowns):
    """{order parameter: field that the energy makes where all means vanish}."""
    system = unknowns.system
    u = np.ones(unknowns.size)
    u[list(unknowns.means)] = 0.0
    zeros = (0.0,) * (system.theory.steps + 3)
    both = system.saddle.conjugates(*system.numbers, *u, *zeros)
    names = [str(a) for layer in system.theory.layers for a in layer.order_parameters]
    fields = dict(zip(names, map(float, both[len(system.saddle.conjugate_symbols):])))
    return {system.names[i]: fields[system.names[i]] for i in unknowns.means}


class _Shifted:
    """A system in additional fields."""

    def __init__(self, system, fields):
        self.system, self.fields, self.share = system, fields, 1.0

    def __getattr__(self, name):
        return getattr(self.system, name)

    def residual(self, u):
        return self.system.residual(u, {a: self.share * h for a, h in self.fields.items()})


def kind(unknowns, u, replicon, collapsed=True):
    """The label of a solution.

    Without a spontaneous signal "paramagnetic", or "spin-glass" where overlaps appear by themselves, or where replicas break their
    symmetry (replicon < 0, or an ansatz with steps that are open). With one "retrieval" where the order parameter's function contains
    disorder, else "ferromagnetic", or "mixed" where replicas break their symmetry. A student at its teacher is "ferromagnetic".
    """
    broken = replicon < -MARGIN or (unknowns.system.theory.steps > 0 and not collapsed)
    if sector(unknowns, u) == "spontaneous":
        if is_retrieval(unknowns, u):
            return retrieval_kind(unknowns, u)
        return "mixed" if broken else "ferromagnetic"
    overlap = max(abs(levels[-1]) for levels, _ in unknowns.levels(u))
    if overlap <= VANISHED:
        return "paramagnetic"
    return "spin-glass" if broken or vanishing_allowed(unknowns, u) else "paramagnetic"


def vanishing_allowed(unknowns, u):
    """Whether the overlaps could vanish together with the means: nothing induces them."""
    null = [i for i in unknowns.means if abs(u[i]) < VANISHED]
    if len(null) < len(unknowns.means):
        return False
    if unknowns.system.T > 0:
        return unknowns.lowest_can_vanish(null)
    # Whether fields act on the overlaps does not depend on T, and at T = 0 overlaps of spins cannot vanish.
    warm = (unknowns.at_temperature(T) for T in (1.0, 3.0, 10.0))
    return any(w.lowest_can_vanish(null) for w in warm)


def retrieval_kind(unknowns, u):
    """"retrieval" of one pattern a layer, "mixture" of several; diluted patterns are not told apart here."""
    theory, values = unknowns.system.theory, dict(zip(unknowns.system.theory.unknowns, u))
    kinds = [overlap_kind([values[a] for a in layer.order_parameters if a in theory.used], False) for layer in theory.layers]
    return "mixture" if "mixture" in kinds else "retrieval"


def is_retrieval(unknowns, u):
    """Whether a spontaneous order parameter is an overlap with disorder."""
    model = unknowns.system.model
    grown = [unknowns.system.theory.unknowns[i] for i in unknowns.means if abs(u[i]) > VANISHED]
    return any(model.order_parameters[a].free_symbols & set(model.disorder) for a in grown)
