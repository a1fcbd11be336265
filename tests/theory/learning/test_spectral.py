"""The derivation of the spectral form of a layer and of what eigenvalues reach: every step checked, altered ones refused."""

from dataclasses import replace

import pytest
import sympy

from theory.checks import verify
from theory.learning.derived import Points
from theory.learning.spectral import DOMAIN, N1, N2, cut, derive_spectral, element, source, target


def test_every_step_passes():
    assert all(step.status == "passed" for step in derive_spectral().check().steps)


@pytest.mark.parametrize("title", [step.title for step in derive_spectral().steps])
def test_an_altered_step_fails(title):
    step = next(x for x in derive_spectral().steps if x.title == title)
    rows = step.after if isinstance(step.after, sympy.Tuple) else (step.after,)
    changed = [row + sympy.Rational(1, 20) for row in rows]
    altered = replace(step, after=sympy.Tuple(*changed) if len(changed) > 1 else changed[0])
    assert verify(altered, Points(DOMAIN)).status == "failed"


def test_results_are_those_of_the_papers():
    """arXiv:2005.14436: w_ij = (lambda_j - lambda_i) phi_ij; two labels for each eigenvalue, as Cover's two patterns for each
    weight."""
    found = derive_spectral()
    assert sympy.expand(found["weight"] - (source - target) * element) == 0
    assert sympy.simplify(found["missed"] - (N1 - 1) * (N2 - 1) / (N1 * N2)) == 0
    assert found["capacity"] == 2
    assert sympy.limit(found["lost"] / cut**3, cut, 0) == sympy.sqrt(2 / sympy.pi) / 3
