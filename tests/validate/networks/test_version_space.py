"""The weights that examples allow: counted, sampled, bounded and trained, each against another way."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from validate.networks.version_space import ascend_margin, gibbs_sweep, largest_margin, separable, storable, taught, version_space


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_counted_as_by_brute_force(rng):
    examples, teacher = rng.standard_normal((4, 7)), rng.choice([-1.0, 1.0], 7)
    examples *= np.sign(examples @ teacher)[:, None]
    allowed = [w for w in itertools.product([1.0, -1.0], repeat=7) if (examples @ np.array(w) > 0).all()]
    overlaps, mean = version_space(examples, teacher)
    assert sorted(overlaps) == pytest.approx(sorted(np.array(allowed) @ teacher / 7))
    assert mean == pytest.approx(np.mean(allowed, axis=0))


def test_storable_as_by_brute_force(rng):
    patterns = rng.standard_normal((30, 6))
    fields = np.array(list(itertools.product([1.0, -1.0], repeat=6))) @ patterns.T > 0
    assert storable(patterns) == max(fields[:, :n].all(axis=1).any() * n for n in range(1, 31))
    assert storable(np.abs(patterns)) == 30


def test_sampler_is_uniform_in_a_wedge():
    """Two weights and two examples at an angle: the allowed directions are an arc, all alike."""
    B, generator = 4000, torch.Generator().manual_seed(0)
    examples = torch.tensor([[1.0, 0.2], [-0.3, 1.0]], dtype=torch.float64).expand(B, 2, 2)
    weights = torch.ones(2, B, dtype=torch.float64)
    layout = examples.permute(2, 0, 1).contiguous()
    fields = torch.einsum("nbp,nb->bp", layout, weights)
    for i in range(80):
        uniform = torch.rand(2, B, generator=generator, dtype=torch.float64) if i % 2 == 0 else None
        gibbs_sweep(weights, fields, layout, 1 / layout, uniform)
    assert (torch.einsum("nbp,nb->bp", layout, weights) > 0).all()
    angles = np.sort(np.arctan2(*weights.numpy()[::-1]))
    edges = (np.arctan2(0.3, 1.0), np.arctan2(1, -0.2))
    share = (angles - edges[0]) / (edges[1] - edges[0])
    assert share.min() >= 0 and share.max() <= 1
    assert np.abs(share - (np.arange(B) + 0.5) / B).max() < 1.95 / np.sqrt(B)


def test_teacher_agrees_with_its_examples():
    generator = torch.Generator().manual_seed(1)
    inputs, teachers = torch.randn(5, 30, 10, generator=generator), torch.randn(5, 10, generator=generator)
    assert ((taught(inputs, teachers) @ teachers[..., None]) > 0).all()


def test_margin_is_positive_where_a_linear_program_separates(rng):
    answers = []
    for _ in range(30):
        examples = rng.standard_normal((20, 10))
        margin, direction = largest_margin(examples)
        answers.append(separable(examples))
        assert answers[-1] == (margin > 1e-9)
        if answers[-1]:
            assert (examples @ direction).min() == pytest.approx(margin)
    assert 0 < sum(answers) < 30


def test_gradient_descent_reaches_the_largest_margin(rng):
    examples = rng.standard_normal((3, 20, 20))
    scaled = torch.from_numpy(examples / np.linalg.norm(examples, axis=2).max())
    weights = momentum = torch.zeros(3, 20, dtype=torch.float64)
    for step in range(800):
        weights, momentum = ascend_margin(weights, momentum, scaled, step)
    found = (examples @ (weights / weights.norm(dim=1, keepdim=True)).numpy()[..., None])[..., 0].min(axis=1)
    best = [largest_margin(e)[0] for e in examples]
    assert found == pytest.approx(best, rel=0.01) and (found <= np.array(best) + 1e-9).all()
