"""A step whose formula has been altered must fail its check."""

from dataclasses import replace

import pytest
from sympy import Rational, Tuple

import theory.models as models
from theory import derive
from theory.checks import verify
from theory.context import Context
from theory.routes import ROUTES, applicable

MODELS = {
    "curie-weiss": models.curie_weiss,
    "relativistic-curie-weiss": models.relativistic_curie_weiss,
    "blume-capel": models.blume_capel,
    "random-field-ising": models.random_field_ising,
    "transverse-field-ising": models.transverse_field_ising,
    "xy": models.xy,
}
# A limit that is zero stays zero when its left side is scaled.
SCALABLE = {"The potential vanishes"}


def altered(side, k):
    rows = list(side) if isinstance(side, Tuple) else [side]
    rows[k] = rows[k] * Rational(21, 20) if rows[k] != 0 else Rational(1, 10)
    return Tuple(*rows) if isinstance(side, Tuple) else rows[0]


def alterations(step):
    for side in ("before", "after"):
        expression = getattr(step, side)
        for k in range(len(expression) if isinstance(expression, Tuple) else 1):
            if not (side == "before" and step.title in SCALABLE):
                yield side, k, replace(step, **{side: altered(expression, k)})


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", MODELS)
def test_five_percent_are_noticed(name, route):
    model = MODELS[name]()
    if route not in applicable(model):
        pytest.skip("the route does not apply")
    derivation = derive(model, route)
    context = Context(derivation)
    for step in derivation.steps:
        if verify(step, context).status == "assumption":
            continue
        for side, k, wrong in alterations(step):
            # The limits of vector spins are small numbers, known to a few per cent of the approach to them.
            if name == "xy" and step.title == "Thermodynamic limit of the action":
                continue
            assert verify(wrong, context).status == "failed", (step.title, side, k)


def test_a_wrong_sign_of_the_streaming_is_noticed():
    derivation = derive(models.curie_weiss(), "interpolation")
    context = Context(derivation)
    step = next(s for s in derivation.steps if s.title == "The streaming")
    assert verify(replace(step, after=-step.after), context).status == "failed"


def test_a_wrong_theory_is_noticed():
    """A derivation whose theory belongs to another model does not pass its last step."""
    derivation = derive(models.curie_weiss())
    wrong = replace(derivation, theory=derive(models.relativistic_curie_weiss()).theory)
    assert wrong.check().steps[-1].status == "failed"


def test_checking_leaves_the_derivation_as_it_was():
    derivation = derive(models.curie_weiss())
    checked = derivation.check()
    assert {s.status for s in derivation.steps} == {"unchecked"} and not derivation.passed
    assert checked.passed and checked.theory is derivation.theory
    assert checked.as_dict()["steps"][0]["check"] == "passed"
