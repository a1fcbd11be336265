"""Scans: the same Dataset on every executor, after interruptions, and with failed points marked."""

import io
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sympy

import meanfield
from meanfield.scans.running import Progress, duration
from theory import Ising, Model, symbols
from theory.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
OVER = {"T": (0.3, 1.2, 7), "h": [0.0, 0.1]}
LONG = {"T": (0.3, 1.2, 20), "h": [0.0, 0.1]}
# A scan in a process of its own, slow enough to be stopped in the middle.
SLOW = """
import signal, sys, time
# A process started in the background inherits that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
import meanfield, meanfield.scans.sweep as module
solve = module.solve_points
def slowly(work, places):
    time.sleep(0.05)
    return solve(work, places)
module.solve_points = slowly
def told(done, total):
    print(done, total, flush=True)
data = meanfield.scan("curie-weiss", {"T": (0.3, 1.2, 20), "h": [0.0, 0.1]}, checkpoint=sys.argv[1], progress=told)
"""


def scanned(model="curie-weiss", over=OVER, **options):
    return meanfield.scan(model, over, **{"progress": False, **options})


def assert_same(a, b):
    """Identical in data, coordinates and attributes, the time of making apart."""
    assert a.drop_attrs(deep=False).identical(b.drop_attrs(deep=False))
    assert {**a.attrs, "created": ""} == {**b.attrs, "created": ""}


def test_points_are_what_solve_finds():
    """The rows of a scan are the equilibrium solutions, point by point; chi is dm/dh."""
    data = scanned()
    assert data["m"].dims == ("T", "h")
    for T in data["T"].values[[0, 3]]:
        one, at = meanfield.solve("curie-weiss", T=T, h=0.1), data.sel(T=T, h=0.1)
        assert (float(at["m"]), float(at["free_energy"]), float(at["entropy"])) == (one["m"], one.free_energy, one.entropy)
        shifted = [meanfield.solve("curie-weiss", T=T, h=0.1 + step)["m"] for step in (1e-5, -1e-5)]
        assert float(at["chi_m"]) == pytest.approx((shifted[0] - shifted[1]) / 2e-5, rel=1e-6)
    assert str(data["kind"].sel(T=0.3, h=0.0).values) == "ferromagnetic"


def test_every_solution_padded():
    """`every` keeps metastable and unstable solutions."""
    data = scanned(over={"T": [0.5, 1.1]}, every=True, h=0.05)
    assert data.sizes == {"T": 2, "solution": 3} and list(data["solutions"].values) == [3, 1]
    assert np.isnan(data["m"].sel(T=1.1).values[1:]).all() and list(data["equilibrium"].sel(T=0.5).values) == [1, 0, 0]


def test_chosen_quantities_and_beta():
    """Only what is asked for, with order parameters, converged and status."""
    data = scanned(over={"beta": [2.0, 4.0]}, quantities=["entropy"])
    assert set(data.data_vars) == {"m", "entropy", "converged", "status"}
    assert float(data["m"].sel(beta=2.0)) == meanfield.solve("curie-weiss", T=0.5)["m"]


def test_threads_and_processes_give_the_same(tmp_path):
    """The order in which workers finish does not show."""
    expected = scanned()
    with ThreadPoolExecutor(2) as threads:
        assert_same(scanned(executor=threads, chunk=2), expected)
    with ProcessPoolExecutor(2) as processes:
        assert_same(scanned(executor=processes, checkpoint=tmp_path / "a.npz"), expected)
    assert_same(scanned(checkpoint=tmp_path / "a.npz"), expected)


def test_a_model_object_travels_to_processes():
    """A model that was written in Python is sent to workers like a built-in one."""
    m, S, J = symbols("m S J")
    model = Model(Ising(S), {m: S}, -J * m**2 / 2, parameters={"J": 1.0}, name="own")
    with ProcessPoolExecutor(1) as processes:
        data = scanned(model, over={"T": [0.4, 0.5, 0.6]}, executor=processes)
    assert data["m"].values[1] == meanfield.solve("curie-weiss", T=0.5)["m"]


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_dask_gives_the_same(processes):
    """`dask.distributed`'s executor on a local cluster, its workers in this process or in their own."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=processes)
    with cluster, distributed.Client(cluster) as client:
        assert_same(scanned(executor=client.get_executor()), scanned())


def started(tmp_path):
    """A slow scan in its own process, and the name of its checkpoint."""
    path = tmp_path / "scan.npz"
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(path)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    return process, path


def wait_for(process, points):
    """Wait until this many points are done."""
    for line in process.stdout:
        if int(line.split()[0]) >= points:
            return


@pytest.mark.parametrize("points", [2, 13])
def test_killed_and_resumed(tmp_path, points):
    """SIGKILL in the middle loses what was not yet written, and the resumed scan is identical to an uninterrupted one."""
    process, path = started(tmp_path)
    wait_for(process, points)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    seen = []
    resumed = scanned(over=LONG, checkpoint=path, progress=lambda done, total: seen.append(done))
    assert 1 <= seen[0] < 40
    assert_same(resumed, scanned(over=LONG))


def test_repeatedly_killed_at_any_moment(tmp_path):
    """However often it is killed, the checkpoint is never damaged."""
    for delay in (0.0, 0.013, 0.031):
        process, path = started(tmp_path)
        wait_for(process, 1)
        time.sleep(delay)
        process.kill()
        process.wait()
    assert_same(scanned(over=LONG, checkpoint=path), scanned(over=LONG))
    assert [p.name for p in tmp_path.iterdir()] == ["scan.npz"]


def test_interrupt_keeps_what_is_done(tmp_path):
    """Ctrl-C ends the process with one message, and the next call goes on."""
    process, path = started(tmp_path)
    wait_for(process, 5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert re.search(r"Interrupted: interrupted: \d+ of 40 points are done; the same call with checkpoint=", errors)
    seen = []
    scanned(over=LONG, checkpoint=path, progress=lambda done, total: seen.append(done))
    assert seen[0] >= 5


def test_interrupted_dataset():
    """The exception holds what was done; the rest is marked."""
    def stop(done, total):
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        scanned(progress=stop)
    status = caught.value.dataset["status"].values.ravel()
    assert list(status[:6]) == ["converged"] * 5 + ["not computed: interrupted"]


@pytest.mark.parametrize(("change", "said"), [
    ({"J": 2.0}, "parameters"), ({"model": "relativistic-curie-weiss"}, "model"), ({"over": LONG}, "shape"),
    ({"over": {"T": (0.3, 1.1, 7), "h": [0.0, 0.1]}}, "values"), ({"every": True}, "every"),
])
def test_foreign_checkpoints_are_refused(tmp_path, change, said):
    """A checkpoint of another model, parameters, grid or option is refused in one line that names the difference."""
    path = tmp_path / "scan.npz"
    scanned(checkpoint=path)
    with pytest.raises(InputError, match=rf"belongs to another computation \({said}: ") as caught:
        scanned(**{"checkpoint": path, **change})
    assert "\n" not in str(caught.value)


def test_another_version_and_damage_are_refused(tmp_path, monkeypatch):
    """So is one that other versions of the packages wrote, and a file that is no checkpoint."""
    path = tmp_path / "scan.npz"
    scanned(checkpoint=path)
    monkeypatch.setattr("meanfield.scans.sweep.versions", lambda: {"meanfield": "another"})
    with pytest.raises(InputError, match="versions"):
        scanned(checkpoint=path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="is no checkpoint"):
        scanned(checkpoint=path)


def test_failed_points_stay_marked():
    """A Gaussian site without a normalisable measure, or without T = 0, gives NaN and says why."""
    from theory.symbols import symbol
    from theory.sites import GaussianSite

    m, s = sympy.symbols("m s", real=True)
    model = Model(GaussianSite(s), {m: s}, -symbol("J") * m**2 / 2, parameters={"J": 0.2}, name="gauss")
    data = scanned(model, over={"T": [0.0, 0.5, 1.0]})
    assert list(data["converged"].values) == [0, 1, 1] and np.isnan(data["free_energy"].values[0])
    assert "T = 0" in str(data["status"].values[0])


@pytest.mark.parametrize(("over", "options", "said"), [
    ({}, {}, "expected {name"), ({"T": (0, 1, 3)}, {"T": 0.5}, "both set and scanned"), ({"x": [1, 2]}, {}, "x"),
    ({"T": [0.5, 0.5]}, {}, "different finite values"), ({"T": (1, 0, 5)}, {}, "low, high, points"),
    ({"T": [-1, 1]}, {}, "temperature"),
    ({"T": [0.5]}, {"quantities": "heat"}, "unknown quantity"), ({"T": [0.5]}, {"checkpoint": "a.txt"}, "npz"),
    ({"T": [0.5]}, {"checkpoint": "/nowhere/a.npz"}, "no such directory"),
])
def test_bad_arguments(over, options, said):
    """One line each, before anything is computed."""
    with pytest.raises(InputError, match=said):
        scanned(over=over, **options)


def test_structural_integers_and_couplings():
    """What cannot be scanned is said."""
    with pytest.raises(InputError, match="structural integer"):
        scanned("hopfield-low-load", over={"P": [2, 3]})


def test_netcdf_round_trip(tmp_path):
    """The Dataset can be written and read."""
    xarray = pytest.importorskip("xarray")
    data = scanned(over={"T": [0.5, 1.1]})
    data.to_netcdf(tmp_path / "a.nc", engine="scipy")
    with xarray.open_dataset(tmp_path / "a.nc", engine="scipy") as read:
        assert list(read["kind"].values) == ["ferromagnetic", "paramagnetic"]
        assert (read["m"].values == data["m"].values).all()


def test_progress_tells_the_remaining_time(monkeypatch):
    """Done, total and what is left at the present rate."""
    stream, now = io.StringIO(), iter([0.0, 0.0, 40.0, 100.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    show = Progress("scan", stream)
    for done in (0, 20, 50):
        show(done, 50)
    assert stream.getvalue() == "scan: 20/50, 60 s left\nscan: 50/50, 100 s\n".replace("100 s", duration(100))
    assert duration(3725) == "1 h 2 min"
