"""Neurons and synapses in torch: the closed equations are those of the theory, products of independent networks, settings."""

import math

import numpy as np
import pytest
import sympy

from theory import InputError
from theory.learning.pavlov import BLOCKS, derive_pavlov, n1, n2, slow, tau, u1, u2
from theory.symbols import beta
from validate.networks import TrainingRun, experiment

torch = pytest.importorskip("torch")
dynamics = pytest.importorskip("validate.networks.pavlov_dynamics")


def test_the_closed_flow_reduces_to_the_derived_blocks():
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0, 1.0], dtype=torch.float64)
    group = torch.tensor([0, 0, 1, 1, 1])
    levels, inner = torch.tensor([0.8, 0.3], dtype=torch.float64), torch.tensor([[0.5, 0.2], [0.2, 0.4]], dtype=torch.float64)
    couplings = inner[group][:, group] * torch.outer(signs, signs) * (1 - torch.eye(5, dtype=torch.float64))
    stimulus = signs * torch.tensor([0.7, 0.1], dtype=torch.float64)[group]
    spins, synapses = dynamics.closed_flow(levels[group] * signs, couplings, 0.6, stimulus, 8.0)
    at = dict(zip(BLOCKS, (0.8, 0.3, 0.5, 0.2, 0.4))) | {beta: 0.6, tau: 1.0, slow: 8.0, n1: 2, n2: 3, u1: 0.7, u2: 0.1}
    expected = [float(e.subs(at)) for e in sympy.sympify(derive_pavlov()["blocks"])]
    assert (spins * signs).numpy() == pytest.approx(np.array(expected)[group.numpy()], abs=1e-12)
    assert (synapses * torch.outer(signs, signs))[[0, 0, 2], [1, 2, 3]].numpy() == pytest.approx(expected[2:], abs=1e-12)


@pytest.mark.parametrize(("name", "value"), [("stimulus", 20.0), ("memory_beta", 2.0)])
def test_settings_that_the_theory_does_not_hold_for_are_refused(name, value):
    with pytest.raises(InputError, match=name) as error:
        experiment("pavlov-hebb").read({name: value})
    assert "\n" not in str(error.value)


def test_binary_neurons_have_the_mean_of_their_exact_distribution():
    """A group with uniform couplings is a Curie-Weiss model of few spins: its mean by summation over the magnetisation."""
    size, own, field, inverse = 6, 0.3, 0.4, 0.7
    total = size - 2 * np.arange(size + 1)
    weight = [math.comb(size, k) for k in range(size + 1)] * np.exp(inverse * (own * (total**2 - size) / 2 + field * total))
    found = dynamics.noisy_response(TrainingRun(seed=0), "group", size, inverse, own, field, 400, 20.0, step=0.05)
    assert found.mean() == pytest.approx(weight @ total / weight.sum() / size, abs=4 * found.std() / 20)
