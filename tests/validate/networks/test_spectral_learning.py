"""Spectral layers in torch: random labels against linear programming, kinds of networks, pruning of a node."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import linprog

from theory import InputError
from validate.networks import TrainingRun, experiment
from validate.networks.digits import Images

torch = pytest.importorskip("torch")
digits = pytest.importorskip("validate.networks.spectral_digits")
spectral = pytest.importorskip("validate.networks.spectral_learning")

SMALL = SimpleNamespace(eigenvalues=6, labels=2, trials=60, newtons=40)


def solvable(points):
    """Whether some vector has positive products with all rows."""
    size = points.shape[1]
    return linprog(np.zeros(size), A_ub=-points, b_ub=-np.ones(len(points)), bounds=[(None, None)] * size).status == 0


def test_newton_learns_the_labels_that_a_linear_programme_allows():
    learned = spectral._learn_labels(SMALL, TrainingRun(seed=1), 2.0).numpy()
    rng, count = TrainingRun(seed=1).rng("labels 2.0"), spectral._patterns(SMALL, 2.0)
    phi, x = rng.normal(size=(60, 2, 1, 6)), rng.normal(size=(60, 1, count, 6))
    points = (rng.choice([-1.0, 1.0], (60, 2, count, 1)) * phi * x).reshape(60, -1, 6)
    assert learned.tolist() == [float(solvable(p)) for p in points]


def test_loads_without_whole_patterns_are_refused():
    with pytest.raises(InputError, match="labels") as error:
        experiment("spectral-learning").read({"labels": 50})
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return Images("random", rng.random((40, 9)), rng.integers(0, 10, 40), rng.random((30, 9)), rng.integers(0, 10, 30), 3)


@pytest.mark.parametrize("kind", digits.KINDS)
def test_kinds_train_what_they_say(kind, images):
    run = TrainingRun(seed=0)
    parts, frozen = digits._parameters(run, kind, 9, 5)
    trained = sum(int(m.sum()) for m in frozen["masks"].values()) if "masks" in frozen else sum(p.numel() for p in parts.values())
    assert trained == digits.count(kind, 9, 5)
    found = digits.train_classifier(run, "training", kind, images, 5, 3)
    assert found["w1"].shape == (5, 9) and found["w2"].shape == (10, 5) and 0 <= digits.accuracy(found, images) <= 1


def test_a_pruned_node_is_one_of_eigenvalue_zero(images):
    found = digits.train_classifier(TrainingRun(seed=0), "training", "penalised", images, 5, 3)
    silent = {**found, "w1": found["w1"].clone()}
    silent["w1"][[1, 3]] = 0.0
    cut = digits.pruned(found, [3, 1, 0, 2, 4], 2)
    x = torch.as_tensor(images.test, dtype=torch.float32)
    full, small = (digits._output(x, torch.as_tensor(n["w1"]), torch.as_tensor(n["w2"])) for n in (silent, cut))
    assert torch.allclose(full, small, atol=1e-6)
