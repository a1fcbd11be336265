"""Extrapolation with several leading powers of 1/N."""

import numpy as np

from validate.powers import GLASS_RATIO, extrapolate_power

SIZES = (64, 128, 256, 512)
POWERS = {2 / 3: 1.0, 0.5: 0.2, 1.0: 0.2}


def series(power, value=-0.7115, amplitude=0.85):
    return [value + amplitude * N**-power for N in SIZES]


def test_the_data_choose_the_power():
    for power in POWERS:
        fit = extrapolate_power(SIZES, series(power), [2e-4] * 4, POWERS, GLASS_RATIO)
        assert fit.power == power
        assert abs(fit.value + 0.7115) < 3 * fit.error


def test_noisy_data_leave_the_power_open_and_the_error_contains_it():
    clear, noisy = (extrapolate_power(SIZES, series(2 / 3), [error] * 4, POWERS, GLASS_RATIO) for error in (1e-4, 3e-3))
    spread = np.ptp([fit.value for fit in noisy.fits.values()])
    assert noisy.error > spread / 5 > clear.error


def test_errors_cover():
    generator, errors = np.random.default_rng(1), np.full(4, 5e-4)
    fits = [extrapolate_power(SIZES, series(2 / 3) + errors * generator.standard_normal(4), errors, POWERS, GLASS_RATIO) for _ in range(300)]
    assert np.mean([abs(f.value + 0.7115) < f.error for f in fits]) > 0.6
    assert np.mean([abs(f.value + 0.7115) < 3 * f.error for f in fits]) > 0.97


def test_the_curve_goes_through_the_points():
    fit = extrapolate_power(SIZES, series(2 / 3), [1e-4] * 4, {2 / 3: 1.0})
    assert np.allclose(fit(SIZES), series(2 / 3), atol=1e-6)
