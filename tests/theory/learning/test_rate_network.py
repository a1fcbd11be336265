"""The derivation of planted attractors and of the noise about them: every step checked, altered ones refused."""

from dataclasses import replace

import pytest
import sympy

from theory.checks import verify
from theory.learning.derived import Points
from theory.learning.rate_network import DOMAIN, a, c, derive_rate_network, gain, x
from theory.symbols import N


def test_every_step_passes_but_the_model_itself():
    checked = derive_rate_network().check()
    steps = checked.steps
    assert checked.passed and "Saddle-node [passed]" in checked.to_text()
    assert [step.status for step in steps] == ["assumption"] + ["passed"] * (len(steps) - 1)


@pytest.mark.parametrize("title", ["Patterns of two levels", "Planting", "Levels at a given gain", "Jacobian",
                                   "Along the pattern", "Stability along the pattern", "Overlapping patterns",
                                   "Potential of one neuron", "Stationary density", "Variance of one neuron",
                                   "Shift of the mean"])
def test_an_altered_step_fails(title):
    step = next(s for s in derive_rate_network().steps if s.title == title)
    rows = step.after if isinstance(step.after, sympy.Tuple) else (step.after,)
    changed = [row + sympy.Rational(1, 50) for row in rows]
    altered = replace(step, after=sympy.Tuple(*changed) if len(changed) > 1 else changed[0])
    assert verify(altered, Points(DOMAIN)).status == "failed"


def test_results_are_those_of_the_reference():
    """Gagliani et al., arXiv:2510.12286: lambda = sqrt N (c + a^2)/a, rate -1 + 2c/(c + a^2), saddle-node 2 sqrt c."""
    found = derive_rate_network()
    expected = {"eigenvalue": sympy.sqrt(N) * (c + a**2) / a, "rate": -1 + 2 * c / (c + a**2), "saddle_node": 2 * sympy.sqrt(c),
                "margin": sympy.sqrt(c), "slope": 2 * c * x / (c + x**2)**2,
                "upper": (gain + sympy.sqrt(gain**2 - 4 * c)) / 2, "lower": (gain - sympy.sqrt(gain**2 - 4 * c)) / 2}
    assert all(sympy.simplify(found[name] - formula) == 0 for name, formula in expected.items())

