"""Every bad input ends with exit status 2 and one line on standard error that says what to mend."""

import os
import re

import pytest

from meanfield.cli import main

GOOD = """name = "own"
[parameters]
J = 1.0
d = { default = 0.2, min = 0, max = 1 }
P = { default = 2, integer = true }
[site]
s = [-1, 1]
[disorder]
xi = { values = [-1, 0, 1], probabilities = ["(1-d)/2", "d", "(1-d)/2"] }
[order_parameters]
m = "xi*s"
[energy]
density = "-J*m**P/2"
"""


@pytest.fixture
def model_file(tmp_path):
    """Write a model file made from the good one by a replacement, and return its path."""

    def write(old="", new=""):
        assert old in GOOD
        path = tmp_path / "own.toml"
        path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
        return str(path)

    return write


def complaint(capsys, *argv):
    """The line on standard error of a command that must be refused."""
    assert main([*argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("meanfield: ") and printed.err.count("\n") == 1
    assert "Traceback" not in printed.err
    return printed.err


@pytest.mark.parametrize(("argv", "says"), [
    ("", "COMMAND"),
    ("nonsense", "invalid choice"),
    ("solve", "MODEL"),
    ("solve curie-weiss --nonsense", "--nonsense"),
    ("solve no-such-model", "unknown model 'no-such-model'"),
    ("solve curie-wess", "did you mean curie-weiss"),
    ("solve missing.toml", "missing.toml"),
    ("solve curie-weiss --set nope=1", "has no parameter 'nope'"),
    ("solve curie-weiss --set T", "NAME=VALUE"),
    ("solve curie-weiss --set =1", "NAME=VALUE"),
    ("solve curie-weiss --set T=", "NAME=VALUE"),
    ("solve curie-weiss --set T=-1", "T must be"),
    ("solve curie-weiss --set T=x", "'x'"),
    ("solve curie-weiss --set T=().__class__", "unexpected"),
    ("solve curie-weiss --set T=1e999", "out of range"),
    ("solve curie-weiss --set T=1/0", "division by zero"),
    ("solve curie-weiss --set T=sqrt(-1)", "not a real number"),
    ("solve curie-weiss --set T=9**9**9**9", "T=9**9**9**9"),
    ("solve curie-weiss --set T=1 --set T=2", "already set"),
    ("solve curie-weiss --set T=1 --set beta=2", "both T and beta"),
    ("solve curie-weiss --set beta=0", "beta > 0"),
    ("solve multitasking-hopfield --set d=1.5", "[0, 1]"),
    ("solve multitasking-hopfield --set P=2.5", "P must be an integer"),
    ("solve multitasking-hopfield --set P=0", "P must lie in"),
    ("solve curie-weiss --ansatz krsb", "--steps"),
    ("solve curie-weiss --ansatz krsb --steps 0", "positive integer"),
    ("solve curie-weiss --ansatz 1rsb", "no quenched couplings"),
    ("solve hopfield --ansatz krsb", "--steps"),
    ("solve hopfield --ansatz 1rsb --steps 2", "--steps"),
    ("solve hopfield --ansatz full", "invalid choice"),
    ("solve hopfield --ansatz krsb --steps 99", "from 0 to 12"),
    ("derive curie-weiss --ansatz 1rsb", "no quenched couplings"),
    ("transitions curie-weiss --along T=1:2 --ansatz krsb --steps 2", "no quenched couplings"),
    ("phase-diagram curie-weiss --x h=0:1 --y T=0:1 --ansatz 1rsb", "no quenched couplings"),
    ("solve teacher-student-binary --ansatz 1rsb", "use the ansatz rs"),
    ("solve hopfield --set q=0.5", "has no parameter 'q'"),
    ("solve hopfield --set alpha=-1", "alpha must lie in"),
    ("solve perceptron-binary --set T=1", "has no temperature"),
    ("solve perceptron-binary --set beta=1", "has no temperature"),
    ("solve perceptron-errors --set beta=1 --set T=1", "has no temperature"),
    ("transitions perceptron-errors --along T=1:2", "has no temperature"),
    ("transitions perceptron-binary --along beta=1:2", "no parameter beta"),
    ("transitions perceptron-errors --along beta=1:2 --set beta=1", "both set and ranged"),
    ("solve hebbian-supervised --set rho=0.1 --set r=0.3", "either rho or r and M"),
    ("solve dense-hebbian-supervised --set M=10 --set rho=0.1", "either rho or r and M"),
    ("transitions hebbian-supervised --set rho=0.1 --along r=0.1:0.3", "either rho or r and M"),
    ("derive curie-weiss --route nonsense", "nonsense"),
    ("derive curie-weiss --json --format latex", "--json"),
    ("transitions curie-weiss --along T=2:1", "LO < HI"),
    ("transitions curie-weiss --along T=1:1", "LO < HI"),
    ("transitions curie-weiss --along T", "NAME=LO:HI"),
    ("transitions curie-weiss --along T=1", "NAME=LO:HI"),
    ("transitions curie-weiss --along T=1:2:3:4", "NAME=LO:HI"),
    ("transitions curie-weiss --along T=1:2:0", "two points"),
    ("transitions curie-weiss --along T=1:2:1", "two points"),
    ("transitions curie-weiss --along T=1:2:2.5", "two points"),
    ("transitions curie-weiss --along T=-1:2", "T must be"),
    ("transitions curie-weiss --along beta=1:2", "use T=LO:HI"),
    ("transitions curie-weiss --along nope=0:1", "has no parameter 'nope'"),
    ("transitions curie-weiss --along T=0.1:2 --set T=1", "both set and ranged"),
    ("transitions curie-weiss --along T=0.1:2 --set beta=1", "both set and ranged"),
    ("transitions multitasking-hopfield --along P=1:3", "cannot be ranged"),
    ("transitions multitasking-hopfield --along d=0:1.5", "[0, 1]"),
    ("branch curie-weiss", "--along"),
    ("branch curie-weiss --along T=2:1", "LO < HI"),
    ("branch curie-weiss --along T=0.5:1 -o nowhere/b.csv", "nowhere/b.csv"),
    ("branch curie-weiss --along T=0.5:1 -o b.nonsense", "ending in"),
    ("phase-diagram curie-weiss --x h=-1:1 --y h=0:1", "ranged twice"),
    ("phase-diagram curie-weiss --x h=-1:1", "--y"),
    ("phase-diagram curie-weiss --x h=-1:1 --y T=0.5:1 -o nowhere/d.png", "nowhere/d.png"),
    ("phase-diagram curie-weiss --x h=-1:1 --y T=0.5:1 -o d.bmp", "ending in"),
    ("phase-diagram curie-weiss --x h=-1:1 --y T=0.5:1 --data nowhere/d.nc", "nowhere/d.nc"),
    ("derive curie-weiss -o nowhere/d.tex", "nowhere/d.tex"),
    ("simulate curie-weiss", "--size"),
    ("simulate curie-weiss --size 0", "positive integer"),
    ("simulate curie-weiss --size 1.5", "positive integer"),
    ("simulate curie-weiss --size 100 --set T=-1", "T must be"),
    ("simulate curie-weiss --size 100 --device abacus", "invalid choice"),
    ("simulate perceptron-binary --size 100", "no temperature"),
    ("validate", "MODEL"),
    ("validate curie-weiss --sizes 100,x", "sizes"),
    ("validate curie-weiss --sizes ,", "sizes"),
    ("validate curie-weiss --seed -1", "seed"),
])
def test_refused(capsys, argv, says):
    """The line names what was wrong."""
    assert says in complaint(capsys, *argv.split())


@pytest.mark.parametrize(("old", "new", "says"), [
    ("[site]", "[site", "line"),
    ('"xi*s"', '"xi*s*foreign"', "foreign"),
    ('"xi*s"', '"s.__class__"', "unexpected"),
    ('"xi*s"', "\"__import__('os')\"", "unexpected"),
    ('"d", "(1-d)/2"]', '"d", "(1-d)/3"]', "sum"),
    ("J = 1.0", 'J = "one"', "J"),
    ("J = 1.0", "T = 1.0", "T"),
    ("integer = true", "integer = 3", "integer"),
    ("[energy]", "[energies]", "energ"),
    ('density = "-J*m**P/2"', "", "density"),
    ('density = "-J*m**P/2"', 'density = "-J*m**P/2"\n[[couplings]]\nkind = "gaussian"', "covariance is missing"),
    ('density = "-J*m**P/2"', 'density = "-J*m**P/2"\n[[couplings]]\nkind = "hebbian"\nload = "m"', "not allowed here: 'm'"),
])
def test_model_file_is_refused(capsys, model_file, old, new, says):
    """The line names the file and what is wrong in it."""
    line = complaint(capsys, "solve", model_file(old, new))
    assert says in line and "own.toml" in line


def test_value_outside_the_range_of_a_model_file(capsys, model_file):
    """Ranges declared in a file hold on the command line."""
    assert "[0, 1]" in complaint(capsys, "solve", model_file(), "--set", "d=2")
    assert "P must be an integer" in complaint(capsys, "solve", model_file(), "--set", "P=5/2")


def test_directory_as_output(capsys, tmp_path):
    """A directory is no file to write to."""
    path = tmp_path / "figure.png"
    path.mkdir()
    assert "directory" in complaint(capsys, "phase-diagram", "curie-weiss", "--x", "h=-1:1", "--y", "T=0.5:1", "-o", str(path))


def test_bad_input_leaves_no_file(capsys, tmp_path):
    """Output paths are tried before the computation, and nothing of the trial stays."""
    complaint(capsys, "branch", "curie-weiss", "--along", "T=2:1", "-o", str(tmp_path / "b.csv"))
    complaint(capsys, "phase-diagram", "curie-weiss", "--x", "h=-1:1", "--y", "T=0.5:1", "-o", str(tmp_path / "d.png"), "--data", "nowhere/d.nc")
    assert os.listdir(tmp_path) == []


def test_unexpected_failure_is_one_line(capsys, monkeypatch):
    """A defect ends with exit status 1 and one line, or with its traceback where that is asked for."""
    monkeypatch.setattr("theory.models.available", lambda: 1 / 0)
    monkeypatch.delenv("MEANFIELD_DEBUG", raising=False)
    assert main(["models"]) == 1
    assert re.fullmatch(r"meanfield: ZeroDivisionError: .*\n", capsys.readouterr().err)
    monkeypatch.setenv("MEANFIELD_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["models"])


def test_interrupt(capsys, monkeypatch):
    """Control-C is one line and status 130."""

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("theory.models.available", interrupt)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "meanfield: interrupted\n"
