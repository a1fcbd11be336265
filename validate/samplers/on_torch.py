"""Pairwise couplings in torch, batched over disorder samples, replicas and temperatures, on the CPU or a GPU. Both moves are
exact.

- `TwoLayer`: H = -(1/2) sum_a w_a M_a^2 with w_a >= 0. A Gaussian z_a of mean sqrt(w_a/T) M_a is drawn given the spins, all
  spins at once given z. Over-relaxation reflects z about its mean, z -> mean + c (z - mean) + sqrt(1 - c^2) noise, which leaves
  its law as it is.
- `Delayed`: sites in order, decided for all replicas together; the flips of a tile reach the other sites by one matrix product.
- `Memories`: sites in order in the space of patterns, H = -sum_a F_a(M_a) for any polynomials F_a; differences of energies
  of order N are taken in double precision.

Arithmetic is in single precision: sums of +-1 are exact, and fields are made afresh before rounding accumulates. A GPU that may
use TF32 for products (torch forbids it by default) would round the fields to three digits: leave it forbidden.
"""

from contextlib import contextmanager
from itertools import combinations

import numpy as np

from theory.errors import InputError

from .. import rng
from .systems import polynomial_rows
from .systems import possible as possible_compiled

# Over-relaxation of the Gaussian layer.
REFLECTION = -0.9
TILE = 64
REFRESH = 64
# Bytes of couplings or patterns on the device at a time.
BATCH_BYTES = 2**31
# Spins in all from which a GPU is asked by itself: below, the launches of its kernels take longer than the work.
ENOUGH_SPINS = 10**6


def has_gpu():
    """Whether torch is installed and finds a GPU; torch is loaded only where there may be one."""
    import os
    from importlib.util import find_spec

    if not os.path.exists("/proc/driver/nvidia") or find_spec("torch") is None:
        return False
    return load_torch().cuda.is_available()


def require_device(device):
    """Refuse unknown devices, and a GPU where there is none."""
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda: got {device!r}")
    if device == "cuda" and not load_torch().cuda.is_available():
        raise InputError("torch finds no GPU: use device='cpu'")


def load_torch():
    """The torch module."""
    try:
        import torch
    except ImportError:
        raise InputError("this sampler needs torch: install meanfield[torch], or use device='cpu' and algorithm='auto'") from None
    return torch


@contextmanager
def processors(threads):
    """Let torch use so many threads on the CPU for a while; None leaves its own number."""
    torch = load_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Batch:
    """Replicas (D, C, K) of D disorder samples, C copies at K temperatures; subclasses sweep.

    Parameters
    ----------
    samples : list of Instance
    spins : array (D, C, K, n)
    temperatures : array (K,)
    seed : numpy seed sequence
    device : "cpu" or "cuda"
    """

    def __init__(self, samples, spins, temperatures, seed, device, metropolis):
        self.torch = torch = load_torch()
        self.device, self.metropolis, self.temperatures = device, metropolis, np.asarray(temperatures, dtype=float)
        self.samples, self.shape = samples, spins.shape
        self.generator = torch.Generator(device=device).manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        self.spins = self.put(spins.reshape(len(samples), -1, spins.shape[-1]))
        self.external = self.put([x.external for x in samples])[:, None]
        self.ends = torch.zeros(spins.shape[:3], dtype=torch.int64, device=device)
        self.trips, self.flips = 0, 0

    def put(self, array):
        """An array on the device in single precision."""
        return self.torch.as_tensor(np.ascontiguousarray(array, dtype=np.float32), device=self.device)

    def uniform(self, shape):
        """Uniform numbers in [0, 1)."""
        return self.torch.rand(shape, generator=self.generator, device=self.device)

    def normal(self, shape):
        """Standard Gaussian numbers."""
        return self.torch.randn(shape, generator=self.generator, device=self.device)

    def advance(self, sweeps, heat=1.0, thin=1, record=None):
        """Sweeps with exchange, at temperatures larger by a factor; `record(slot, energies)` after every `thin` of them."""
        K = self.shape[2]
        temperatures = self.torch.as_tensor(heat * self.temperatures, device=self.device)
        self.rows = temperatures.repeat(self.shape[1]).float()[None, :, None]
        swaps = self.torch.zeros((2, K), dtype=self.torch.float64, device=self.device)
        self.flips = 0
        self.restart()
        for step in range(1, sweeps + 1):
            self.flips = self.flips + self.sweep(step)
            if K > 1:
                self._exchange(temperatures, step % 2, swaps)
            if record is not None and step % thin == 0:
                record(step // thin - 1, self.energies())
        return swaps.cpu().numpy()

    def _exchange(self, temperatures, parity, swaps):
        """Swap configurations of neighbouring temperatures."""
        torch, (D, C, K, _) = self.torch, self.shape
        lower = torch.arange(parity, K - 1, 2, device=self.device)
        if not len(lower):
            return
        E = self.energies().double().reshape(D, C, K)
        gain = (1 / temperatures[lower] - 1 / temperatures[lower + 1]) * (E[..., lower] - E[..., lower + 1])
        accepted = self.uniform(gain.shape) < torch.exp(gain.clamp(max=0.0))
        source = torch.arange(K, device=self.device).expand(D, C, K).clone()
        source[..., lower], source[..., lower + 1] = (
            torch.where(accepted, lower + 1, lower),
            torch.where(accepted, lower, lower + 1),
        )
        swaps[0, lower] += accepted.double().sum(dim=(0, 1))
        swaps[1, lower] += D * C
        order = (source + K * torch.arange(C, device=self.device)[:, None]).reshape(D, C * K)
        self.permute(order)
        self.ends = torch.take_along_dim(self.ends, source, dim=2)
        top, bottom = self.ends[..., -1], self.ends[..., 0]
        self.ends[..., -1] = torch.where(top == 1, 2, top)
        self.trips = self.trips + (bottom == 2).sum()
        self.ends[..., 0] = 1

    def restart(self):
        """Forget what belongs to other temperatures."""

    def permute(self, order):
        """Replica r takes the configuration of replica order[d, r]."""
        self.spins = self.torch.take_along_dim(self.spins, order[..., None], dim=1)

    def measure(self, sweeps, thin):
        """For every disorder sample (draws, overlaps, swaps, round trips, acceptance), as `Chain.measure`."""
        torch, (D, C, K, n), records = self.torch, self.shape, sweeps // thin
        slopes, intercepts = (
            torch.as_tensor(np.array([getattr(x, k) for x in self.samples]), device=self.device) for k in ("slopes", "intercept")
        )
        layers = torch.as_tensor(self.samples[0].layers, device=self.device)
        masks = torch.stack([layers == k for k in range(int(layers.max()) + 1)]).double()
        pairs = pairs_of(C)
        offsets = torch.as_tensor([x.offset + self.left_out(x) for x in self.samples], device=self.device)[:, None]
        draws = torch.empty((D, C, K, records, slopes.shape[1] + 1), dtype=torch.float64, device=self.device)
        overlaps = torch.empty((D, len(pairs), K, records, len(masks)), dtype=torch.float64, device=self.device)

        def record(slot, energies):
            s = self.spins.double()
            draws[:, :, :, slot, :-1] = (intercepts[:, None] + s @ slopes.swapaxes(1, 2)).reshape(D, C, K, -1)
            draws[:, :, :, slot, -1] = (energies.double() + offsets).reshape(D, C, K)
            s = s.reshape(D, C, K, n)
            for g, (a, b) in enumerate(pairs):
                overlaps[:, g, :, slot] = (s[:, a] * s[:, b]) @ masks.T / masks.sum(dim=1)

        trips = self.trips
        swaps = self.advance(sweeps, 1.0, thin, record)
        acceptance = float(self.flips) / (sweeps * D * C * K * n)
        draws, overlaps, trips = draws.cpu().numpy(), overlaps.cpu().numpy(), int(self.trips) - int(trips)
        share = lambda d, x: x if d == 0 else 0 * x
        return [(draws[d], overlaps[d], share(d, swaps), share(d, trips), acceptance) for d in range(D)]


class TwoLayer(Batch):
    """Spins and a Gaussian layer, one variable for each pattern."""

    def __init__(self, samples, spins, temperatures, seed, device, metropolis):
        super().__init__(samples, spins, temperatures, seed, device, metropolis)
        if any((x.weights < 0).any() for x in samples):
            raise InputError("the two-layer sampler takes couplings without negative directions: use algorithm='auto'")
        self.rows_of_patterns = self.put([x.rows for x in samples])
        self.weights = self.put([x.weights for x in samples])[:, None]
        self.z = None

    @staticmethod
    def left_out(sample):
        """The energy keeps the diagonal."""
        return 0.0

    def overlaps(self):
        """M, shape (D, R, P)."""
        return self.spins @ self.rows_of_patterns.swapaxes(1, 2)

    def sweep(self, step):
        """The Gaussian layer given the spins, then all spins given it; returns the number of flips."""
        root = self.torch.sqrt(self.weights / self.rows)
        fresh = self.normal((*self.spins.shape[:2], self.weights.shape[-1]))
        mean = root * self.overlaps()
        self.z = mean + (fresh if self.z is None else REFLECTION * (self.z - mean) + (1 - REFLECTION**2) ** 0.5 * fresh)
        field = self.torch.baddbmm(2 * self.external / self.rows, 2 * root * self.z, self.rows_of_patterns)
        before, self.spins = self.spins, self._heat_bath(field)
        return 0.5 * (before.numel() - self.torch.dot(before.flatten(), self.spins.flatten()))

    def _heat_bath(self, field):
        """Spins +1 with probability 1/(1 + exp(-field)), in place."""
        return field.sigmoid_().sub_(self.uniform(field.shape)).sign_().add_(0.5).sign_()

    def restart(self):
        """The Gaussian layer belongs to a temperature, and is drawn afresh for another."""
        self.z = None

    def permute(self, order):
        """A configuration and its new temperature have no Gaussian layer yet."""
        super().permute(order)
        self.restart()

    def energies(self):
        """H, shape (D, R)."""
        return -0.5 * (self.weights * self.overlaps() ** 2).sum(dim=-1) - (self.spins * self.external).sum(dim=-1)


class Delayed(Batch):
    """Sequential heat bath or Metropolis with dense couplings."""

    def __init__(self, samples, spins, temperatures, seed, device, metropolis):
        super().__init__(samples, spins, temperatures, seed, device, metropolis)
        self.couplings = self.put([x.dense[0] for x in samples])
        self._refresh()

    @staticmethod
    def left_out(sample):
        """The energy of the diagonal."""
        return sample.dense[1]

    def _refresh(self):
        self.fields = self.external + self.spins @ self.couplings

    def sweep(self, step):
        """All sites in order, a tile at a time; returns the number of flips."""
        torch, n, flips = self.torch, self.spins.shape[-1], 0
        for first in range(0, n, TILE):
            tile = slice(first, min(first + TILE, n))
            s, h = self.spins[..., tile].clone(), self.fields[..., tile].clone()
            block = self.couplings[:, tile, tile]
            noise = self.rows / 2 * self._noise(s.shape)
            kicks = torch.empty_like(s)
            for k in range(s.shape[-1]):
                kicks[..., k] = torch.where(s[..., k] * h[..., k] < noise[..., k], -2 * s[..., k], 0.0)
                h += kicks[..., k, None] * block[:, None, k]
            self.spins[..., tile] = s + kicks
            self.fields += kicks @ self.couplings[:, tile]
            flips = flips + (kicks != 0).sum()
        if step % REFRESH == 0:
            self._refresh()
        return flips

    def _noise(self, shape):
        """Logistic or exponential variables, finite in single precision."""
        u = self.uniform(shape).clamp(min=2.0**-25)
        if self.metropolis:
            return -self.torch.log(u)
        return self.torch.log(u) - self.torch.log1p(-u.clamp(max=1 - 2.0**-24))

    def permute(self, order):
        """Fields go with their configurations."""
        super().permute(order)
        self.fields = self.torch.take_along_dim(self.fields, order[..., None], dim=1)

    def energies(self):
        """H, shape (D, R)."""
        return -0.5 * (self.spins * (self.fields + self.external)).sum(dim=-1)


class Memories(Batch):
    """Sequential heat bath or Metropolis with stored patterns and interactions of many spins."""

    def __init__(self, samples, spins, temperatures, seed, device, metropolis):
        super().__init__(samples, spins, temperatures, seed, device, metropolis)
        found = [polynomial_rows(x) for x in samples]
        double = {"dtype": self.torch.float64, "device": device}
        self.patterns = self.torch.as_tensor(np.array([rows for rows, _, _ in found]), **double)
        self.polynomials = self.torch.as_tensor(np.array([F for _, F, _ in found]), **double).movedim(-1, 0)[:, :, None]
        self.external, self.spins = self.external.double(), self.spins.double()
        self._refresh()

    @staticmethod
    def left_out(sample):
        """The energy keeps everything."""
        return 0.0

    def _refresh(self):
        self.sums = self.spins @ self.patterns.swapaxes(1, 2)

    def value(self, sums):
        """sum_a F_a, shape (D, R)."""
        total = self.torch.zeros_like(sums)
        for coefficient in self.polynomials.flip(0):
            total = total * sums + coefficient
        return total.sum(dim=-1)

    def sweep(self, step):
        """All sites in order; returns the number of flips."""
        torch, flips, now, T = self.torch, 0, self.value(self.sums), self.rows[..., 0].double()
        for i in range(self.spins.shape[-1]):
            kick = -2 * self.spins[..., i]
            sums = self.sums + kick[..., None] * self.patterns[:, None, :, i]
            value = self.value(sums)
            gain = value - now + kick * self.external[..., i]
            u = torch.rand(gain.shape, generator=self.generator, device=self.device, dtype=torch.float64).clamp(min=2.0**-60)
            taken = gain > T * (torch.log(u) if self.metropolis else torch.log(u) - torch.log1p(-u))
            self.spins[..., i] += torch.where(taken, kick, 0.0)
            self.sums, now = torch.where(taken[..., None], sums, self.sums), torch.where(taken, value, now)
            flips = flips + taken.sum()
        return flips

    def permute(self, order):
        """The sums go with their configurations."""
        super().permute(order)
        self.sums = self.torch.take_along_dim(self.sums, order[..., None], dim=1)

    def energies(self):
        """H, shape (D, R)."""
        return -self.value(self.sums) - (self.spins * self.external).sum(dim=-1)


MOVES = {"two-layer": TwoLayer, "delayed": Delayed, "memories": Memories}


def possible(sample):
    """The moves that sample an instance, the faster one on a GPU first."""
    if not sample.quadratic:
        return ["memories"] if "powers" in possible_compiled(sample) and polynomial_rows(sample)[2] else []
    return ["two-layer", "delayed"] if sample.couplings is None and (sample.weights >= 0).all() else ["delayed"]


def batches(count, sample, algorithm):
    """Ranges of disorder samples that fit on the device together."""
    width = {"two-layer": len(sample.rows), "memories": 2 * sum(len(m.rows) for m in sample.memories)}.get(algorithm, sample.size)
    each = 4 * sample.size * width + 1
    size = int(max(1, min(count, BATCH_BYTES // each)))
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def pairs_of(copies):
    """The replicas that are compared: all pairs of up to four, else neighbours in a ring."""
    if copies <= 4:
        return list(combinations(range(copies), 2))
    return [(c, (c + 1) % copies) for c in range(copies)]


def chain(algorithm, samples, spins, temperatures, key, seed, device, metropolis):
    """A `Batch` of an algorithm, with the random stream of a key."""
    return MOVES[algorithm](samples, spins, temperatures, rng.stream(seed, *key), device, metropolis)
