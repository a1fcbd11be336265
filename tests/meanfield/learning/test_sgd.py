"""Linear networks under stochastic gradient descent: known numbers, stability, finite sets, null modes."""

import numpy as np
import pytest

from meanfield.learning.sgd import deep_linear_minimum, flatness_exponent, gaussian_regression, lyapunov_covariance, regression_on
from theory.errors import InputError

RNG = np.random.default_rng(3)


def test_online_regression():
    """Exact variances, and their isotropic limit eta s2 / (2 B) at small rates."""
    found = gaussian_regression(np.diag([0.5, 1, 2, 4]), 0.09)
    assert np.diag(found.stationary(0.05, 2)) == pytest.approx([0.0012813, 0.00130626, 0.00135922, 0.00147915], rel=5e-6)
    assert np.diag(found.stationary(1e-6, 2)) / 1e-6 == pytest.approx(np.full(4, 0.0225), rel=1e-4)
    assert lyapunov_covariance(found, 2).covariance == pytest.approx(0.0225 * np.eye(4), abs=1e-14)


def test_edge_of_mean_square_stability():
    """4/(9 + sqrt 17) for inputs of variances 1 and 2, one example at a time."""
    found = gaussian_regression(np.diag([1.0, 2.0]), 0.0)
    assert found.edge(1) == pytest.approx(4 / (9 + np.sqrt(17)), rel=1e-12)
    assert abs(np.linalg.eigvals(found.operator(found.edge(1), 1))).max() == pytest.approx(1, abs=1e-12)
    assert found.edge(10**9) == pytest.approx(1.0, rel=1e-6)
    with pytest.raises(InputError, match="0.304806"):
        found.stationary(0.31, 1)


def test_variance_diverges_at_the_edge():
    found = gaussian_regression(np.diag([1.0, 2.0]), 1.0)
    near, nearer = (np.trace(found.stationary(found.edge(1) * (1 - gap), 1)) for gap in (1e-3, 1e-4))
    assert nearer / near == pytest.approx(10, rel=0.01)


def test_regression_on_a_finite_set_is_the_mean_over_its_batches():
    """One step from a given covariance, against all batches of two of five examples."""
    inputs, labels = RNG.normal(size=(5, 2)), RNG.normal(size=5)
    theory, weights = regression_on(inputs, labels)
    v = np.array([0.3, -0.2])
    steps = []
    for a in range(5):
        for b in range(5):
            x, y = inputs[[a, b]], labels[[a, b]]
            steps.append([u - 0.1 * x.T @ (x @ (weights + u) - y) / 2 for u in (v, -v)])
    direct = np.mean([np.outer(u, u) for pair in steps for u in pair], axis=0)
    assert theory.step(np.outer(v, v), 0.1, 2) == pytest.approx(direct, rel=1e-12)
    covariance = theory.stationary(0.05, 2)
    assert theory.step(covariance, 0.05, 2) == pytest.approx(covariance, rel=1e-10)


def test_many_examples_are_isotropic_and_few_are_not():
    """The exponent d log variance / d log curvature vanishes in the limit of many examples."""
    slopes = {}
    for count in (20, 4000):
        inputs = RNG.normal(size=(count, 8))
        theory, _ = regression_on(inputs, RNG.normal(size=count))
        slopes[count] = flatness_exponent(lyapunov_covariance(theory, 4).covariance, theory.hessian)
    assert abs(slopes[4000]) < 0.25 and flatness_exponent(np.eye(8), theory.hessian) == pytest.approx(0, abs=1e-12)


def network(inputs=5, hidden=4, outputs=3, examples=30):
    x = RNG.normal(size=(examples, inputs))
    y = x @ RNG.normal(size=(inputs, outputs)) + RNG.normal(size=(examples, outputs))
    return [RNG.normal(size=(hidden, inputs)), RNG.normal(size=(outputs, hidden))], x, y


def test_hessian_and_noise_by_differences():
    layers, x, y = network()
    found = deep_linear_minimum(layers, x, y)
    sizes = [w.size for w in layers]
    flat = np.concatenate([w.ravel() for w in layers])

    def losses(theta):
        first, second = theta[:sizes[0]].reshape(layers[0].shape), theta[sizes[0]:].reshape(layers[1].shape)
        return ((y - x @ first.T @ second.T) ** 2).sum(1) / 2

    unit = np.eye(len(flat))
    for a, b in [(0, 0), (1, 25), (27, 3), (30, 22)]:
        h = 1e-3
        corners = [losses(flat + h * (s * unit[a] + t * unit[b])).mean() * s * t for s in (1, -1) for t in (1, -1)]
        assert found.hessian[a, b] == pytest.approx(sum(corners) / (4 * h**2), rel=1e-5, abs=1e-6)
    gradient = lambda a: (losses(flat + 1e-6 * unit[a]) - losses(flat - 1e-6 * unit[a])) / 2e-6  # noqa: E731
    assert found.noise[2, 24] == pytest.approx(np.cov(gradient(2), gradient(24), bias=True)[0, 1], rel=1e-5)
    assert found.layer(1) == slice(20, 32)


def test_null_modes_of_two_layers():
    """At a minimum N_in N_out modes have curvature; hidden^2 have none, and the noise does not touch them."""
    first = np.linalg.qr(RNG.normal(size=(5, 5)))[0] * np.linspace(0.7, 1.4, 5)
    _, x, y = network()
    best = np.linalg.lstsq(x, y, rcond=None)[0].T
    minimum = deep_linear_minimum([first, best @ np.linalg.inv(first)], x, y)
    found = lyapunov_covariance(minimum, 2)
    assert minimum.gradient < 1e-12 and found.rank == 15 and found.gap > 1e6 and found.resolved
    assert found.null_diffusion < 1e-12
    H, c = minimum.hessian, found.covariance
    assert H @ c + c @ H == pytest.approx(minimum.noise / 2, abs=1e-10)


@pytest.mark.parametrize(("make", "said"), [
    (lambda: gaussian_regression(np.diag([1.0, -1.0]), 1.0), "negative"),
    (lambda: gaussian_regression(np.eye(2), -1.0), "variance"),
    (lambda: regression_on(np.ones((3, 2)), np.ones(3)), "undetermined"),
    (lambda: regression_on(np.ones((3, 2)), np.ones(4)), "shapes"),
])
def test_what_is_no_regression(make, said):
    with pytest.raises(InputError, match=said):
        make()
