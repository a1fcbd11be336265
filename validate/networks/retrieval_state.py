"""The overlap of a retrieval state from networks that start in a pattern; at finite size it is metastable, and some leave it."""

import numpy as np

from .report import Measurement

__all__ = ["add_overlap", "half_means", "retrieved"]

# A network below this overlap has left the pattern; where more of them do, there is no state to measure.
RETRIEVED, GONE = 0.5, 0.34
# A state that loses this much of its overlap, and so many errors, between the two halves of the counted sweeps is leaving.
DRIFT, DRIFT_ERRORS = 0.02, 4.0


def add_overlap(total, overlap, sweep, sweeps):
    """Add overlaps, tensor (B,), to `total` (2, B) by half of the sweeps that count, the last two thirds of them."""
    half = _half(sweep, sweeps)
    if half >= 0:
        total[half] += overlap


def half_means(total, sweeps):
    """Means over each half from what `add_overlap` has summed, array (2, B)."""
    counted = np.bincount([_half(i, sweeps) for i in range(sweeps) if _half(i, sweeps) >= 0])
    return total.cpu().numpy().astype(float) / counted[:, None]


def _half(sweep, sweeps):
    return (sweep - sweeps // 3) * 2 // (sweeps - sweeps // 3)


def retrieved(sizes, halves):
    """The Measurement of infinite size, from one array (2, networks) for each size; networks that have left are left out."""
    kept = [h[:, h[1] > RETRIEVED] for h in halves]
    gone = 1 - kept[-1].shape[1] / halves[-1].shape[1]
    if min(k.shape[1] for k in kept) < 2:
        return Measurement(float(halves[-1].mean()), np.inf, doubt="nearly all networks leave the pattern")
    return Measurement.extrapolated(sizes, [h.mean(axis=0) for h in kept], _leaving(kept[-1], gone))


def _leaving(halves, gone):
    """Why the overlap is not that of a state, empty if it is."""
    if gone > GONE:
        return f"a fraction {gone:.2g} of the largest networks leaves the pattern"
    change = halves[1] - halves[0]
    error = change.std(ddof=1) / np.sqrt(change.size)
    return "the networks are leaving the pattern" if -change.mean() > max(DRIFT, DRIFT_ERRORS * error) else ""
