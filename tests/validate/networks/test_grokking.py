"""The network of the grokking experiment: its start, its gradient, and settings that do not go together."""

from types import SimpleNamespace

import pytest

from theory.errors import InputError

torch = pytest.importorskip("torch")
grokking = pytest.importorskip("validate.networks.grokking")


def test_weights_start_with_exact_moments():
    weights = grokking.balanced_weights(12, 5, torch.Generator().manual_seed(0))
    assert torch.allclose(weights.mean(0), torch.zeros(5, dtype=torch.float64), atol=1e-15)
    assert torch.allclose(weights.mT @ weights / 12, torch.eye(5, dtype=torch.float64), atol=1e-14)


def test_a_step_by_differences():
    """The step against differences of half the sum of squared deviations, for each scale of the output by itself."""
    draw = lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)  # noqa: E731
    alphas, inputs = torch.tensor([0.5, 2.0], dtype=torch.float64), draw(9, 3)
    weights = draw(2, 4, 3)
    problem = SimpleNamespace(alphas=alphas, eps=0.4, rate=0.1, inputs=inputs, targets=draw(9),
                              origin=torch.zeros(2, 9, dtype=torch.float64))
    loss = lambda w: ((problem.targets - grokking.output(w, inputs, alphas, 0.4)) ** 2).sum(1) / 2  # noqa: E731
    state = {"weights": weights.clone()}
    assert grokking.train_step(state, problem) == pytest.approx(2 * loss(weights).numpy())
    change = torch.zeros_like(weights)
    change[:, 1, 2] = 1e-5
    slope = (loss(weights + change) - loss(weights - change)) / 2e-5
    assert torch.allclose(state["weights"][:, 1, 2], weights[:, 1, 2] - 0.1 * 4 / alphas**2 * slope, atol=1e-8)


@pytest.mark.parametrize(("given", "said"), [({"hidden": 81}, "even"), ({"hidden": 10}, "twice"), ({"time": 0.5}, "100 steps")])
def test_settings_that_do_not_go_together(given, said):
    with pytest.raises(InputError, match=said):
        grokking.EXPERIMENT.read(given)
