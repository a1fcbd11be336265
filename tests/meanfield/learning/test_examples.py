"""The law of few examples, and retrieval from them."""

from dataclasses import replace
from math import comb

import numpy as np
import pytest

from meanfield.learning.examples import example_law, retrieval, with_few_examples
from theory.disorder import FiniteDistribution
from theory.errors import InputError
from theory.models import curie_weiss, hebbian_supervised
from theory.symbols import symbols


def moments(values, probabilities, orders):
    return [float(np.sum(probabilities * values**k)) for k in orders]


@pytest.mark.parametrize(("r", "M"), [(0.5, 3), (0.5, 20), (0.9, 7), (0.2, 100)])
def test_law_has_the_moments_of_the_examples(r, M):
    law = example_law(r, M)
    right = (1 + r) / 2
    atoms = (2 * np.arange(M + 1) - M - M * r) / np.sqrt(M * (1 - r**2))
    weights = np.array([comb(M, k) * right**k * (1 - right) ** (M - k) for k in range(M + 1)])
    orders = range(12)
    assert moments(law.values, law.probabilities, orders) == pytest.approx(moments(atoms, weights, orders), rel=1e-9, abs=1e-9)
    assert moments(law.values, law.probabilities, (0, 1, 2)) == pytest.approx([1, 0, 1], abs=1e-10)


@pytest.mark.parametrize(("r", "M"), [(0, 5), (1, 5), (0.5, 0), (0.5, 2.5)])
def test_bad_examples(r, M):
    with pytest.raises(InputError):
        example_law(r, M)


def test_only_models_of_examples():
    with pytest.raises(InputError, match="curie-weiss"):
        with_few_examples(curie_weiss())


@pytest.mark.slow
def test_few_nodes_give_the_exact_law():
    """The overlap with eight nodes, and with every one of the 51 values that the mean of 50 examples can have."""
    model = hebbian_supervised(examples=("r", "M"))
    at = {"T": 0.2, "r": 0.4, "M": 50, "alpha": 0.02}
    law = example_law(0.4, 50, points=49)
    Z, = symbols("Z")
    every = FiniteDistribution(*(tuple(map(float, x)) for x in (law.values, law.probabilities)))
    exact = replace(model, disorder={**model.disorder, Z: every})
    found, gaussian = (retrieval(m, **at).order_parameters["m"] for m in (with_few_examples(model), model))
    expected = retrieval(exact, **at).order_parameters["m"]
    assert abs(found - expected) < 1e-4 < abs(gaussian - expected)
