"""Runs at one size: estimates against exact values, coverage of their errors, seeds."""

import subprocess
import sys

import numpy as np
import pytest

from theory import InputError
from theory.models import load
from validate import exact, simulate


def test_against_the_exact_sum():
    run = simulate("curie-weiss", T=1.1, h=0.05, size=300, sweeps=2000, seed=2)
    wanted = exact(load("curie-weiss"), 300, T=1.1, h=0.05)
    for estimate, value in [(run.estimates["m"], wanted.mean["m"]), (run.estimates["energy"], wanted.energy)]:
        assert abs(estimate.mean - value) < 4 * estimate.error
        assert estimate.r_hat < 1.01 and estimate.tau > 1


@pytest.mark.parametrize("name, values, options", [
    ("curie-weiss", {"T": 1.2, "h": 0.1}, {"size": 100, "sweeps": 200, "chains": 32}),
    pytest.param("curie-weiss", {"T": 1.2, "h": 0.1}, {"size": 100, "sweeps": 200, "chains": 32, "algorithm": "single-site"},
                 marks=pytest.mark.slow),
    pytest.param("blume-capel", {"T": 0.5, "Delta": 0.3}, {"size": 60, "sweeps": 400, "chains": 32}, marks=pytest.mark.slow),
])
def test_error_bars_cover(name, values, options):
    """Over 200 seeds, 68 and 95 % within one and two errors of the exact value, up to four deviations of a binomial share."""
    model = load(name)
    wanted = exact(model, options["size"], **values)
    runs = [simulate(model, seed=seed, **values, **options).estimates for seed in range(200)]
    for key, value in (("energy", wanted.energy), *(() if name == "blume-capel" else (("m", wanted.mean["m"]),))):
        z = np.abs([(run[key].mean - value) / run[key].error for run in runs])
        for level, share in ((1, 0.675), (2, 0.946)):
            assert abs((z < level).mean() - share) < 4 * np.sqrt(share * (1 - share) / len(z))


@pytest.mark.slow
@pytest.mark.parametrize("name, values, options", [("sherrington-kirkpatrick", {"T": 0.9}, {"size": 12})])
def test_error_bars_over_disorder_cover(name, values, options):
    """The same with quenched couplings, about the mean of all 250 repeats: errors contain the disorder."""
    model = load(name)
    runs = [simulate(model, seed=seed, sweeps=200, chains=64, threads=1, **values, **options).estimates for seed in range(250)]
    for key in ("energy", "q^2"):
        means, errors = (np.array([getattr(run[key], part) for run in runs]) for part in ("mean", "error"))
        z = np.abs(means - means.mean()) / errors
        for level, share in ((1, 0.675), (2, 0.946)):
            assert abs((z < level).mean() - share) < 4 * np.sqrt(share * (1 - share) / len(z))


def test_broken_symmetry_is_aligned():
    assert simulate("curie-weiss", T=0.5, size=200, sweeps=200).estimates["m"].mean > 0.94
    run = simulate("potts", T=0.3, size=500, sweeps=400)
    assert run.estimates["x1"].mean > 0.85 and sum(run.estimates[x].mean for x in ("x1", "x2", "x3")) == pytest.approx(1)


def test_quantum_sites_are_exact():
    run = simulate("transverse-field-ising", T=0.4, size=64)
    assert run.estimates["m"].mean == pytest.approx(0.8408372246851783) and run.estimates["m"].error == 0


def test_document():
    run = simulate("curie-weiss", T=0.5, size=50, sweeps=50, chains=8, seed=1)
    assert set(run.as_dict()["estimates"]["m"]) == {"mean", "error", "tau", "r_hat", "ess"}
    assert run.estimates == simulate("curie-weiss", beta=2, size=50, sweeps=50, chains=8, seed=1, threads=1).estimates
    with pytest.raises(TypeError):
        run.estimates["m"] = 0
    with pytest.raises(ValueError):
        run.draws[0, 0, 0] = 1
    assert "50 sites" in repr(run) and run.versions


@pytest.mark.parametrize("arguments, message", [
    ({"device": "tpu"}, "auto, cpu or cuda"), ({"size": 1}, "at least 2"), ({"T": 0}, "T > 0"), ({"sweeps": 3}, "sweeps"),
    ({"size": 0}, "at least 2"), ({"seed": -1}, "seed"),
])
def test_refusals(arguments, message):
    with pytest.raises(InputError, match=message):
        simulate("curie-weiss", **{"size": 10, **arguments})


def test_import_loads_neither_torch_nor_pyplot():
    code = "import sys, validate; print(sorted({'torch', 'matplotlib.pyplot'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
