"""Continual learning: every step of the derivation is checked, and altered ones fail."""

from dataclasses import replace

import pytest

from theory.checks import verify
from theory.learning.continual import continual
from theory.learning.derived import Points


def test_every_step_is_checked():
    found = continual().check()
    assert found.passed and sum(step.status == "passed" for step in found.steps) == 6


@pytest.mark.parametrize("n", [1, 2, 5])
def test_an_altered_step_fails(n):
    derivation = continual()
    altered = replace(derivation.steps[n], after=1.01 * derivation.steps[n].after)
    assert verify(altered, Points(derivation.domain)).status == "failed"
