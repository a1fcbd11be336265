"""Figures are drawn on the axes that are given, from the numbers of the verdict."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib.figure import Figure

from validate import compare, plot_check, plot_scan, plot_verdict


@pytest.fixture(scope="module")
def verdicts():
    return [compare("curie-weiss", T=T, sizes=(100, 200, 400), sweeps=100) for T in (0.5, 0.6)]


def test_check(verdicts):
    check, ax = verdicts[0].checks[0], Figure().subplots()
    artists = plot_check(check, ax)
    assert np.allclose(artists["points"].lines[0].get_xdata(), 1 / np.array(check.sizes))
    assert artists["limit"].lines[0].get_ydata() == [check.measured]


def test_verdict(verdicts):
    artists = plot_verdict(verdicts[0], Figure().subplots())
    assert list(artists["points"].lines[0].get_xdata()) == [c.z for c in verdicts[0].checks]


def test_scan(verdicts):
    top, bottom = Figure().subplots(2)
    artists = plot_scan(verdicts[::-1], "T", "m", (top, bottom))
    assert list(artists["theory"].get_xdata()) == [0.5, 0.6] and set(artists) == {"theory", "points", "residuals", "band"}
    assert set(plot_scan(verdicts, "T", "m", Figure().subplots())) == {"theory", "points"}
