"""The replica method: from E[Z^n] to the free energy of a model with quenched couplings.

The disorder average couples replicas through their overlaps; under a hierarchical ansatz every replicated quantity has a closed form
in n, and n -> 0.
"""

from dataclasses import replace

import sympy
from sympy import Symbol

from ...derivation import Derivation
from ...replica.ansatz import ansatz_of
from ...replica.theory import ReplicaTheory
from .average import Averaging
from .properties import Properties

__all__ = ["derivation"]

ROUTE = "replica"


class Replicas(Averaging, Properties):
    """The steps of the replica derivation of one theory."""


def derivation(model, ansatz=None, steps=None):
    """The derivation of a model's theory by replicas.

    Parameters
    ----------
    model : Model with couplings
    ansatz : KStepRSB, or rs, 1rsb, krsb with `steps`
    """
    theory = ReplicaTheory(model, ansatz_of(ansatz, steps))
    work = Replicas(theory)
    found = [work.trick(), work.average(), work.order_parameters(), work.ansatz(), work.traces(), work.limit(), work.functional(),
             work.conjugates(), *work.nishimori(), work.free_energy(), work.stein(), work.self_consistency(), *work.reduction(),
             work.replicon(), work.entropy(), *work.zero_temperature(), work.result()]
    return Derivation(model, ROUTE, theory.ansatz.name, tuple(_finished(step, work.n) for step in found), theory)


def _finished(step, n):
    """The step with the number of replicas under the name that it has."""
    name = sympy.latex(Symbol(str(n).rstrip("*")))
    return replace(step, relation=step.relation.replace(r"n\to 0", rf"{name}\to 0"))
