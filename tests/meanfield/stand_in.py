"""A theory of finite sites in plain numpy, independent of generated code, with the interface of `System`."""

from types import SimpleNamespace

import numpy as np

from meanfield.search.energy import energy_of
from meanfield.search.measure import site_measure


class TableSystem:
    """Fixed-point equations of a model with finite site and disorder at one parameter point, T > 0."""

    def __init__(self, model, **values):
        self.compiled = SimpleNamespace(model=model, at=lambda **v: TableSystem(model, **v))
        self.parameters = model.values(**values)
        self.T = self.parameters["T"]
        self.measure = site_measure(model, self.parameters)
        self.energy = energy_of(model, self.parameters)

    def evaluate(self, phi):
        table, T = self.measure, self.parameters["T"]
        field = -self.energy.gradient(phi)[0]
        exponent = (table.functions @ field - table.one_body) / T + table.log_weights
        log_trace = np.logaddexp.reduce(exponent, axis=1)
        weights = np.exp(exponent - log_trace[:, None])
        means = np.einsum("ks,ksa->ka", weights, table.functions)
        second = np.einsum("k,ks,ksa,ksb->ab", table.probabilities, weights, table.functions, table.functions)
        response = (second - np.einsum("k,ka,kb->ab", table.probabilities, means, means)) / T
        curvature = self.energy.curvature(phi)[0]
        pressure = T * table.probabilities @ log_trace
        free_energy = self.energy(phi)[0] + field @ phi - pressure
        internal = np.einsum("k,ks,ks->", table.probabilities, weights, table.functions @ field - table.one_body)
        return SimpleNamespace(
            residual=phi - table.probabilities @ means, response=response, curvature=curvature,
            jacobian=np.eye(len(phi)) + response @ curvature, free_energy=free_energy,
            entropy=(pressure - internal) / T, quadrature_error=0.0)

    def residual(self, phi):
        evaluation = self.evaluate(phi)
        return evaluation.residual, evaluation.jacobian

    def newton(self, phi, atol=1e-13, steps=60):
        phi = np.array(phi, dtype=float)
        for iteration in range(steps):
            residual, jacobian = self.residual(phi)
            if np.abs(residual).max() <= atol:
                break
            phi = phi - np.linalg.solve(jacobian, residual)
        return phi, "done", iteration

    def newton_all(self, starts):
        ends = [self.newton(start)[0] for start in starts]
        residual = np.array([np.abs(self.residual(phi)[0]).max() for phi in ends])
        return SimpleNamespace(phi=np.array(ends), residual=residual, status=np.where(residual < 1e-11, 0, 1))
