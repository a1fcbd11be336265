"""Labels of phases."""

import pytest

from meanfield.phases import overlap_kind


@pytest.mark.parametrize("overlaps, diluted, label", [
    ((0.9, 0, 0), False, "retrieval"),
    ((0.9, 0, 0), True, "retrieval"),
    ((0.5, 0.5, 0.5), False, "mixture"),
    ((0.5, 0.5, 0.5), True, "parallel"),
    ((0.5, 0.5, 0), True, "mixture"),
    ((0.51, 0.42, 0.42), False, "mixture"),
    ((0.6, 0.24, 0.096), True, "hierarchical"),
    ((0.6, 0.24, 0), True, "hierarchical"),
    ((0.492, 0.348, 0.204), True, "mixed"),
])
def test_kinds_of_overlaps(overlaps, diluted, label):
    assert overlap_kind(overlaps, diluted) == label
