"""`validate` with --x and --y, and --checkpoint: the documents, the figures, and what is refused."""

import json

import pytest

from meanfield.cli import main

PLANE = ["validate", "curie-weiss", "--x", "h=-0.5:0.5:9", "--y", "T=0.3:1.5:9", "--sizes", "100,200,400", "--sweeps", "400"]


@pytest.mark.slow
def test_a_diagram(capsys, tmp_path):
    """Exit status, keys and types of the document, each check with its point; a second run from the checkpoint gives the same."""
    line = [*PLANE, "--json", "--checkpoint", str(tmp_path / "plane.npz"), "-o", str(tmp_path / "plane.png")]
    assert main(line) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "consistent" and len(document["points"]) >= 4
    for check in document["checks"]:
        assert {"observable", "theory", "measured", "error", "z", "consistent", "point", "phase"} == set(check)
        assert set(check["point"]) == {"h", "T"}
    assert (tmp_path / "plane.png").stat().st_size > 20_000
    assert main(line) == 0 and json.loads(capsys.readouterr().out) == document


@pytest.mark.slow
def test_a_diagram_for_people(capsys):
    assert main(PLANE) == 0
    text = capsys.readouterr().out
    assert "ferromagnetic (m > 0)" in text and "first-order" in text and "consistent" in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["curie-weiss", "--x", "h=0:1"], "belong together"),
        (["curie-weiss", "--points", "2"], "give --x and --y"),
        (["--all", "--x", "h=0:1", "--y", "T=0.1:1"], "leave them out with --all"),
        (["--all", "--checkpoint", "a.npz"], "leave it out with --all"),
        (["curie-weiss", "--x", "h=0:1", "--y", "h=0:1"], "ranged twice"),
        (["curie-weiss", "--x", "h=0:1", "--y", "T=0.1:1", "--set", "T=1"], "both set and ranged"),
        (["curie-weiss", "--set", "T=0.5", "--checkpoint", "a.txt"], "npz"),
        (["curie-weiss", "--set", "T=0.5", "--checkpoint", "/nowhere/a.npz"], "cannot write"),
    ],
)
def test_refusals(arguments, message, capsys):
    assert main(["validate", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]


def test_simulate_refuses_what_it_cannot_do(capsys, tmp_path):
    torch = pytest.importorskip("torch")
    path = str(tmp_path / "run.npz")
    line = ["simulate", "curie-weiss", "--size", "40", "--sweeps", "20", "--chains", "4", "--checkpoint", path]
    assert main([*line, "--set", "T=0.5"]) == 0
    assert main([*line, "--set", "T=0.6"]) == 2
    assert "belongs to another computation" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert main(["simulate", "curie-weiss", "--size", "40", "--set", "T=0.5", "--device", "cuda"]) == 2
        assert capsys.readouterr().err == "meanfield: torch finds no GPU: use device='cpu'\n"
