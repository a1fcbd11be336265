"""Solutions of models that are not built in: several variables a site, unbounded sites, fields, other units."""

import numpy as np
import pytest

from meanfield.solutions import solutions
from meanfield.solve import solve
from theory import FiniteSite, GaussianSite, Ising, Model, Sphere, Spin, symbols

s, t, m, p, a, K = symbols("s t m p a K")


def test_ashkin_teller():
    """Two Ising spins a site with a four-spin coupling: 4 states with both ordered, 4 with one."""
    model = Model(site=FiniteSite.product({s: (1, -1), t: (1, -1)}), order_parameters={m: s, p: t, a: s * t},
                  energy=-(m**2 + p**2) / 2 - K * m * p * a, parameters={K: 0.7})
    found = solutions(model, T=0.6)
    assert [state.multiplicity for state in found] == [4, 4, 1]
    assert found[0].values == pytest.approx([0.99929826, 0.99929826, 0.99864504], abs=1e-8)
    assert found[1].values[1:] == pytest.approx([0, 0], abs=1e-13)
    assert found.completeness.index_sum == 1


def test_two_sublattices():
    """e = -m p is Curie-Weiss with m = p; the energy is not bounded by its diagonal."""
    model = Model(site=FiniteSite.product({s: (1, -1), t: (1, -1)}), order_parameters={m: s, p: t}, energy=-m * p)
    state = solutions(model, T=0.6).equilibrium
    assert state.values == pytest.approx([0.90733232] * 2, abs=1e-8)
    assert state.multiplicity == 2 and state.stable


def test_an_unbounded_site_is_scanned_beyond_its_table():
    """m = -de/dm / T for a normal variable: m^2 = 25 (1 - T/2) for e = -m^2 + m^4/50."""
    found = solutions(Model(site=GaussianSite(s), order_parameters={m: s}, energy=-(m**2) + m**4 / 50), T=0.1)
    assert found[0]["m"] == pytest.approx(5 * np.sqrt(0.95), abs=1e-11)
    assert found[0].equilibrium and len(found) == 2
    assert found.completeness.index_sum is None


def test_an_energy_without_a_minimum_has_no_equilibrium():
    model = Model(site=GaussianSite(s), order_parameters={m: s}, energy=-(m**2))
    found = solutions(model, T=0.5)
    assert found.equilibrium is None
    state = solve(model, T=0.5)
    assert not state.stable and not state.equilibrium


def test_a_vector_against_its_field_turns_round():
    """Both solutions antiparallel to the field are unstable, one of them only against rotation."""
    found = solutions(Model(site=Sphere(s, 3), order_parameters={m: s}, energy=-(m**2) / 2 - m / 10), T=0.2)
    assert [(state["m"] > 0, state.stable) for state in found] == [(True, True), (False, False), (False, False)]


def test_an_ising_spin_against_its_field_is_metastable():
    found = solutions(Model(site=Ising(s), order_parameters={m: s}, energy=-(m**2) / 2 - m / 10), T=0.2)
    assert [(state["m"] > 0, state.stable) for state in found] == [(True, True), (False, True), (False, False)]


def test_large_spins():
    """Spin 3: m below saturation and above it the paramagnet's instability T = J S (S+1) / 3."""
    model = Model(site=Spin(s, 3), order_parameters={m: s}, energy=-(m**2) / 20)
    assert len(solutions(model, T=0.41)) == 1
    assert 0 < solutions(model, T=0.3).equilibrium["m"] < 3


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_units_do_not_matter(scale):
    reference = solutions("curie-weiss", T=0.5, h=0.1)
    scaled = solutions("curie-weiss", T=0.5 * scale, J=scale, h=0.1 * scale)
    assert [s["m"] for s in scaled] == pytest.approx([s["m"] for s in reference], abs=1e-11)
    assert scaled[0].free_energy == pytest.approx(scale * reference[0].free_energy)
    frozen = solutions("curie-weiss", T=0, J=scale, h=0.1 * scale)
    assert [s["m"] for s in frozen] == pytest.approx([1, -1, -0.1], abs=1e-9)


def test_without_interaction_there_is_one_solution():
    assert len(solutions("curie-weiss", T=0.3, J=0, h=0.2)) == 1
    assert solutions("curie-weiss", T=0.3, J=0, h=0.2)[0]["m"] == pytest.approx(np.tanh(0.2 / 0.3))


def test_random_starts_find_nothing_else():
    """Everything that 3000 random Newton starts find at random parameters is in the list (three patterns)."""
    from meanfield.inputs import system_at
    from meanfield.search.search import find_all

    rng = np.random.default_rng(5)
    for _ in range(6):
        system = system_at("multitasking-hopfield", P=3, d=rng.uniform(0, 0.9), T=rng.uniform(0.01, 0.5))
        found, completeness, reduction = find_all(system)
        assert completeness.passed
        batch = system.newton_all(np.concatenate([x.points(rng.uniform(size=(500, x.dimension))) for x in reduction.subspaces]))
        ends = reduction.symmetry.canonical(batch.phi[batch.converged & (batch.residual < 1e-11)])
        known = np.array([f.phi for f in found])
        assert np.abs(ends[:, None] - known).max(axis=2).min(axis=1).max() < 1e-6
