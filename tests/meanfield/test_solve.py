"""`solve` from a start, what it accepts, and how it fails."""

import pickle

import numpy as np
import pytest

import meanfield
from meanfield.results import Solution, Status
from meanfield.search.search import Search
from meanfield.solve import Iterate, Newton, solve
from theory import InputError, Ising, Model, symbols
from theory.mean_field import theory_of
from theory.models import load


def test_the_equilibrium_without_a_start():
    state = solve("curie-weiss", T=0.5)
    assert isinstance(state, Solution)
    assert state.equilibrium and state["m"] == pytest.approx(0.957504024077269)


def test_the_package_offers_the_verbs():
    assert meanfield.solve("curie-weiss", T=0.5)["m"] == pytest.approx(0.957504024077269)
    assert len(meanfield.solutions("curie-weiss", T=0.5)) == 2


@pytest.mark.parametrize("source", [load("curie-weiss"), theory_of(load("curie-weiss")), "curie-weiss", "curie_weiss"])
def test_sources(source):
    assert solve(source, T=0.8)["m"] == pytest.approx(0.710411783487870)


def test_a_model_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('name = "own"\n[parameters]\nJ = 1.0\nK = { default = 0.2, min = 0 }\n[site]\ns = [-1, 1]\n'
                    '[order_parameters]\nm = "s"\n[energy]\ndensity = "-J*m**2/2 - K*m**4/4"\n')
    state = solve(path, T=0.5)
    m = state["m"]
    assert m == pytest.approx(np.tanh((m + 0.2 * m**3) / 0.5), abs=1e-13)


def test_beta_is_one_over_T():
    assert solve("curie-weiss", beta=2).values == pytest.approx(solve("curie-weiss", T=0.5).values)


def test_iteration_reaches_the_state_in_whose_basin_it_starts():
    state = solve("multitasking-hopfield", P=2, d=0.5, beta=6.66, start=[0.5, 0.01])
    assert state.values == pytest.approx([0.4909161233, 0.2382417692], abs=2e-10)
    metastable = solve("curie-weiss", T=0.5, h=0.1, start={"m": -1})
    assert metastable["m"] < 0 and metastable.stable and not metastable.equilibrium


def test_newton_reaches_unstable_states():
    state = solve("curie-weiss", T=0.5, h=0.1, start={"m": -0.2}, method=Newton())
    assert state["m"] == pytest.approx(-0.20285321, abs=1e-8)
    assert state.converged and not state.stable


def test_oscillation_is_named():
    state = solve("curie-weiss", T=0.2, J=-1, start={"m": 0.5})
    assert state.status is Status.OSCILLATING and not state.converged
    assert solve("curie-weiss", T=0.2, J=-1, start={"m": 0.5}, method=Iterate(damping=0.7)).converged


def test_the_step_limit_is_named():
    state = solve("curie-weiss", T=0.999, start={"m": 1.0}, method=Iterate(steps=5))
    assert state.status is Status.STEP_LIMIT and state.residual > 1e-3


def test_divergence_is_named():
    """A Gaussian site with a quartic energy has no bound."""
    s, m = symbols("s m")
    from theory import GaussianSite

    model = Model(site=GaussianSite(s), order_parameters={m: s}, energy=-(m**4))
    state = solve(model, T=0.5, start=[3.0])
    assert state.status in (Status.DIVERGED, Status.NOT_FINITE) and not state.converged


@pytest.mark.parametrize("arguments, words", [
    ({"source": "no-such-model"}, "unknown model"),
    ({"source": 3}, "expected a model"),
    ({"source": "curie-weiss", "nope": 1}, "nope"),
    ({"source": "curie-weiss", "T": -1}, "temperature"),
    ({"source": "curie-weiss", "T": 1, "beta": 1}, "not both"),
    ({"source": "curie-weiss", "start": {"q": 1}}, "order parameters are m"),
    ({"source": "curie-weiss", "start": [1, 2]}, "1 finite values"),
])
def test_bad_input(arguments, words):
    arguments = dict(arguments)
    with pytest.raises(InputError, match=words):
        solve(arguments.pop("source"), **arguments)


def test_results_are_immutable_plain_and_pickle():
    found = meanfield.solutions("multitasking-hopfield", P=2, d=0.4, T=0.1)
    state = found[0]
    with pytest.raises(TypeError):
        state.order_parameters["m1"] = 0
    with pytest.raises(AttributeError):
        state.free_energy = 0
    again = pickle.loads(pickle.dumps(found))
    assert again[0] == state
    document = found.as_dict()
    assert document["model"] == "multitasking-hopfield"
    assert document["parameters"] == {"T": 0.1, "P": 2, "d": 0.4}
    keys = {"order_parameters", "free_energy", "entropy", "energy", "stable", "replicon", "rs_valid", "kind",
            "multiplicity", "residual", "quadrature_error", "converged"}
    assert all(set(s) == keys for s in document["solutions"])
    assert len(found.as_dict(every=False)["solutions"]) == len(found.stable)


def test_results_read_well():
    found = meanfield.solutions("curie-weiss", T=0.5)
    assert "stable (equilibrium)" in repr(found) and "exhaustive scan; index sum 1" in repr(found)
    assert "m = 0.957504" in repr(found[0])
    assert "<table>" in found._repr_html_() and "<table>" in found[0]._repr_html_()
    assert found[0].options["method"] == "Search" and "numpy" in found[0].versions


def test_own_model_with_observables():
    """An order parameter that the energy does not use is evaluated, and does not influence the rest."""
    s, m, a = symbols("s m a")
    model = Model(site=Ising(s), order_parameters={m: s, a: (1 + s) / 2}, energy=-(m**2) / 2)
    state = solve(model, T=0.5)
    assert state["a"] == pytest.approx((1 + state["m"]) / 2, abs=1e-13)
    assert len(meanfield.solutions(model, T=0.5, method=Search())) in (2, 3)
