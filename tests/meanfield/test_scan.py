"""The exhaustive search for roots of one variable."""

import numpy as np
import pytest

from meanfield.search.scan import find_roots


def curie_weiss(T, h=0.0):
    def function(m):
        t = np.tanh((m + h) / T)
        return m - t, 1 - (1 - t * t) / T

    return function


def test_finds_stable_and_unstable_magnetisations():
    roots, resolved = find_roots(curie_weiss(0.5), -1, 1)
    assert resolved
    assert [r.at for r in roots] == pytest.approx([-0.957504024077269, 0, 0.957504024077269], abs=1e-14)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6])
def test_roots_merging_at_the_critical_point_stay_distinct(gap):
    roots, _ = find_roots(curie_weiss(1 - gap), -1, 1)
    assert len(roots) == 3
    assert roots[-1].at == pytest.approx(np.sqrt(3 * gap), rel=0.1)


def test_roots_merging_at_the_spinodal():
    """The spinodal field at T = J/2 is 0.266419987676776 (REFERENCE: |h_s| = J M_s - T artanh M_s)."""
    assert len(find_roots(curie_weiss(0.5, 0.26641998), -1, 1)[0]) == 3
    assert len(find_roots(curie_weiss(0.5, 0.26642000), -1, 1)[0]) == 1


def test_features_much_narrower_than_a_cell():
    roots, _ = find_roots(curie_weiss(1e-5, 0.3), -1.01, 1.01)
    assert [r.at for r in roots] == pytest.approx([-1, -0.3, 1], abs=1e-4)


def test_a_discontinuity_that_changes_the_sign_is_a_jump():
    roots, _ = find_roots(lambda u: (u - np.sign(u - 0.2), np.ones_like(u)), -1.01, 1.01)
    assert [(round(r.at, 12), bool(r.jump)) for r in roots] == [(-1.0, False), (0.2, True), (1.0, False)]


def test_a_function_that_vanishes_on_an_interval_is_not_resolved_silently():
    noise = np.random.default_rng(0)
    roots, resolved = find_roots(lambda u: (1e-3 * noise.normal(size=len(u)), np.zeros_like(u)), -1, 1)
    assert not resolved


def test_slopes_that_are_not_numbers_do_not_hide_roots():
    roots, resolved = find_roots(lambda u: (u**3 - 0.1 * u, np.full_like(u, np.nan)), -1, 1)
    assert resolved
    assert [r.at for r in roots] == pytest.approx([-np.sqrt(0.1), 0, np.sqrt(0.1)], abs=1e-9)
