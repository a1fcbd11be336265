"""`meanfield validate --all`: one row a model, its JSON, and the shifted theory."""

import json

import pytest

from meanfield.cli import main
from theory.models import entry
from validate import suite


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command on a list of two models, and return what it prints."""
    monkeypatch.setattr(suite, "available", lambda: (entry("curie-weiss"), entry("perceptron-binary")))

    def ask(*argv, status=0):
        assert main(["validate", "--all", "--reduced", *argv]) == status
        return capsys.readouterr().out

    return ask


def test_one_row_a_model(run):
    lines = run().splitlines()
    assert lines[0].split() == ["model", "parameters", "worst", "z", "verdict", "seconds"]
    assert lines[1].startswith("curie-weiss") and "T=0.6" in lines[1] and "consistent" in lines[1]
    assert lines[-1].startswith("1 models, 1 not applicable: consistent")


def test_document(run):
    document = json.loads(run("--json"))
    assert document["verdict"] == "consistent" and {c["model"] for c in document["checks"]} == {"curie-weiss"}
    (row,) = document["models"]
    assert row["parameters"]["T"] == 0.6 and row["verdict"] == "consistent" and abs(row["z"]) < row["threshold"] and row["seconds"] > 0
    assert document["not_applicable"] == {"perceptron-binary": "it has no temperature"}


def test_a_shifted_theory_is_inconsistent(run):
    assert json.loads(run("--json", "--shift", "0.02", status=1))["verdict"] == "inconsistent"
    assert json.loads(run("--json", "--set", "T=0.8", "--sizes", "500,1000"))["models"][0]["parameters"]["T"] == 0.8


@pytest.mark.parametrize("argv, message", [
    (["curie-weiss", "--reduced"], "--reduced goes with --all"), (["curie-weiss", "--shift", "-1"], "--shift"), (["curie-weiss", "--shift", "warm"], "--shift"),
])
def test_refusals(capsys, argv, message):
    try:
        status = main(["validate", *argv])
    except SystemExit as stop:
        status = stop.code
    assert status == 2 and message in capsys.readouterr().err
