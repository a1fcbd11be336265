"""Models without quenched couplings in torch: all chains at once, on the CPU or a GPU.

Given a Gaussian layer z all sites are independent (`validate.kernels.two_layer`): occupation numbers of finite sites are drawn
class by class, unit vectors and Gaussian sites one and all, and the proposal is accepted with what the linear field leaves of the
energy. The chain is exact for any smooth energy. Arithmetic is in double precision: the acceptance is a small difference of terms
of order N.
"""

from math import prod

import numpy as np

from theory.errors import InputError

from .. import disorder
from ..sample import gaussian_coefficients, vector_coefficients
from .on_torch import load_torch

FUNCTIONS = ("exp", "log", "sin", "cos", "tanh", "cosh", "sinh", "abs")

# Terms of the rejection sampler of angles that are tried at a time.
TRIES = 4


class Sites:
    """Chains (B) of N sites; subclasses draw sites in a field.

    Parameters
    ----------
    problem : validate.sample.Problem
    samples : list of validate.disorder.Sample, one for each chain
    seed : numpy seed sequence
    device : "cpu" or "cuda"
    """

    def __init__(self, problem, samples, seed, device):
        self.torch, self.device, self.problem = load_torch(), device, problem
        self.generator = self.torch.Generator(device=device).manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        self.energy = TorchEnergy(problem, self.torch)
        self.prepare(problem, samples)

    def put(self, array):
        """An array on the device in double precision."""
        return self.torch.as_tensor(np.ascontiguousarray(array, dtype=np.float64), device=self.device)

    def uniform(self, *shape):
        """Uniform numbers in (0, 1)."""
        u = self.torch.rand(shape, generator=self.generator, device=self.device, dtype=self.torch.float64)
        return u.clamp(2.0**-60, 1 - 2.0**-53)

    def normal(self, *shape):
        """Standard Gaussian numbers."""
        return self.torch.randn(shape, generator=self.generator, device=self.device, dtype=self.torch.float64)

    def place(self, beta, fields):
        """Draw all chains in their fields, array (B, n)."""
        field = self.torch.zeros((len(fields), fields.shape[1], self.components), dtype=self.torch.float64, device=self.device)
        field[:, :, 0] = self.put(fields)
        self.phi, self.one_body = self.draw(beta, self.tame(field))

    def tame(self, field):
        """A field in which sites can be drawn: any function of z makes a proposal, which the acceptance corrects."""
        return field

    def advance(self, beta, sweeps):
        """Sweeps of all chains.

        Returns
        -------
        draws : array (B, sweeps, n + 1), order parameters and energy per site
        accepted : share of accepted proposals
        """
        torch, N = self.torch, self.problem.N
        A, root = self._layer()
        draws = torch.empty((len(self.phi), sweeps, self.phi.shape[1] + 1), dtype=torch.float64, device=self.device)
        accepted = torch.zeros((), dtype=torch.float64, device=self.device)
        for sweep in range(sweeps):
            z = self.phi + root @ self.normal(*self.phi.shape) / (beta * N) ** 0.5
            field = self.tame(-self.energy.gradient(z))
            phi, one_body = self.draw(beta, field)
            gain = self._residual(self.phi, z, field, A) - self._residual(phi, z, field, A)
            taken = torch.log(self.uniform(len(phi))) < beta * N * gain
            self.phi = torch.where(taken[:, None, None], phi, self.phi)
            self.one_body = torch.where(taken, one_body, self.one_body)
            accepted = accepted + taken.double().mean()
            draws[:, sweep, :-1], draws[:, sweep, -1] = self.reported(), self.energy(self.phi) + self.one_body
        return draws.cpu().numpy(), float(accepted) / max(sweeps, 1)

    def _layer(self):
        """A and a root of its inverse for every chain, shape (B, n, n)."""
        lengths = self.energy.lengths(self.phi).cpu().numpy()
        found = [self.problem.stiffness(phi) for phi in lengths]
        return tuple(self.put(np.array([pair[k] for pair in found])) for k in (0, 1))

    def _residual(self, phi, z, field, A):
        """e(phi) + field.phi + (z - phi).A.(z - phi)/2, shape (B,)."""
        away = z - phi
        return self.energy(phi) + (field * phi).sum(dim=(1, 2)) + 0.5 * (away * (A @ away)).sum(dim=(1, 2))

    def reported(self):
        """The order parameters of the draws, shape (B, n)."""
        return self.phi[..., 0]


class FiniteSites(Sites):
    """Occupation numbers of (class, state)."""

    components = 1

    def prepare(self, problem, samples):
        tables = [disorder.table(problem.model, problem.values, sample) for sample in samples]
        most = max(len(t.sizes) for t in tables)
        fill = lambda x: np.pad(x, [(0, most - len(x)), *[(0, 0)] * (x.ndim - 1)])
        self.sizes, self.functions, self.energies = (
            self.put(np.array([fill(getattr(t, name)) for t in tables])) for name in ("sizes", "functions", "energies")
        )
        self.log_weights = self.put(tables[0].log_weights)
        self.single = max(t.sizes.max() for t in tables) == 1

    def draw(self, beta, field):
        work = self.torch.einsum("ba,bcka->bck", field[..., 0], self.functions) - self.energies
        shares = self.torch.softmax(self.log_weights + beta * work, dim=-1)
        counts = self._choices(shares) if self.single else self._multinomial(shares)
        phi = self.torch.einsum("bck,bcka->ba", counts, self.functions) / self.problem.N
        return phi[..., None], (counts * self.energies).sum(dim=(1, 2)) / self.problem.N

    def _choices(self, shares):
        """One site a class."""
        below = (self.uniform(*shares.shape[:-1], 1) > shares.cumsum(dim=-1)[..., :-1]).sum(dim=-1)
        return self.torch.nn.functional.one_hot(below, shares.shape[-1]) * self.sizes[..., None]

    def _multinomial(self, shares):
        """The states in turn, each a binomial share of what is left."""
        left, counts = self.sizes, []
        tails = shares.flip(-1).cumsum(dim=-1).flip(-1)
        for k in range(shares.shape[-1] - 1):
            p = (shares[..., k] / tails[..., k]).clamp(0.0, 1.0)
            counts.append(self.torch.binomial(left, p, generator=self.generator))
            left = left - counts[-1]
        return self.torch.stack([*counts, left], dim=-1)


class VectorSites(Sites):
    """Unit vectors."""

    def prepare(self, problem, samples):
        self.components = problem.model.site.n
        found = [vector_coefficients(problem, sample) for sample in samples]
        self.slopes, self.fields = (self.put(np.array([pair[k] for pair in found])) for k in (0, 1))
        self.axis = bool((self.fields != 0).any())

    def draw(self, beta, field):
        total = beta * self.torch.einsum("bad,bia->bid", field, self.slopes)
        total[..., 0] += beta * self.fields
        spins = self._directions(total)
        phi = self.torch.einsum("bid,bia->bad", spins, self.slopes) / self.problem.N
        return phi, -(self.fields * spins[..., 0]).sum(dim=1) / self.problem.N

    def _directions(self, field):
        """Unit vectors of density exp(field . s), by reflections of the first axis onto the field."""
        torch = self.torch
        kappa = field.norm(dim=-1, keepdim=True)
        first = torch.zeros_like(field)
        first[..., 0] = 1.0
        along = torch.where(kappa > 0, field / kappa.clamp(min=1e-300), first)
        u = self._cosines(kappa[..., 0])[..., None]
        if self.components == 1:
            return u * along
        side = self.normal(*field.shape)
        side = side - (side * along).sum(dim=-1, keepdim=True) * along
        side = side / side.norm(dim=-1, keepdim=True).clamp(min=1e-300)
        return u * along + torch.sqrt((1 - u * u).clamp(min=0.0)) * side

    def _cosines(self, kappa):
        """Components along the field, density exp(kappa u) (1 - u^2)^((n-3)/2); see `validate.kernels.cosine`."""
        torch, n = self.torch, self.components
        if n == 1:
            return torch.where(self.uniform(*kappa.shape) * (1 + torch.exp(-2 * kappa)) < 1, 1.0, -1.0).double()
        if n == 3:
            u = self.uniform(*kappa.shape)
            cold = 1 + torch.log(u + (1 - u) * torch.exp(-2 * kappa)) / kappa.clamp(min=1e-8)
            return torch.where(kappa > 1e-8, cold.clamp(min=-1.0), 2 * u - 1)
        b = (n - 1) / (torch.sqrt(4 * kappa**2 + (n - 1) ** 2) + 2 * kappa)
        x = (1 - b) / (1 + b)
        c = kappa * x + (n - 1) * torch.log(1 - x * x)
        found, missing = torch.zeros_like(kappa), torch.ones_like(kappa, dtype=torch.bool)
        while bool(missing.any()):
            for _ in range(TRIES):
                w = (1 + self._isotropic(kappa.shape)) / 2
                u = (1 - (1 + b) * w) / (1 - (1 - b) * w)
                good = kappa * u + (n - 1) * torch.log(1 - x * u) - c >= torch.log(self.uniform(*kappa.shape))
                found = torch.where(missing & good, u, found)
                missing = missing & ~good
        return found

    def _isotropic(self, shape):
        """One component of uniform unit vectors in n >= 2 dimensions."""
        angle = self.torch.cos(2 * np.pi * self.uniform(*shape))
        if self.components == 2:
            return angle
        return self.torch.sqrt(1 - self.uniform(*shape) ** (2 / (self.components - 2))) * angle

    def reported(self):
        return self.phi[..., 0] if self.axis else self.energy.lengths(self.phi)


class GaussianSites(Sites):
    """Gaussian variables."""

    components = 1

    def prepare(self, problem, samples):
        found = [gaussian_coefficients(problem, sample) for sample in samples]
        self.measure = found[0][0]
        self.functions, self.energies = (self.put(np.array([x[k] for x in found])) for k in (1, 2))

    def tame(self, field):
        """Where a site could not be normalised, no field on squares."""
        square = self.torch.einsum("ba,bia->bi", field[..., 0], self.functions[..., 2]) - self.energies[..., 2]
        wild = (square > 0.25 / self.measure[1] / self.problem.beta).any(dim=1)
        return self.torch.where((wild[:, None] & (self.functions[..., 2] != 0).any(dim=1))[..., None], 0.0, field)

    def draw(self, beta, field):
        mean, variance = self.measure
        work = beta * (self.torch.einsum("ba,biak->bik", field[..., 0], self.functions) - self.energies)
        width = variance / (1 - 2 * work[..., 2] * variance)
        s = width * (mean / variance + work[..., 1]) + self.torch.sqrt(width) * self.normal(*work.shape[:2])
        powers = self.torch.stack([self.torch.ones_like(s), s, s * s], dim=-1)
        phi = self.torch.einsum("bik,biak->ba", powers, self.functions) / self.problem.N
        return phi[..., None], (powers * self.energies).sum(dim=(1, 2)) / self.problem.N


KINDS = {"finite": FiniteSites, "sphere": VectorSites, "gaussian": GaussianSites}


class TorchEnergy:
    """e(phi) of chains, shape (B, n, components); vectors enter by their lengths."""

    def __init__(self, problem, torch):
        self.torch, model = torch, problem.model
        self.vectors = model.site.kind == "sphere"
        self.order = list(model.order_parameters)
        self.expressions = [model.energy, *(model.energy.diff(a) for a in self.order)]
        self.numbers = problem.numbers

    def lengths(self, phi):
        """The arguments of e, shape (B, n)."""
        return phi.norm(dim=-1) if self.vectors else phi[..., 0]

    def __call__(self, phi):
        """e, shape (B,)."""
        return self._at(self.expressions[0], self.lengths(phi))

    def gradient(self, phi):
        """The gradient, shape of phi."""
        x = self.lengths(phi)
        slopes = self.torch.stack([self._at(e, x) for e in self.expressions[1:]], dim=-1)
        if not self.vectors:
            return slopes[..., None]
        return (slopes / x.clamp(min=1e-300))[..., None] * phi

    def _at(self, expr, x):
        return _value(expr, self.numbers | dict(zip(self.order, x.unbind(dim=-1))), self.torch) + self.torch.zeros_like(x[:, 0])


def _value(expr, numbers, torch):
    """Value of an expression whose symbols stand for numbers or tensors."""
    if expr in numbers:
        return numbers[expr]
    if expr.is_number:
        return int(expr) if expr.is_Integer else float(expr)
    arguments = [_value(a, numbers, torch) for a in expr.args]
    if expr.is_Add:
        return sum(arguments)
    if expr.is_Mul:
        return prod(arguments)
    if expr.is_Pow:
        return arguments[0] ** arguments[1]
    name = expr.func.__name__.lower()
    if name not in FUNCTIONS:
        raise InputError(f"cannot evaluate {expr} in torch: use + - * / ** and elementary functions")
    return getattr(torch, name)(torch.as_tensor(arguments[0], dtype=torch.float64))
