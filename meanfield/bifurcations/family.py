"""A theory with some parameters free: parameter points, invariant subspaces and stability spectra."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ..kernels.compiled import System

__all__ = ["Family", "State", "invariant_subspace", "complement", "spectrum", "state"]

TIED = 1e-9
INVARIANT = 1e-11
PROBE_TEMPERATURE = 1e-15


@dataclass(frozen=True)
class Family:
    """A compiled theory whose parameters `names` vary between `low` and `high` while `fixed` are held.

    Attributes
    ----------
    compiled : Compiled
    names : names of the free parameters, "T" among them or in `fixed`
    low, high : arrays of shape (len(names),), the box
    fixed : {name: value}
    """

    compiled: object
    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    fixed: Mapping[str, float] = field(default_factory=dict)

    def __hash__(self):
        return hash((id(self.compiled), self.names, self.low, self.high, tuple(self.fixed.items())))

    def at(self, values):
        """The System at the parameter point `values`, shape (len(names),)."""
        return _system(self, tuple(map(float, values)))

    def probe(self, values):
        """The System that stability is judged by: at T = 0 a tiny temperature, which resolves sites of zero field."""
        parameters = self.parameters(values)
        return self.at(values) if parameters["T"] > 0 else self.system({**parameters, "T": PROBE_TEMPERATURE})

    def system(self, parameters):
        """The System at checked parameters {name: value}: `Compiled.at` checks them, which takes longer than solving."""
        return System(self.compiled, {name: float(parameters[name]) for name in self.compiled.parameter_names})

    def parameters(self, values):
        """All parameters by name at the point `values`."""
        return {**self.fixed, **dict(zip(self.names, map(float, values)))}

    @property
    def span(self):
        """Lengths of the box's sides, which make parameters dimensionless."""
        return np.subtract(self.high, self.low)

    def values(self, unit):
        """Parameter values of unit coordinates; exact at 0 and 1."""
        unit = np.asarray(unit, float)
        inner = np.add(self.low, self.span * unit)
        return np.where(unit == 1, self.high, np.where(unit == 0, self.low, inner))

    def unit(self, values):
        """Unit coordinates of parameter values."""
        return np.subtract(values, self.low) / self.span

    def generic(self, count=3):
        """Interior points at which no accidental symmetry is expected, shape (count, len(names))."""
        golden = 0.6180339887498949
        steps = np.arange(1, count + 1)[:, None] * golden + np.arange(len(self.names)) * golden**2
        return self.values(0.05 + 0.9 * (steps % 1))

    def slope(self, function, values, index, step=1e-5):
        """d function(values) / d unit coordinate `index`, by differences that stay inside the box and small against T."""
        unit = self.unit(values)
        if self.names[index] == "T" and values[index] > 0:
            step = min(step, 0.01 * values[index] / self.span[index])
        ends = np.clip(unit[index] + np.array([-step, step]), min(0, unit[index]), max(1, unit[index]))
        low, high = (self._shifted(unit, index, end) for end in ends)
        return (function(high) - function(low)) / (ends[1] - ends[0])

    def _shifted(self, unit, index, coordinate):
        moved = unit.copy()
        moved[index] = coordinate
        return self.values(moved)


@lru_cache(maxsize=4096)
def _system(family, values):
    return family.system(family.parameters(values))


@dataclass(frozen=True, eq=False)
class State:
    """A solution at one parameter point, with the spectra that decide its stability.

    `inside` are the eigenvalues of 1 + C^(1/2) e'' C^(1/2) in the invariant subspace of the branch, `across` those in
    its complement; both ascending. All positive means locally stable with the conjugate fields eliminated.
    """

    parameters: np.ndarray
    order_parameters: np.ndarray
    evaluation: object
    inside: np.ndarray
    across: np.ndarray

    @property
    def free_energy(self):
        """Free energy per site."""
        return float(self.evaluation.free_energy)

    @property
    def lowest(self):
        """The lowest stability eigenvalue."""
        return float(min(self.inside.min(initial=np.inf), self.across.min(initial=np.inf)))

    @property
    def unstable_directions(self):
        """Number of negative eigenvalues."""
        return int((self.inside < 0).sum() + (self.across < 0).sum())

    @property
    def stable(self):
        """Whether no eigenvalue is negative."""
        return self.unstable_directions == 0


def state(family, basis, values, order_parameters):
    """The State of a known solution `order_parameters` on a branch in the subspace `basis`, shape (n, k)."""
    evaluation = family.at(values).evaluate(order_parameters)
    judged = evaluation if family.parameters(values)["T"] > 0 else family.probe(values).evaluate(order_parameters)
    return State(np.array(values, float), np.array(order_parameters, float), evaluation,
                 spectrum(judged, basis), spectrum(judged, complement(basis)))


def spectrum(evaluation, basis):
    """Ascending eigenvalues of 1 + C^(1/2) e'' C^(1/2) restricted to the invariant subspace `basis`."""
    if basis.shape[1] == 0:
        return np.zeros(0)
    response, curvature = (basis.T @ matrix @ basis for matrix in (evaluation.response, evaluation.curvature))
    values, vectors = np.linalg.eigh((response + response.T) / 2)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    return np.linalg.eigvalsh(np.eye(len(values)) + root.T @ curvature @ root)


def complement(basis):
    """Orthonormal basis of the orthogonal complement of the columns of `basis`."""
    n, k = basis.shape
    if k == 0:
        return np.eye(n)
    return np.linalg.svd(basis, full_matrices=True)[0][:, k:]


def invariant_subspace(family, order_parameters, tied=TIED):
    """Orthonormal basis, shape (n, k), of the subspace that symmetry keeps a solution's branch in.

    Components that vanish or agree up to sign, to the accuracy `tied`, are tied together; a tie counts only where the equations
    respect it at generic points of the box, so that accidental coincidences are not taken for symmetry.
    """
    phi = np.asarray(order_parameters, float)
    groups = _ties(phi, tied)
    while True:
        basis = _basis(groups, phi)
        broken = _broken_ties(family, groups, basis)
        if not broken:
            return basis
        groups = [part for k, group in enumerate(groups) for part in (_split(group, broken[k]) if k in broken else [group])]


def _ties(phi, tied):
    """Groups (sign pattern by index); the group of zeros has signs 0."""
    tied = tied * max(1.0, np.abs(phi).max(initial=0))
    zeros = [i for i, x in enumerate(phi) if abs(x) < tied]
    groups = [{i: 0 for i in zeros}] if zeros else []
    for i in sorted(set(range(len(phi))) - set(zeros)):
        for group in groups[bool(zeros):]:
            if abs(abs(phi[i]) - abs(phi[next(iter(group))])) < tied:
                group[i] = int(np.sign(phi[i]))
                break
        else:
            groups.append({i: int(np.sign(phi[i]))})
    return groups


def _split(group, pushed):
    """A tie loosened: of components that vanish only those pushed off need not, and these still agree; then every one is free."""
    if any(group.values()):
        return [{i: 1} for i in group]
    return [part for part in ({i: 0 for i in group if i not in pushed}, dict.fromkeys(pushed, 1)) if part]


def _basis(groups, phi):
    columns = []
    for group in groups:
        if any(group.values()):
            column = np.zeros(len(phi))
            column[list(group)] = list(group.values())
            columns.append(column / np.linalg.norm(column))
    return np.array(columns).reshape(len(columns), len(phi)).T


def _broken_ties(family, groups, basis):
    """Groups whose tie the residual does not respect at generic points of the subspace: {index: components pushed out of it}."""
    projector = basis @ basis.T
    draw = np.random.default_rng(0)
    broken = {}
    for values in family.generic():
        for _ in range(2):
            phi = basis @ draw.uniform(0.2, 0.8, basis.shape[1])
            residual = family.at(values).evaluate(phi).residual
            outside = np.abs(residual - projector @ residual)
            for k, group in enumerate(groups):
                if pushed := [i for i in group if outside[i] > INVARIANT]:
                    broken[k] = sorted({*broken.get(k, ()), *pushed})
    return broken
