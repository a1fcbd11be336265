"""Soft committee machines in torch: their gradients, their starts and their errors."""

import numpy as np
import pytest

from meanfield.learning.online import committee

torch = pytest.importorskip("torch")
online = pytest.importorskip("validate.networks.online_learning")


def networks(copies=3, units=2, size=24):
    generator = torch.Generator().manual_seed(1)
    B = online.teacher(units, size, copies, generator)
    Q, R = np.array([[0.6, 0.1], [0.1, 0.4]]), np.array([[0.3, 0.1], [0.0, 0.2]])
    return {"students": online.students_with(Q, R, B, generator), "teacher": B, "generator": generator}, Q, R


def test_students_start_with_the_overlaps_asked_for():
    state, Q, R = networks()
    found = online._overlaps(state["students"], state["teacher"])
    assert np.allclose(found[0], Q, atol=1e-6) and np.allclose(found[1], R, atol=1e-6)


def test_a_step_is_gradient_descent_on_half_the_squared_error():
    """Against torch's own derivatives, on the same input."""
    state, *_ = networks()
    size = state["students"].shape[-1]
    x = torch.randn(1, 3, 1, size, generator=torch.Generator().manual_seed(5))[0]
    W = state["students"].clone().requires_grad_()
    out = [torch.erf((w * x).sum(-1) / np.sqrt(2 * size)).sum(-1) for w in (W, state["teacher"])]
    (((out[1] - out[0]) ** 2) / 2).sum().backward()
    state["generator"].manual_seed(5)
    before = state["students"].clone()
    online.learn(state, 0.7, 1)
    assert torch.allclose(state["students"] - before, -0.7 * W.grad, atol=1e-6)


def test_error_on_inputs_is_the_error_of_the_overlaps():
    """The average over Gaussian inputs against inputs that are drawn."""
    state, Q, R = networks(copies=20)
    direct = online._tested(state, 4000)
    assert direct.mean() == pytest.approx(committee(2, 2).error(Q, R, np.eye(2)), abs=5 * direct.std() / np.sqrt(20))
