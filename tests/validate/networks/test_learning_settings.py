"""Settings that do not go together are refused in one line that says how to mend them; errors of mean overlaps."""

import numpy as np
import pytest

from theory.errors import InputError
from validate.networks import experiment

pytest.importorskip("torch")

from validate.networks.teacher_student import _cosines, _errors


@pytest.mark.parametrize(("name", "given", "message"), [
    ("teacher-student", {"alpha_spherical": 0.33}, "must be whole"),
    ("teacher-student", {"alpha_binary": 0.123}, "fraction such as 0.5"),
    ("teacher-student", {"alpha_stored": 2.5}, "alpha_stored"),
    ("hebbian-learning", {"alpha": 0.0123}, "whole number of patterns"),
    ("hebbian-learning", {"largest": 402}, "multiple of 4"),
    ("hebbian-learning", {"data": "letters"}, "digits"),
    ("modern-hopfield", {"beta": 5.0}, "beta sigma"),
    ("modern-hopfield", {"overlap": 0.4999}, "overlap such as 0.5"),
])
def test_settings_that_do_not_go_together(name, given, message):
    with pytest.raises(InputError, match=message) as found:
        experiment(name).read(given)
    assert "\n" not in str(found.value)


def test_errors_of_mean_overlaps():
    """Samples linear about the mean have the error of the mean overlap, and Bayes' cosine that of both means."""
    rng = np.random.default_rng(0)
    R, q = 0.6 + 0.1 * rng.standard_normal(1000), 0.5 + 0.1 * rng.standard_normal(1000)
    assert _errors(R).mean() == pytest.approx(np.arccos(R.mean()) / np.pi)
    assert _errors(R).std() == pytest.approx(R.std() / (np.pi * np.sqrt(1 - R.mean() ** 2)))
    assert _cosines(R, q).mean() == pytest.approx(R.mean() / np.sqrt(q.mean()))
    step = 1e-6
    cosine = lambda a, b: (R.mean() + a) / np.sqrt(q.mean() + b)
    by_R, by_q = ((cosine(a, b) - cosine(0, 0)) / step for a, b in ((step, 0), (0, step)))
    linear = cosine(0, 0) + by_R * (R - R.mean()) + by_q * (q - q.mean())
    assert _cosines(R, q) == pytest.approx(linear, abs=1e-5)
