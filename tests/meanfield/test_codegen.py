"""Generated kernels: against the theory in mpmath, against the plain-Python run of the same text, and what they rely on."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
import sympy

from meanfield.kernels.cache import directory, load
from meanfield.codegen import generate, render
from meanfield.codegen.cse import eliminate
from meanfield.codegen.printer import Printer, UnprintableExpression
from meanfield.kernels.compiled import compile
from meanfield.kernels.jit import SUMMING
from meanfield.kernels.lanes import LANES
from theory import models
from theory.disorder import Normal
from theory.errors import InputError
from theory.evaluate import evaluate
from theory.mean_field import theory_of
from theory.model import Model
from theory.sites import GaussianSite, Spin
from theory.symbols import symbols

ROOT = Path(__file__).resolve().parents[2]


def spin_one_in_a_gaussian_field():
    m, s, eta, width = symbols("m s eta width")
    return Model(site=Spin(s, 1), disorder={eta: Normal(0, width**2)}, order_parameters={m: s}, energy=-m**2 / 2,
                 site_energy=-eta * s, parameters={"width": 0.4}, name="spin-one-random-field")


def gaussian_patterns():
    sigma, m1, m2, x1, x2 = symbols("sigma m1 m2 x1 x2")
    return Model(site=models.curie_weiss().site, disorder={x1: Normal(), x2: Normal()},
                 order_parameters={m1: x1 * models.curie_weiss().site.variables[0], m2: x2 * models.curie_weiss().site.variables[0]},
                 energy=-(m1**2 + m2**2) / 2, name="gaussian-patterns")


def soft_spin():
    m, s, a = symbols("m s a")
    return Model(site=GaussianSite(s), order_parameters={m: s}, energy=-m**2 / 2 + m**4, site_energy=a * s**2,
                 parameters={"a": 0.3}, name="soft-spin")


OWN = {"spin-one-random-field": spin_one_in_a_gaussian_field, "gaussian-patterns": gaussian_patterns, "soft-spin": soft_spin}
BUILT_IN = [entry.name for entry in models.available() if not entry.model.couplings]


def compiled(name):
    model = OWN[name]() if name in OWN else models.load(name)
    return compile(theory_of(model))


def state(system, seed=1):
    return np.random.default_rng(seed).uniform(0.1, 0.6, size=system.size)


def supported(name):
    """Models without quenched couplings are what the kernels serve."""
    return name in OWN or not models.load(name).couplings


CASES = [name for name in (*BUILT_IN, *OWN) if supported(name)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("T", [0.25, 0.9])
def test_kernels_agree_with_the_theory(name, T):
    """Free energy, entropy, residual, response and Jacobian to rounding."""
    theory, system = theory_of(compiled(name).model), compiled(name).at(T=T)
    phi = state(system)
    values = dict(zip(theory.order_parameters, phi)) | system.values
    got = system.evaluate(phi)
    assert got.free_energy == pytest.approx(float(evaluate(theory.free_energy, values, 20)), abs=1e-13)
    assert got.entropy == pytest.approx(float(evaluate(theory.entropy, values, 20)), abs=1e-13)
    residual = [values[a] - float(evaluate(g, values, 20)) for a, g in theory.equations.items()]
    np.testing.assert_allclose(got.residual, residual, atol=1e-13)
    if system.size < 4:
        jacobian = [[float(evaluate(x, values, 20)) for x in row] for row in theory.jacobian.tolist()]
        np.testing.assert_allclose(got.jacobian, jacobian, atol=5e-12)


@pytest.mark.parametrize("name", CASES)
def test_plain_python_run_of_the_same_text(name):
    """The generated functions give the same numbers uncompiled."""
    system = compiled(name).at(T=0.4)
    module, phi, n = system.compiled.module, state(system), system.size
    out = np.empty(2 + n + 2 * n * n)
    module.state.plain(system.point, *system.nodes, phi, out)
    got = system.evaluate(phi)
    np.testing.assert_allclose(out[:2], [got.free_energy, got.entropy], atol=1e-13)
    np.testing.assert_allclose(out[2 : 2 + n], got.residual, atol=1e-13)
    out = np.empty(n + n * n)
    module.equations.plain(system.point, *system.nodes, phi, out)
    np.testing.assert_allclose(out[n:].reshape(n, n), got.jacobian, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in CASES if n != "spin-one-random-field"])
def test_lanes_agree_with_single_points(name):
    """The kernel for many points at once, run in plain Python."""
    system = compiled(name).at(T=0.4)
    module, n = system.compiled.module, system.size
    table, values, nodes = system.nodes
    states = np.array([state(system, seed) for seed in range(3)])
    phi = np.zeros((n, LANES))
    phi[:, :3], phi[:, 3:] = states.T, states[:1].T
    spread = lambda a: np.repeat(a, LANES)
    out = np.zeros((60 + 4 * (n + 3) ** 2) * LANES)
    module.energy_lanes.plain(spread(system.point), spread(table), values if module.STATIC else spread(values), nodes, phi.ravel(), out)
    rows = out.reshape(-1, LANES)
    for lane in range(3):
        residual, jacobian = system.residual(states[lane])
        np.testing.assert_allclose(rows[:n, lane], residual, atol=1e-13)
        np.testing.assert_allclose(rows[n : n + n * n, lane], jacobian.ravel(), atol=1e-12)
        assert rows[n + n * n, lane] == pytest.approx(system.evaluate(states[lane]).free_energy, abs=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_jacobian_is_the_derivative_of_the_residual(name):
    system = compiled(name).at(T=0.5)
    phi, e = state(system), 1e-6
    jacobian = system.residual(phi)[1]
    for a in range(system.size):
        shift = e * np.eye(system.size)[a]
        column = (system.residual(phi + shift)[0] - system.residual(phi - shift)[0]) / (2 * e)
        np.testing.assert_allclose(jacobian[:, a], column, atol=1e-7)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("spin-one-random-field", "soft-spin")])
def test_zero_temperature_is_the_limit(name):
    """At T = 0 every model evaluates to the limit of its values at T -> 0 (no tie among the states)."""
    cold, limit = (compiled(name).at(T=T) for T in (1e-7, 0.0))
    phi = state(cold)
    assert limit.evaluate(phi).free_energy == pytest.approx(cold.evaluate(phi).free_energy, abs=1e-5)
    np.testing.assert_allclose(limit.residual(phi)[0], cold.residual(phi)[0], atol=1e-6)


def test_newton_finds_the_published_magnetisation():
    """Curie-Weiss at T = 0.5, h = 0: M = 0.957504024077269 (15 digits, `REFERENCE` table of the model)."""
    phi, status, _ = compiled("curie-weiss").at(T=0.5).newton([0.8])
    assert status == 0 and phi[0] == pytest.approx(0.957504024077269, abs=1e-14)


def test_newton_many_agrees_with_single_systems():
    model = compiled("multitasking-hopfield")
    T, d = np.array([0.2, 0.4, 0.6]), np.array([0.1, 0.3, 0.5])
    starts = np.array([[0.9, 0.1], [0.4, 0.4], [0.3, 0.1]])
    batch = model.newton_many(T, {"d": d}, starts)
    assert batch.converged.all()
    for b in range(3):
        single = model.at(T=T[b], d=d[b])
        for s in range(3):
            np.testing.assert_allclose(batch.phi[b, s], single.newton(starts[s])[0], atol=1e-12)
            assert batch.free_energy[b, s] == pytest.approx(single.evaluate(batch.phi[b, s]).free_energy, abs=1e-14)


def test_merged_configurations():
    """3^P pattern configurations take (3^P + 1)/2 nodes, whose weights sum to one."""
    for P in (1, 2, 3, 4):
        system = compile(models.multitasking_hopfield(P=P)).at(T=0.5, d=0.3)
        table, _, nodes = system.nodes
        assert nodes == (3**P + 1) // 2 and table.sum() == pytest.approx(1, abs=1e-14)


def test_generated_text_is_deterministic():
    texts = {render(generate(theory_of(models.load("multitasking-hopfield")))) for _ in range(2)}
    assert len(texts) == 1
    code = ("from theory import models; from theory.mean_field import theory_of; from meanfield.codegen import generate, render;"
            "import hashlib; print(hashlib.sha256(render(generate(theory_of(models.load('multitasking-hopfield')))).encode()).hexdigest())")
    run = lambda seed: subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
                                      env={**os.environ, "PYTHONHASHSEED": seed}).stdout
    assert run("1") == run("2")


def test_printer_refuses_what_it_does_not_know():
    x, = symbols("x,")
    printer = Printer({x: "x"})
    for expression in (sympy.DiracDelta(x), sympy.Max(x, 1), sympy.Piecewise((x, x > 0), (0, True)), sympy.gamma(x)):
        with pytest.raises(UnprintableExpression, match="cannot compile"):
            printer(expression)
    with pytest.raises(UnprintableExpression, match="no value"):
        printer(x + symbols("y,")[0])


@pytest.mark.parametrize("text", ["x - (y - z)", "x/(y*z)", "-(x + y)**2/z", "sqrt(x*x + 1)/y", "x**-3", "(x*y)**1.5", "-x", "2/x - 1/3"])
def test_printer_keeps_the_value(text):
    x, y, z = symbols("x y z")
    names = {x: "x", y: "y", z: "z"}
    expression = eval(text, {"x": x, "y": y, "z": z, "sqrt": sympy.sqrt})
    import math
    got = eval(Printer(names)(expression), {"math": math, "x": 0.7, "y": 1.9, "z": 0.4})
    assert got == pytest.approx(float(expression.subs({x: 0.7, y: 1.9, z: 0.4})), rel=1e-14)


@pytest.mark.parametrize(("T", "message"), [(1e-7, "too cold"), (0.0, "T = 0 is not available")])
def test_too_cold_for_a_gaussian_sum_is_an_input_error(T, message):
    with pytest.raises(InputError, match=message):
        compiled("spin-one-random-field").at(T=T).residual(np.array([0.3]))


def test_gaussian_site_has_no_zero_temperature():
    m, s = symbols("m s")
    model = Model(GaussianSite(s), {m: s}, -(m**2) + m**4 / 4, name="gaussian")
    with pytest.raises(InputError, match="has no T = 0"):
        compile(model).at(T=0)


def test_unwritable_cache_still_works(tmp_path, monkeypatch):
    """Where nothing can be stored the module lives in memory."""
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("MEANFIELD_CACHE", str(blocked / "cache"))
    assert load("VALUE = 7\n", "unwritable-test").VALUE == 7


def test_cache_directory_is_taken_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MEANFIELD_CACHE", str(tmp_path))
    assert directory() == tmp_path
    module = load("VALUE = 8\n", "stored-test")
    assert module.VALUE == 8 and Path(module.__file__).parent == tmp_path


class TestReliedOn:
    """What the code relies on in SymPy and numba: an upgrade that changes it fails here."""

    def test_cse_names_in_order(self):
        x, y = symbols("x y")
        shared, reduced = eliminate([(x + y) ** 2, sympy.sqrt(x + y)], "a")
        assert shared == [(sympy.Symbol("a0"), x + y)] and len(reduced) == 2

    def test_symbols_without_assumptions_differ_from_users(self):
        assert sympy.Symbol("x") != symbols("x,")[0] and sympy.Symbol("x").is_real is None

    def test_pointers_are_indexed_like_arrays(self):
        pointer = numba.types.CPointer(numba.float64)

        def plain(a, b):
            b[0] = 2 * a[1]

        double = numba.cfunc(numba.void(pointer, pointer))(plain)
        a, b = np.array([1.0, 3.0]), np.zeros(1)
        double.ctypes(a.ctypes.data_as(double.ctypes.argtypes[0]), b.ctypes.data_as(double.ctypes.argtypes[1]))
        assert b[0] == 6

    def test_lanes_are_vectorised(self):
        """The loop over lanes becomes vector code: the speed rests on it."""
        kernel = compiled("curie-weiss").module.equations_lanes
        fresh = numba.cfunc(kernel.signature, fastmath=SUMMING, error_model="numpy")(kernel.plain)
        assert "x double>" in fresh.inspect_llvm()

    def test_numba_has_the_cache_hooks(self):
        from numba.core import caching

        assert hasattr(caching, "CompileResultCacheImpl") and hasattr(caching.FunctionCache, "_impl_class")
