"""Replica symmetric solutions of models with quenched couplings: numbers, branches, labels, stability."""

import math

import pytest

import meanfield
from meanfield.results import Status
from theory.couplings import GaussianCouplings, HebbianLoad, PatternConstraints, step
from theory.disorder import Normal, Rademacher
from theory.errors import InputError
from theory.model import Model
from theory.sites import Ising, Spin
from theory.symbols import symbols

s, xi, eta, m, n, q, r, u = symbols("s xi eta m n q r u")
alpha, J0, h, Delta = symbols("alpha J0 h Delta")


def of_kind(found, kind, stable=True):
    """The solution of a kind, stable or not."""
    match, = [x for x in found if x.kind == kind and x.stable == stable]
    return match


HOPFIELD = [
    (0.05, 0.2, 0.998877763094, 0.997830410963, 1.019836663148, -0.525111164982, 0.841434762444, -0.523895745892),
    (0.05, 0.4, 0.966186807943, 0.936682191005, 1.322123291971, -0.530747790847, 0.679325723889, -0.550960702491),
    (0.1, 0.1, 0.996750843849, 0.996915837055, 1.061375340249, -0.550264751508, 0.927694914841, -0.617107409368),
    (0.1, 0.2, 0.989085155044, 0.984417060282, 1.157809032241, -0.551040655519, 0.854162643366, -0.619255949733),
    (0.02, 0.6, 0.879290073597, 0.779278075714, 1.950201476425, -0.538523398207, 0.477757665514, -0.539789602159),
    (0.12, 0.1, 0.990054374227, 0.992522858203, 1.159424402045, -0.560789889958, 0.929574422232, -0.650774570692),
]


@pytest.mark.parametrize("load, T, m_r, q_r, r_r, f_r, q_sg, f_sg", HOPFIELD)
def test_hopfield_has_retrieval_and_spin_glass(load, T, m_r, q_r, r_r, f_r, q_sg, f_sg):
    found = meanfield.solutions("hopfield", alpha=load, T=T)
    retrieval, glass = of_kind(found, "retrieval"), of_kind(found, "spin-glass")
    assert [retrieval[x] for x in "mqr"] == pytest.approx([m_r, q_r, r_r], abs=2e-11)
    assert (retrieval.free_energy, glass["q"], glass.free_energy) == pytest.approx((f_r, q_sg, f_sg), abs=2e-11)
    assert (glass["m"], retrieval.multiplicity, retrieval.rs_valid, glass.rs_valid) == (0.0, 2, True, False)
    assert found[0] is found.equilibrium and found[0].free_energy == pytest.approx(min(f_r, f_sg), abs=2e-11)


def test_hopfield_retrieval_ends_in_a_fold_with_an_unstable_state():
    found = meanfield.solutions("hopfield", alpha=0.1, T=0.2)
    stable, unstable = of_kind(found, "retrieval"), of_kind(found, "retrieval", False)
    assert unstable["m"] < stable["m"] and unstable.free_energy > stable.free_energy


def test_equilibrium_changes_at_the_first_order_line():
    assert meanfield.solve("hopfield", alpha=0.0505, T=0.2).kind == "retrieval"
    assert meanfield.solve("hopfield", alpha=0.0510, T=0.2).kind == "spin-glass"


GLASS = [(0.5, 1.0, 0.424259657037, -1.245498626401), (1.0, 0.5, 0.766033057778, -1.605638599534),
         (0.2, 1.2, 0.172853732018, -1.039097814253)]


@pytest.mark.parametrize("load, T, q_sg, f_sg", GLASS)
def test_hopfield_spin_glass_alone(load, T, q_sg, f_sg):
    found = meanfield.solutions("hopfield", alpha=load, T=T)
    assert [x.kind for x in found.stable] == ["spin-glass"]
    assert (found[0]["q"], found[0].free_energy) == pytest.approx((q_sg, f_sg), abs=2e-11)


def test_hopfield_at_zero_temperature():
    found = meanfield.solutions("hopfield", alpha=0.1, T=0)
    retrieval, glass = of_kind(found, "retrieval"), of_kind(found, "spin-glass")
    expected = (0.997999266347299, -0.550154209347334, -0.620623138385807)
    assert (retrieval["m"], retrieval.energy, glass.energy) == pytest.approx(expected, abs=1e-12)
    assert retrieval.rs_valid is False and retrieval.as_dict()["replicon"] is None


@pytest.mark.parametrize("load", [0.0005, 0.005])
def test_a_pole_hides_no_spin_glass(load):
    k = math.sqrt(2 / (math.pi * load))
    glass = of_kind(meanfield.solutions("hopfield", alpha=load, T=0), "spin-glass")
    assert glass["C"] == pytest.approx(k / (1 + k), abs=1e-12)


SK = [
    (dict(T=0.2), "spin-glass", 0.0, 0.827974673767, -0.777241254938, -0.044517970309, -1.900421),
    (dict(T=0.5), "spin-glass", 0.0, 0.530368392051, -0.792392945135, 0.147367152842, -0.362673),
    (dict(T=0.8), "spin-glass", 0.0, 0.208937008991, -0.865127270014, 0.334264301366, -0.048195),
    (dict(T=0.5, J0=1.5), "ferromagnetic", 0.732507327664, 0.783220695959, -0.855112634939, None, 0.431304437),
    (dict(T=0.5, h=1), "paramagnetic", 0.693344674782, 0.759065085673, -1.187094054128, None, 0.360322260),
    (dict(T=1, h=0.3), "paramagnetic", 0.252213512883, 0.191907198073, -0.983071374107, None, None),
    (dict(T=0.5, h=0.5), "spin-glass", None, 0.621523294292, None, None, -0.062891),
    (dict(T=2 / 3, J0=1.5), "ferromagnetic", 0.692294654948, 0.692294654948, None, None, None),
]


@pytest.mark.parametrize("point, kind, m_, q_, f_, s_, replicon", SK)
def test_sherrington_kirkpatrick(point, kind, m_, q_, f_, s_, replicon):
    best = meanfield.solutions("sherrington-kirkpatrick", **point).equilibrium
    assert best.kind == kind and best.rs_valid is (best.replicon > 0)
    for value, expected in ((best["q"], q_), (best.free_energy, f_), (best.entropy, s_)):
        assert expected is None or value == pytest.approx(expected, abs=2e-11)
    assert m_ is None or best["m"] == pytest.approx(m_, abs=2e-11)
    assert replicon is None or best.replicon == pytest.approx(replicon, abs=1e-6)


def test_the_paramagnet_below_the_transition_is_no_maximum():
    found = meanfield.solutions("sherrington-kirkpatrick", T=0.5)
    paramagnet = of_kind(found, "paramagnetic", False)
    assert paramagnet["q"] == 0.0 and paramagnet.free_energy < found.equilibrium.free_energy


def test_ferromagnet_of_a_glass_is_mixed_below_the_instability():
    assert meanfield.solve("sherrington-kirkpatrick", T=0.4, J0=1.33).kind == "ferromagnetic"
    assert meanfield.solve("sherrington-kirkpatrick", T=0.4, J0=1.31).kind == "mixed"


def test_both_directions_in_a_field():
    found = meanfield.solutions("sherrington-kirkpatrick", T=0.5, J0=1.5, h=0.1)
    assert [x.kind for x in found.stable] == ["ferromagnetic"] * 2
    assert found.stable[0]["m"] > 0 > found.stable[1]["m"] and found.stable[0].multiplicity == 1


def test_relativistic_hopfield_is_one_at_an_effective_temperature():
    load, T, b = 0.05, 0.1, 0.7
    for _ in range(12):
        mapped = meanfield.solve("hopfield", alpha=load, T=T / b, start={"m": 1, "q": 0.99})
        C = b / T * (1 - mapped["q"])
        b = 1 / math.sqrt(1 + mapped["m"] ** 2 + load * (1 / (1 - C) + C * mapped["q"] / (1 - C) ** 2))
    best = meanfield.solve("relativistic-hopfield", T=T, alpha=load)
    assert (best["m"], best["q"]) == pytest.approx((mapped["m"], mapped["q"]), abs=1e-11)


DENSE = [(3, 0.1, 0.2, 0.9929277154, 0.9889474577, 1.6708243253), (3, 0.2, 0.1, 0.9612048843, 0.9789125543, 3.3865745887),
         (3, 0.2, 0.3, 0.9194637204, 0.8952271957, 1.1571137421), (4, 0.1, 0.2, 0.9927420718, 0.9886417496, 1.2542074630),
         (4, 0.15, 0.1, 0.9852947657, 0.9896375292, 2.5169825471)]


@pytest.mark.parametrize("p, a, T, m_, q_, A", DENSE)
def test_dense_retrieval(p, a, T, m_, q_, A):
    found = of_kind(meanfield.solutions("dense-hopfield", p=p, a=a, T=T), "retrieval")
    assert (found["m"], found["q"], -found.free_energy / T) == pytest.approx((m_, q_, A), abs=2e-10)
    assert found.multiplicity == (1 if p % 2 else 2)


PERCEPTRONS = [
    ("perceptron-spherical", dict(alpha=0.5), 0.307393175380, -0.377669575132),
    ("perceptron-spherical", dict(alpha=1.5), 0.821721186840, -1.589208239693),
    ("perceptron-binary", dict(alpha=0.5), None, 0.314390066856),
    ("perceptron-binary", dict(alpha=0.8), None, 0.035305720598),
    ("teacher-student-binary", dict(alpha=1), 0.560714737095, 0.106108267775),
    ("teacher-student-binary", dict(alpha=1.2), 0.668661379867, 0.017965008629),
    ("perceptron-errors", dict(alpha=1, beta=2), 0.26964755, 0.40847716),
    ("perceptron-errors", dict(alpha=0.5, beta=4), 0.27414643, 0.38866899),
]


@pytest.mark.parametrize("name, point, q_, entropy", PERCEPTRONS)
def test_perceptrons(name, point, q_, entropy):
    best = meanfield.solve(name, **point)
    assert (best.kind, best.stable, best.rs_valid) == ("paramagnetic", True, True)
    assert best.entropy == pytest.approx(entropy, abs=6e-9)
    assert q_ is None or best["q"] == pytest.approx(q_, abs=6e-9)


@pytest.mark.parametrize("load, q_", [(1, 0.486263637016), (5, 0.932064245664), (20, 0.995226919567)])
def test_spherical_student(load, q_):
    assert meanfield.solve("teacher-student-spherical", alpha=load)["q"] == pytest.approx(q_, abs=2e-10)


def test_binary_student_generalises_perfectly_beyond_a_first_order_transition():
    before, after = (meanfield.solutions("teacher-student-binary", alpha=x) for x in (1.244, 1.2455))
    assert [x.kind for x in before.stable] == ["paramagnetic", "ferromagnetic"]
    assert [x.kind for x in after.stable] == ["ferromagnetic", "paramagnetic"]
    assert after.equilibrium["q"] == 1.0 and after.equilibrium.free_energy == 0.0
    assert [x.kind for x in meanfield.solutions("teacher-student-binary", alpha=1.5).stable] == ["ferromagnetic"]


def test_constraints_that_cannot_be_satisfied_have_no_solution():
    found = meanfield.solutions("perceptron-spherical", alpha=2.1)
    assert len(found) == 0 and found.equilibrium is None and found.as_dict()["solutions"] == []
    assert meanfield.solve("perceptron-spherical", alpha=2.1).status is Status.ABSENT


def test_negative_entropy_of_binary_weights_is_said():
    assert meanfield.solve("perceptron-binary", alpha=0.9).rs_valid is False


def test_bipartite_glass():
    found = meanfield.solutions("bipartite-sk", alpha=1, T=2**-0.5)
    best = found.equilibrium
    assert best.kind == "spin-glass" and (best["q"], best["p"]) == pytest.approx((0.3089823849, 0.3089823849), abs=2e-10)
    assert -best.free_energy * 2**0.5 == pytest.approx(2.3663713481, abs=2e-10)
    assert meanfield.solve("bipartite-sk", alpha=1, T=1.1).kind == "paramagnetic"


@pytest.mark.parametrize("g, capacity", [(1, 0.199801544140), (2, 0.17191058)])
def test_bam_retrieves_up_to_its_capacity(g, capacity):
    below, above = (meanfield.solutions("bam", alpha=c * capacity, g=g, T=0) for c in (0.999, 1.001))
    assert any(x.kind == "retrieval" and x.stable for x in below) and all(x.kind == "spin-glass" for x in above)


CAPACITIES = [("hopfield", {}, 0.137905566495), ("hopfield-biased", dict(b=0.4), 0.04810108),
              ("dreaming-hopfield", dict(t=1), 0.38659596), ("hebbian-supervised", dict(rho=0.1), 0.07154130)]


@pytest.mark.parametrize("name, fixed, capacity", CAPACITIES)
def test_retrieval_up_to_the_capacity(name, fixed, capacity):
    below, above = (meanfield.solutions(name, alpha=c * capacity, T=0, **fixed) for c in (0.999, 1.001))
    assert any(x.kind == "retrieval" and x.stable for x in below) and all(x.kind == "spin-glass" for x in above)


def test_two_condensed_patterns_know_their_symmetry():
    model = Model(site=Ising(s), disorder={xi: Rademacher(), eta: Rademacher()}, order_parameters={m: xi * s, n: eta * s},
                  energy=-(m**2 + n**2) / 2, couplings=[HebbianLoad(alpha, noise=r)], name="two patterns")
    found = meanfield.solutions(model, T=0.2, alpha=0.002)
    pure, mixture = of_kind(found, "retrieval"), [x for x in found if x.kind == "mixture"]
    assert (pure["n"], pure.multiplicity) == (0.0, 4)
    assert mixture and all(x["m"] == pytest.approx(x["n"]) and x.multiplicity == 4 and not x.stable for x in mixture)


def test_random_fields_make_overlaps_without_a_transition():
    model = Model(site=Ising(s), disorder={xi: Normal(0, 1)}, order_parameters={m: s}, energy=-J0 * m**2 / 2,
                  site_energy=-h * xi * s, couplings=[GaussianCouplings(q**2 / 2)], name="random fields")
    warm, cold = (meanfield.solutions(model, T=T, J0=0, h=0.5).equilibrium for T in (1.0, 0.5))
    assert (warm.kind, cold.kind, warm["m"]) == ("paramagnetic", "spin-glass", 0.0) and warm["q"] > 0.1


def test_spins_of_several_lengths_have_a_diagonal():
    model = Model(site=Spin(s, 1), order_parameters={m: s}, energy=-J0 * m**2 / 2, site_energy=Delta * s**2,
                  couplings=[GaussianCouplings(q**2 / 2)], name="ghatak-sherrington")
    best = meanfield.solve(model, T=0.3, J0=1.5, Delta=0.5)
    assert best.kind == "ferromagnetic" and best["m"] ** 2 < best["q"] < best["q_d"] < 1


def test_symmetric_gate_leaves_no_overlap():
    constraint = PatternConstraints(alpha, gate=step(u + 1) * step(1 - u))
    model = Model(site=Ising(s), order_parameters={}, energy=0, couplings=[constraint], name="symmetric")
    best = meanfield.solve(model, alpha=1)
    assert best["q"] == 0.0 and best.entropy == pytest.approx(math.log(2) + math.log(math.erf(1 / math.sqrt(2))), abs=1e-12)


def test_a_start_chooses_the_state():
    assert meanfield.solve("hopfield", alpha=0.1, T=0.2, start={"m": 0.98, "q": 0.98}).kind == "retrieval"
    assert meanfield.solve("hopfield", alpha=0.1, T=0.2, start={"q": 0.8}).kind == "spin-glass"
    with pytest.raises(InputError, match="unknowns are m, C"):
        meanfield.solve("hopfield", alpha=0.1, T=0.2, start={"magnetisation": 1})


def test_an_ansatz_needs_couplings():
    with pytest.raises(InputError, match="no quenched couplings"):
        meanfield.solutions("curie-weiss", T=0.5, ansatz="1rsb")
    with pytest.raises(InputError, match="no temperature"):
        meanfield.solutions("perceptron-binary", T=0.5)


GHATAK_SHERRINGTON = """
name = "Ghatak-Sherrington"
[parameters]
J0 = 0.5
Dc = 0.3
[site]
S = [-1, 0, 1]
[order_parameters]
m = "S"
[energy]
density = "-J0*m**2/2"
site = "Dc*S**2"
[[couplings]]
kind = "gaussian"
covariance = "q**2/2"
"""


@pytest.mark.parametrize("T, Dc, kind", [(0, 0.5, "spin-glass"), (0.001, 0.5, "spin-glass"), (0.2, 0.9, "spin-glass"),
                                         (0.2, 0.93, "paramagnetic"), (0, 0.95, "paramagnetic")])
def test_mean_squares_lower_the_free_energy(T, Dc, kind, tmp_path):
    path = tmp_path / "gs.toml"
    path.write_text(GHATAK_SHERRINGTON)
    found = meanfield.solutions(str(path), T=T, Dc=Dc)
    stable = [s for s in found if s.stable]
    assert found.equilibrium.kind == kind and {s.kind for s in stable} == {"paramagnetic", "spin-glass"}
    assert found.equilibrium.free_energy == min(s.free_energy for s in stable)


@pytest.mark.parametrize("T, t", [(0.1, 10), (0.1, 100), (0, 1000)])
def test_dreaming_keeps_retrieval(T, t):
    found = meanfield.solutions("dreaming-hopfield", T=T, alpha=0.1, t=t)
    assert found.equilibrium.kind == "retrieval" and found.equilibrium["m"] > 0.99


@pytest.mark.parametrize("name", ["D", "C", "R"])
def test_names_of_unknowns_make_way_for_parameters(name, tmp_path):
    files = [tmp_path / "theirs.toml", tmp_path / "ours.toml"]
    files[0].write_text(GHATAK_SHERRINGTON.replace("Dc", name))
    files[1].write_text(GHATAK_SHERRINGTON)
    own, other = (meanfield.solutions(str(f), T=0, **{p: 0.5}).equilibrium for f, p in zip(files, (name, "Dc")))
    assert own.free_energy == other.free_energy and list(own.order_parameters.values()) == list(other.order_parameters.values())
