"""Symmetry groups: what leaves a theory unchanged, and how states are counted."""

from itertools import permutations, product
from math import factorial

import numpy as np
import pytest

from meanfield.search.symmetry import detect
from theory.models import load


def group(name, with_energy=True, T=0.4, structural=None, **parameters):
    model = load(name, **(structural or {}))
    return detect(model, model.values(T=T, **parameters), with_energy=with_energy)


@pytest.mark.parametrize("name, structural, parameters, order", [
    ("curie-weiss", {}, {}, 2),
    ("curie-weiss", {}, {"h": 1e-6}, 1),
    ("blume-emery-griffiths", {}, {}, 2),
    ("random-field-ising", {}, {}, 2),
    ("p-spin-ferromagnet", {"p": 3}, {}, 1),
    ("p-spin-ferromagnet", {"p": 4}, {}, 2),
    ("potts", {"q": 4}, {}, 24),
    ("hopfield-low-load", {"P": 3}, {}, 48),
    ("multitasking-hopfield", {"P": 5}, {}, 2**5 * 120),
    ("multitasking-hebbian", {"P": 3}, {}, 48),
    ("dense-low-load", {"P": 3, "p": 3}, {}, 6),
    ("dense-low-load", {"P": 3, "p": 4}, {}, 48),
])
def test_order_of_the_group(name, structural, parameters, order):
    assert group(name, structural=structural, **parameters).order == order


def test_the_sites_keep_symmetries_that_the_energy_breaks():
    assert group("dense-low-load", with_energy=False, structural={"P": 3, "p": 3}).order == 48
    assert group("curie-weiss", with_energy=False, h=0.3).order == 2


def brute_force_orbit(phi):
    images = {tuple(np.round(np.array(s) * np.array(p), 6) + 0.0)
              for p in permutations(phi) for s in product((1, -1), repeat=len(phi))}
    return len(images)


@pytest.mark.parametrize("phi", [(0, 0, 0), (0.9, 0, 0), (0.5, 0.5, 0), (0.5, 0.5, 0.5), (0.5, 0.4, 0.4), (0.6, 0.3, 0.1)])
def test_orbits_are_counted_as_by_enumeration(phi):
    symmetry = group("hopfield-low-load", structural={"P": 3})
    assert symmetry.multiplicity(phi) == symmetry.orbit_size(phi) == brute_force_orbit(phi)


def test_orbits_of_eight_patterns():
    symmetry = group("hopfield-low-load", structural={"P": 8})
    assert symmetry.order == 2**8 * factorial(8)
    assert symmetry.multiplicity([0.4, 0.4, 0.4, 0, 0, 0, 0, 0]) == 2**3 * 56


def test_pairs_of_overlaps_move_together():
    symmetry = group("multitasking-hebbian", structural={"P": 2})
    assert symmetry.canonical([0.2, -0.7, 0.1, -0.6]) == pytest.approx([0.7, 0.2, 0.6, 0.1])
    assert symmetry.multiplicity([0.7, 0.2, 0.6, 0.1]) == 8
    assert symmetry.multiplicity([0.7, 0.0, 0.6, 0.0]) == 4


def test_potts_representative_is_descending():
    assert group("potts").canonical([0.1, 0.2, 0.7]) == pytest.approx([0.7, 0.2, 0.1])


def test_a_vector_counts_once():
    symmetry = group("heisenberg")
    assert symmetry.canonical([-0.7]) == pytest.approx([0.7])
    assert symmetry.multiplicity([0.7]) == 1


@pytest.mark.parametrize("name, structural", [("hopfield-low-load", {"P": 4}), ("potts", {"q": 5}), ("multitasking-hebbian", {"P": 3})])
def test_canonical_is_the_same_for_every_image(name, structural):
    symmetry = group(name, structural=structural)
    rng = np.random.default_rng(1)
    phi = rng.normal(size=symmetry.size)
    images = [symmetry.image(phi, rng) for _ in range(20)]
    assert np.ptp([symmetry.canonical(x) for x in images], axis=0).max() < 1e-15
    assert symmetry.canonical(np.array(images)) == pytest.approx(np.array([symmetry.canonical(phi)] * 20))


def test_symmetries_that_flip_two_overlaps_at_once():
    """e = -m1 m2 allows only the joint flip and the exchange."""
    from theory import Ising, Model, symbols

    s, x1, x2, m1, m2 = symbols("s xi1 xi2 m1 m2")
    from theory.disorder import Rademacher

    model = Model(site=Ising(s), disorder={x1: Rademacher(), x2: Rademacher()},
                  order_parameters={m1: x1 * s, m2: x2 * s}, energy=-m1 * m2)
    symmetry = detect(model, model.values(T=0.3))
    assert symmetry.order == 4
    assert symmetry.multiplicity([0.5, 0.3]) == 4
    assert symmetry.multiplicity([0.5, 0.5]) == 2
    assert symmetry.canonical([-0.3, -0.5]) == pytest.approx([0.5, 0.3])
    assert [b.shape[1] for b in symmetry.subspaces()] == [0, 1, 1, 2]


def test_subspaces_are_fixed_by_their_stabiliser():
    symmetry = group("hopfield-low-load", structural={"P": 3})
    assert sorted(b.shape[1] for b in symmetry.subspaces()) == [0, 1, 1, 1, 2, 2, 3]
