"""Every root of a function of one variable in an interval, by adaptive cubic interpolation."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Root", "find_roots"]

CELLS = 64
MAX_LEVELS = 60
MAX_CELLS = 20_000
NARROWEST = 2e-15


@dataclass(frozen=True)
class Root:
    """A root at `at`; `jump` if the function changes sign by a discontinuity, between `below` and `above`."""

    at: float
    jump: bool = False
    below: float = 0.0
    above: float = 0.0


def find_roots(function, lo, hi, cells=CELLS, tolerance=1e-13):
    """All roots of `function` in [lo, hi], in ascending order.

    Each cell is halved until its Hermite cubic, checked at the midpoint, shows that it holds no root or
    exactly one simple root, or until the cubic agrees with the function to `tolerance` times its scale;
    roots closer than that accuracy resolves are returned once. A cell that shrinks to a point while its
    ends differ holds a discontinuity.

    Parameters
    ----------
    function : u (B,) -> (values (B,), slopes (B,))
    lo, hi : floats
    cells : number of cells to begin with; features narrower than a cell are found if they bend the cubic

    Returns
    -------
    roots : list of Root
    resolved : bool, False if the function is too rough to tell (zero on a whole interval, or noisy)
    """
    grid = np.linspace(lo, hi, cells + 1)
    values, slopes = function(grid)
    scale = max(np.nanmax(np.abs(values)), 1e-300)
    # One row for each cell: left end, right end, values and slopes there.
    active = np.stack([grid[:-1], grid[1:], values[:-1], values[1:], slopes[:-1], slopes[1:]], axis=1)
    active = active[np.isfinite(active[:, 2]) & np.isfinite(active[:, 3])]
    roots = [Root(u) for u, v in zip(grid, values) if v == 0]
    for _ in range(MAX_LEVELS):
        if not len(active) or len(active) > MAX_CELLS:
            break
        halves, errors = _halve(function, active)
        roots += [Root(u) for u, v in zip(halves[: len(active), 1], halves[: len(active), 3]) if v == 0]
        active = _sift(function, halves, errors, (hi - lo) * NARROWEST, scale * tolerance, roots)
    return _distinct(roots, hi - lo), not len(active)


def _halve(function, cells):
    """Both halves of every cell, and by how much the cubic missed the midpoint (once for each half)."""
    a, b, fa, fb, da, db = cells.T
    middle, width = (a + b) / 2, b - a
    chord = (fb - fa) / width
    da, db = (np.where(np.isfinite(d), d, chord) for d in (da, db))
    value, slope = function(middle)
    with np.errstate(invalid="ignore", over="ignore"):
        missed = np.abs(value - ((fa + fb) / 2 + width * (da - db) / 8))
    left = np.stack([a, middle, fa, value, da, slope], axis=1)
    right = np.stack([middle, b, value, fb, slope, db], axis=1)
    return np.concatenate([left, right]), np.concatenate([missed, missed])


def _sift(function, cells, errors, narrowest, tolerance, roots):
    """Sort cells into empty, settled (their roots are appended) and undecided ones, which are returned."""
    a, b, fa, fb, da, db = cells.T
    width = b - a
    da, db = (np.where(np.isfinite(d), d, (fb - fa) / width) for d in (da, db))
    with np.errstate(invalid="ignore", over="ignore"):
        control = np.stack([fa, fa + width * da / 3, fb - width * db / 3, fb])
        reach, same = np.abs(control).min(axis=0), np.abs(np.sign(control).sum(axis=0)) == 4
        slopes = np.diff(control, axis=0)
        steady = (np.abs(np.sign(slopes).sum(axis=0)) == 3) & (np.abs(slopes).min(axis=0) > 8 * errors)
        empty = same & (reach > 4 * errors) | ~np.isfinite(fa + fb)
    crossing = (np.sign(fa) * np.sign(fb) < 0) & ~empty
    simple = crossing & steady
    point = ~empty & ~simple & (width <= np.maximum(narrowest, 4 * np.spacing(np.maximum(np.abs(a), np.abs(b)))))
    settled = ~empty & ~simple & ~point & (errors <= tolerance)
    for i in np.flatnonzero(simple):
        roots.append(Root(_polish(function, *cells[i, :4])))
    for i in np.flatnonzero(point & crossing):
        roots.append(_jump(cells[i], tolerance))
    for i in np.flatnonzero(settled):
        roots += [Root(u) for u in _cubic_roots(a[i], width[i], control[:, i], tolerance)]
    return cells[~(empty | simple | point | settled)]


def _polish(function, a, b, fa, fb):
    """The only root in (a, b): Newton's method kept inside a shrinking bracket."""
    u = (a * fb - b * fa) / (fb - fa)
    for _ in range(80):
        value, slope = (x[0] for x in function(np.array([u])))
        if value == 0:
            return u
        a, b = (u, b) if np.sign(value) == np.sign(fa) else (a, u)
        step = value / slope if slope and np.isfinite(slope) else np.inf
        if abs(step) <= 2 * np.spacing(abs(u)) or b - a <= 2 * np.spacing(abs(u)):
            return u - step if a <= u - step <= b else u
        u = u - step if a < u - step < b else (a + b) / 2
    return u


def _jump(cell, tolerance):
    a, b, fa, fb, _, _ = cell
    return Root((a + b) / 2, jump=abs(fb - fa) > 1e3 * tolerance, below=a, above=b)


def _cubic_roots(start, width, control, tolerance):
    """Roots of a cubic given by its Bernstein coefficients, those within the tolerance of zero included."""
    c0, c1, c2, c3 = control
    power = np.array([c3 - 3 * c2 + 3 * c1 - c0, 3 * (c2 - 2 * c1 + c0), 3 * (c1 - c0), c0])
    extrema = [t.real for t in np.roots(np.polyder(power)) if abs(t.imag) < 1e-9 and 0 <= t.real <= 1]
    found = [t.real for t in np.roots(power) if abs(t.imag) < 1e-9 and -1e-9 <= t.real <= 1 + 1e-9]
    found += [t for t in extrema if abs(np.polyval(power, t)) <= tolerance]
    return [start + width * min(max(t, 0.0), 1.0) for t in found]


def _distinct(roots, width):
    """Roots in order, those that coincide to rounding merged."""
    kept = []
    for root in sorted(roots, key=lambda r: r.at):
        if not kept or root.at - kept[-1].at > 1e-13 * width:
            kept.append(root)
        elif root.jump and not kept[-1].jump:
            kept[-1] = root
    return kept
