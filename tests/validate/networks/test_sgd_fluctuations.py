"""The steps of stochastic gradient descent in torch against torch's own derivatives."""

import pytest

from theory.errors import InputError

torch = pytest.importorskip("torch")
sgd = pytest.importorskip("validate.networks.sgd_fluctuations")


def generator():
    return torch.Generator().manual_seed(2)


def test_two_layers():
    """One step on the drawn examples is the gradient of half their mean squared error."""
    draw = lambda *shape: torch.randn(*shape, generator=generator(), dtype=torch.float64)  # noqa: E731
    x, y, first, second = draw(7, 3), draw(7, 2), draw(4, 5, 3), draw(4, 2, 5)
    drawn = torch.randint(7, (4, 3), generator=generator())
    a, b = first.clone().requires_grad_(), second.clone().requires_grad_()
    error = x[drawn] @ a.mT @ b.mT - y[drawn]
    ((error**2).sum(-1).mean(1) / 2).sum().backward()
    state = {"first": first.clone(), "second": second.clone(), "generator": generator()}
    sgd.descend_two_layers(state, x, y, 0.3, 3)
    assert torch.allclose(state["first"], first - 0.3 * a.grad) and torch.allclose(state["second"], second - 0.3 * b.grad)


def test_regression_on_a_finite_set():
    x, y = (torch.randn(*shape, generator=generator(), dtype=torch.float64) for shape in ((9, 3), (9,)))
    w = torch.ones(2, 3, dtype=torch.float64)
    drawn = torch.randint(9, (2, 4), generator=generator())
    moving = w.clone().requires_grad_()
    ((((x[drawn] * moving[:, None]).sum(-1) - y[drawn]) ** 2).mean(1) / 2).sum().backward()
    state = {"w": w.clone(), "generator": generator()}
    sgd.descend_regression(state, x, y, 0.2, 4)
    assert torch.allclose(state["w"], w - 0.2 * moving.grad)


def test_online_regression():
    """Without noise and curvature weights stay; with a single example the step is a multiple of its input."""
    v = torch.ones(5, 2, dtype=torch.float64)
    state = {"v": v.clone(), "generator": generator()}
    sgd.descend_online(state, torch.zeros(2, dtype=torch.float64), 0.1, 3, 0.0)
    assert torch.equal(state["v"], v)
    x = torch.randn(5, 1, 2, generator=generator(), dtype=torch.float64)[:, 0]
    state = {"v": v.clone(), "generator": generator()}
    sgd.descend_online(state, torch.ones(2, dtype=torch.float64), 0.1, 1, 0.0)
    assert torch.allclose(state["v"], v - 0.1 * (x * v).sum(-1, keepdim=True) * x)


def test_exponents_are_those_of_the_mean_covariance():
    """Pseudo-values of equal samples all equal the exponent."""
    import numpy as np

    curvature = np.diag([0.5, 1.0, 3.0])
    found = sgd._exponents(np.array([curvature**2] * 5), curvature)
    assert found == pytest.approx(np.full(5, 2.0))


def test_three_layers():
    """Hessian and gradient noise of a deep linear network against torch's own second derivatives."""
    from meanfield.learning.sgd import deep_linear_minimum

    draw = lambda *shape: torch.randn(*shape, generator=source, dtype=torch.float64)  # noqa: E731
    source = generator()
    layers, x, y = [draw(3, 2), draw(2, 3), draw(2, 2)], draw(6, 2), draw(6, 2)
    sizes = [w.numel() for w in layers]

    def losses(flat):
        first, second, third = (part.view(w.shape) for part, w in zip(flat.split(sizes), layers))
        return ((x @ first.mT @ second.mT @ third.mT - y) ** 2).sum(1) / 2

    flat = torch.cat([w.flatten() for w in layers])
    found = deep_linear_minimum([w.numpy() for w in layers], x.numpy(), y.numpy())
    assert found.hessian == pytest.approx(torch.autograd.functional.hessian(lambda t: losses(t).mean(), flat).numpy(), abs=1e-12)
    slopes = torch.autograd.functional.jacobian(losses, flat)
    assert found.noise == pytest.approx(torch.cov(slopes.T, correction=0).numpy(), abs=1e-12)


@pytest.mark.parametrize(("given", "said"), [({"examples": 15}, "more examples"), ({"rate": 0.15, "batch": 1}, "take one below")])
def test_settings_without_a_stationary_state(given, said):
    """Refused before any network is trained."""
    with pytest.raises(InputError, match=said):
        sgd.EXPERIMENT.read(given)
