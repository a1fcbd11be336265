"""Phase diagrams of models with quenched couplings on executors, interrupted and resumed."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from meanfield import phase_diagram
from theory.errors import InputError

PLANE = {"x": ("alpha", 0, 0.06, 5), "y": ("T", 0.4, 0.8, 5)}


def mapped(model="hopfield", **options):
    return phase_diagram(model, **{**PLANE, **options})


def assert_same(a, b):
    assert a.as_dict() == b.as_dict() and a.dataset.identical(b.dataset)


@pytest.fixture(scope="module")
def expected():
    return mapped()


def test_threads(expected):
    with ThreadPoolExecutor(2) as threads:
        assert_same(mapped(executor=threads), expected)


@pytest.mark.slow
def test_processes(tmp_path, expected):
    """Points of compiled equations and sections of others, searched in processes; what was done is not done again."""
    path, spherical = tmp_path / "diagram.npz", {"x": ("kappa", 0, 1, 5), "y": ("alpha", 0.3, 3, 5)}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert_same(mapped(executor=processes, checkpoint=path), expected)
        assert_same(mapped("perceptron-spherical", executor=processes, **spherical), mapped("perceptron-spherical", **spherical))
    assert_same(mapped(checkpoint=path), expected)


def test_interrupted_and_resumed(tmp_path, expected):
    """The resumed diagram is identical, and a checkpoint of another plane or ansatz is refused."""
    path = tmp_path / "diagram.npz"

    def stop(done, total):
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mapped(checkpoint=path, progress=stop)
    assert_same(mapped(checkpoint=path), expected)
    with pytest.raises(InputError, match=r"another computation \(plane"):
        mapped(x=("alpha", 0, 0.05, 5), checkpoint=path)
    with pytest.raises(InputError, match=r"another computation \(ansatz"):
        mapped(ansatz="1rsb", checkpoint=path)
