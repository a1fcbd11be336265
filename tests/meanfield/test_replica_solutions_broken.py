"""Solutions with broken replica symmetry."""

import math

import pytest

import meanfield
from theory.errors import InputError


def equilibrium(name, **point):
    return meanfield.solutions(name, **point).equilibrium


SK = [(0.1, -0.76444132907, 0.4209447, 0.9664199, 0.1147793), (0.5, -0.79120884238, 0.2146311, 0.6192009, 0.2818426),
      (0.8, -0.86511472744, 0.0770081, 0.2300721, 0.1885112)]


@pytest.mark.parametrize("T, f, q0, q1, x", SK)
def test_one_step_of_sherrington_kirkpatrick(T, f, q0, q1, x):
    best = equilibrium("sherrington-kirkpatrick", T=T, ansatz="1rsb")
    assert best.free_energy == pytest.approx(f, abs=1e-11)
    assert [best[n] for n in ("q0", "q1", "x")] == pytest.approx([q0, q1, x], abs=6e-8)
    assert (best.kind, best.rs_valid, best.stable) == ("spin-glass", False, True)


STEPS = [(1, -0.765259434673682514, -0.0143427205881554), (2, -0.7636080105385, -3.846132e-3),
         (3, -0.7633134809804, -1.527010e-3)]


@pytest.mark.parametrize("steps, e, entropy", STEPS)
def test_ground_state_energy_by_steps(steps, e, entropy):
    best = equilibrium("sherrington-kirkpatrick", T=0, ansatz="krsb", steps=steps)
    assert (best.energy, best.entropy) == (pytest.approx(e, abs=2e-12), pytest.approx(entropy, abs=3e-9))


@pytest.mark.slow
@pytest.mark.parametrize("steps, T, f", [(4, 0, -0.7632289875587), (5, 0, -0.7631975323862), (2, 0.1, -0.76359626599),
                                         (8, 0.3, -0.7695154990)])
def test_many_steps(steps, T, f):
    best = equilibrium("sherrington-kirkpatrick", T=T, ansatz="krsb", steps=steps)
    assert best.free_energy == pytest.approx(f, abs=6e-11)


P_SPIN = [(0.6, 0.8447257651, 0.8902498331, -0.830406505752), (0.5, 0.8931014271, 0.7099479483, -0.823136141979),
          (0.2, 0.9759011032, 0.2734903135, -0.813815982078)]


@pytest.mark.parametrize("T, q1, x, f", P_SPIN)
def test_three_spin_glass_jumps(T, q1, x, f):
    best = equilibrium("p-spin-glass", p=3, T=T, ansatz="1rsb")
    assert best["q0"] == 0.0 and (best["q1"], best["x"]) == pytest.approx((q1, x), abs=1e-10)
    assert best.free_energy == pytest.approx(f, abs=2e-12)
    assert best.rs_valid is (T > 0.240260036)


def test_above_the_static_transition_no_step_opens():
    best = equilibrium("p-spin-glass", p=3, T=0.66, ansatz="1rsb")
    assert best.kind == "paramagnetic" and (best["q0"], best["q1"], best["x"]) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("p, e", [(3, -0.8135349639842316), (4, -0.8254705422449344), (5, -0.8296293277330716)])
def test_p_spin_ground_states(p, e):
    assert equilibrium("p-spin-glass", p=p, T=0, ansatz="1rsb").energy == pytest.approx(e, abs=1e-13)


SPHERICAL = [(0.5, 0.711665976987, 0.736148077621, -0.904898169985), (0.3, 0.840842173068, 0.343921249099, -1.01661454596),
             (0.1, 0.950090702731, 0.0954469117888, None)]


@pytest.mark.parametrize("T, q1, x, e", SPHERICAL)
def test_spherical_three_spin_glass(T, q1, x, e):
    best = equilibrium("spherical-p-spin-glass", p=3, T=T, ansatz="1rsb")
    assert (best["q1"], best["x"]) == pytest.approx((q1, x), abs=2e-11)
    assert e is None or best.energy == pytest.approx(e, abs=2e-11)


def test_spherical_ground_state():
    best = equilibrium("spherical-p-spin-glass", p=3, T=0, ansatz="1rsb")
    assert (best.energy, best["D"], best["C"]) == pytest.approx((-1.171674779265288, 0.883912923389, 0.48647887838), abs=1e-11)


def test_retrieval_outlives_replica_symmetry_at_zero_temperature():
    found = meanfield.solutions("hopfield", alpha=0.1381, T=0, ansatz="1rsb")
    stable, = [x for x in found if x.kind == "retrieval" and x.stable]
    assert stable["m"] == pytest.approx(0.969484875, abs=1e-8)
    assert not any(x.kind == "retrieval" for x in meanfield.solutions("hopfield", alpha=0.13820, T=0, ansatz="1rsb"))


def test_dense_retrieval_and_glass_meet_at_the_first_order_load():
    found = meanfield.solutions("dense-hopfield", p=3, a=0.28161378, T=0, ansatz="1rsb")
    retrieval, = [x for x in found if x.kind == "retrieval" and x.stable]
    glass, = [x for x in found if x.kind == "spin-glass" and x.stable]
    assert retrieval.free_energy == pytest.approx(glass.free_energy, abs=5e-9)
    scaled = glass.free_energy / math.sqrt(2 * 0.28161378 / 3)
    assert scaled == pytest.approx(-0.8135349640, abs=1e-9)


def test_a_valid_replica_symmetric_state_is_one_of_closed_steps():
    found = meanfield.solutions("hopfield", alpha=0.1, T=0.1, ansatz="1rsb")
    retrieval, = [x for x in found if x.kind == "retrieval" and x.stable]
    assert retrieval["q0"] == retrieval["q1"] == pytest.approx(0.996915837055, abs=1e-11)
    assert retrieval["x"] == 1.0 and retrieval.rs_valid and retrieval.options["open_steps"] == 0


def test_a_ferromagnet_with_open_steps_is_mixed():
    best = equilibrium("sherrington-kirkpatrick", T=0.1, J0=1.4, ansatz="1rsb")
    assert best.kind == "mixed" and best.multiplicity == 2 and best["q0"] < best["q1"]


def test_auxiliary_variables_are_replica_symmetric():
    with pytest.raises(InputError, match="ansatz rs"):
        meanfield.solutions("dreaming-hopfield", T=0.1, ansatz="1rsb")


SMALL_STEPS = [("hopfield", {"T": 0.8426, "alpha": 0.0249}, 0.097891, 0.277737, 0.029299),
               ("relativistic-hopfield", {"T": 0.2216, "alpha": 0.0098}, 0.319367, 0.745562, 0.026001)]


@pytest.mark.parametrize("name, point, q0, q1, x", SMALL_STEPS)
def test_steps_with_small_blocks(name, point, q0, q1, x):
    glass = next(s for s in meanfield.solutions(name, ansatz="1rsb", **point) if s.kind == "spin-glass")
    symmetric = next(s for s in meanfield.solutions(name, **point) if s.kind == "spin-glass")
    assert [glass[n] for n in ("q0", "q1", "x")] == pytest.approx([q0, q1, x], abs=2e-6)
    assert glass.stable and glass.free_energy > symmetric.free_energy


def test_steps_near_the_glass_transition():
    best, t = equilibrium("sherrington-kirkpatrick", T=0.995, ansatz="1rsb"), 0.005
    assert best.stable and [best["q0"], best["q1"], best["x"]] == pytest.approx([t / 3, t, 4 * t / 3], rel=0.02)
