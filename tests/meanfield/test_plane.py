"""Every fixed point on a plane: counts against the exact spinodal, and against brute force."""

import numpy as np
import pytest

from meanfield.kernels.compiled import compile
from meanfield.kernels.plane import fixed_points, group_elements, subspace_starts
from meanfield.search.symmetry import symmetry
from theory import models


def test_curie_weiss_counts_follow_the_spinodal():
    """Three solutions inside |h| < sqrt(1-T) - T artanh sqrt(1-T), one outside; the residual is at rounding."""
    fields, temperatures = np.linspace(-0.5, 0.5, 150), np.linspace(0.05, 1.5, 140)
    starts = np.array([[-1.0], [0.0], [1.0]])
    plane = fixed_points(compile(models.curie_weiss()), ("h", fields), ("T", temperatures), starts, cell=16, most=5)
    h, T = fields[None, :], temperatures[:, None]
    m = np.sqrt(np.clip(1 - T, 0, None))
    np.testing.assert_array_equal(plane.count, np.where(np.abs(h) < m - T * np.arctanh(m), 3, 1))
    for k in range(3):
        known = plane.count > k
        solution = np.where(known, plane.phi[k, 0], 0)
        assert np.where(known, np.abs(solution - np.tanh((solution + h) / T)), 0).max() < 1e-11
    chosen = np.take_along_axis(plane.phi[:, 0], plane.equilibrium[None].astype(int), axis=0)[0]
    assert (chosen * h >= 0).all()


def test_multitasking_solutions_are_all_found():
    """At random points nothing is missing of what 300 starts find."""
    compiled = compile(models.multitasking_hopfield(P=2))
    group = symmetry(compiled.at(T=0.4, d=0.3))
    dilutions, temperatures = np.linspace(0.05, 0.95, 20), np.linspace(0.05, 1.0, 21)
    plane = fixed_points(compiled, ("d", dilutions), ("T", temperatures), subspace_starts(group, 2),
                         group=group_elements(group), cell=8)
    rng = np.random.default_rng(4)
    for j, i in zip(rng.integers(0, 21, 12), rng.integers(0, 20, 12)):
        batch = compiled.at(T=temperatures[j], d=dilutions[i]).newton_all(rng.uniform(-1, 1, (300, 2)))
        found = plane.phi[: plane.count[j, i], :, j, i]
        for x in group.canonical(batch.phi[batch.converged]):
            assert np.abs(found - x).max(axis=1).min() < 1e-6


def test_plane_over_parameters_that_move_the_disorder():
    """A bimodal field changes the values of the disorder from point to point."""
    compiled = compile(models.random_field_ising())
    fields, temperatures = np.linspace(0.0, 0.6, 12), np.linspace(0.1, 1.2, 11)
    plane = fixed_points(compiled, ("h0", fields), ("T", temperatures), np.array([[-1.0], [-0.4], [0.0], [0.4], [1.0]]), cell=4)
    for j in (0, 4, 9):
        for i in (1, 6, 11):
            system = compiled.at(T=temperatures[j], h0=fields[i])
            for k in range(plane.count[j, i]):
                evaluation = system.evaluate(plane.phi[k, :, j, i])
                assert np.abs(evaluation.residual).max() < 1e-11
                assert plane.free_energy[k, j, i] == pytest.approx(evaluation.free_energy, abs=1e-12)


def test_fold_lines_without_a_symmetry():
    """Where folds cross cells of a grid in other parameters: every point against a search of its own."""
    compiled = compile(models.blume_capel())
    crystal, temperatures = np.linspace(0.3, 0.5, 70), np.linspace(0.08, 0.3, 60)
    starts = np.linspace(-1, 1, 9)[:, None]
    plane = fixed_points(compiled, ("Delta", crystal), ("T", temperatures), starts, cell=16)
    rng = np.random.default_rng(2)
    for j, i in zip(rng.integers(0, 60, 40), rng.integers(0, 70, 40)):
        batch = compiled.at(T=temperatures[j], Delta=crystal[i]).newton_all(np.linspace(-1, 1, 101)[:, None])
        truth = np.unique(np.round(batch.phi[batch.converged], 6))
        np.testing.assert_allclose(np.sort(plane.phi[: plane.count[j, i], 0, j, i]), truth, atol=1e-5)
    assert set(np.unique(plane.count)) >= {3, 5}


@pytest.mark.parametrize("swapped", (False, True))
@pytest.mark.parametrize("points", (40, 41))
def test_mirror_images_are_solutions(swapped, points):
    """Where reversal of the field maps solutions to solutions, those of the second half are as good as those of the first."""
    axes = ("h", np.linspace(-0.5, 0.5, points)), ("T", np.linspace(0.1, 1.3, 30))
    compiled = compile(models.curie_weiss())
    plane = fixed_points(compiled, *(axes[::-1] if swapped else axes), np.array([[-1.0], [0.0], [1.0]]), cell=16)
    count, phi, stable, chosen = (np.swapaxes(a, -1, -2) if swapped else a
                                  for a in (plane.count, plane.phi[:, 0], plane.stable, plane.equilibrium))
    h, T = axes[0][1][None, :], axes[1][1][:, None]
    known = np.arange(len(phi))[:, None, None] < count
    m = np.where(known, phi, 0)
    assert np.where(known, np.abs(m - np.tanh((m + h) / T)), 0).max() < 1e-11
    np.testing.assert_array_equal(count, count[:, ::-1])
    np.testing.assert_array_equal(stable[known], (1 - (1 - m**2) / T > 0)[known])
    assert (np.take_along_axis(m, chosen[None].astype(int), axis=0)[0] * h >= 0).all()


def test_a_grid_without_mirror_is_not_reflected():
    """An axis that is symmetric while the model is not, and the reverse."""
    starts, compiled = np.linspace(-1, 1, 7)[:, None], compile(models.curie_weiss())
    for fixed, fields in (({"J": 1.0}, np.linspace(-0.4, 0.5, 20)), ({"h": 0.1}, np.linspace(-1.2, 1.2, 20))):
        name = "h" if "J" in fixed else "J"
        plane = fixed_points(compiled, (name, fields), ("T", np.linspace(0.2, 1.2, 15)), starts, fixed=fixed, cell=8)
        for j, i in ((0, 0), (3, 2), (3, 17), (14, 19)):
            T, values = plane.y[1][j], {"J": 1.0, "h": 0.1} | {name: fields[i]}
            m = plane.phi[: plane.count[j, i], 0, j, i]
            assert len(m) and np.abs(m - np.tanh((values["J"] * m + values["h"]) / T)).max() < 1e-11
