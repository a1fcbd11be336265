"""Stochastic gradient descent: every step of the covariance's recursion, and its limits."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from theory.learning.matrices import matrix_function
from theory.learning.sgd import stochastic_gradient_descent


@pytest.fixture(scope="module")
def theory():
    return stochastic_gradient_descent()


def test_every_step_is_checked(theory):
    checked = theory.check()
    assert checked.passed, [(s.title, s.evidence) for s in checked.steps if s.status == "failed"]
    assert [s.status for s in checked.steps].count("assumption") == 1


@pytest.mark.parametrize("index", [0, 2, 3, 4])
def test_an_altered_formula_fails(theory, index):
    wrong = replace(theory.steps[index], after=sympy.Rational(101, 100) * theory.steps[index].after)
    assert replace(theory, steps=(wrong,)).check().steps[0].status == "failed"


def test_regression_mode_by_mode(theory):
    """C_ii' = (1 - eta l_i)^2 C_ii + (eta^2/B)[s2 l_i + l_i^2 C_ii + l_i sum_j l_j C_jj] for independent inputs."""
    rng = np.random.default_rng(0)
    l, c = rng.random(3), rng.random(3)
    rate, batch, noise = 0.1, 3, 0.4
    F = matrix_function(theory.arguments("quartic"), theory["quartic"])(np.diag(c), np.diag(l))
    D = matrix_function(theory.arguments("noise"), theory["noise"])(np.diag(l), noise)
    found = matrix_function(theory.arguments("recursion"), theory["recursion"])(np.diag(c), np.diag(l), F, D, rate, batch)
    expected = (1 - rate * l) ** 2 * c + rate**2 / batch * (noise * l + l**2 * c + l * (l @ c))
    assert np.allclose(found, np.diag(expected), atol=1e-15)


def test_traces_have_code():
    a = sympy.MatrixSymbol("a", 2, 2)
    assert matrix_function([a], sympy.Trace(a * a) * a)(np.eye(2)) == pytest.approx(2 * np.eye(2))
