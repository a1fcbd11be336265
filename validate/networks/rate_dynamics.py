"""Rate networks in torch: relaxation without noise, and fluctuations about attractors with a step that does not bias them."""

from dataclasses import dataclass

from .running import import_torch

__all__ = ["RateNetwork", "deviations", "relax"]

# Independent groups of copies, for the errors.
GROUPS = 16


@dataclass(frozen=True)
class RateNetwork:
    """dx/dt = -x + A f(x)/sqrt N + G eta, f(x) = x^2/(c + x^2), time in units of tau.

    Attributes
    ----------
    matrix : tensor (N, N), A
    amplitude : tensor (N, N) or (N,), G or its diagonal
    c : float
    """

    matrix: object
    amplitude: object
    c: float

    @property
    def size(self):
        """Number of neurons."""
        return self.matrix.shape[-1]

    def force(self, x):
        """-x + A f(x)/sqrt N of states (..., N)."""
        response = x * x / (self.c + x * x)
        return response @ self.matrix.T / self.size**0.5 - x

    def noise(self, drawn):
        """G eta of standard normal numbers (..., N)."""
        return drawn * self.amplitude if self.amplitude.ndim == 1 else drawn @ self.amplitude.T


def relax(network, x, time, step=0.1):
    """States (..., N) after a time without noise, by the classical Runge-Kutta rule."""
    for _ in range(round(time / step)):
        first = network.force(x)
        second = network.force(x + step * first / 2)
        third = network.force(x + step * second / 2)
        x = x + step * (first + 2 * second + 2 * third + network.force(x + step * third)) / 6
    return x


def deviations(run, key, network, state, jacobian, copies, time, step):
    """Mean and covariance of the stationary deviations from an attractor, from independent copies.

    (1 - step J/2)(x' - x) = step F(x) + sqrt(step) G eta: for a linear force this is the midpoint rule, whose
    stationary covariance solves J C + C J^T + G G^T = 0 at any step. What a step biases is of order
    step times the noise beyond the linear theory.

    Parameters
    ----------
    run : TrainingRun
    key : name of the loop
    network : RateNetwork of double precision
    state : tensor (N,), the attractor
    jacobian : tensor (N, N), of the force there
    copies : in each of 16 groups
    time : of sampling, after a quarter of it has been left out
    step : in units of tau

    Returns
    -------
    mean : array (16, N), of x minus the attractor
    covariance : array (16, N, N), about the mean of all groups
    """
    torch = import_torch()
    size = network.size
    one = torch.eye(size, dtype=state.dtype, device=state.device)
    inverse = torch.linalg.inv(one - step * jacobian / 2).T
    steps, left_out = round(1.25 * time / step), round(0.25 * time / step)
    kept = {"x": state.repeat(GROUPS, copies, 1), "first": torch.zeros(GROUPS, size, dtype=state.dtype, device=state.device),
            "second": torch.zeros(GROUPS, size, size, dtype=state.dtype, device=state.device), "generator": run.generator(key)}
    every = max(1, round(0.5 / step))

    def advance(at, i):
        drawn = torch.randn(at["x"].shape, generator=at["generator"], dtype=state.dtype, device=state.device)
        at["x"] = at["x"] + (step * network.force(at["x"]) + step**0.5 * network.noise(drawn)) @ inverse
        if i >= left_out and i % every == 0:
            away = at["x"] - state
            at["first"] += away.mean(1)
            at["second"] += torch.einsum("gci,gcj->gij", away, away) / copies

    found = run.loop(key, kept, advance, steps)
    count = len(range(left_out + (-left_out) % every, steps, every))
    mean, second = found["first"] / count, found["second"] / count
    pooled = mean.mean(0)
    return mean.cpu().numpy(), (second - pooled[:, None] * pooled).cpu().numpy()
