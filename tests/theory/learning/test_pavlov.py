"""The derivation of coupled neural and synaptic dynamics: every step checked, altered ones refused."""

from dataclasses import replace

import pytest
import sympy

from theory.checks import verify
from theory.learning.derived import Points
from theory.learning.pavlov import DOMAIN, J12, derive_pavlov, n1, n2, s1, s2, slow
from theory.symbols import beta


def test_every_step_passes_but_the_factorisation():
    steps = derive_pavlov().check().steps
    assert {step.title: step.status for step in steps if step.status != "passed"} == {"Closed equations": "assumption"}


@pytest.mark.parametrize("title", ["The mean of a synapse", "Equations of means", "Synapses filter", "A product that decays",
                                   "Mean over a presentation", "Memory without stimulus", "Strength of a level",
                                   "Where memory ends",
                                   "Two concepts"])
def test_an_altered_step_fails(title):
    step = next(x for x in derive_pavlov().steps if x.title == title)
    rows = step.after if isinstance(step.after, sympy.Tuple) else (step.after,)
    changed = [row + sympy.Rational(1, 50) for row in rows]
    altered = replace(step, after=sympy.Tuple(*changed) if len(changed) > 1 else changed[0])
    assert verify(altered, Points(DOMAIN)).status == "failed"


def test_joint_stimuli_teach_the_whole_coupling():
    """The printed factor 1/2 of the joint block is none: at s_1 = s_2 = 1 the mixed coupling rests at tanh(beta)."""
    mixed = derive_pavlov()["blocks"][3].subs({s1: 1, s2: 1})
    assert sympy.solve(mixed, J12) == [sympy.tanh(beta)]
    assert mixed.free_symbols == {J12, beta, slow} and derive_pavlov()["blocks"][0].has(n1, n2)
