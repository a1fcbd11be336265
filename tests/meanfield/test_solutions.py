"""Published and independently computed values of solutions, model by model."""

import numpy as np
import pytest

from meanfield.solutions import solutions


def only(name, kind, **values):
    """The one solution of a kind."""
    found = [s for s in solutions(name, **values) if s.kind == kind]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("T, m, f", [
    (0.2, 0.999909121715233, -0.500009083905523),
    (0.5, 0.957504024077269, -0.509835533993435),
    (0.8, 0.710411783487870, -0.583199756411054),
    (0.9, 0.525429512658009, -0.631175472532096),
    (0.99, 0.172511069975051, -0.686290558086744),
])
def test_curie_weiss(T, m, f):
    """m = tanh(m/T) solved in 30 digits."""
    state = solutions("curie-weiss", T=T).equilibrium
    assert state["m"] == pytest.approx(m, abs=1e-13)
    assert state.free_energy == pytest.approx(f, abs=1e-14)
    assert (state.kind, state.stable, state.multiplicity) == ("ferromagnetic", True, 2)


def test_curie_weiss_in_a_field():
    """m = tanh((m + h)/T) at h = 0.1, T = 1.2 and T = 1, in 18 digits."""
    warm, critical = (solutions("curie-weiss", T=T, h=0.1) for T in (1.2, 1.0))
    assert len(warm) == len(critical) == 1
    assert warm[0]["m"] == pytest.approx(0.379822123217012684, abs=1e-14)
    assert warm[0].free_energy == pytest.approx(-0.853120803676336453, abs=1e-14)
    assert critical[0]["m"] == pytest.approx(0.611811554865309, abs=1e-14)
    assert critical[0].free_energy == pytest.approx(-0.740443310289291, abs=1e-14)


def test_metastable_state_ends_at_the_spinodal():
    """Spinodal field h_s = J M_s - T artanh M_s, M_s^2 = 1 - T/J: 0.266419987676776 at T = J/2."""
    assert len(solutions("curie-weiss", T=0.5, h=0.26641)) == 3
    assert len(solutions("curie-weiss", T=0.5, h=0.26643)) == 1


def test_the_critical_point_is_marginal_and_stable():
    state = solutions("curie-weiss", T=1.0)[0]
    assert (state.kind, str(state.stability), state.stable) == ("paramagnetic", "marginal", True)


@pytest.mark.parametrize("T, m, pressure", [
    (0.2, 0.998292508784032, 7.07191934073191),
    (0.5, 0.863558059706021, 2.89153608034460),
    (0.8, 0.520704148180792, 1.95998033217203),
    (0.9, 0.357599879624002, 1.80778833756189),
])
def test_relativistic_curie_weiss(T, m, pressure):
    """m = tanh(m / (T sqrt(1 + m^2))), A = -f/T in 18 digits; A. Barra et al., Proc. R. Soc. A 471, 20140589."""
    state = solutions("relativistic-curie-weiss", T=T).equilibrium
    assert state["m"] == pytest.approx(m, abs=1e-13)
    assert -state.free_energy / T == pytest.approx(pressure, abs=1e-12)


@pytest.mark.parametrize("p, T, m", [(3, 1.48790750926197, 0.948059206907526), (4, 1.45179733638909, 0.990610932292029)])
def test_p_spin_ferromagnet_coexists_with_the_paramagnet(p, T, m):
    """First-order transition of H = -N m^p: m = tanh(p m^(p-1) / T), equal free energies."""
    ordered, disordered = solutions("p-spin-ferromagnet", p=p, T=T).stable
    states = {s.kind: s for s in (ordered, disordered)}
    assert states["ferromagnetic"]["m"] == pytest.approx(m, abs=1e-12)
    assert ordered.free_energy == pytest.approx(disordered.free_energy, abs=1e-13)


@pytest.mark.parametrize("T, Delta, m", [(0.3, 0.466763507350991, 0.485820020523276), (0.2, 0.48670127106809, 0.873337341446545)])
def test_blume_capel_first_order_transition(T, Delta, m):
    """M. Blume, Phys. Rev. 141, 517 and H. W. Capel, Physica 32, 966: coexistence below the tricritical point."""
    first, second = solutions("blume-capel", T=T, Delta=Delta).stable
    assert {first.kind, second.kind} == {"ferromagnetic", "paramagnetic"}
    assert max(first["m"], second["m"]) == pytest.approx(m, abs=1e-10)
    assert first.free_energy == pytest.approx(second.free_energy, abs=1e-13)


@pytest.mark.parametrize("q, T", [(3, 0.360673760222241), (4, 0.303413075542279)])
def test_potts_first_order_transition(q, T):
    """F. Y. Wu, Rev. Mod. Phys. 54, 235: beta_c J = 2 (q-1) log(q-1) / (q-2), m_c = (q-2)/(q-1)."""
    states = {s.kind: s for s in solutions("potts", q=q, T=T).stable}
    m = (q - 2) / (q - 1)
    assert states["ferromagnetic"]["x1"] == pytest.approx((1 + (q - 1) * m) / q, abs=1e-11)
    assert states["ferromagnetic"].multiplicity == q
    assert states["ferromagnetic"].free_energy == pytest.approx(states["paramagnetic"].free_energy, abs=1e-13)


def test_potts_ordered_spinodal():
    """Ordered spinodal of q = 3 at T = 0.364213333614841."""
    assert len(solutions("potts", q=3, T=0.36421)) == 3
    assert len(solutions("potts", q=3, T=0.36422)) == 1


@pytest.mark.parametrize("name, values, m", [
    ("n-vector", {"n": 2, "T": 0.25}, 0.831462024754257),
    ("n-vector", {"n": 3, "T": 1 / 6}, 0.788886566629197),
    ("xy", {"T": 0.3}, 0.773129625370292),
    ("heisenberg", {"T": 0.2}, 0.7258819871912),
])
def test_vector_spins(name, values, m):
    """m = I_{n/2}(m/T) / I_{n/2-1}(m/T), in 15 digits."""
    state = solutions(name, **values).equilibrium
    assert state["m"] == pytest.approx(m, abs=1e-12)
    assert (state.multiplicity, state.stable) == (1, True)


def test_transverse_field():
    """m = (m/E) tanh(E/T), E^2 = m^2 + Gamma^2, at Gamma = T = 1/2."""
    state = solutions("transverse-field-ising", T=0.5, Gamma=0.5).equilibrium
    assert state["m"] == pytest.approx(0.81658677195027, abs=1e-13)
    assert state.free_energy == pytest.approx(-0.634835533993435, abs=1e-14)


@pytest.mark.parametrize("T, h0, m", [(0.5, 0.470535974260911, 0.731482054698748), (0.4, 0.485143926432525, 0.873337341446545)])
def test_bimodal_random_field_first_order_transition(T, h0, m):
    """A. Aharony, Phys. Rev. B 18, 3318: coexistence below the tricritical point T = 2J/3."""
    first, second = solutions("random-field-ising", T=T, h0=h0).stable
    assert max(first["m"], second["m"]) == pytest.approx(m, abs=1e-10)
    assert first.free_energy == pytest.approx(second.free_energy, abs=1e-13)


def test_gaussian_random_field():
    """m = E tanh((m + sigma z)/T); T = 0: m = erf(m / (sigma sqrt 2))."""
    warm = solutions("random-field-ising-gaussian", T=0.5, sigma=0.3).equilibrium
    assert warm["m"] == pytest.approx(0.906961250462202, abs=1e-12)
    cold = solutions("random-field-ising-gaussian", T=0, sigma=0.5).equilibrium
    assert cold["m"] == pytest.approx(0.939851408558992, abs=1e-12)


def test_hopfield_mixtures():
    """D. J. Amit, H. Gutfreund and H. Sompolinsky, Phys. Rev. A 32, 1007: pure states and odd mixtures at T = 0.4."""
    found = solutions("hopfield-low-load", P=3, T=0.4)
    pure, triple = found.stable
    assert (pure.kind, pure.multiplicity) == ("retrieval", 6)
    assert pure["m1"] == pytest.approx(0.985623871634656755, abs=1e-13)
    assert pure.free_energy == pytest.approx(-0.502782272580833, abs=1e-14)
    assert (triple.kind, triple.multiplicity) == ("mixture", 8)
    assert triple.values == pytest.approx([0.452240864050726] * 3, abs=1e-13)
    assert triple.free_energy == pytest.approx(-0.401434840329427, abs=1e-14)
    assert found.completeness.index_sum == 1


def test_symmetric_mixtures_of_three_appear_below_their_temperature():
    """Stable below T_3 = 0.459794239877785 (often quoted as 0.461)."""
    for T, stable in [(0.4597, True), (0.4599, False)]:
        triple = [s for s in solutions("hopfield-low-load", P=3, T=T) if np.ptp(s.values) < 1e-6 and s["m1"] > 0.1]
        assert [s.stable for s in triple] == [stable]


def test_hopfield_mixture_of_five_is_a_saddle():
    found = [s for s in solutions("hopfield-low-load", P=5, T=0.4) if np.ptp(s.values) < 1e-6 and s["m1"] > 0.1]
    assert found[0].values == pytest.approx([0.332590037813151] * 5, abs=1e-13)
    assert found[0].free_energy == pytest.approx(-0.391320743553457, abs=1e-14)
    assert not found[0].stable


@pytest.mark.parametrize("d, m1, m2", [
    (0.1, 0.8999888053, 0), (0.2, 0.7999493234, 0.0673009484), (0.3, 0.6995248043, 0.1717072066),
    (0.4, 0.5975771753, 0.2169702646), (0.5, 0.4909161233, 0.2382417692), (0.6, 0.3687545699, 0.2513558912),
    (0.7, 0.2378893389, 0.2378893389), (0.8, 0.1315455869, 0.1315455869), (0.84, 0.0561945702, 0.0561945702),
])
def test_multitasking_two_patterns(d, m1, m2):
    """E. Agliari et al., Phys. Rev. Lett. 109, 268101 (arXiv:1111.5191), at beta = 6.66."""
    state = solutions("multitasking-hopfield", P=2, d=d, beta=6.66).equilibrium
    assert state.values == pytest.approx([m1, m2], abs=2e-10)
    assert state.kind == ("retrieval" if not m2 else "hierarchical" if m1 > m2 else "parallel")


def test_multitasking_pure_state_loses_stability():
    """The pure state (m, 0) is stable above T_1(d), T_1(0.3) = 0.2127631350."""
    for T, stable in [(0.21276, False), (0.21277, True)]:
        assert only("multitasking-hopfield", "retrieval", P=2, d=0.3, T=T).stable == stable


def test_multitasking_from_examples():
    """arXiv:2308.04106 at low load; values from an independent iteration with 40001 quadrature nodes."""
    state = solutions("multitasking-hebbian", P=2, d=0.2, rho=0.3, beta=8).equilibrium
    assert state.values == pytest.approx([0.69794606, 0.19454686, 0.60765569, 0.18400436], abs=1e-8)
    assert state.kind == "hierarchical"
    single = solutions("multitasking-hebbian", P=1, d=0, rho=0.5, beta=5).equilibrium
    assert single.values == pytest.approx([0.81538535, 0.68960338], abs=1e-8)
    warm = solutions("multitasking-hebbian", P=1, d=0, rho=0.5, beta=1.5).equilibrium
    assert warm.values == pytest.approx([0.56450333, 0.52591118], abs=1e-8)


def test_dense_network_first_order_transition():
    """p-body Curie-Weiss m = tanh(m^(p-1)/T): p = 3 spinodal 0.582582908365149, transition 0.495969169753988 (m = 0.948059)."""
    found = solutions("dense-low-load", P=1, p=3, T=0.495969169753988)
    assert found[0].free_energy == pytest.approx(found[1].free_energy, abs=1e-13)
    assert max(s["m1"] for s in found.stable) == pytest.approx(0.948059, abs=1e-6)
    assert len(solutions("dense-low-load", P=1, p=3, T=0.58258)) == 3
    assert len(solutions("dense-low-load", P=1, p=3, T=0.58259)) == 1
