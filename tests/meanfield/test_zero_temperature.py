"""Solutions at T = 0: ground states, states on kinks, and the limits from T > 0."""

import numpy as np
import pytest

from meanfield.results import Status
from meanfield.solutions import solutions


def test_hopfield_symmetric_mixtures():
    """D. J. Amit, H. Gutfreund and H. Sompolinsky, Phys. Rev. A 32, 1007: m_n = E|z|/n, energy -n m_n^2 / 2."""
    found = solutions("hopfield-low-load", P=3, T=0)
    energies = {tuple(np.round(s.values, 9)): (s.energy, s.stable) for s in found}
    assert energies[(1, 0, 0)] == (pytest.approx(-1 / 2), True)
    assert energies[(0.5, 0.5, 0.5)] == (pytest.approx(-3 / 8), True)
    assert energies[(0.5, 0.5, 0)] == (pytest.approx(-1 / 4), False)


def test_the_saddle_between_pure_states_and_mixtures():
    """Sites with xi = (1, -1, -1) have no field at (2, 1, 1)/3: a third of them points the other way."""
    found = solutions("hopfield-low-load", P=3, T=0)
    saddle = next(s for s in found if abs(s["m1"] - 2 / 3) < 1e-6)
    assert saddle.values == pytest.approx([2 / 3, 1 / 3, 1 / 3], abs=1e-10)
    assert saddle.status is Status.KINK and saddle.converged and not saddle.stable
    assert found.completeness.index_sum == 1


@pytest.mark.parametrize("d", [0.2, 0.4, 0.6])
def test_multitasking_hierarchy(d):
    """E. Agliari et al., Phys. Rev. Lett. 109, 268101: m_k = (1-d) d^(k-1), E = -(1-d)^2 sum d^(2k) / 2."""
    expected = (1 - d) * d ** np.arange(3)
    state = next(s for s in solutions("multitasking-hopfield", P=3, d=d, T=0) if np.allclose(s.values, expected, atol=1e-12))
    assert state.energy == pytest.approx(-((1 - d) ** 2) * (d ** (2 * np.arange(3))).sum() / 2, abs=1e-14)
    assert (state.kind, state.stable, state.multiplicity) == ("hierarchical" if d < 0.5 else state.kind, True, 48)


@pytest.mark.parametrize("d", [0.3, 0.5469, 0.547, 0.7])
def test_second_family_of_three_patterns(d):
    """m_1 = a + 2b + c, m_2 = a + b + c, m_3 = a + c with a = (1-d)^3/2, b = (1-d)^2 d, c = (1-d) d^2."""
    a, b, c = (1 - d) ** 3 / 2, (1 - d) ** 2 * d, (1 - d) * d**2
    expected = [a + 2 * b + c, a + b + c, a + c]
    state = next(s for s in solutions("multitasking-hopfield", P=3, d=d, T=0) if np.allclose(s.values, expected, atol=1e-12))
    assert state.stable


def test_ground_state_of_three_patterns_switches():
    """The hierarchical state gives way to the second family at d = 0.5469181607 and disappears at 0.6180339887."""
    ground = lambda d: solutions("multitasking-hopfield", P=3, d=d, T=0).equilibrium
    assert ground(0.54691)["m1"] == pytest.approx(1 - 0.54691)
    assert ground(0.54693)["m1"] < 1 - 0.54693
    hierarchical = lambda d: [s for s in solutions("multitasking-hopfield", P=3, d=d, T=0) if abs(s["m1"] - 1 + d) < 1e-9 and s.stable]
    assert hierarchical(0.6180) and not hierarchical(0.6181)


def test_two_patterns_have_one_ground_state():
    """The symmetric state lies (1-d)^4/4 higher and sits on sites without field."""
    d = 0.4
    found = solutions("multitasking-hopfield", P=2, d=d, T=0)
    assert len(found.stable) == 1
    parallel = next(s for s in found if s.kind == "parallel")
    assert parallel.energy - found.equilibrium.energy == pytest.approx((1 - d) ** 4 / 4, abs=1e-14)
    assert not parallel.stable


def test_unstable_states_are_the_limits_of_unstable_states():
    """Curie-Weiss in a field: the barrier sits where the field cancels the magnetisation."""
    found = solutions("curie-weiss", T=0, h=0.2)
    assert sorted(s["m"] for s in found) == pytest.approx([-1, -0.2, 1], abs=1e-12)
    assert [s.stable for s in found] == [True, True, False]
    mixing = 0.6
    entropy = -mixing * np.log(mixing) - (1 - mixing) * np.log(1 - mixing)
    assert found[2].entropy == pytest.approx(entropy, abs=1e-6)


def test_an_antiferromagnet_stays_on_its_kink():
    found = solutions("curie-weiss", T=0, J=-1, h=0.3)
    assert len(found) == 1 and found[0].stable
    assert found[0]["m"] == pytest.approx(0.3, abs=1e-12)


def test_transverse_field_at_zero_temperature():
    """m = sqrt(1 - Gamma^2)."""
    assert solutions("transverse-field-ising", T=0, Gamma=0.6).equilibrium["m"] == pytest.approx(0.8, abs=1e-13)


def test_examples_at_zero_temperature():
    """m = erf(1/sqrt(2 rho)), n (1 + rho) = m + sqrt(2 rho / pi) exp(-1/(2 rho)) for one pattern (arXiv:2308.04106)."""
    state = solutions("multitasking-hebbian", P=1, d=0, rho=0.5, T=0).equilibrium
    assert state["m1"] == pytest.approx(0.8427007929497149, abs=1e-12)
    assert state["n1"] * 1.5 == pytest.approx(0.8427007929497149 + np.sqrt(1 / np.pi) * np.exp(-1), abs=1e-12)


def test_accidental_zeros_of_a_field_are_no_solutions():
    """(3, 1, 1, 1)/4 solves the equations at T = 0 up to rounding, but its free sites stand on the edge of a jump."""
    found = solutions("hopfield-low-load", P=4, T=0)
    assert not [s for s in found if abs(s["m1"] - 0.75) < 1e-6]
    assert found.completeness.index_sum == 1
