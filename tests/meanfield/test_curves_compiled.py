"""Compiled equations of replica-symmetric theories, and curves in two parameters."""

import numpy as np
import pytest

from meanfield.codegen.extended import KINDS
from meanfield.kernels import tower
from meanfield.kernels.cache import load
from meanfield.replicas.fast import coexistence_start, crossings, curve, grid, solutions_along
from meanfield.replicas.reduced import Reduced
from meanfield.replicas.saddle import saddle
from meanfield.replicas.systems import StateKernel, System, _call, as_theory, point_of, state_kernel, system
from meanfield.replicas.unknowns import Unknowns
from theory import models
from theory.errors import InputError
from theory.replica import replica_theory

BOUNDS = {"alpha": (1e-4, 0.3), "T": (0.0, 1.0)}
HOPFIELD = replica_theory(models.hopfield())


@pytest.fixture(scope="module")
def branches():
    """Retrieval and glass solutions of the Hopfield model at T = 0.2."""
    return [solutions_along(HOPFIELD, {"m": m, "C": C, "alpha": 0.1}, "alpha", (1e-3, 0.3), {"T": 0.2})
            for m, C in ((0.99, 0.05), (0.0, 0.7))]


@pytest.fixture(scope="module")
def fold(branches):
    """The Hopfield model's limit of retrieval."""
    return curve(HOPFIELD, "fold", {**branches[0].special("fold")[0].values, "T": 0.2}, ("alpha", "T"), BOUNDS)


@pytest.fixture(scope="module")
def first_order(branches):
    """Equal free energies of retrieval and glass."""
    one, two = coexistence_start(*branches)
    return curve(HOPFIELD, "equal_free_energies", one, ("alpha", "T"), BOUNDS, other=two)


def tower_by_sum(mean, variance, T):
    """The tower from a fine trapezoidal sum."""
    s = np.sqrt(variance)
    z = np.linspace(-11, 11, int(800 + 400 * s / T))
    w = np.exp(-z * z / 2)
    x = mean + s * z
    t = np.tanh(x / T)
    d = (1 - t * t) / T
    f = [T * np.logaddexp(x / T, -x / T), t, d, -2 * t * d / T, (6 * t * t - 2) * d / T**2,
         (16 - 24 * t * t) * t * d / T**3, (16 - 120 * t * t + 120 * t**4) * d / T**4]
    warm = [f[0] / T - x * t / T, *(((1 - k) * f[k] - x * f[k + 1]) / T for k in range(1, 5))]
    return np.array([w @ g for g in (*f, *warm, x * x * d / T**2)]) / w.sum()


@pytest.mark.parametrize("b", [0.1, 0.5, 1.4, 1.6, 4.0])
def test_tower_of_gaussian_averages(b):
    """Both representations agree with a direct sum, in units of the powers of T that the derivatives carry."""
    T = 0.3
    unit = T ** -np.array([-1, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 1.0])
    for mean in (0.0, 0.2, 0.7):
        exact = tower_by_sum(mean, (b * T) ** 2, T)
        found = np.array(tower.tower_full(mean, (b * T) ** 2, T, 1 / T, 0.0))
        assert np.abs((found - exact) / unit).max() < 5e-12
        assert np.allclose(tower.tower_four(mean, (b * T) ** 2, T, 1 / T, 0.0), found[1:5], atol=1e-12)
        assert np.allclose(tower.tower_state(mean, (b * T) ** 2, T, 1 / T, 0.0), found[[0, 7, 1, 2, 3, 4]], atol=1e-12)


@pytest.mark.parametrize("T", [0.5, 1.0])
def test_tower_without_variance(T):
    """Variance zero is the function itself."""
    assert np.allclose(tower.soft_full(0.4, T, 1 / T, 0.0), tower_by_sum(0.4, 0.0, T), atol=1e-12)
    assert np.allclose(tower.soft_full(0.4, T, 1 / T, 0.0), tower.tower_full(0.4, 1e-30, T, 1 / T, 0.0), atol=1e-12)


def state_at(theory, u, values):
    """(residual, Jacobian, free energy, entropy, T times the stability matrix) from the compiled kernel."""
    kernel = state_kernel(theory)
    n = kernel.size
    out = np.empty(n + n * n + kernel.recorded)
    _call(kernel.address, point_of(theory, kernel.parameter_names, values, 0.0), u, out)
    k = kernel.overlaps
    return out[:n], out[n : n + n * n].reshape(n, n), out[n + n * n], out[n + n * n + 1], out[n + n * n + 2 :].reshape(k, k)


@pytest.mark.parametrize("name", ["hopfield", "hopfield_biased", "sherrington_kirkpatrick", "bam", "relativistic_hopfield",
                                  "dreaming_hopfield", "spherical_p_spin_glass", "dense_hopfield"])
def test_state_agrees_with_the_general_engine(name):
    """Residual, Jacobian, free energy, entropy and replicon at random points; the general engine has rules of its own."""
    theory = replica_theory(getattr(models, name)())
    rng, general, seen = np.random.default_rng(2), saddle(theory), 0
    for _ in range(30):
        values = {"T": rng.uniform(0.2, 1.2), **{p: v.default for p, v in theory.model.parameters.items()}}
        u, at = rng.uniform(0.05, 0.6, general.size), general.at(values)
        expected = at.residual(u)
        if seen == 4 or not np.isfinite(expected).all() or not np.isfinite(at.state(u).free_energy):
            continue
        seen += 1
        residual, jacobian, free_energy, entropy, stability = state_at(theory, u, values)
        state = at.state(u)
        assert np.allclose(residual, expected, rtol=1e-11, atol=1e-11)
        assert np.allclose(jacobian, at.jacobian(u), rtol=1e-4, atol=1e-5)
        assert (free_energy, entropy) == pytest.approx((state.free_energy, state.entropy), abs=1e-11, rel=1e-11)
        assert np.linalg.eigvals(stability).real.min() / values["T"] == pytest.approx(state.replicon, rel=1e-9, abs=1e-9)
    assert seen


@pytest.mark.parametrize(("name", "kind"), [
    *((name, kind) for name in ("hopfield", "curie_weiss", "blume_capel")
      for kind in ("fold", "equal_free_energies", "zero_entropy")),
    ("hopfield", "replicon"), ("potts", "fold"),
])
def test_jacobians_of_extended_systems(name, kind):
    """Symbolic derivatives agree with central differences of the residuals."""
    theory = as_theory(getattr(models, name)())
    parameter = next(iter(theory.model.parameters))
    built = system(theory, kind, (parameter, "T"))
    rng = np.random.default_rng(5)
    z = rng.uniform(0.1, 0.6, built.size + 1)
    z[-1] = 0.8
    difference = np.empty((built.size, len(z)))
    for j in range(len(z)):
        step = 1e-5 * (np.arange(len(z)) == j)
        difference[:, j] = (built.evaluate(z + step, {})[0].copy() - built.evaluate(z - step, {})[0]) / 2e-5
    assert np.allclose(built.evaluate(z, {})[1], difference, rtol=1e-6, atol=1e-6)


def test_compiled_text_is_python():
    """The generated source run as plain Python gives the numbers of its compiled form."""
    built = system(HOPFIELD, "fold", ("alpha", "T"))
    plain = load(built.source, "hopfield_fold").system_of_equations.plain
    z = np.array([0.95, 0.2, -0.3, 0.9, 0.1, 0.25])
    out = np.empty(built.size * (built.size + 2) + len(built.tests))
    plain(built.point({}), z, out)
    residual, jacobian, tests = built.evaluate(z, {})
    assert np.allclose(out, np.concatenate([residual, jacobian.ravel(), tests]), rtol=1e-12, atol=1e-13)


def test_limit_of_retrieval(fold):
    """Loads at the fold from 34-digit solutions by an independent program; at T = 0 in closed form (Amit et al. 1985)."""
    T = (0.8, 0.6, 0.4, 0.2, 0.1, 0.05, 0.01, 0.0)
    exact = (0.01010085403081763, 0.03880889370555443, 0.08103720833498283, 0.12255886062262025, 0.13504918977356396,
             0.13779395794386043, 0.13809899098017094, 0.13790556649493174)
    values, converged = fold.at("T", T)
    assert converged.all() and np.abs(values["alpha"] - exact).max() < 1e-14
    assert fold.residual < 1e-12 and fold.quadrature_error < 1e-11


def test_re_entrance_and_instability_of_retrieval(fold):
    """The largest load, and where the de Almeida-Thouless line meets the limit of retrieval."""
    top, = fold.special("maximum alpha")
    assert top.values["T"] == pytest.approx(0.0228736, abs=1e-7)
    assert top.values["alpha"] == pytest.approx(0.138188511165, abs=1e-12)
    meeting, = fold.special("replicon")
    assert (meeting.values["alpha"], meeting.values["T"]) == pytest.approx((0.1381859150, 0.0250683717), abs=1e-10)


def test_first_order_line(first_order):
    """Loads of equal free energies from independent solutions, and their maximum."""
    T, exact = (0.8, 0.6, 0.4, 0.2, 0.0), (0.005370133342807945, 0.019263485765854314, 0.037046598451934893, 0.05072487655366846,
                                           0.05185433091891706)
    values, converged = first_order.at("T", T)
    assert converged.all() and np.abs(values["alpha"] - exact).max() < 1e-13
    top, = first_order.special("maximum alpha")
    assert top.values["T"] == pytest.approx(0.08506, abs=5e-6)
    assert top.values["alpha"] == pytest.approx(0.0531320828, abs=1e-10)


def test_de_almeida_thouless_line(fold):
    """Along the line the general engine finds a vanishing replicon."""
    line = curve(HOPFIELD, "replicon", fold.special("replicon")[0], ("alpha", "T"), BOUNDS)
    for level in (0.02, 0.15):
        values, _ = line.at("T", level)
        at = saddle(HOPFIELD).at({"T": level, "alpha": values["alpha"][0]})
        state = at.state(np.array([values["m"][0], values["C"][0]]))
        assert np.abs(state.residual).max() < 1e-11 and abs(state.replicon) < 1e-8


def test_crossing_of_two_curves():
    """Where overlap and magnetisation both take given values, from the curve of each."""
    start, bounds = {"m": 0.95, "C": 0.25, "alpha": 0.08, "T": 0.3}, {"alpha": (0.01, 0.13), "T": (0.1, 0.6)}
    one, two = (curve(HOPFIELD, "condition", start, ("alpha", "T"), bounds, condition=text)
                for text in ("q - 93/100", "m - 19/20"))
    # They cross on different sheets of the solutions as well.
    point = max(crossings(one, two), key=lambda found: found["T"])
    states = [c.at("T", point["T"])[0] for c in (one, two)]
    assert states[0]["m"][0] == pytest.approx(0.95, abs=1e-9)
    assert 1 - point["T"] * states[1]["C"][0] == pytest.approx(0.93, abs=1e-9)


def test_sampled_points_lie_on_the_curve(fold):
    """Drawn between its points the curve stays within 1e-5 of itself."""
    drawn = fold.sampled(4)
    assert len(drawn) == 4 * (len(fold) - 1) + 1
    T = drawn[drawn[:, 1] > 0.1][::7]
    values, converged = fold.at("T", T[:, 1])
    assert converged.all() and np.abs(values["alpha"] - T[:, 0]).max() < 1e-5


def test_glass_transition_of_the_paramagnet():
    """T_g = 1 + sqrt(alpha) as the instability of m = q = 0."""
    start = {"m": 0.0, "C": 0.75, "alpha": 0.1, "T": 1.3}
    line = curve(HOPFIELD, "instability", start, ("alpha", "T"), {"alpha": (0.01, 1.0), "T": (0.5, 2.5)},
                 symmetric={"m": 0, "C": "1/T"}, broken=["C"])
    alpha, T = line.points.T
    assert len(line) > 10 and np.abs((T - 1) ** 2 - alpha).max() < 1e-12


def test_spinodals_of_curie_weiss():
    """|h| = m - T artanh(m), m = sqrt(1 - T), with a cusp at T = 1."""
    branch = solutions_along(models.curie_weiss(), {"m": 0.95, "h": 0.3}, "h", (-0.7, 0.7), {"T": 0.5})
    assert [p.kind for p in branch.special_points] == ["fold", "fold"]
    start = {**branch.special("fold")[0].values, "T": 0.5}
    line = curve(models.curie_weiss(), "fold", start, ("h", "T"), {"h": (-1, 1), "T": (0.05, 1.2)})
    h, T = line.points[line.points[:, 1] < 0.999].T
    m = np.sqrt(1 - T)
    assert np.abs(np.abs(h) - (m - T * np.arctanh(m))).max() < 1e-12
    cusp, = line.special("cusp")
    assert (cusp.values["h"], cusp.values["T"]) == pytest.approx((0, 1), abs=1e-12)


def test_second_order_line_of_blume_capel():
    """T = 2 / (2 + exp(Delta / T)), J = 1 (Blume 1966, Capel 1966)."""
    line = curve(models.blume_capel(), "instability", {"m": 0, "Delta": 0.3, "T": 0.5}, ("Delta", "T"),
                 {"Delta": (-2, 0.5), "T": (0.1, 1)}, symmetric={"m": 0})
    delta, T = line.points.T
    assert np.abs(T - 2 / (2 + np.exp(delta / T))).max() < 1e-12


def test_tricritical_point_and_first_order_line_of_blume_capel():
    """T = 1/3, Delta = (2/3) log 2: a zero of the cubic coefficient, and where the coexisting states merge."""
    exact = 2 * np.log(2) / 3, 1 / 3
    line = curve(models.blume_capel(), "instability", {"m": 0, "Delta": 0.3, "T": 0.5}, ("Delta", "T"),
                 {"Delta": (-2, 0.6), "T": (0.1, 1)}, symmetric={"m": 0})
    point, = line.special("tricritical")
    assert (point.values["Delta"], point.values["T"]) == pytest.approx(exact, abs=1e-13)
    ordered, symmetric = (solutions_along(models.blume_capel(), {"m": m, "Delta": 0.4}, "Delta", (0, 0.8), {"T": 0.15})
                          for m in (0.99, 0))
    one, two = coexistence_start(ordered, symmetric)
    first = curve(models.blume_capel(), "equal_free_energies", one, ("Delta", "T"), {"Delta": (0, 0.8), "T": (0.02, 0.6)},
                  other=two)
    assert "the two states merge" in first.ends
    assert np.abs(first.points - exact).min(axis=0) == pytest.approx((0, 0), abs=1e-4)


# Loads at which retrieval ends at T = 0, against a second parameter; values by independent programs (scalar equations).
CAPACITIES = [
    ("hopfield_biased", "b", {"m": 0.926, "C": 0.23, "alpha": 0.105, "b": 0.2}, (0.2, 0.4, 0.6, 0.8),
     (0.10501956, 0.04810108, 0.01726512, 0.00343891)),
    ("dreaming_hopfield", "t", {"m_chi": 0.33, "C_free": 0.55, "q_chi": 0.24, "C": 0.2, "alpha": 0.37, "t": 1.0},
     (0.1, 0.5, 1, 5, 10), (0.16513977, 0.27310397, 0.38659596, 0.74736098, 0.86965276)),
    ("hebbian_supervised", "rho", {"n": 0.9146, "C": 0.2543, "alpha": 0.0991, "rho": 0.05}, (0, 0.05, 0.1, 0.3, 0.5),
     (0.13790557, 0.09914869, 0.07154130, 0.02248826, 0.00906927)),
    ("bam", "g", {"m": 0.9328, "n": 0.9328, "C_q": 0.2933, "C_p": 0.2933, "alpha": 0.1998, "g": 1.0}, (1, 1.2, 2, 3),
     (0.199801544140, 0.19779079, 0.17191058, 0.13695107)),
]


@pytest.mark.parametrize(("name", "parameter", "start", "levels", "loads"), CAPACITIES, ids=[c[0] for c in CAPACITIES])
def test_capacities_at_zero_temperature(name, parameter, start, levels, loads):
    """T = 0 is a parameter value like any other."""
    bounds = {"alpha": (1e-4, 1.2), parameter: (0.05 if parameter == "t" else 0.0, 20.0 if parameter == "t" else 4.0)}
    line = curve(getattr(models, name)(), "fold", start, ("alpha", parameter), bounds, {"T": 0.0})
    values, converged = line.at(parameter, levels)
    assert converged.all() and values["alpha"] == pytest.approx(np.array(loads), abs=6e-9)


def test_a_condition_of_the_user():
    """Points at which the overlap of the Hopfield model takes a value."""
    line = curve(HOPFIELD, "condition", {"m": 0.98, "C": 0.1, "alpha": 0.05, "T": 0.4}, ("alpha", "T"),
                 {"alpha": (0.01, 0.1), "T": (0.2, 0.6)}, condition="q - 9/10")
    assert len(line) > 5 and np.abs(1 - line.points[:, 1] * line.states["C"] - 0.9).max() < 1e-12


def test_grid_agrees_with_the_general_engine():
    """Branches on a grid down to T = 0.01: solutions, free energies, entropies, the replicon and the extent of retrieval."""
    loads, temperatures = np.linspace(0.002, 0.15, 40), np.linspace(0.01, 0.9, 30)
    starts = {"retrieval": {"m": 1.0, "C": 0.01, "T": 0.3}, "glass": {"m": 0.0, "C": 0.9, "T": 0.3}}
    found = grid(HOPFIELD, ("alpha", loads), ("T", temperatures), starts, folds={"glass": False})
    assert found.branches["glass"].exists.all()
    general = saddle(HOPFIELD)
    for branch in found.branches.values():
        for j in (0, 7, 20):
            i = np.flatnonzero(branch.exists[j])[-1]
            at = general.at({"T": temperatures[j], "alpha": loads[i]})
            u, converged = Reduced(Unknowns(at), [branch.unknowns["m"][j, i], branch.unknowns["C"][j, i]], range(2)).solve()
            assert converged
            state = at.state(u)
            assert branch.unknowns["C"][j, i] == pytest.approx(u[1], abs=1e-9)
            assert branch.free_energy[j, i] == pytest.approx(state.free_energy, abs=1e-10)
            assert branch.entropy[j, i] == pytest.approx(state.entropy, abs=1e-9)
            assert branch.replicon[j, i] == pytest.approx(state.replicon, abs=1e-7)
    assert all(np.nanmax(branch.error) < 1e-9 for branch in found.branches.values())
    retrieval = found.branches["retrieval"]
    inside = loads[None, :] < np.nan_to_num(retrieval.fold, nan=-1.0)[:, None]
    assert (retrieval.exists == inside).all() and retrieval.exists.any()


@pytest.mark.parametrize(("change", "message"), [
    ({"kind": "spinodal"}, "unknown kind"),
    ({"parameters": ("alpha", "J")}, "no parameter J"),
    ({"start": {"m": 0.9}}, "the start needs a value for C"),
    ({"kind": "instability"}, "symmetric phase"),
    ({"kind": "condition"}, "condition="),
    ({"kind": "condition", "condition": "w - 1"}, "w"),
    ({"start": {"m": 0.2, "C": 5.0, "alpha": 0.2, "T": 0.9}}, "give a closer one"),
])
def test_bad_input(change, message):
    """Errors say what is wrong and what to give."""
    given = {"kind": "fold", "start": {"m": 0.95, "C": 0.2, "alpha": 0.12, "T": 0.2}, "parameters": ("alpha", "T")} | change
    with pytest.raises(InputError, match=message):
        curve(HOPFIELD, given.pop("kind"), given.pop("start"), bounds=BOUNDS, **given)


def test_models_that_need_the_general_engine_are_refused():
    """Pattern constraints and broken replica symmetry."""
    with pytest.raises(InputError, match="pattern constraints"):
        StateKernel(replica_theory(models.perceptron_binary()))
    with pytest.raises(InputError, match="replica symmetric"):
        System(replica_theory(models.hopfield(), "1rsb"), KINDS[1], ("alpha", "T"))
