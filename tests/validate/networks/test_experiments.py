"""Every experiment: its reduced run agrees with the theory and not with a wrong one, and an interrupted run loses nothing."""

import matplotlib.pyplot as plt
import pytest

from theory.errors import InputError
from validate.networks import experiment, names, train

pytest.importorskip("torch")
pytest.importorskip("sklearn")


class Stop(Exception):
    pass


def stop_after(calls):
    """A progress function that interrupts the run at its so-manieth call."""
    seen = []

    def progress(done, total):
        seen.append(done)
        if len(seen) == calls:
            raise Stop

    return progress


@pytest.fixture(scope="module", params=names())
def reduced(request, tmp_path_factory):
    """An experiment's name, its reduced report, and the checkpoint of that run."""
    path = tmp_path_factory.mktemp("networks") / "run.npz"
    return request.param, train(request.param, reduced=True, checkpoint=path), path


def test_consistent_with_its_theory(reduced):
    name, report, _ = reduced
    assert report.consistent, repr(report)
    assert report.checks and all(check.z is not None for check in report.checks)


def test_a_wrong_theory_fails(reduced):
    """The same networks against a theory of other settings."""
    name, _, path = reduced
    wrong = experiment(name).wrong
    assert wrong and train(name, reduced=True, checkpoint=path, theory=wrong).verdict == "inconsistent"


def test_an_interrupted_run_goes_on_to_the_identical_report(reduced, tmp_path, monkeypatch):
    name, report, _ = reduced
    monkeypatch.setattr("validate.networks.running.INTERVAL", 0.05)
    path = tmp_path / "run.npz"
    with pytest.raises(Stop):
        train(name, reduced=True, checkpoint=path, progress=stop_after(20))
    assert train(name, reduced=True, checkpoint=path).as_dict() == report.as_dict()


def test_the_figure_shows_theory_and_measurement(reduced):
    figure = reduced[1].plot()
    assert figure.axes and all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes if ax.axison and ax.lines)
    plt.close(figure)


@pytest.mark.parametrize("name", names())
def test_settings_are_declared_and_checked(name):
    """Every setting says what it means, holds its default, and refuses nonsense in one line."""
    found = experiment(name)
    assert found.name == name and found.title and found.reference
    for setting in found.settings:
        assert setting.meaning and setting.read(setting.default, name) == setting.default
        with pytest.raises(InputError, match=setting.name):
            found.read({setting.name: "nonsense"})


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_full_run(name, tmp_path):
    """The run of `meanfield train NAME --seed 0`."""
    report = train(name, seed=0)
    assert report.consistent, repr(report)
