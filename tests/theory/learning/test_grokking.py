"""The closed equations of two layers between lazy and rich learning: every step, and what they are for."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from theory.errors import InputError
from theory.learning import grokking
from theory.learning.grokking import lazy_to_rich
from theory.symbols import symbol


@pytest.fixture(scope="module")
def theory():
    return lazy_to_rich()


def test_every_step_is_checked(theory):
    checked = theory.check()
    assert all(s.status == "passed" for s in checked.steps), [(s.title,
                                                               s.evidence) for s in checked.steps if s.status != "passed"]


@pytest.mark.parametrize("index", range(5))
def test_an_altered_formula_fails(theory, index):
    step, factor = theory.steps[index], sympy.Rational(101, 100)
    after = sympy.Tuple(*(factor * side for side in step.after)) if isinstance(step.after, sympy.Tuple) else factor * step.after
    assert replace(theory, steps=(replace(step, after=after),)).check().steps[0].status == "failed"


def test_flow_of_the_moments(theory):
    """wbar' = (g + eps G wbar)/alpha and M' = (g wbar^T + wbar g^T + eps (G M + M G))/alpha."""
    rng = np.random.default_rng(0)
    g, wbar, G, M = rng.normal(size=(3, 1)), rng.normal(size=(3, 1)), *(a + a.T for a in rng.normal(size=(2, 3, 3)))
    values = {"g": g, "wbar": wbar, "G": G, "M": M, "alpha": 1.7, "eps": 0.3, "eta": 0.2}
    assert theory.function("mean flow")(**values) == pytest.approx((g + 0.3 * G @ wbar) / 1.7)
    assert theory.function("second flow")(**values) == pytest.approx((g @ wbar.T + wbar @ g.T + 0.3 * (G @ M + M @ G)) / 1.7)
    L, c = np.eye(3) + 0.2 / 1.7 * 0.3 * G, 0.2 / 1.7 * g
    assert theory.function("second")(**values) == pytest.approx(L @ M @ L + L @ wbar @ c.T + c @ wbar.T @ L + c @ c.T)


def test_error_of_a_quadratic_form(theory):
    """|a|^2/n + tr(A^2)/(2 n^2) + (tr A)^2/(4 n^2): power of the linear part, misalignment, variance."""
    A = np.array([[1.0, 0.4], [0.4, -0.3]])
    found = theory.function("error")(a=np.array([[0.2], [0.5]]), A=A, n=2)
    assert found == pytest.approx(0.29 / 2 + np.trace(A @ A) / 8 + 0.49 / 16)


def test_other_activations_do_not_close():
    h = symbol("h")
    with pytest.raises(InputError, match="two moments"):
        grokking._moments(h + h**3, h)
