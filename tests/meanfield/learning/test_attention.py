"""Thresholds of exponential capacity, extremes at finite size, and fixed points of clustered patterns."""

import math

import numpy as np
import pytest

from meanfield.learning.attention import clusters, nearest_pattern, retrieval_threshold, update_bound
from theory.errors import InputError


@pytest.mark.parametrize(("kind", "strength", "alpha"), [
    ("binary", 1.0, 0.5662191695), ("binary", 0.5, 0.37989), ("sphere", 1.0, 0.62257)])
def test_threshold_of_a_typical_pattern(kind, strength, alpha):
    """lambda - log cosh lambda for binary patterns, lambda(1 - s) - log(1 - s^2)/2 on the sphere."""
    assert retrieval_threshold(kind, strength) == pytest.approx(alpha, abs=6e-6)


def test_strong_interactions_find_the_nearest_pattern():
    """At infinite strength the threshold is the entropy that overlaps above m have lost: I(m) of a fair coin."""
    m = 0.5
    rate = ((1 + m) * math.log(1 + m) + (1 - m) * math.log(1 - m)) / 2
    assert retrieval_threshold("binary", 50.0, m) == pytest.approx(rate, abs=1e-9)
    assert retrieval_threshold("binary", 30.0) == pytest.approx(math.log(2), abs=1e-9)
    finite = [nearest_pattern(m, N)[0] for N in (100, 400, 1600)]
    assert np.all(np.diff(np.abs(np.array(finite) - rate)) < 0) and finite[-1] == pytest.approx(rate, abs=0.005)


def test_weak_interactions_do_not_freeze():
    """Below the freezing point the threshold is linear in the overlap."""
    assert retrieval_threshold("binary", 0.3, 0.9) == pytest.approx(0.27 - math.log(math.cosh(0.3)))


@pytest.mark.parametrize(("strength", "overlap"), [(0, 1), (1, 0), (1, 1.2)])
def test_bad_thresholds(strength, overlap):
    with pytest.raises(InputError):
        retrieval_threshold("binary", strength, overlap)


def test_clusters_appear_at_the_limit_of_the_global_average():
    """m (1 - beta sigma^2) = tanh(beta c^2 m), zero up to beta (c^2 + sigma^2) = 1."""
    c, sigma = 1.0, 0.5
    limit = clusters(0.5, c, sigma).global_limit
    assert limit == pytest.approx(0.8) and clusters(limit - 1e-6, c, sigma).m == 0
    m = clusters(1.2, c, sigma).m
    assert m * (1 - 1.2 * sigma**2) == pytest.approx(math.tanh(1.2 * m)) and m > 0.5
    with pytest.raises(InputError, match="cluster"):
        clusters(4.0, c, sigma)


def test_bound_tightens_with_beta():
    bounds = update_bound(np.array([1.0, 2.0, 8.0]), 1.0, 0.1, 1.0, 50)
    assert (np.diff(bounds) < 0).all()
