"""All built-in models against simulations: right theories pass, theories at another temperature do not."""

import numpy as np
import pytest

from theory.errors import InputError
from theory.models import available, configure
from validate.suite import POINTS, compare_all, excluded, point

WRONG = 0.02
# Of these the small systems of the reduced suite are enough to tell a wrong theory.
QUICK = ("curie-weiss", "blume-capel", "potts", "transverse-field-ising", "random-field-ising", "hopfield-low-load", "bipartite-sk")
# Without a field, its overlaps vanish above the transition: only the energy moves there.
NO_FIELD = ("bipartite-sk",)


def one(name, **options):
    return next(iter(compare_all([name], **options)))


def test_every_model_has_a_point_or_a_reason():
    names = {e.name for e in available()}
    assert set(POINTS) | set(excluded()) == names and not set(POINTS) & set(excluded())
    assert all(reason for reason in excluded().values())


def test_what_is_given_replaces_the_point():
    given = one("curie-weiss", reduced=True, given={"T": 0.7}, sweeps=50)
    assert given.parameters["T"] == 0.7 and given.options["sweeps"] == 50
    assert one("curie-weiss", reduced=True, given={"beta": 2}, sweeps=50).parameters["T"] == 0.5
    with pytest.raises(InputError, match="not both"):
        one("curie-weiss", given={"T": 0.7, "beta": 2})


def test_reduced():
    """All models with small systems: no contradiction, and hardly any doubt."""
    words = {verdict.model: verdict.verdict for verdict in compare_all(reduced=True)}
    assert set(words) == set(POINTS)
    assert [name for name, word in words.items() if word == "inconsistent"] == []
    assert sum(word == "undecided" for word in words.values()) <= 2, words


@pytest.mark.parametrize("name", QUICK)
def test_another_temperature_fails(name):
    assert one(name, reduced=True, theory_temperature_shift=WRONG).verdict == "inconsistent"


def sensitivity(name):
    """The largest |d phi / d ln T| of order parameters and overlaps at a model's point."""
    model, free = configure(name, point(name))
    T = free.pop("T")
    if model.couplings:
        from validate.replica_prediction import predict_replicas

        near = [predict_replicas(model, model.values(T=T * x, **free)).solution.values for x in (0.99, 1.01)]
    else:
        from validate import predict

        near = [predict(model, model.values(T=T * x, **free)).state for x in (0.99, 1.01)]
    return np.abs(near[1] - near[0]).max() / 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in POINTS if name not in NO_FIELD])
def test_points_move_with_temperature(name):
    assert sensitivity(name) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", POINTS)
def test_right_and_wrong_theory(name):
    right = one(name)
    assert right.verdict == "consistent", right
    wrong = one(name, theory_temperature_shift=WRONG)
    assert wrong.verdict == "inconsistent", wrong
