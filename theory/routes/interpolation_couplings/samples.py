"""Seeded disorder samples at N up to 12: what small systems show of an assumption."""

import mpmath

from ...symbols import N, T, beta, symbol
from .claims import coupled_context, mean_and_error

PATTERN_SAMPLES = 200


def temperatures(context):
    """At the default parameters: twice the energy scale of couplings and signal, and a third of that of the couplings."""
    values = _defaults(context)
    scale = context.scheme.energy_scale({k: float(v) for k, v in values.items()})
    return 2 * (scale + _signal_scale(context, values)), scale / 3


def _signal_scale(context, values):
    """The largest second derivative of the signal energy without order, at these parameter values."""
    setting = context.scheme.setting
    origin = {**values, **dict.fromkeys(setting.phi, 0)}
    bends = [setting.energy.diff(a, b) for a in setting.phi for b in setting.phi]
    return max((abs(float(context.value(bend, origin))) for bend in bends), default=0.0)


def _defaults(context):
    point = context.point()
    named = {symbol(name): p.default for name, p in context.model.parameters.items()}
    return {x: mpmath.mpf(point[x] if default is None else default) for x, default in named.items()}


class Samples:
    """Where the remainder is measured: at the default parameters, above and below the temperature where couplings order."""

    witness_sizes = (4, 8, 12)

    def witness_temperatures(self, context):
        """A high and a low one (`temperatures`)."""
        return temperatures(context)

    def solution_point(self, context, temperature=None):
        """The default parameters at a temperature, by default the lower one."""
        temperature = mpmath.mpf(temperatures(context)[1] if temperature is None else temperature)
        return {**context.point(), **_defaults(context), T: temperature, beta: 1 / temperature}

    witness_point = solution_point


class GlassSamples(Samples):
    """The remainder of Gaussian couplings in samples."""

    def sampled_remainder(self, context, point, samples):
        """(mean, standard error) of the remainder of dA/dt."""
        import numpy as np

        from ...exact.coupled import overlap_distribution, sampled_glass
        from ...exact.tables import number, numeric

        values = {k: float(v) for k, v in point.items()}
        rng, size = np.random.default_rng(context.seed), int(point[N])
        covariance, *parts = self.at(self.t).parts
        strength, variance = (number(x, values) for x in parts)
        coefficients = context.coefficients(covariance, self.q12, values)
        square = values[beta] ** 2
        curve = numeric(self.remainder, (self.q12,), {k: v for k, v in values.items() if k != self.q12})
        overlaps = curve(1 - 2 * np.arange(size + 1)[:, None] / size)
        signal, seen = context.signal_function(values), []
        for _, logs, phi in context.site_draws(self.at(self.t), values, size, context.drawn(rng, size, samples)):
            p, *_ = sampled_glass(logs, coefficients, square * strength, square * variance, rng)
            seen.append(-square / 2 * overlap_distribution(p) @ overlaps + values[beta] * p @ signal(phi))
        return mean_and_error(seen)


    def sampled_pressure(self, context, expr, values, samples):
        """(mean, standard error) of a pressure, the parts linear and quadratic in the Gaussian variables known."""
        import numpy as np

        from ...exact.coupled import sampled_glass
        from ...exact.tables import number

        rng, size, square = np.random.default_rng(context.seed), int(values[N]), values[beta] ** 2
        covariance, *parts = expr.parts
        strength, variance = (number(x, values) for x in parts)
        coefficients = context.coefficients(covariance, self.q12, values)
        seen, controls = [], []
        drawn = context.drawn(rng, size, samples)
        for _, logs, _ in context.site_draws(expr, values, size, drawn):
            _, log_z, own = sampled_glass(logs, coefficients, square * strength, square * variance, rng)
            seen.append(log_z / size)
            controls.append(own)
        return mean_and_error(seen, np.column_stack([controls, context.site_controls(expr, values, drawn)]))


class LayerSamples(Samples):
    """The remainder of a Hebbian load in samples."""

    def witness_point(self, context, temperature):
        """The default parameters with one pattern for four spins."""
        return {**self.solution_point(context, temperature), self.load: mpmath.mpf(1) / 4}

    def sampled_remainder(self, context, point, samples):
        """(mean, standard error) of the remainder of dA/dt."""
        import numpy as np

        from ...exact.coupled import sampled_layers
        from ...exact.tables import number

        values = {k: float(v) for k, v in point.items()}
        rng, size = np.random.default_rng(context.seed), int(point[N])
        load, *strengths = (number(x, values) for x in self.at(self.t).parts)
        q, p, front = values[self.qbar], values[self.pbar], number(self.load * self.b / 2, values)
        signal, seen = context.signal_function(values), []
        for _, logs, phi in context.site_draws(self.at(self.t), values, size, context.drawn(rng, size, samples)):
            weights, q12, p12, both = sampled_layers(logs, round(load * size), *strengths, rng)
            seen.append(-front * (both - q * p12 - p * q12 + q * p) + values[beta] * weights @ signal(phi))
        return mean_and_error(seen)

    def sampled_pressure(self, context, expr, values, samples):
        """(mean, standard error) of a pressure, the part quadratic in the patterns' entries known."""
        import numpy as np

        from ...exact.coupled import sampled_pressures
        from ...exact.tables import number

        rng, size = np.random.default_rng(context.seed), int(values[N])
        load, coupling, *_ = (number(x, values) for x in expr.parts)
        seen, controls = [], []
        drawn = context.drawn(rng, size, samples)
        for _, logs, _ in context.site_draws(expr, values, size, drawn):
            _, gaussian, own = sampled_pressures(logs, round(load * size), coupling, rng)
            seen.append(gaussian)
            controls.append([own])
        return mean_and_error(seen, np.column_stack([controls, context.site_controls(expr, values, drawn)]))


def binary_patterns(step, context):
    """What small systems show of the pressures with entries +1 or -1 and with Gaussian ones."""
    import numpy as np

    from ...exact.coupled import sampled_pressures
    from ...exact.tables import number

    context = coupled_context(context)
    scheme = context.scheme
    point = scheme.witness_point(context, temperatures(context)[0])
    values, shown = {k: float(v) for k, v in point.items()}, []
    for size in scheme.witness_sizes:
        rng = np.random.default_rng(context.seed)
        load, coupling, *_ = (number(x, values) for x in step.after.parts)
        differences = []
        for _, logs, _ in context.site_draws(step.after, values, size, context.drawn(rng, size, PATTERN_SAMPLES)):
            binary, gaussian, _ = sampled_pressures(logs, round(load * size), coupling, rng)
            differences.append(binary - gaussian)
        mean, error = mean_and_error(differences)
        shown.append(f"{mean:.2g} +- {error:.1g}")
    sizes = ", ".join(map(str, scheme.witness_sizes))
    return (f"at T = {values[T]:.3g} and a load of 1/4, N = {sizes}, {PATTERN_SAMPLES} samples: the pressures differ by "
            f"{', '.join(shown)}")
