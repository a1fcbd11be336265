"""Derivatives of residuals by differences, one-sided at the border of their domain."""

import numpy as np

__all__ = ["moved", "slope"]


def slope(function, step):
    """Derivative at 0 of a function of a number to second order: central, or from the one side where values are finite."""
    high, low = function(step), function(-step)
    central = (high - low) / (2 * step)
    if np.isfinite(central).all():
        return central
    sign = 1 if np.isfinite(high).all() else -1
    return sign * (4 * function(sign * step / 2) - (high if sign > 0 else low) - 3 * function(0.0)) / step


def moved(u, i, step):
    """u with its i-th entry displaced."""
    v = np.array(u, dtype=float)
    v[i] += step
    return v
