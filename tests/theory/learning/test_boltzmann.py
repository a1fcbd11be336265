"""Restricted Boltzmann machines: the derived growth of modes and the Thouless-Anderson-Palmer equations."""

from dataclasses import replace

import sympy

from theory.learning.boltzmann import COUPLING, MH, MV, N, PI, R, RATE, learning_from_patterns, pair_expansion


def test_every_step_is_checked():
    assert learning_from_patterns().check().passed
    assert pair_expansion(1).check().passed and pair_expansion(2).check().passed


def test_an_altered_formula_fails():
    """Gradient, second moments and response compare the step's own formula with sums over states."""
    for derivation, numbers in ((learning_from_patterns(), (2, 3)), (pair_expansion(), (1,))):
        for n in numbers:
            steps = list(derivation.steps)
            steps[n] = replace(steps[n], after=steps[n].after * sympy.Rational(101, 100))
            assert replace(derivation, steps=tuple(steps)).check().steps[n].status == "failed"


def test_growth_of_modes():
    """A mode grows where the data's second moment exceeds that of independent units, 1 (Decelle et al., EPL 119, 60001, 2017)."""
    factor = learning_from_patterns()["factor"]
    rate = lambda p: float((factor.subs({N: 100, R: 0.5, PI: p, RATE: 0.01}) - 1) / 0.01)
    assert abs(rate(0.4) - (100 * 0.4 * 0.25 - 0.25)) < 1e-12 and abs(rate(0) + 0.25) < 1e-12


def test_reaction_term():
    """-m_v W^2 (1 - m_h^2), of Thouless, Anderson and Palmer, Philos. Mag. 35, 593 (1977)."""
    reaction = pair_expansion(2)["field"] - pair_expansion(1)["field"]
    assert sympy.expand(reaction + MV * COUPLING**2 * (1 - MH**2)) == 0
