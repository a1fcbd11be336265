"""Phase diagrams on executors, interrupted and resumed."""

from concurrent.futures import ProcessPoolExecutor

import pytest

from meanfield import phase_diagram
from theory import Ising, Model, symbols
from theory.errors import InputError

PLANE = {"x": ("h", -0.2, 0.2, 7), "y": ("T", 0.5, 1.3, 7), "sections": (0.2791, 0.7213)}


def mapped(model="curie-weiss", **options):
    return phase_diagram(model, **{**PLANE, **options})


def assert_same(a, b):
    assert a.as_dict() == b.as_dict() and a.dataset.identical(b.dataset)


@pytest.fixture(scope="module")
def expected():
    return mapped()


def test_processes_and_a_model_object(expected):
    """Sections are searched in processes, also for a model written in Python."""
    m, S, J, h = symbols("m S J h")
    model = Model(Ising(S), {m: S}, -J * m**2 / 2 - h * m, parameters={"J": 1.0, "h": 0.0}, name="own")
    with ProcessPoolExecutor(2) as processes:
        assert_same(mapped(executor=processes), expected)
        own = mapped(model, executor=processes)
    assert [line.kind for line in own.lines] == [line.kind for line in expected.lines]


def test_interrupted_and_resumed(tmp_path, expected):
    """What was done is in the checkpoint; the resumed diagram is identical, and a second call only reads."""
    path = tmp_path / "diagram.npz"

    def stop(done, total):
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mapped(checkpoint=path, progress=stop)
    assert path.exists()
    assert_same(mapped(checkpoint=path), expected)
    assert_same(mapped(checkpoint=path), expected)


def test_foreign_checkpoints_are_refused(tmp_path):
    """A checkpoint of another plane is refused."""
    path = tmp_path / "diagram.npz"
    mapped(checkpoint=path)
    with pytest.raises(InputError, match=r"another computation \(plane"):
        mapped(x=("h", -0.1, 0.2, 7), checkpoint=path)
