"""The picture of a phase diagram as areas: pixels assigned to phases with the lines as walls, and places for their labels."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Region", "interpolated", "phase_raster", "regions"]

PIXELS = 720
# Side, in pixels, of the blocks on which boundaries that are no lines are found.
BLOCK = 4
SMALLEST = 2e-3


def phase_raster(phase, unit_lines, pixels=PIXELS):
    """Index of the phase at each pixel, shape (pixels, pixels), rows along y.

    The lines wall off areas; an area takes the phase of the grid points in it. Where these have several phases, whose boundary is
    no line, a pixel takes the phase that prevails among the grid points around it.

    Parameters
    ----------
    phase : (nx, ny) index on the grid, -1 where there is none
    unit_lines : arrays (k, 2) in unit coordinates
    """
    walls = _walls(unit_lines, pixels)
    areas, count = ndimage.label(~walls)
    nx, ny = phase.shape
    columns, rows = (np.round(np.arange(n) / (n - 1) * (pixels - 1)).astype(int) for n in (nx, ny))
    owner = areas[np.ix_(rows, columns)].T
    known = np.zeros((pixels, pixels), bool)
    value = np.full((pixels, pixels), -1)
    for area in range(1, count + 1):
        inside = areas == area
        members = phase[(owner == area) & (phase >= 0)]
        if not len(members):
            continue
        value[inside] = _fill(phase, owner == area, inside, members, (columns, rows))
        known |= inside
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return value[tuple(nearest)]


def _fill(phase, own, inside, members, places):
    """Phases of the pixels of one area; a boundary inside it that is no line is drawn smoothly."""
    labels, counts = np.unique(members, return_counts=True)
    if counts.max() >= 0.97 * counts.sum():
        return labels[counts.argmax()]
    coarse = inside.reshape(len(inside) // BLOCK, BLOCK, -1, BLOCK).all((1, 3))
    i, j = np.nonzero(own & (phase >= 0))
    at = places[1][j] // BLOCK, places[0][i] // BLOCK
    weights = [_spread(coarse, at, phase[i, j] == k, len(inside) / BLOCK / min(phase.shape)) for k in labels]
    nearest = ndimage.distance_transform_edt(~coarse, return_distances=False, return_indices=True)
    filled = labels[np.argmax([_enlarged(w[tuple(nearest)], len(inside)) for w in weights], axis=0)]
    # Blocks at a wall mix its sides: pixels there take the phase nearest on their own side.
    sound = ndimage.distance_transform_edt(inside) > 1.5 * BLOCK
    if sound.any():
        filled = filled[tuple(ndimage.distance_transform_edt(~sound, return_distances=False, return_indices=True))]
    return filled[inside]


def _spread(inside, at, given, spacing):
    """Values given at some pixels, spread over an area as heat that does not pass its walls: they round corners only."""
    near = inside[at]
    at, given = tuple(k[near] for k in at), given[near]
    weight = np.zeros(inside.shape)
    np.add.at(weight, at, 1.0)
    value = np.zeros(inside.shape)
    np.add.at(value, at, np.where(given, 1.0, 0.0))
    for _ in range(int(0.7 * spacing**2 + spacing) + 1):
        weight, value = (np.where(inside, ndimage.uniform_filter(x, 3, mode="nearest"), 0.0) for x in (weight, value))
    return value / np.maximum(weight, 1e-300)


def _enlarged(values, pixels):
    places = (np.arange(pixels) + 0.5) / BLOCK - 0.5
    return ndimage.map_coordinates(values, np.meshgrid(places, places, indexing="ij"), order=1, mode="nearest")


def _walls(unit_lines, pixels):
    """Pixels that the lines pass, shape (pixels, pixels)."""
    walls = np.zeros((pixels, pixels), bool)
    for line in unit_lines:
        for a, b in zip(line, line[1:]):
            steps = int(np.ceil(2 * pixels * np.abs(b - a).max())) + 1
            x, y = (a + np.linspace(0, 1, steps)[:, None] * (b - a)).T
            inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
            walls[np.round(y[inside] * (pixels - 1)).astype(int), np.round(x[inside] * (pixels - 1)).astype(int)] = True
    return walls


@dataclass(frozen=True)
class Region:
    """A connected area of one phase: its index, its share of the plane, and the middle of its widest place for a label.

    `at` is in unit coordinates; `width` is how wide a box of the label's shape may be there, in units of the axes' width.
    """

    phase: int
    share: float
    at: tuple
    width: float


def regions(raster, walls, obstacles, aspects):
    """Connected areas of a raster, without slivers, each with its pole of inaccessibility for a label.

    Parameters
    ----------
    walls : lines that separate areas, arrays (k, 2) in unit coordinates
    obstacles : further lines that labels keep off
    aspects : width over height of each phase's label, in units of the axes
    """
    walls = _walls(walls, len(raster))
    free = ~(walls | _walls(obstacles, len(raster)))
    found = []
    for phase in np.unique(raster[raster >= 0]):
        areas, count = ndimage.label((raster == phase) & ~walls)
        shares = ndimage.sum_labels(np.ones_like(raster), areas, np.arange(1, count + 1)) / raster.size
        for k in np.flatnonzero(shares > SMALLEST):
            at, width = _pole((areas == k + 1) & free, aspects[phase])
            found.append(Region(int(phase), float(shares[k]), at, width))
    return found


def _pole(inside, aspect):
    """Middle and width of the largest box of an aspect ratio within an area, the one nearest to the area's centre."""
    scale = (1.0, 1 / aspect) if aspect > 1 else (aspect, 1.0)
    small = np.pad(_resampled(inside, scale), 1)
    distance = ndimage.distance_transform_cdt(small, "chessboard")
    best = np.argwhere(distance >= 0.97 * distance.max())
    centre = np.mean(np.argwhere(small), axis=0)
    row, column = best[np.linalg.norm(best - centre, axis=1).argmin()]
    rows, columns = np.array(small.shape) - 2
    return ((column - 0.5) / columns, (row - 0.5) / rows), (2 * distance[row, column] - 1) / columns


def _resampled(mask, scale):
    """The mask with its rows and columns scaled; a pixel is inside where all that it covers is."""
    rows, columns = (max(3, int(round(n * f))) for n, f in zip(mask.shape, scale))
    i, j = ((np.arange(n) * m) // n for n, m in zip((rows, columns), mask.shape))
    return np.logical_and.reduceat(np.logical_and.reduceat(mask, i, axis=0), j, axis=1)


def interpolated(values, inside, pixels):
    """Grid values, shape (nx, ny), bilinear at pixels from the points of one area; shape (pixels, pixels), rows along y."""
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    filled = values[tuple(nearest)]
    places = [np.linspace(0, n - 1, pixels) for n in filled.shape]
    return ndimage.map_coordinates(filled, np.meshgrid(*places, indexing="ij"), order=1).T
