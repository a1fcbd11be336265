"""Grokking by the closed equations: against a network neuron by neuron, delays, and what is refused."""

import numpy as np
import pytest

from meanfield.learning.grokking import delay, descend, mean_square
from theory.errors import InputError


def task(size=6, examples=40, seed=0):
    rng = np.random.default_rng(seed)
    inputs, direction = rng.normal(size=(examples, size)) / np.sqrt(size), rng.normal(size=size)
    direction *= np.sqrt(size) / np.linalg.norm(direction)
    return inputs, np.outer(direction, direction), rng


def test_a_network_obeys_the_equations_to_rounding():
    """Seven hidden units from any start, whose mean does not vanish, for 300 steps."""
    inputs, form, rng = task()
    units, alpha, eps, rate = rng.normal(size=(7, 6)) * 0.8, 0.9, 0.4, 0.02
    found = descend(inputs, form, units.mean(0), units.T @ units / 7, alpha, eps, rate, 300)
    output = lambda u: alpha * (inputs @ u.T + eps / 2 * (inputs @ u.T) ** 2).mean(1)  # noqa: E731
    origin, targets, train = output(units), np.einsum("pi,ij,pj->p", inputs, form, inputs) / 2, []
    for step in range(301):
        wrong = targets - output(units) + origin
        train.append(wrong @ wrong)
        if step < 300:
            units = units + rate / alpha * ((1 + eps * inputs @ units.T) * wrong[:, None]).T @ inputs
    assert found.train == pytest.approx(np.array(train) / train[0], abs=1e-13) and found.train[-1] < 0.01
    assert found.mean == pytest.approx(units.mean(0), abs=1e-12) and found.second == pytest.approx(units.T @ units / 7, abs=1e-12)


def test_test_error_over_inputs_that_are_drawn():
    rng = np.random.default_rng(1)
    a, A = rng.normal(size=4), rng.normal(size=(4, 4))
    A = A + A.T
    z = rng.normal(size=(400000, 4)) / 2
    direct = (z @ a + np.einsum("pi,ij,pj->p", z, A, z) / 2) ** 2
    assert mean_square(a, A) == pytest.approx(direct.mean(), abs=4 * direct.std() / np.sqrt(len(z)))


def test_the_delay_grows_with_the_scale_of_the_output():
    """Learning is lazy at large alpha, where the test error comes down long after the training error."""
    inputs, form, _ = task(examples=34, seed=3)
    found = []
    for alpha in (0.5, 1.0, 2.0):
        curve = descend(inputs, form, np.zeros(6), np.eye(6), alpha, 0.5, 0.02, 300)
        found.append(delay(curve.times, curve.train, curve.test, 0.1).ratio)
        assert curve.start == pytest.approx(0.75)
    assert found[0] < found[1] < found[2]


def test_delay():
    times = np.arange(5.0)
    found = delay(times, [1, 0.1, 0.01, 0.01, 0.01], [1, 1, 0.5, 0.25, 0.0625], 0.125)
    assert found.test == pytest.approx(3.5) and found.train == pytest.approx(np.log10(8))
    assert delay(times, [1] * 5, [1] * 5).train == float("inf")


@pytest.mark.parametrize(("change", "said"), [
    ({"rate": 5.0}, "diverges"), ({"rate": -1.0}, "positive"), ({"form": np.eye(5)}, "shapes"), ({"steps": 0}, "step"),
    ({"form": np.triu(np.ones((6, 6)))}, "symmetric"),
])
def test_what_is_refused(change, said):
    inputs, form, _ = task()
    given = {"inputs": inputs, "form": form, "mean": np.zeros(6), "second": np.eye(6), "alpha": 1.0, "eps": 0.5, "rate": 0.02,
             "steps": 50}
    with pytest.raises(InputError, match=said):
        descend(**given | change)
