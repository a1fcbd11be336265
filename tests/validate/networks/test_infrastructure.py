"""Settings, checkpoints, verdicts and data sets of the experiments, on an experiment made for the purpose."""

import json
import struct

import numpy as np
import pytest

from theory.errors import InputError
from validate.networks import Experiment, Measurement, Prediction, Setting, Statement, TrainingRun, judge
from validate.networks import experiment as find
from validate.networks import train
from validate.networks.digits import load

torch = pytest.importorskip("torch")


def predict(s):
    return {"mean": Prediction(s.mean)}


def measure(s, run):
    """Samples of a Gaussian by gradient descent with noise, in every kind of state that a loop can keep."""

    def step(state, i):
        loss = ((state["model"].weight - s.mean) ** 2).sum()
        state["optimizer"].zero_grad()
        loss.backward()
        state["optimizer"].step()
        state["noise"] = state["noise"] + torch.randn(8, generator=state["torch"])
        state["total"] = state["total"] + state["numpy"].normal(size=8)
        state["count"] += 1

    def walk():
        model = torch.nn.Linear(8, 1, bias=False)
        torch.nn.init.zeros_(model.weight)
        state = {"model": model, "optimizer": torch.optim.Adam(model.parameters(), lr=0.1), "noise": torch.zeros(8), "total": np.zeros(8),
                 "torch": run.generator("noise"), "numpy": run.rng("noise"), "count": 0}
        run.loop("walk/steps", state, step, s.steps)
        assert state["count"] == s.steps
        return {"samples": model.weight.detach().numpy()[0] + (state["noise"].numpy() + state["total"]) / s.steps}

    found = run.stage("walk", walk)
    run.keep("samples", found["samples"])
    return {"mean": Measurement.of(found["samples"]), "shape": Statement("of the noise nothing is known", measured=0.5)}


TOY = Experiment("toy", "a toy", "none", (Setting("mean", 1.0, "the mean", low=-5, high=5), Setting("steps", 300, "steps", low=1, integer=True, reduced=200),
                                          Setting("data", "digits", "images", choices=("digits", "mnist"))),
                 predict, measure, lambda report, figure: figure.subplots(), wrong={"mean": 0.5})


@pytest.fixture
def toy(monkeypatch):
    """`train` knows the toy experiment."""
    monkeypatch.setattr("validate.networks.experiment", lambda name: TOY if name == "toy" else find(name))


def test_verdict_and_wrong_theory(toy):
    """The right theory is consistent, the wrong one is not, and the seed fixes every digit."""
    report = train("toy", reduced=True)
    assert report.verdict == "consistent" and report.checks[0].z is not None
    assert report.as_dict() == train("toy", reduced=True).as_dict()
    assert report.as_dict() != train("toy", reduced=True, seed=1).as_dict()
    assert train("toy", reduced=True, theory=TOY.wrong).verdict == "inconsistent"
    assert json.loads(json.dumps(report.as_dict()))["statements"][0]["measured"] == 0.5
    assert "consistent" in repr(report)


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 57, 199])
def test_interrupted_run_goes_on_to_the_identical_report(toy, tmp_path, monkeypatch, after):
    """Modules, optimizers, both kinds of generators, tensors, arrays and numbers come back as they were."""
    monkeypatch.setattr("validate.networks.running.INTERVAL", 0.0)
    path = tmp_path / "run.npz"

    def stop(done, total):
        if done == after + 1:
            raise Stop

    with pytest.raises(Stop):
        train("toy", reduced=True, checkpoint=path, progress=stop)
    seen = []
    resumed = train("toy", reduced=True, checkpoint=path, progress=lambda done, total: seen.append(done))
    assert resumed.as_dict() == train("toy", reduced=True).as_dict()
    assert 1 < seen[0] <= after + 1 and seen[-1] == 200
    again = train("toy", reduced=True, checkpoint=path, progress=seen.append)
    assert again.as_dict() == resumed.as_dict()


def test_checkpoint_of_another_run_is_refused(toy, tmp_path):
    path = tmp_path / "run.npz"
    train("toy", reduced=True, checkpoint=path)
    with pytest.raises(InputError, match="belongs to another computation"):
        train("toy", reduced=True, checkpoint=path, seed=3)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="is no checkpoint"):
        train("toy", reduced=True, checkpoint=path)


@pytest.mark.parametrize(("given", "words"), [
    ({"mean": 7}, "expected a number at least -5 and at most 5"), ({"steps": 0}, "an integer at least 1"), ({"steps": 2.5}, "an integer"),
    ({"mean": float("nan")}, "expected a number"), ({"data": "cifar"}, "expected one of digits, mnist"), ({"nonsense": 1}, "no setting 'nonsense'"),
])
def test_bad_settings_are_refused_in_one_line(toy, given, words):
    with pytest.raises(InputError, match=words) as found:
        train("toy", **given)
    assert "\n" not in str(found.value)


def test_bad_names_seeds_and_devices(toy):
    for given, words in [({"seed": -1}, "seed"), ({"device": "tpu"}, "device must be")]:
        with pytest.raises(InputError, match=words):
            train("toy", **given)
    with pytest.raises(InputError, match="no experiment 'unheard-of'"):
        train("unheard-of")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="finds no GPU"):
            TrainingRun(device="cuda")


def test_generators_depend_on_seed_and_name_alone():
    """Neither the order in which they are asked for nor torch's global generator matters."""
    first, second = TrainingRun(seed=4), TrainingRun(seed=4)
    second.generator("other")
    torch.manual_seed(99)
    draw = lambda run, key: torch.rand(3, generator=run.generator(key)).tolist()
    assert draw(first, "a") == draw(second, "a") != draw(first, "b")
    assert first.rng("a").random() == second.rng("a").random() != TrainingRun(seed=5).rng("a").random()


def test_words_of_a_verdict():
    """Large errors and doubts decide nothing, unless the deviation is beyond doubt."""
    word = lambda prediction, measurement: judge({"x": prediction}, {"x": measurement})[3]
    assert word(Prediction(1.0), Measurement(1.02, 0.01)) == "consistent"
    assert word(Prediction(1.0), Measurement(1.2, 0.01)) == "inconsistent"
    assert word(Prediction(1.0), Measurement(1.1, 0.2)) == "undecided"
    assert word(Prediction(1.0), Measurement(9.0, 0.2)) == "inconsistent"
    assert word(Prediction(1.0), Measurement(1.0, 0.01, doubt="too short")) == "undecided"
    assert word(Prediction(1.0), Measurement(np.nan, 0.01)) == "undecided"
    assert word(Prediction(1.0, error=0.05), Measurement(1.1, 0.01)) == "consistent"
    with pytest.raises(ValueError, match="without measurement"):
        judge({"x": Prediction(1.0)}, {"y": Measurement(1.0, 0.1)})


def test_few_samples_widen_the_errors():
    """Four deviations by a Gaussian's count are fewer where the error comes from five networks."""
    samples = np.array([0.9, 1.0, 1.1, 1.05, 0.95])
    found = Measurement.of(samples)
    checks = judge({"x": Prediction(1 + 5 * found.error)}, {"x": found})[0]
    assert -5 < checks[0].z < 0 and checks[0].consistent
    assert Measurement.of([1.0, np.nan]).doubt


def test_extrapolation_in_the_size():
    rng = np.random.default_rng(0)
    sizes = (50, 100, 200, 400)
    found = Measurement.extrapolated(sizes, [0.7 + 3 / n + 0.01 * rng.normal(size=40) for n in sizes])
    assert abs(found.value - 0.7) < 4 * found.error < 0.05 and found.fit is not None


def test_digits_of_scikit_learn():
    pytest.importorskip("sklearn")
    images = load()
    assert images.train.shape == (1347, 64) and images.test.shape == (450, 64) and images.side == 8
    assert 0 <= images.train.min() and images.train.max() == 1 and set(images.test_labels) == set(range(10))


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_mnist_from_local_files(tmp_path):
    """Files in the original format are read; missing, damaged and foreign ones are named in one line."""
    rng = np.random.default_rng(1)
    for part, count in (("train", 7), ("t10k", 3)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(rng.integers(0, 256, (count, 4, 4), dtype=np.uint8)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(count, dtype=np.uint8)))
    images = load("mnist", tmp_path)
    assert images.train.shape == (7, 16) and images.side == 4 and list(images.test_labels) == [0, 1, 2]
    file = tmp_path / "t10k-labels-idx1-ubyte"
    for content, words in ((b"nonsense", "no IDX file"), (idx(np.zeros(3, np.uint8))[:-1], "damaged"), (idx(np.zeros(2, np.uint8)), "numbers of images")):
        file.write_bytes(content)
        with pytest.raises(InputError, match=words):
            load("mnist", tmp_path)
    file.unlink()
    with pytest.raises(InputError, match="no file t10k-labels"):
        load("mnist", tmp_path)
    with pytest.raises(InputError, match="does not ship"):
        load("mnist")
