"""Scans of models with quenched couplings: overlaps and replicon, workers, interruptions, ansatz, no temperature."""

import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import meanfield
from theory.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
OVER = {"T": (0.1, 0.4, 4), "alpha": [0.02, 0.05, 0.1]}
KILLED = """
import sys
import meanfield
def told(done, total):
    print(done, total, flush=True)
meanfield.scan("hopfield", {"T": (0.1, 0.4, 4), "alpha": [0.02, 0.05, 0.1]}, checkpoint=sys.argv[1], progress=told)
"""


def scanned(model="hopfield", over=OVER, **options):
    return meanfield.scan(model, over, **{"progress": False, **options})


@pytest.fixture(scope="module")
def expected():
    """An uninterrupted scan."""
    return scanned()


def assert_same(a, b):
    """Identical in data, coordinates and attributes, the time of making apart."""
    assert a.drop_attrs(deep=False).identical(b.drop_attrs(deep=False))
    assert {**a.attrs, "created": ""} == {**b.attrs, "created": ""}


def test_points_are_what_solve_finds(expected):
    """The rows are the equilibrium solutions with overlap, crosstalk and replicon."""
    assert {"m", "q", "r", "replicon", "rs_valid", "free_energy", "chi_m"} <= set(expected.data_vars)
    for T, alpha in ((0.1, 0.05), (0.3, 0.1)):
        one, at = meanfield.solve("hopfield", T=T, alpha=alpha), expected.sel(T=T, alpha=alpha, method="nearest")
        names = ("free_energy", "entropy", "replicon")
        assert [float(at[n]) for n in names] == pytest.approx([getattr(one, n) for n in names], abs=1e-12)
        assert [float(at[n]) for n in "mqr"] == pytest.approx([one[n] for n in "mqr"], abs=1e-12)
        assert bool(at["rs_valid"]) is one.rs_valid and str(at["kind"].values) == one.kind


@pytest.mark.parametrize("points", [1, 7])
def test_killed_and_resumed(tmp_path, expected, points):
    """SIGKILL in the middle, and the resumed scan is identical to an uninterrupted one."""
    path = tmp_path / "scan.npz"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    next(line for line in process.stdout if int(line.split()[0]) >= points)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    seen = []
    resumed = scanned(checkpoint=path, progress=lambda done, total: seen.append(done))
    assert 1 <= seen[0] < 12
    assert_same(resumed, expected)


@pytest.mark.slow
def test_processes_give_the_same(expected):
    """Workers that start from nothing rebuild the theory."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert_same(scanned(executor=processes), expected)


def test_every_solution():
    """Metastable and unstable states along a further dimension; C at T = 0."""
    data = scanned(over={"T": [0.0, 0.4]}, every=True, alpha=0.05)
    assert data.sizes["solution"] >= 2 and list(data["kind"].values[0][:2]) == ["retrieval", "spin-glass"]
    assert np.isfinite(data["C"].values[0, 0]) and np.isnan(data["C"].values[1]).all()


def test_steps_of_replica_symmetry_breaking():
    """Overlaps q0, q1 and the block parameter x of one step."""
    data = scanned("sherrington-kirkpatrick", {"T": [0.6]}, ansatz="1rsb")
    one = meanfield.solve("sherrington-kirkpatrick", T=0.6, ansatz="1rsb")
    assert [float(data[n][0]) for n in ("q0", "q1", "x")] == pytest.approx([one[n] for n in ("q0", "q1", "x")], abs=1e-12)
    assert '"1rsb"' in data.attrs["search"]


def test_a_model_without_temperature():
    """No T among the parameters; beyond the capacity there is no solution, and this is said."""
    data = scanned("perceptron-spherical", {"alpha": [0.5, 3.0]})
    assert "T" not in data.attrs["parameters"] and list(data["converged"].values) == [1, 0]
    assert float(data["q"][0]) == pytest.approx(meanfield.solve("perceptron-spherical", alpha=0.5)["q"], abs=1e-12)
    assert "no solution" in str(data["status"].values[1]) and np.isnan(data["q"].values[1])


def test_another_ansatz_is_another_computation(tmp_path):
    """A checkpoint of replica symmetry does not continue with one step."""
    over, path = {"T": [1.5]}, tmp_path / "a.npz"
    scanned("sherrington-kirkpatrick", over, checkpoint=path)
    with pytest.raises(InputError, match="belongs to another computation"):
        scanned("sherrington-kirkpatrick", over, checkpoint=path, ansatz="1rsb")


@pytest.mark.parametrize(("model", "over", "options", "said"), [
    ("curie-weiss", {"T": [0.1]}, {"quantities": "replicon"}, "not available for models without"),
    ("curie-weiss", {"T": [0.1]}, {"ansatz": "1rsb"}, "no replica ansatz"),
    ("hopfield", {"T": [0.1]}, {"ansatz": "2rsb"}, "unknown ansatz"),
    ("perceptron-spherical", {"T": [0.1]}, {}, "has no temperature"), ("p-spin-glass", {"p": [2, 3]}, {}, "structural integer"),
    ("dreaming-hopfield", {"T": [0.1]}, {"ansatz": "1rsb"}, "use the ansatz rs"),
])
def test_bad_arguments(model, over, options, said):
    """One line each, before anything is computed."""
    with pytest.raises(InputError, match=said) as caught:
        scanned(model, over, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ansatz", ["rs", "1rsb"])
def test_susceptibility_with_couplings(ansatz):
    """chi_m = dm/dh, also where the steps of the ansatz have closed."""
    data = meanfield.scan("sherrington-kirkpatrick", {"T": [0.5, 1.2]}, ["susceptibility"], h=0.3, ansatz=ansatz, progress=False)
    m = [meanfield.solve("sherrington-kirkpatrick", T=1.2, h=0.3 + step)["m"] for step in (1e-4, -1e-4)]
    assert float(data["chi_m"].sel(T=1.2)) == pytest.approx((m[0] - m[1]) / 2e-4, rel=1e-6)
    assert float(data["chi_m"].sel(T=0.5)) > 0
