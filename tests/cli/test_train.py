"""`meanfield train` as a user runs it."""

import json

import pytest

from meanfield.cli import main

pytest.importorskip("torch")
pytest.importorskip("sklearn")


def test_lists_the_experiments(capsys):
    from validate.networks import names

    assert main(["train"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in names())
    assert main(["train", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == list(names())


@pytest.mark.parametrize("arguments", [["nothing"], ["--set", "a=1"], ["nothing", "-o", "figure.txt"]])
def test_bad_input_is_one_line(capsys, arguments):
    assert main(["train", *arguments]) == 2
    captured = capsys.readouterr()
    assert not captured.out and captured.err.count("\n") == 1
