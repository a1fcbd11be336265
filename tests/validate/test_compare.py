"""Verdicts: the right theory is consistent, a theory at a temperature 2 % off is not, and doubt is said."""

import numpy as np
import pytest

from theory import Ising, InputError, Model, symbols
from theory.models import load
from validate import Verdict, compare, simulate

WRONG = 0.02

QUICK = [
    ("curie-weiss", {"T": 0.5}), ("curie-weiss", {"T": 0.7}), ("curie-weiss", {"T": 0.85}), ("curie-weiss", {"T": 1.3}), ("curie-weiss", {"T": 2.0}),
    ("multitasking-hopfield", {"T": 0.5, "d": 0.2}), ("multitasking-hopfield", {"T": 0.15, "d": 0.5}), ("multitasking-hopfield", {"T": 0.1, "d": 0.8}),
    ("random-field-ising", {"T": 0.5}), ("blume-capel", {"T": 0.5}), ("potts", {"T": 0.3}), ("potts", {"T": 0.5}),
    ("transverse-field-ising", {"T": 0.3}), ("relativistic-curie-weiss", {"T": 0.5}), ("p-spin-ferromagnet", {"T": 0.5}),
]
SITE_BY_SITE = [("xy", {"T": 0.3}), ("heisenberg", {"T": 0.2}), ("random-field-ising-gaussian", {"T": 0.5}),
                ("multitasking-hebbian", {"T": 0.125, "d": 0.2, "rho": 0.3}), ("multitasking-hebbian", {"T": 0.5})]


def changes_enough(verdict):
    """Whether an order parameter of the theory moves with |dm / d ln T| > 0.1."""
    T, model = verdict.parameters["T"], load(verdict.model)
    from meanfield import solve

    given = {name: value for name, value in verdict.parameters.items() if name in model.parameters}
    low, high = (solve(model, T=T * x, **given).values for x in (0.99, 1.01))
    return np.abs(high - low).max() / 0.02 > 0.1


def check(name, parameters, sweeps):
    right = compare(name, sweeps=sweeps, **parameters)
    assert right.verdict == "consistent", right
    if changes_enough(right):
        wrong = compare(name, sweeps=sweeps, theory_temperature_shift=WRONG, **parameters)
        assert wrong.verdict == "inconsistent", wrong


@pytest.mark.parametrize("name, parameters", QUICK)
def test_right_and_wrong_theory(name, parameters):
    check(name, parameters, 2000)


@pytest.mark.slow
@pytest.mark.parametrize("name, parameters", SITE_BY_SITE)
def test_right_and_wrong_theory_site_by_site(name, parameters):
    """Vectors and Gaussian disorder, where the cost grows with the number of sites."""
    check(name, parameters, None)


@pytest.mark.slow
@pytest.mark.parametrize("d, T, kind, wrong", [(0.2, 0.5, "retrieval", "inconsistent"), (0.5, 0.1, "hierarchical", None), (0.8, 0.08, "parallel", None)])
def test_multitasking_of_three_patterns(d, T, kind, wrong):
    """One pattern, a hierarchy and all of them together; the states of the orbit are told apart from a thousand sites on."""
    options = {"P": 3, "d": d, "T": T, "sizes": (2000, 4000, 8000)}
    right = compare("multitasking-hopfield", **options)
    assert right.verdict == "consistent" and right.kind == kind, right
    if wrong:
        assert compare("multitasking-hopfield", **options, theory_temperature_shift=WRONG).verdict == wrong


@pytest.mark.parametrize("T", [1.3, 0.7])
def test_a_colder_theory_is_wrong_too(T):
    assert compare("curie-weiss", T=T, theory_temperature_shift=-WRONG, sweeps=2000).verdict == "inconsistent"


def test_a_theory_of_another_model_is_wrong():
    """Samples of two-body spins against the theory of the same spins with a small four-body term."""
    from validate import predict
    from validate.compare import judge

    s, m = symbols("s m")
    wrong = Model(Ising(s), {m: s}, -(m**2) / 2 - m**4 / 50)
    runs = [simulate("curie-weiss", T=0.7, size=size, sweeps=1000) for size in (250, 500, 1000)]
    checks, _ = judge(predict(wrong, wrong.values(T=0.7)), runs, {"T": 0.7})
    assert not checks[0].consistent


@pytest.mark.parametrize("parameters, message", [
    ({"T": 1.01}, "transition is near"), ({"T": 0.97}, "transition is near"), ({"T": 0.85, "sweeps": 12, "chains": 16}, "too short|R-hat"),
    ({"T": 0.85, "sizes": (10, 20)}, "transition is near"),
])
def test_doubt_is_undecided(parameters, message):
    import re

    verdict = compare("curie-weiss", **{"sweeps": 500, **parameters})
    assert verdict.verdict == "undecided" and re.search(message, verdict.reason), verdict


def test_critical_points_are_extrapolated_with_their_own_power():
    """<m^2> falls like N^-1/2 at T = 1, and does not tend to zero like that at 2 % above."""
    right = compare("curie-weiss", T=1.0, sweeps=4000)
    assert right.consistent and [c.observable for c in right.checks] == ["<m^2>", "energy"], right
    assert right.checks[0].fit.power == 0.5
    assert compare("curie-weiss", T=1.02, sweeps=2000, theory_temperature_shift=1 / 1.02 - 1).verdict == "inconsistent"


def test_soft_states_are_undecided():
    """Three diluted patterns in parallel, whose differences are almost free at T = 0.05: their fluctuations are flat, not Gaussian."""
    verdict = compare("multitasking-hopfield", P=3, d=0.8, T=0.05, sizes=(2000, 4000, 8000), sweeps=500)
    assert verdict.verdict == "undecided" and "transition is near" in verdict.reason, verdict


def test_coexisting_phases_are_undecided():
    """Four colours just below their first-order transition at T = 0.3034."""
    verdict = compare("potts", T=0.303, q=4, sweeps=500)
    assert verdict.verdict == "undecided" and all(c.consistent is not True for c in verdict.checks)


def test_metastable_chains_are_left_out_where_an_exact_sum_settles_it():
    """p = 3: the disordered state stays metastable at every temperature."""
    verdict = compare("p-spin-ferromagnet", T=0.5, sweeps=1000)
    assert verdict.consistent and "metastable" in verdict.remark


def test_another_phase_is_inconsistent():
    """A theory just above its first-order transition against samples just below."""
    verdict = compare("potts", T=0.355, theory_temperature_shift=WRONG, sweeps=1000)
    assert verdict.kind == "paramagnetic" and verdict.verdict == "inconsistent"


def test_independent_disorder_has_larger_errors_and_the_same_limit():
    balanced, independent = (compare("random-field-ising", T=0.5, sweeps=500, balanced=b) for b in (True, False))
    assert balanced.consistent and independent.consistent
    assert independent.checks[0].error > 2 * balanced.checks[0].error


def test_verdict_is_immutable_and_complete():
    verdict = compare("curie-weiss", T=0.6, sizes=(100, 200, 400), sweeps=400, chains=32, seed=5)
    with pytest.raises(AttributeError):
        verdict.verdict = "consistent"
    with pytest.raises(TypeError):
        verdict.parameters["T"] = 1
    document = verdict.as_dict()
    assert set(document) >= {"checks", "verdict", "threshold"}
    assert all(set(c) == {"observable", "theory", "measured", "error", "z", "consistent"} for c in document["checks"])
    assert [run.size for run in verdict.runs] == [100, 200, 400] and verdict.options["seed"] == 5
    assert verdict == compare("curie-weiss", T=0.6, sizes=(400, 200, 100), sweeps=400, chains=32, seed=5)
    assert isinstance(verdict, Verdict) and "|z| <=" in repr(verdict)


def test_threshold_is_family_wise():
    one, three = (compare(name, T=0.5, sizes=(100, 200), sweeps=100).threshold for name in ("curie-weiss", "hopfield-low-load"))
    assert 3.4 < one < three < 4.5


@pytest.mark.parametrize("arguments, message", [
    ({"device": "tpu"}, "auto"), ({"T": 0}, "T > 0"), ({"T": 0.5, "beta": 2}, "not both"),
    ({"sizes": (100,)}, "two different sizes"), ({"sizes": (0, 100)}, "two different sizes"), ({"chains": 1}, "2 chains"), ({"nope": 1}, "nope"),
    ({"sweeps": 2}, "sweeps"),
])
def test_refusals(arguments, message):
    with pytest.raises(InputError, match=message):
        compare("curie-weiss", **arguments)


@pytest.mark.parametrize("name, structural", [("curie-weiss", {}), ("hopfield-low-load", {"P": 2}), ("p-spin-ferromagnet", {})])
def test_frozen_sites_are_no_contradiction(name, structural):
    """No site flips in the whole run: that is a count of none, not an error of zero."""
    verdict = compare(name, T=0.1, sweeps=500, **structural)
    assert verdict.verdict == "consistent" and all(c.error > 0 for c in verdict.checks)


def test_false_alarms_are_rare():
    """Thirty seeds of small runs: no verdict is inconsistent, and z scores are no wider than they claim."""
    verdicts = [compare("curie-weiss", T=0.7, sizes=(250, 500, 1000), sweeps=300, seed=seed) for seed in range(30)]
    assert all(v.verdict == "consistent" for v in verdicts)
    assert np.std([v.checks[0].z for v in verdicts]) < 1.5
