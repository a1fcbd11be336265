"""What the commands print: one JSON document with the documented keys, or text for people; exit statuses."""

import csv
import json
import math
import subprocess
import sys

import pytest

from meanfield.cli import main

FIELD = """name = "biased spins"
[parameters]
J = 1.0
[site]
s = { values = [-1, 1], weights = [1, 2] }
[order_parameters]
m = "s"
[energy]
density = "-J*m**2/2"
"""


@pytest.fixture
def ask(capsys):
    """Run a command with --json and return its document."""

    def run(*argv, status=0):
        assert main([*map(str, argv), "--json"]) == status
        return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    return run


@pytest.fixture
def tell(capsys):
    """Run a command and return what it prints for people."""

    def run(*argv, status=0):
        assert main([*map(str, argv)]) == status
        return capsys.readouterr().out

    return run


def test_models(ask, tell):
    """The list holds every field, defaults included, and is the same for people."""
    rows = {row["name"]: row for row in ask("models")}
    assert rows["curie-weiss"]["parameters"] == {"J": 1.0, "h": 0.0}
    assert rows["multitasking-hopfield"]["parameters"]["P"] == 2
    assert rows["multitasking-hopfield"]["order_parameters"] == ["m1", "m2"]
    assert all(set(row) == {"name", "title", "parameters", "order_parameters", "reference"} for row in rows.values())
    assert all(name in tell("models") for name in rows)


def test_solve(ask):
    """Curie-Weiss at T = 1/2: m = tanh(2m), two states; the unstable paramagnet with --all only."""
    document = ask("solve", "curie-weiss", "--set", "T=1/2")
    (state,) = document["solutions"]
    m = state["order_parameters"]["m"]
    assert document["parameters"] == {"T": 0.5, "J": 1.0, "h": 0.0}
    assert m == pytest.approx(math.tanh(2 * m), abs=1e-12) and m > 0.9
    assert state["kind"] == "ferromagnetic" and state["stable"] and state["multiplicity"] == 2
    assert [s["kind"] for s in ask("solve", "curie-weiss", "--set", "T=1/2", "--all")["solutions"]] == ["ferromagnetic", "paramagnetic"]


def test_beta_is_inverse_temperature(ask):
    """beta = 4 is T = 1/4."""
    assert ask("solve", "curie-weiss", "--set", "beta=4")["parameters"]["T"] == 0.25


def test_structural_integers(ask):
    """P builds the model and is an integer in the document."""
    document = ask("solve", "multitasking-hopfield", "--set", "P=3", "--set", "T=0.2")
    assert document["parameters"]["P"] == 3 and isinstance(document["parameters"]["P"], int)
    assert list(document["solutions"][0]["order_parameters"]) == ["m1", "m2", "m3"]


def test_own_model(ask, tmp_path):
    """A model file goes the same way as a built-in."""
    path = tmp_path / "own.toml"
    path.write_text(FIELD)
    document = ask("solve", path, "--set", "T=2")
    m = document["solutions"][0]["order_parameters"]["m"]
    assert document["model"] == "biased spins"
    assert m == pytest.approx(math.tanh(m / 2 + math.log(2) / 2), abs=1e-12)


GLASS = """name = "own glass"
[parameters]
J = 1.0
[site]
s = [-1, 1]
[order_parameters]
m = "s"
[energy]
density = "-m**2/2"
[[couplings]]
kind = "gaussian"
covariance = "J**2*q**2/2"
"""


def test_models_with_quenched_couplings(ask):
    """What is reported stands in the list: overlaps beside the means."""
    rows = {row["name"]: row for row in ask("models")}
    assert rows["hopfield"]["order_parameters"] == ["m", "q", "r"] and rows["perceptron-binary"]["order_parameters"] == ["q"]
    assert rows["hebbian-supervised"]["parameters"].keys() == {"alpha", "rho"}
    assert rows["perceptron-errors"]["parameters"] == {"alpha": 1.0, "beta": 2.0}


@pytest.mark.parametrize("name, parameters, state, f", [
    ("hopfield", {"alpha": 0.05, "T": 0.4}, {"m": 0.966186807943, "q": 0.936682191005, "r": 1.322123291971}, -0.530747790847),
    ("sherrington-kirkpatrick", {"J0": 1.5, "T": 0.5}, {"m": 0.732507327664, "q": 0.783220695959}, -0.855112634939),
    ("perceptron-spherical", {"alpha": 1.5}, {"q": 0.821721186840}, 1.589208239693),
    ("perceptron-errors", {"alpha": 1, "beta": 1}, {"q": 0.11279652}, None),
])
def test_solve_with_quenched_couplings(ask, name, parameters, state, f):
    """Amit, Gutfreund, Sompolinsky; Sherrington, Kirkpatrick; Gardner: solutions recomputed to the digits given."""
    document = ask("solve", name, *(x for k, v in parameters.items() for x in ("--set", f"{k}={v}")))
    assert document["parameters"] == parameters | {k: v for k, v in document["parameters"].items() if k not in parameters}
    assert ("T" in document["parameters"]) == ("T" in parameters)
    found = min(document["solutions"], key=lambda s: sum(abs(s["order_parameters"][k] - v) for k, v in state.items()))
    assert found["order_parameters"] == pytest.approx(state, abs=1e-8) and found["converged"]
    assert f is None or found["free_energy"] == pytest.approx(f, abs=1e-10)


def test_one_step(ask, tell):
    """Sherrington-Kirkpatrick at T = 0.5 with one step: overlaps q0, q1 and the block parameter x."""
    argv = "solve", "sherrington-kirkpatrick", "--set", "T=0.5", "--ansatz", "1rsb"
    state = ask(*argv)["solutions"][0]
    assert state["order_parameters"] == pytest.approx({"m": 0, "q0": 0.2146311, "q1": 0.6192009, "x": 0.2818426}, abs=1e-6)
    assert state["free_energy"] == pytest.approx(-0.79120884238, abs=1e-10) and state["rs_valid"] is not True
    assert "q1" in tell(*argv)


def test_examples_by_noise_or_by_quality(ask):
    """rho = (1 - r^2)/(M r^2) gives the same solutions."""
    noise, quality = (ask("solve", "hebbian-supervised", "--set", "T=0.4", *more) for more in
                      (("--set", "rho=0.91/9"), ("--set", "r=0.3", "--set", "M=100")))
    assert quality["parameters"].keys() == {"T", "alpha", "r", "M"}
    assert [s["free_energy"] for s in quality["solutions"]] == pytest.approx([s["free_energy"] for s in noise["solutions"]], abs=1e-12)


def test_a_network_that_has_not_slept(ask):
    """Dreaming with t = 0 is the Hopfield network."""
    slept, hebb = (ask("solve", *argv, "--set", "T=0.4", "--set", "alpha=0.05")["solutions"] for argv in
                   (["dreaming-hopfield", "--set", "t=0"], ["hopfield"]))
    assert [s["free_energy"] for s in slept] == pytest.approx([s["free_energy"] for s in hebb], abs=1e-12)
    assert [s["order_parameters"]["q"] for s in slept] == pytest.approx([s["order_parameters"]["q"] for s in hebb], abs=1e-9)


def test_capacity_of_a_hopfield_network(ask):
    """alpha_c = 0.1379055665, alpha_1 = 0.0518543309 at T = 0 (Amit, Gutfreund, Sompolinsky 1987)."""
    found = ask("transitions", "hopfield", "--along", "alpha=0.01:0.2", "--set", "T=0")["transitions"]
    at = {t["kind"]: t["at"]["alpha"] for t in found}
    assert at["spinodal"] == pytest.approx(0.1379055664949317, abs=1e-10) and at["first-order"] == pytest.approx(0.051854330918917, abs=1e-10)


def test_derive_with_quenched_couplings(ask):
    """Replicas by default, with the ansatz asked for; the other routes take none."""
    document = ask("derive", "hopfield")
    assert (document["route"], document["ansatz"]) == ("replica", "rs") and {"m", "q"} <= document["equations"].keys()
    assert ask("derive", "sherrington-kirkpatrick", "--ansatz", "1rsb")["ansatz"] == "1rsb"


def test_own_glass(ask, tmp_path):
    """A model file with couplings goes the same way as a built-in."""
    path = tmp_path / "glass.toml"
    path.write_text(GLASS)
    own, built_in = ask("solve", path, "--set", "T=0.6"), ask("solve", "sherrington-kirkpatrick", "--set", "T=0.6", "--set", "J0=1")
    assert [s["order_parameters"] for s in own["solutions"]] == [s["order_parameters"] for s in built_in["solutions"]]


def test_derive(ask, tell, tmp_path):
    """Steps carry their check; every format is written, and -o chooses by suffix."""
    document = ask("derive", "curie-weiss", "--check")
    assert document["route"] == "saddle-point" and set(document["equations"]) == {"m"}
    assert {step["check"] for step in document["steps"]} <= {"passed", "assumption"}
    assert "tanh" in tell("derive", "curie-weiss")
    assert tell("derive", "curie-weiss", "--format", "latex").startswith("\\documentclass")
    for name, start in {"d.tex": "\\documentclass", "d.md": "#", "d.json": "{"}.items():
        assert name in tell("derive", "curie-weiss", "-o", tmp_path / name)
        assert (tmp_path / name).read_text().startswith(start)


def test_transitions(ask, tell):
    """Curie-Weiss orders at T = J."""
    (transition,) = ask("transitions", "curie-weiss", "--along", "T=0.2:2", "--set", "J=1.5")["transitions"]
    assert transition["kind"] == "continuous"
    assert transition["at"]["T"] == pytest.approx(1.5, abs=1e-10)
    assert (transition["from"], transition["to"]) == ("ferromagnetic", "paramagnetic")
    assert "continuous" in tell("transitions", "curie-weiss", "--along", "T=0.2:2")
    assert "no transition" in tell("transitions", "curie-weiss", "--along", "T=1.2:2")


def test_branch(ask, tell, tmp_path):
    """Rows of a branch satisfy the equation; CSV holds the same rows; a figure is written."""
    document = ask("branch", "curie-weiss", "--along", "T=0.5:1.5:11")
    branch = next(b for b in document["branches"] if b["kind"] == "ferromagnetic")
    assert all(p["m"] == pytest.approx(math.tanh(p["m"] / p["T"]), abs=1e-9) for p in branch["points"])
    assert any(p["at"]["T"] == pytest.approx(1, abs=1e-6) for p in branch["special_points"])
    tell("branch", "curie-weiss", "--along", "T=0.5:1.5:11", "-o", tmp_path / "b.csv")
    with open(tmp_path / "b.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(b["points"]) for b in document["branches"])
    tell("branch", "curie-weiss", "--along", "T=0.5:1.5:11", "-o", tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")


def test_branch_from_a_start(ask):
    """A start picks one branch."""
    document = ask("branch", "curie-weiss", "--along", "T=0.5:0.9:5", "--start", "m=0.9")
    assert [b["kind"] for b in document["branches"]] == ["ferromagnetic"]


def test_phase_diagram(ask, tmp_path):
    """The h = 0 line of Curie-Weiss below T = 1, its picture and its data."""
    argv = ["phase-diagram", "curie-weiss", "--x", "h=-0.5:0.5:9", "--y", "T=0.5:1.5:9", "-o", tmp_path / "d.svg", "--data", tmp_path / "d.nc"]
    document = ask(*argv)
    (line,) = [line for line in document["lines"] if line["kind"] == "first-order"]
    assert all(abs(x) < 1e-9 and y < 1 + 1e-9 for x, y in line["points"])
    assert document["phases"]
    assert "<svg" in (tmp_path / "d.svg").read_text()
    assert (tmp_path / "d.nc").stat().st_size


def test_simulate(ask, tell):
    """Estimates carry error, autocorrelation time, R-hat and ESS; a seed makes them reproducible."""
    argv = ["simulate", "curie-weiss", "--set", "T=0.5", "--size", 100, "--sweeps", 200, "--chains", 32, "--seed", 1]
    document = ask(*argv)
    assert set(document["estimates"]["m"]) == {"mean", "error", "tau", "r_hat", "ess"}
    assert document["estimates"]["m"]["mean"] == pytest.approx(0.957, abs=0.02)
    assert ask(*argv) == document
    assert "R-hat" in tell(*argv)


@pytest.mark.slow
def test_validate(ask, tell):
    """A right theory is consistent: status 0."""
    document = ask("validate", "curie-weiss", "--set", "T=0.7", "--sizes", "250,500,1000")
    assert document["verdict"] == "consistent"
    assert {check["observable"] for check in document["checks"]} == {"m", "energy"}


def test_undecided_is_not_done(ask):
    """Too few sweeps decide nothing: status 1."""
    assert ask("validate", "curie-weiss", "--set", "T=0.9", "--sizes", "50,100", "--sweeps", "20", status=1)["verdict"] != "consistent"


def test_the_process_itself(tmp_path):
    """The installed entry: exit status, streams apart, no traceback, quick."""

    def run(*argv):
        return subprocess.run([sys.executable, "-m", "meanfield.cli", *argv], capture_output=True, text=True)

    good = run("models", "--json")
    assert good.returncode == 0 and good.stderr == "" and json.loads(good.stdout)
    bad = run("solve", "nothing")
    assert bad.returncode == 2 and bad.stdout == "" and bad.stderr.count("\n") == 1
    assert run("--version").stdout.startswith("meanfield ")


def test_closed_pipe():
    """`meanfield models | head -1` ends without a traceback."""
    script = f"{sys.executable} -m meanfield.cli models | head -1"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith("curie-weiss") and done.stderr == ""


@pytest.mark.parametrize("command", ["", "models", "derive", "solve", "branch", "transitions", "phase-diagram", "simulate", "validate"])
def test_help(capsys, command):
    """Every command explains itself."""
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--help"])
    assert stop.value.code == 0
    assert "usage: meanfield" in capsys.readouterr().out
