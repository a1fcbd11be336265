"""The few coordinates that a search for solutions needs.

Fields depend on phi only along the directions in which the energy is curved, <g> moves only within an
affine hull, and a symmetry confines a solution to the subspace that its stabiliser fixes. Together they
leave few coordinates u: phi = centre + basis u, with <g> a function of u.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .cooling import at_temperature
from .energy import energy_of
from .measure import site_measure
from .symmetry import detect

__all__ = ["Reduction", "Subspace"]

RANK = 1e-10
# Temperature at which states at T = 0 are judged, in units of the largest field.
COLDEST = 1e-8


@dataclass(frozen=True, eq=False)
class Subspace:
    """Coordinates u of the solutions in one invariant subspace: phi = centre + basis u, low <= u <= high.

    Attributes
    ----------
    fixed : (n, k) orthonormal basis of the whole subspace, directions without influence included
    """

    centre: np.ndarray
    basis: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fixed: np.ndarray

    @property
    def dimension(self):
        """Number of coordinates."""
        return self.basis.shape[1]

    def projected(self, phi):
        """The part of phi that lies in the subspace."""
        return self.centre + self.fixed @ (self.fixed.T @ (phi - self.centre))

    def points(self, unit):
        """Order parameters at points of the unit cube, shapes (B, k) -> (B, n)."""
        return self.centre + (self.low + (self.high - self.low) * unit) @ self.basis.T


class Reduction:
    """The site measure, the symmetry and the reduced subspaces of a theory at one parameter point.

    Parameters
    ----------
    system : System
    """

    def __init__(self, system):
        self.system = system
        self.model = system.compiled.model
        self.parameters = system.parameters
        self.measure = site_measure(self.model, self.parameters)
        self.energy = energy_of(self.model, self.parameters)

    @cached_property
    def _interior(self):
        return self.measure.interior(np.random.default_rng(7), 4)

    @cached_property
    def symmetry(self):
        """Symmetry group of the theory."""
        return detect(self.model, self.parameters, self.measure)

    @cached_property
    def site_symmetry(self):
        """Symmetry group of the sites, without the energy."""
        return detect(self.model, self.parameters, self.measure, with_energy=False)

    @cached_property
    def curved(self):
        """Orthonormal basis (n, r) of the directions in which the energy is curved somewhere."""
        stacked = self.energy.curvature(self._interior).reshape(-1, len(self.model.names))
        _, singular, right = np.linalg.svd(stacked)
        rank = int((singular > RANK * max(singular[0], 1.0)).sum())
        return right[:rank].T

    @cached_property
    def field_scale(self):
        """The largest energy difference between states of one site, the unit of low temperatures."""
        gradient = self.energy.gradient(self._interior)
        width = self.measure.support(gradient) + self.measure.support(-gradient)
        return float(width.max() / 2 + np.ptp(self.measure.one_body, axis=1).max()) or 1.0

    @cached_property
    def probe(self):
        """The system that judges stability: at T = 0 one at a tiny temperature, which resolves kinks."""
        if self.system.T > 0:
            return self.system
        return at_temperature(self.system, COLDEST * self.field_scale)

    @cached_property
    def subspaces(self):
        """Reduced invariant subspaces, by dimension; the last is the whole space."""
        found = {}
        for fixed in self.symmetry.subspaces() + self._closed_under_energy():
            subspace = self._reduced(fixed)
            projector = subspace.basis @ subspace.basis.T
            found.setdefault(np.round(projector + 0.0, 8).tobytes(), subspace)
        return sorted(found.values(), key=lambda s: s.dimension)

    def _closed_under_energy(self):
        """Subspaces fixed by symmetries of the sites that the gradient of the energy does not leave.

        An energy of odd powers has fewer symmetries than the sites, yet vanishing overlaps stay zero.
        """
        return [b for b in self.site_symmetry.subspaces() if self._is_closed(b)]

    def _is_closed(self, basis):
        projector = basis @ basis.T
        inside = self.measure.centre + (self._interior - self.measure.centre) @ projector
        gradient = self.energy.gradient(inside)
        leaving = np.abs(gradient - gradient @ projector).max()
        return leaving <= RANK * max(1.0, np.abs(gradient).max())

    def _reduced(self, fixed):
        inside = _orthonormal(self.measure.hull @ (self.measure.hull.T @ fixed))
        basis = _orthonormal(self.curved @ (self.curved.T @ inside))
        offset = self.measure.centre @ basis
        high = self.measure.support(basis.T) - offset if basis.size else np.zeros(0)
        low = -self.measure.support(-basis.T) - offset if basis.size else np.zeros(0)
        # A state that saturates lies on the end of the range, where rounding must not hide it.
        margin = 1e-9 * (high - low)
        return Subspace(self.measure.centre, basis, low - margin, high + margin, fixed)


def _orthonormal(vectors):
    """Orthonormal basis of the span of the columns."""
    if vectors.shape[1] == 0:
        return vectors
    left, singular, _ = np.linalg.svd(vectors, full_matrices=False)
    basis = left[:, singular > RANK * max(singular[0], 1e-300)] if singular[0] > RANK else left[:, :0]
    return basis * np.where(basis.sum(axis=0) < 0, -1.0, 1.0)
