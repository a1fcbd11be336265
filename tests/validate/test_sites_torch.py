"""Sites without quenched couplings in torch: the compiled samplers' ground truth, each other, seeds and devices."""

import numpy as np
import pytest
import sympy
from scipy import stats

from theory import GaussianSite, InputError, Model, Sphere, symbols
from theory.models import load
from validate import disorder, estimate, exact, sample, sample_quenched, simulate

torch = pytest.importorskip("torch")
s, m = symbols("s m")
OPTIONS = {"warmup": 80, "algorithm": "batched", "threads": 1, "seed": 3}
# Enough chains for a batch to be worth its launches, sweeps as few as the warm-up allows.
FINITE = [
    ("curie-weiss", 12, {"T": 1.1, "h": 0.1}, {}),
    ("relativistic-curie-weiss", 12, {"T": 0.8}, {}),
    ("potts", 10, {"T": 0.4}, {}),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in (("multitasking-hopfield", 8, {"T": 0.5, "d": 0.5}, {}), ("p-spin-ferromagnet", 10, {"T": 3.0}, {"p": 4}))
    ),
]


@pytest.mark.parametrize("name, N, parameters, structural", FINITE)
def test_the_whole_distribution(name, N, parameters, structural, monkeypatch):
    """The last draws of many chains are independent: chi^2 of all values of phi."""
    monkeypatch.setattr(disorder, "draw", lambda model, values, N, rng, balanced: disorder.typical(model, values, N))
    model = load(name, **structural)
    chains = sample(model, model.values(**parameters), N, sweeps=20, chains=1500, **OPTIONS)
    wanted = exact(model, N, **parameters)
    keys = {tuple(row): k for k, row in enumerate(np.round(wanted.support, 7) + 0.0)}
    probabilities, seen = np.bincount(
        [keys[tuple(r)] for r in np.round(wanted.support, 7) + 0.0], wanted.probabilities
    ), np.zeros(len(keys))
    for row in np.round(chains.draws[:, -1, :-1], 7) + 0.0:
        seen[keys[tuple(row)]] += 1
    expected = 1500 * probabilities
    common = expected > 8
    square = ((seen - expected)[common] ** 2 / expected[common]).sum()
    assert stats.chi2.sf(square, common.sum() - 1) > 1e-4
    energy = estimate(chains.draws[..., -1])
    assert abs(energy.mean - wanted.energy) < 4 * energy.error


@pytest.mark.parametrize(
    "dimension, energy",
    [
        (3, -(m**2) / 2),
        (2, -(m**4) - m**2 / 3),
        *(
            pytest.param(n, e, marks=pytest.mark.slow)
            for n, e in ((2, -(m**2) / 2), (3, -(m**4) - m**2 / 3), (5, -(m**2) / 2), (5, -(m**4) - m**2 / 3))
        ),
    ],
)
def test_two_unit_vectors(dimension, energy):
    """|m|^2 = (1 + u) / 2 with u of density (1 - u^2)^((n-3)/2) exp(-2 beta e)."""
    T = 0.6
    model = Model(Sphere(s, dimension), {m: s}, energy)
    chains = sample(model, model.values(T=T), 2, sweeps=4, chains=2000, **{**OPTIONS, "warmup": 300})
    e, angle = sympy.lambdify(m, energy), np.linspace(0, np.pi, 20001)
    u = np.cos(angle)
    density = np.sin(angle) ** (dimension - 2) * np.exp(-2 / T * (e(np.sqrt((1 + u) / 2)) - e(1.0)))
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    drawn = np.arccos(np.clip(2 * chains.draws[:, -1, 0] ** 2 - 1, -1, 1))
    assert stats.kstest(drawn, lambda x: np.interp(x, angle, cdf / cdf[-1])).pvalue > 1e-4


@pytest.mark.parametrize("energy", [-(m**2) / 4, m**4 - m**2], ids=["quadratic", "quartic"])
def test_gaussian_sites(energy):
    T, N = 0.7, 10
    model = Model(GaussianSite(s), {m: s}, energy)
    chains = sample(model, model.values(T=T), N, sweeps=4, chains=2000, **OPTIONS)
    x, e = np.linspace(-4, 4, 20001), sympy.lambdify(m, energy)
    cdf = np.cumsum(np.exp(-N * (x**2 / 2 + e(x) / T)))
    assert stats.kstest(chains.draws[:, -1, 0], lambda v: np.interp(v, x, cdf / cdf[-1])).pvalue > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, N, parameters",
    [("random-field-ising-gaussian", 40, {"T": 0.7}), ("xy", 30, {"T": 0.35}), ("heisenberg", 30, {"T": 0.2})],
)
def test_against_the_compiled_sampler(name, N, parameters):
    """Random fields of every site, and vectors in an ordered phase."""
    model = load(name)
    values = model.values(**parameters)
    ours = sample(model, values, N, sweeps=60, chains=1000, **OPTIONS)
    theirs = sample(model, values, N, sweeps=300, warmup=100, chains=200, seed=4, threads=1)
    for a in range(ours.draws.shape[-1]):
        x, y = (estimate(chains.draws[..., a] ** 2) for chains in (ours, theirs))
        assert abs(x.mean - y.mean) < 4.5 * np.hypot(x.error, y.error)


def draws(kind, seed, threads):
    """Draws of a sampler in torch."""
    if kind in ("two-layer", "delayed", "memories"):
        model = load("hopfield")
        if kind == "memories":
            model = load("dense-hopfield", p=3)
            options = {"sweeps": 4, "warmup": 2, "replicas": 3, "disorder_samples": 2, "temperatures": (0.3, 0.5)}
            return sample_quenched(
                model, model.values(T=0.3, a=0.1), 14, seed=seed, threads=threads, algorithm=kind, **options
            ).draws
        options = {"sweeps": 12, "warmup": 8, "replicas": 4, "disorder_samples": 3, "temperatures": (0.6, 0.9)}
        return sample_quenched(
            model, model.values(T=0.6, alpha=0.1), 70, seed=seed, threads=threads, algorithm=kind, **options
        ).draws
    model = load(kind)
    return sample(
        model, model.values(T=0.4), 50, sweeps=12, warmup=16, chains=40, seed=seed, threads=threads, algorithm="batched"
    ).draws


@pytest.mark.parametrize(
    "kind",
    ["curie-weiss", "two-layer", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("heisenberg", "delayed", "memories"))],
)
def test_seeds(kind):
    """Bit for bit the same for a seed and a number of threads, others from another seed; torch's own generator is not touched."""
    before = torch.get_rng_state()
    first = draws(kind, 7, 1)
    torch.manual_seed(99)
    assert np.array_equal(first, draws(kind, 7, 1)) and np.array_equal(draws(kind, 7, 2), draws(kind, 7, 2))
    assert not np.array_equal(first, draws(kind, 8, 1))
    torch.set_rng_state(before)


def test_devices():
    model = load("xy")
    made = sample(model, model.values(T=0.4), 20, sweeps=8, warmup=16, chains=4, device="auto")
    assert made.device == "cpu" or torch.cuda.is_available()
    for device in ("cuda",) if torch.cuda.is_available() else ():
        assert sample(model, model.values(T=0.4), 20, sweeps=8, warmup=16, chains=4, device=device).algorithm == "batched"
    with pytest.raises(InputError, match="auto, cpu or cuda"):
        simulate("xy", T=0.4, size=20, device="tpu")
    for name in ("xy", "hopfield") if not torch.cuda.is_available() else ():
        with pytest.raises(InputError, match="^torch finds no GPU: use device='cpu'$"):
            simulate(name, T=0.4, size=20, device="cuda")


@pytest.mark.parametrize(
    "name, N, parameters",
    [("curie-weiss", 64, {"T": 1.1}), ("random-field-ising-gaussian", 40, {"T": 0.7}), ("heisenberg", 30, {"T": 0.2})],
)
def test_gpu_against_the_processor(name, N, parameters):
    """The same code on a GPU, where there is one."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    model = load(name)
    found = [
        sample(model, model.values(**parameters), N, sweeps=60, chains=1000, device=device, **OPTIONS)
        for device in ("cuda", "cpu")
    ]
    for a in range(found[0].draws.shape[-1]):
        x, y = (estimate(chains.draws[..., a] ** 2) for chains in found)
        assert abs(x.mean - y.mean) < 4.5 * np.hypot(x.error, y.error)


@pytest.mark.parametrize(
    "options, message", [({"rule": "metropolis"}, "single-site"), ({"rule": "magic", "algorithm": "single-site"}, "rule must be")]
)
def test_refusals(options, message):
    model = load("curie-weiss")
    with pytest.raises(InputError, match=message):
        sample(model, model.values(T=0.5), 10, sweeps=4, warmup=4, chains=2, **options)
