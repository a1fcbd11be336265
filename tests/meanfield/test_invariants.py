"""What holds for every built-in model: residuals, identities of thermodynamics, limits, symmetry, completeness."""

from dataclasses import replace

import numpy as np
import pytest
import sympy

from meanfield.inputs import system_at
from meanfield.search.reduction import Reduction
from meanfield.search.cooling import at_temperature
from meanfield.solutions import solutions_at
from theory.models import available, load

from .stand_in import TableSystem

MODELS = [entry.name for entry in available() if not entry.model.couplings]
FINITE = [name for name in MODELS if Reduction(system_at(name)).measure.exact]


@pytest.fixture(scope="module", params=MODELS)
def found(request):
    """A system in its ordered phase and its solutions."""
    system = system_at(request.param, T=0.15)
    return system, solutions_at(system)


def test_every_solution_solves_the_equations(found):
    system, states = found
    for state in states:
        assert state.converged, state.status
        assert np.abs(system.residual(state.values)[0]).max() < 1e-11
        assert state.quadrature_error < 1e-9


def test_completeness(found):
    _, states = found
    assert states.completeness.passed, str(states.completeness)
    assert states.completeness.index_sum == 1


def test_equilibrium_comes_first_and_is_the_lowest(found):
    _, states = found
    assert states[0].equilibrium and states[0].stable
    assert sum(s.equilibrium for s in states) == 1
    assert states[0].free_energy == pytest.approx(min(s.free_energy for s in states), abs=1e-12)
    flags = [s.stable for s in states]
    assert flags == sorted(flags, reverse=True)


def test_solutions_are_canonical_and_their_images_solve_too(found):
    system, states = found
    symmetry, rng = Reduction(system).symmetry, np.random.default_rng(3)
    for state in states:
        phi = state.values
        assert symmetry.canonical(phi) == pytest.approx(phi, abs=1e-12)
        image = symmetry.image(phi, rng)
        assert np.abs(system.residual(image)[0]).max() < 1e-11
        assert symmetry.canonical(image) == pytest.approx(phi, abs=1e-12)


def test_entropy_is_minus_the_temperature_derivative(found):
    """s = -df/dT along a solution, by central differences."""
    system, states = found
    step = 1e-4
    for state in states.stable:
        sides = []
        for T in (system.T - step, system.T + step):
            other = at_temperature(system, T)
            phi, _, _ = other.newton(state.values)
            sides.append(other.evaluate(phi).free_energy)
        assert -(sides[1] - sides[0]) / (2 * step) == pytest.approx(state.entropy, abs=2e-6)


def test_energy_is_free_energy_plus_entropy(found):
    system, states = found
    for state in states:
        assert state.energy == pytest.approx(state.free_energy + system.T * state.entropy, abs=1e-13)


@pytest.mark.parametrize("name", FINITE)
def test_order_parameters_are_derivatives_by_fields(name):
    """-df/dh_a = phi_a for a field h_a phi_a added to the energy, by central differences, in plain numpy."""
    model, step = load(name), 1e-5
    system = TableSystem(model, T=0.3)
    state = solutions_at(system).equilibrium
    for i, a in enumerate(model.order_parameters):
        sides = []
        for h in (-step, step):
            tilted = TableSystem(replace(model, energy=model.energy - sympy.Float(h) * a), T=0.3)
            sides.append(tilted.evaluate(tilted.newton(state.values)[0]).free_energy)
        assert -(sides[1] - sides[0]) / (2 * step) == pytest.approx(state.values[i], abs=1e-8)


@pytest.mark.parametrize("name", FINITE)
def test_compiled_theory_agrees_with_the_plain_one(name):
    system, plain = system_at(name, T=0.25), TableSystem(load(name), T=0.25)
    for state in solutions_at(system):
        here, there = system.evaluate(state.values), plain.evaluate(state.values)
        for quantity in ("residual", "response", "curvature", "free_energy", "entropy"):
            assert np.allclose(getattr(here, quantity), getattr(there, quantity), atol=1e-12, rtol=1e-11)


@pytest.mark.parametrize("name", MODELS)
def test_ground_state_is_the_limit(name):
    """The equilibrium state at T -> 0 is that at T = 0, its energy within O(T)."""
    frozen, cold = (solutions_at(system_at(name, T=T)).equilibrium for T in (0, 0.004))
    vector = name in ("xy", "heisenberg", "n-vector")
    assert cold.values == pytest.approx(frozen.values, abs=0.02)
    assert cold.energy == pytest.approx(frozen.energy, abs=0.01)
    assert vector or np.isfinite(frozen.entropy)


@pytest.mark.parametrize("name", MODELS)
def test_one_paramagnet_at_high_temperature(name):
    states = solutions_at(system_at(name, T=20.0))
    assert len(states) == 1
    assert states[0].stable and states[0].kind == "paramagnetic"
