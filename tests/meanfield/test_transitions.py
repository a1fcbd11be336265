"""Transitions along a line, and the branches that they are read from, against published and exact values."""

import math

import numpy as np
import pytest

from meanfield.branches import branches, continuation, switch
from meanfield.transitions import transitions
from theory.errors import InputError


def found(model, along, **parameters):
    """[(kind, parameter, from, to)] of the transitions along a line."""
    (name, _), = along.items()
    return [(t.kind, t.at[name], t.before, t.after) for t in transitions(model, along=along, **parameters)]


def assert_matches(records, expected, tolerance=1e-11):
    """Kinds and labels agree, and places to the tolerance."""
    assert [(k, a, b) for k, _, a, b in records] == [(k, a, b) for k, _, a, b in expected]
    assert [x for _, x, _, _ in records] == pytest.approx([x for _, x, _, _ in expected], abs=tolerance)


FERRO, PARA = "ferromagnetic", "paramagnetic"


@pytest.mark.parametrize("J", [1.0, 1.7])
def test_curie_weiss_orders_at_T_equal_J(J):
    """m = tanh(Jm/T) has its pitchfork at T = J."""
    assert_matches(found("curie-weiss", {"T": (0.2, 2)}, J=J), [("continuous", J, FERRO, PARA)])


def test_curie_weiss_in_a_field():
    """Hysteresis: |h_s| = J M_s - T artanh M_s with M_s = sqrt(1 - T/J); the transition is at h = 0."""
    spinodal = math.sqrt(0.5) - 0.5 * math.atanh(math.sqrt(0.5))
    down, up = "ferromagnetic (m < 0)", "ferromagnetic (m > 0)"
    records = found("curie-weiss", {"h": (-0.5, 0.4)}, T=0.5)
    assert_matches(records, [("spinodal", -spinodal, down, up), ("first-order", 0.0, down, up), ("spinodal", spinodal, down, up)])


def test_jump_at_the_end_of_a_branch_is_one_record():
    """At T = 0 both phases end at J = 0, where the state jumps: no spinodals besides the transition."""
    assert found("curie-weiss", {"J": (0, 1)}, T=0) == [("first-order", 0.0, PARA, FERRO)]


@pytest.mark.parametrize("along", [{"T": (0.5, 1)}, {"T": (1, 2)}])
def test_transitions_at_the_ends_of_the_range(along):
    """The interval is closed."""
    assert found("curie-weiss", along) == [("continuous", 1.0, FERRO, PARA)]


def test_nothing_beyond_the_range():
    """A transition just outside the interval is not reported, and one at a field of zero is at zero exactly."""
    assert found("curie-weiss", {"T": (1 + 1e-6, 2)}) == found("curie-weiss", {"T": (0.5, 1 - 1e-6)}) == []
    assert [x for kind, x, _, _ in found("p-spin-ferromagnet", {"h": (-1, 1)}, p=4) if kind == "first-order"] == [0.0]


def test_no_transition():
    """Above T_c nothing happens."""
    assert found("curie-weiss", {"T": (1.1, 2)}) == []


def test_blume_capel_continuous():
    """Delta = -T ln[T / (2(J - T))] above the tricritical point."""
    assert_matches(found("blume-capel", {"Delta": (0, 0.6)}, T=0.5), [("continuous", 0.5 * math.log(2), FERRO, PARA)])


def test_blume_capel_first_order():
    """First-order transition and both limits of metastability at T = 0.3."""
    continuous = -0.3 * math.log(0.3 / 1.4)
    records = found("blume-capel", {"Delta": (0, 0.6)}, T=0.3)
    assert_matches(records[:2], [("spinodal", continuous, FERRO, PARA), ("first-order", 0.466763507350991, FERRO, PARA)])
    assert records[2][0] == "spinodal" and records[2][1] > records[1][1]


@pytest.mark.parametrize(("along", "given", "place"), [
    ({"T": (0.1, 0.6)}, {"Delta": 2 * math.log(2) / 3}, 1 / 3), ({"Delta": (0.1, 0.6)}, {"T": 1 / 3}, 2 * math.log(2) / 3),
])
def test_tricritical_point_met_exactly(along, given, place):
    """Where the quartic term vanishes too, the continuous transition is also recorded as tricritical."""
    records = [r for r in found("blume-capel", along, **given) if r[0] != "spinodal"]
    assert_matches(records, [("continuous", place, FERRO, PARA), ("tricritical", place, FERRO, PARA)], 1e-10)


def potts_coexistence(q):
    """T_c of the q-state Potts model (Wu 1982), J = 1."""
    return (q - 2) / (2 * (q - 1) * math.log(q - 1))


@pytest.mark.parametrize(("q", "ordered"), [(3, 0.364213333614841), (4, 0.310680471822813), (5, 0.280544113518778)])
def test_potts_is_first_order(q, ordered):
    """Disordered spinodal at J/q, equal free energies at (q-2)/(2(q-1) ln(q-1)), ordered spinodal above."""
    expected = [("spinodal", 1 / q, FERRO, PARA), ("first-order", potts_coexistence(q), FERRO, PARA), ("spinodal", ordered, FERRO, PARA)]
    assert_matches(found("potts", {"T": (0.05, 0.6)}, q=q), expected)


def test_potts_of_two_colours_is_continuous():
    """q = 2 is the Ising model with T_c = J/2."""
    assert_matches(found("potts", {"T": (0.05, 0.8)}, q=2), [("continuous", 0.5, FERRO, PARA)])


@pytest.mark.parametrize(("p", "first", "spinodal"), [(3, 1.48790750926197, 1.74774872509545), (4, 1.45179733638909, 1.98314520953408)])
def test_p_spin_ferromagnet(p, first, spinodal):
    """m = tanh(p m^(p-1) / T); the paramagnet never loses its stability."""
    expected = [("first-order", first, FERRO, PARA), ("spinodal", spinodal, FERRO, PARA)]
    assert_matches(found("p-spin-ferromagnet", {"T": (0.2, 2.5)}, p=p), expected, 1e-10)


def test_dense_network_at_low_load():
    """The three-body pattern state: first order at 0.49597, gone at 0.58258."""
    records = found("dense-low-load", {"T": (0.3, 0.8)}, P=2, p=3)
    assert_matches(records, [("first-order", 0.495969169753988, "retrieval", PARA), ("spinodal", 0.582582908365149, "retrieval", PARA)])


def test_random_field():
    """Bimodal fields: continuous at h = T artanh sqrt(1 - T) for T > 2/3, first order below (Aharony 1978)."""
    assert_matches(found("random-field-ising", {"h0": (0, 1)}, T=0.8), [("continuous", 0.8 * math.atanh(math.sqrt(0.2)), FERRO, PARA)])
    records = found("random-field-ising", {"h0": (0, 1)}, T=0.5)
    assert_matches([r for r in records if r[0] == "first-order"], [("first-order", 0.470535974260911, FERRO, PARA)])


@pytest.mark.parametrize(("T", "sigma"), [(0.0, 0.797884560802865), (0.3, 0.751627376321225), (0.8, 0.442601410300935)])
def test_gaussian_random_field(T, sigma):
    """Always continuous; sigma_c = sqrt(2/pi) at T = 0 (Schneider and Pytte 1977)."""
    assert_matches(found("random-field-ising-gaussian", {"sigma": (0.05, 1)}, T=T), [("continuous", sigma, FERRO, PARA)], 1e-10)


def test_transverse_field():
    """Gamma / J = tanh(Gamma / T_c); Gamma_c = J at T = 0."""
    assert_matches(found("transverse-field-ising", {"T": (0.05, 1.2)}, Gamma=0.5), [("continuous", 0.5 / math.atanh(0.5), FERRO, PARA)])
    assert_matches(found("transverse-field-ising", {"Gamma": (0.05, 1.2)}, T=0), [("continuous", 1.0, FERRO, PARA)])


@pytest.mark.parametrize(("model", "T", "options"), [("xy", 1 / 2, {}), ("heisenberg", 1 / 3, {}), ("n-vector", 1 / 4, {"n": 4})])
def test_vector_models(model, T, options):
    """T_c = J / n."""
    assert_matches(found(model, {"T": (0.1, 1.2)}, **options), [("continuous", T, FERRO, PARA)])


def test_hopfield_mixtures_lose_their_stability():
    """Three-pattern mixtures are stable below T_3 = 0.4598 (Amit, Gutfreund and Sompolinsky 1985)."""
    records = found("hopfield-low-load", {"T": (0.05, 1.5)}, P=3)
    assert_matches(records, [("spinodal", 0.459794239877785, "mixture", "retrieval"), ("continuous", 1.0, "retrieval", PARA)])


@pytest.mark.parametrize(("d", "T1", "below", "between"), [(0.3, 0.2127631350, "hierarchical", "retrieval"), (0.7, 0.0937643669, "hierarchical", "parallel")])
def test_multitasking_along_T(d, T1, below, between):
    """T_1(d) or T_2(d) of two diluted patterns, and T_c = 1 - d."""
    records = found("multitasking-hopfield", {"T": (0.02, 1.2)}, d=d, P=2)
    assert_matches(records, [("continuous", T1, below, between), ("continuous", 1 - d, between, PARA)], 1e-10)


def test_a_narrow_phase_between_two_others():
    """At d = 0.65 the hierarchical state returns on 0.3% of the range, between parallel and retrieval."""
    records = found("multitasking-hopfield", {"T": (0.05, 0.6)}, d=0.65, P=2)
    states = ["hierarchical", "parallel", "hierarchical", "retrieval", PARA]
    places = [0.136981492914, 0.327251972257, 0.329128855005, 0.35]
    assert_matches(records, [("continuous", x, a, b) for x, a, b in zip(places, states, states[1:])], 1e-11)


def test_a_phase_that_springs_from_an_instability():
    """Retrieval gives way to hierarchical and this to parallel as the dilution grows at T = 0.3."""
    records = found("multitasking-hopfield", {"d": (0, 1)}, T=0.3, P=2)
    states = ["retrieval", "hierarchical", "parallel", PARA]
    places = [0.542708739092, 0.618456798531, 0.7]
    assert_matches(records, [("continuous", x, a, b) for x, a, b in zip(places, states, states[1:])], 1e-11)


def test_kinks_at_zero_temperature():
    """Spin 1 at T = 0: m = 1 exists up to Delta = J, m = 0 is stable from 0 on, and they coexist at J/2."""
    records = found("blume-capel", {"Delta": (-0.2, 1.5)}, T=0)
    assert_matches(records, [(kind, x, FERRO, PARA) for kind, x in (("spinodal", 0), ("first-order", 0.5), ("spinodal", 1))], 1e-12)


def test_multitasking_at_zero_temperature():
    """Three patterns: the hierarchical state gives way at d = 0.5469 and ceases to exist at the golden ratio."""
    records = found("multitasking-hopfield", {"d": (0.05, 0.95)}, T=0, P=3)
    golden = (math.sqrt(5) - 1) / 2
    assert_matches(records, [("first-order", 0.5469181607, "hierarchical", "mixed"), ("spinodal", golden, "hierarchical", "mixed")], 1e-10)


def test_records_in_increasing_order_as_json():
    """`from` and `to` are in increasing direction; the record is plain."""
    document = transitions("potts", along={"T": (0.2, 0.5)}, q=3).as_dict()
    assert [r["kind"] for r in document["transitions"]] == ["spinodal", "first-order", "spinodal"]
    assert {"kind", "at", "from", "to"} <= set(document["transitions"][0])
    places = [r["at"]["T"] for r in document["transitions"]]
    assert places == sorted(places)


@pytest.mark.parametrize(("along", "text"), [
    ({"T": (2, 1)}, "low < high"), ({"T": (1, 1)}, "low < high"), ({"T": (1,)}, "range"), ({"T": (0, 1, 1)}, "two points"),
    ({"T": (0, 1, 2.5)}, "range"), ({"P": (1, 3)}, "structural"), ({"x": (0, 1)}, "no parameter"), ({"T": (-1, 1)}, "T must"),
    ({"d": (0, 2)}, r"\[0, 1\]"), ({"T": ("a", 1)}, "range"), ({"T": (0, math.inf)}, "low < high"), ({}, "one range"), (5, "one range"),
])
def test_bad_ranges_are_refused(along, text):
    """One clear line says what is wrong."""
    for verb in (transitions, branches):
        with pytest.raises(InputError, match=text) as error:
            verb("multitasking-hopfield", along=along)
        assert "\n" not in str(error.value)


def test_set_and_ranged():
    """A parameter is either set or ranged over."""
    with pytest.raises(InputError, match="both set and ranged"):
        transitions("curie-weiss", along={"J": (0.5, 1)}, J=1.0)


@pytest.fixture(scope="module")
def curie_weiss():
    """Branches of the Curie-Weiss magnet along T."""
    return branches("curie-weiss", along={"T": (0.2, 1.8, 17)})


def test_branch_quantities(curie_weiss):
    """m = tanh(m/T), c = m^2 (1-m^2) / (T [T - (1-m^2)]), chi = (1-m^2) / (T - (1-m^2)) on the ordered branch."""
    branch = next(b for b in curie_weiss if b.kind == "ferromagnetic")
    T, m = (branch[name][branch["m"] > 0.05] for name in ("T", "m"))
    keep = branch["m"] > 0.05
    assert m == pytest.approx(np.tanh(m / T), abs=1e-13)
    assert branch["specific_heat"][keep] == pytest.approx(m**2 * (1 - m**2) / (T * (T - (1 - m**2))), rel=1e-9)
    assert branch["chi_m"][keep] == pytest.approx((1 - m**2) / (T - (1 - m**2)), rel=1e-9)
    assert branch["energy"] == pytest.approx(branch["free_energy"] + branch["T"] * branch["entropy"], abs=1e-14)
    assert branch.stable[keep].all()


def test_special_points(curie_weiss):
    """The ordered branch meets the paramagnet, which bifurcates, both at T = 1."""
    kinds = {b.kind: [(p.kind, p.at["T"]) for p in b.special_points] for b in curie_weiss}
    assert kinds["ferromagnetic"] == [("pitchfork", pytest.approx(1, abs=1e-12))]
    assert kinds["paramagnetic"] == [("pitchfork", pytest.approx(1, abs=1e-12))]


def test_branches_pass_folds():
    """The hysteresis loop is one branch with two folds."""
    branch, = branches("curie-weiss", along={"h": (-0.5, 0.5, 11)}, T=0.5)
    assert [p.kind for p in branch.special_points] == ["fold", "fold"]
    assert set(np.sign(np.diff(branch["h"]))) == {-1.0, 1.0}
    assert not branch.stable.all() and branch.stable.any()


def test_tables_are_immutable(curie_weiss):
    """Columns cannot be written to."""
    with pytest.raises(ValueError):
        curie_weiss[0]["m"][0] = 5


def test_csv(curie_weiss, tmp_path):
    """The text and the file are the same, with one row for each point."""
    path = curie_weiss.to_csv(tmp_path / "branches.csv")
    assert path.read_text() == curie_weiss.to_csv()
    assert len(path.read_text().splitlines()) == 1 + sum(map(len, curie_weiss))


def test_one_branch_from_a_start():
    """A start at the lower end picks the branch."""
    branch, = branches("multitasking-hopfield", along={"T": (0.1, 0.8)}, start={"m1": 0.7}, d=0.3)
    assert branch.kind == "retrieval"
    with pytest.raises(InputError, match="start"):
        branches("curie-weiss", along={"T": (0.1, 0.8)}, start=[1, 2])


def test_transcritical_point_from_either_side():
    """The Potts paramagnet exchanges stability with the ordered branch at T = J/q; each leads to the other."""
    found = {b.kind: b for b in branches("potts", along={"T": (0.1, 0.6, 6)})}
    for kind, other in (("paramagnetic", "ferromagnetic"), ("ferromagnetic", "paramagnetic")):
        point, = [p for p in found[kind].special_points if p.kind == "transcritical"]
        assert point.at["T"] == pytest.approx(1 / 3, abs=1e-12)
        assert [b.kind for b in switch(found[kind], point)] == [other]
    ordered = found["ferromagnetic"]
    x = np.array([ordered[f"x{a}"] for a in (1, 2, 3)])
    weights = np.exp((x - x.max(axis=0)) / ordered["T"])
    assert x == pytest.approx(weights / weights.sum(axis=0), abs=1e-9)


def test_events_of_the_user(curie_weiss):
    """m = 1/2 at T = 1/log 3, and chi_m = 3 at T = 4/3, by a text and by a function; a pole of chi is no zero of it."""
    wanted = {"half": "m - 1/2", "chi": lambda solution, parameters: solution["chi_m"] - 3 * parameters["J"]}
    found = {b.kind: b for b in branches("curie-weiss", along={"T": (0.3, 1.5, 5)}, events=wanted)}
    places = {(p.kind, kind): p.at["T"] for kind, b in found.items() for p in b.special_points}
    assert set(places) == {("half", "ferromagnetic"), ("chi", "ferromagnetic"), ("chi", "paramagnetic"),
                           ("pitchfork", "ferromagnetic"), ("pitchfork", "paramagnetic")}
    assert places["half", "ferromagnetic"] == pytest.approx(1 / math.log(3), abs=1e-12)
    assert places["chi", "paramagnetic"] == pytest.approx(4 / 3, abs=1e-12)
    m, T = (next(p for p in found["ferromagnetic"].special_points if p.kind == "chi").order_parameters["m"], places["chi", "ferromagnetic"])
    assert (1 - m * m) / (T - 1 + m * m) == pytest.approx(3, abs=1e-9)


@pytest.mark.parametrize(("events", "said"), [("x - 1", "x"), ([1.0], "text of an expression or a function"), (["m +"], "m")])
def test_events_that_are_refused(events, said):
    """One line each."""
    with pytest.raises(InputError, match=said) as caught:
        branches("curie-weiss", along={"T": (0.3, 1.5)}, events=events)
    assert "\n" not in str(caught.value)


def test_branches_can_be_iterated():
    """Points come one after the other, through the fold and back; the table's rows likewise."""
    rows = continuation("blume-capel", along={"Delta": (0.3, 0.6)}, start={"m": 0.95}, T=0.25, events=["m - 3/4"])
    first = next(rows)
    assert first["Delta"] == 0.3 and first["kind"] == FERRO and first["special"] == ""
    special = [(row["special"], row["Delta"], row["m"]) for row in rows if row["special"]]
    assert [kind for kind, _, _ in special] == ["m - 3/4", "fold", "pitchfork"]
    assert special[0][2] == pytest.approx(0.75, abs=1e-13) and special[2][1] == pytest.approx(-0.25 * math.log(1 / 6), abs=1e-12)
    backwards = [row["T"] for row in continuation("curie-weiss", along={"T": (1.5, 0.5)}) if row["special"] == "pitchfork"]
    assert backwards == [pytest.approx(1, abs=1e-12)]
    branch, = branches("curie-weiss", along={"T": (1.2, 1.5, 4)})
    assert [row["T"] for row in branch] == list(branch["T"])


def test_rows_are_ranked_by_free_energy():
    """Blume-Capel at T = 0.25: the ferromagnet comes first before the first-order transition, the paramagnet beyond it."""
    first, = (x for kind, x, _, _ in found("blume-capel", {"Delta": (0.3, 0.6)}, T=0.25) if kind == "first-order")
    for branch in branches("blume-capel", along={"Delta": (0.3, 0.6, 31)}, T=0.25):
        for row in branch:
            if row["stable"] and abs(row["Delta"] - first) > 1e-3:
                lowest = (row["Delta"] < first) == (row["kind"] == FERRO)
                assert (row["rank"] == 1) == lowest
