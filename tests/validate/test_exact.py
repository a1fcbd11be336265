"""Exact finite-N sums against brute force, published numbers and each other."""

import itertools

import numpy as np
import pytest

from theory import InputError
from theory.models import load
from validate import exact
from validate.exact import susceptibility

CURIE_WEISS = [(2, 1.00320443403908407), (3, 0.925268277873915254), (4, 0.881353860449323547), (10, 0.787514367268883035)]


@pytest.mark.parametrize("method", ["classes", "states"])
@pytest.mark.parametrize("N, pressure", CURIE_WEISS)
def test_curie_weiss_pressure(N, pressure, method):
    """(1/N) log Z of the full Hamiltonian at T = J = 1, h = 0."""
    assert -exact(load("curie-weiss"), N, method=method, T=1).free_energy == pytest.approx(pressure, abs=1e-15)


def test_curie_weiss_in_a_field():
    found = exact(load("curie-weiss"), 10, T=1 / 0.7, h=0.3)
    assert -0.7 * found.free_energy == pytest.approx(0.792151875456062094, abs=1e-15)
    assert found.mean["m"] == pytest.approx(0.422466782653046288, abs=1e-15)


def test_relativistic_curie_weiss():
    assert -exact(load("relativistic-curie-weiss"), 1000, T=0.5).free_energy / 0.5 == pytest.approx(2.89235421565449, abs=1e-13)


def test_curie_weiss_at_criticality():
    """<m^2> sqrt(N) tends to sqrt(12) Gamma(3/4) / Gamma(1/4) at T = J."""
    scaled = [np.sqrt(N) * exact(load("curie-weiss"), N, T=1).second["m"] for N in (1000, 4000)]
    assert 2 * scaled[1] - scaled[0] == pytest.approx(1.17082865660753, rel=2e-4)


@pytest.mark.parametrize("name, parameters", [
    ("blume-capel", {"T": 0.4}), ("blume-emery-griffiths", {"T": 0.6}), ("potts", {"T": 0.3}),
    ("multitasking-hopfield", {"T": 0.15, "d": 0.5}), ("random-field-ising", {"T": 0.5}), ("hopfield-low-load", {"T": 0.5}),
    ("dense-low-load", {"T": 0.3}), ("p-spin-ferromagnet", {"T": 0.7, "h": 0.1}),
])
def test_classes_equal_states(name, parameters):
    model = load(name)
    classes, states = (exact(model, 9, method=method, **parameters) for method in ("classes", "states"))
    assert classes.free_energy == pytest.approx(states.free_energy, abs=1e-13)
    assert classes.energy == pytest.approx(states.energy, abs=1e-13)
    assert classes.second == pytest.approx(states.second, abs=1e-12)


def test_large_sizes_approach_the_theory():
    """f_N - f tends to -(T/N) log of two states, over the root of the Gaussian fluctuations."""
    T, M, f = 0.5, 0.957504024077269, -0.509835533993435
    N = 4000
    correction = -T / N * np.log(2 / np.sqrt(1 - (1 - M**2) / T))
    assert exact(load("curie-weiss"), N, T=T).free_energy == pytest.approx(f + correction, abs=1e-8)


def dense_transverse_ising(N, T, J, Gamma):
    """f, <m^2>, <|m|> and energy of all 2^N states by one dense diagonalisation."""
    states = np.array(list(itertools.product([1, -1], repeat=N)))
    m = states.mean(axis=1)
    H = np.diag(-N * J * m**2 / 2)
    for i, a in itertools.product(range(N), range(2**N)):
        H[a, a ^ (1 << i)] -= Gamma
    levels, vectors = np.linalg.eigh(H)
    weights = np.exp(-(levels - levels[0]) / T)
    p = weights / weights.sum()
    density = vectors**2 @ p
    return levels[0] / N - T * np.log(weights.sum()) / N, density @ m**2, density @ np.abs(m), p @ levels / N


@pytest.mark.parametrize("N", [2, 3, 6])
@pytest.mark.parametrize("T, Gamma", [(0.4, 0.5), (1.0, 0.8)])
def test_blocks_of_total_spin_equal_all_states(N, T, Gamma):
    found = exact(load("transverse-field-ising"), N, T=T, Gamma=Gamma)
    wanted = dense_transverse_ising(N, T, 1.0, Gamma)
    assert (found.free_energy, found.second["m"], found.absolute["m"], found.energy) == pytest.approx(wanted, abs=1e-12)


def test_quantum_without_transverse_field_is_classical():
    quantum = exact(load("transverse-field-ising"), 40, T=0.9, Gamma=0)
    classical = exact(load("curie-weiss"), 40, T=0.9)
    assert quantum.free_energy == pytest.approx(classical.free_energy, abs=1e-13)
    assert quantum.fourth == pytest.approx(classical.fourth, abs=1e-12)


def test_susceptibility_is_the_fluctuation_of_classical_spins():
    model = load("transverse-field-ising")
    values = model.values(T=1.3, Gamma=0.0)
    second = exact(model, 50, **values).second["m"]
    assert susceptibility(model, values, 50, 0) == pytest.approx(50 * second / 1.3, rel=1e-5)


@pytest.mark.parametrize("name, N, options, message", [
    ("curie-weiss", 100, {"method": "states"}, "terms"), ("xy", 10, {}, "sphere"), ("random-field-ising-gaussian", 10, {}, "Gaussian"),
    ("curie-weiss", 10, {"T": 0}, "T > 0"), ("curie-weiss", 10, {"nope": 1}, "nope"),
])
def test_refusals(name, N, options, message):
    with pytest.raises(InputError, match=message):
        exact(load(name), N, **options)
