"""Compiled Markov chains for the law exp(-beta [N e(phi) + sum_i v_i]), whatever the smooth energy e.

Every kernel advances one chain and writes, after each sweep, the order parameters and the energy
per site. Three moves:

- `two_layer`: occupation numbers of (class, state); cost independent of N.
- `heat_bath`, `metropolis`: single sites with finitely many states, in sequence.
- `vectors`, `gaussians`: single vector or Gaussian sites, drawn in their local field and accepted.

All of them are exact at every N.
"""

import math

import numpy as np
from numba import njit

from .energy import evaluate
from .rng import OPTIONS, binomial, normal, uniform


@njit(**OPTIONS)
def energy_and_gradient(address, phi, parameters, out):
    """Write e(phi) and its gradient to `out`."""
    evaluate(address, phi, parameters, out)


@njit(**OPTIONS)
def multinomial(state, size, weights, counts):
    """Distribute `size` sites over the states with these weights (overwritten by their partial sums)."""
    last = weights.size - 1
    for k in range(last - 1, -1, -1):
        weights[k] += weights[k + 1]
    left = size
    for k in range(last):
        drawn = binomial(state, left, 1 - weights[k + 1] / weights[k])
        counts[k] = drawn
        left -= drawn
    counts[last] = left


@njit(**OPTIONS)
def draw_counts(state, beta, field, sizes, functions, energies, log_weights, counts):
    """Draw the occupation numbers of independent sites in a field, one multinomial a class."""
    _draw_counts(state, beta, field, sizes, functions, energies, log_weights, counts, np.empty(functions.shape[1]))


@njit(**OPTIONS)
def _draw_counts(state, beta, field, sizes, functions, energies, log_weights, counts, weights):
    """`draw_counts` with work space (K,)."""
    classes, states, n = functions.shape
    for c in range(classes):
        top = -np.inf
        for k in range(states):
            work = -energies[c, k]
            for a in range(n):
                work += field[a] * functions[c, k, a]
            weights[k] = log_weights[k] + beta * work
            top = max(top, weights[k])
        for k in range(states):
            weights[k] = math.exp(weights[k] - top) if weights[k] < top else 1.0
        multinomial(state, sizes[c], weights, counts[c])


@njit(**OPTIONS)
def measure_counts(counts, N, functions, energies, phi):
    """Write the order parameters to `phi`; return the site energy per site."""
    classes, states, n = functions.shape
    for a in range(n):
        phi[a] = 0.0
    one_body = 0.0
    for c in range(classes):
        for k in range(states):
            count = counts[c, k]
            if count == 0:
                continue
            one_body += count * energies[c, k]
            for a in range(n):
                phi[a] += count * functions[c, k, a]
    for a in range(n):
        phi[a] /= N
    return one_body / N


@njit(**OPTIONS)
def _residual(address, parameters, phi, z, field, stiffness, out):
    """e(phi) + field.phi + (z - phi).A.(z - phi)/2: what the product measure leaves of the energy."""
    evaluate(address, phi, parameters, out)
    total = out[0]
    for a in range(phi.size):
        total += field[a] * phi[a]
        for b in range(phi.size):
            total += 0.5 * stiffness[a, b] * (z[a] - phi[a]) * (z[b] - phi[b])
    return total


@njit(**OPTIONS)
def _accepted(state, weight, address, parameters, phi, new_phi, z, field, stiffness, out):
    """Whether to accept a proposal, by what the product measures leave of both energies."""
    old = _residual(address, parameters, phi, z, field, stiffness, out)
    new = _residual(address, parameters, new_phi, z, field, stiffness, out)
    return new <= old or math.log(uniform(state)) < -weight * (new - old)


@njit(**OPTIONS)
def two_layer(state, address, parameters, beta, N, sizes, functions, energies, log_weights, stiffness, root, certain, counts, draws):
    """Occupation numbers by a Gaussian second layer; returns the share of accepted proposals.

    Given phi draw z ~ N(phi, A^-1 / (beta N)); given z draw all sites afresh in the field
    h = -grad e(z) and accept with what the linear field leaves of e. For quadratic e = -phi.A.phi/2
    every proposal is accepted (Hubbard-Stratonovich); in general the chain is exact for any
    positive A, and A = |e''| near the state makes it fast.

    Parameters
    ----------
    stiffness, root : arrays (n, n), A and a root of its inverse; both zero in directions without e''
    certain : whether every proposal is accepted, as for a quadratic e of stiffness A
    counts : int array (C, K), the state of the chain, updated
    draws : array (sweeps, n + 1), written: order parameters and energy per site
    """
    n = stiffness.shape[0]
    phi, new_phi, z = np.empty(n), np.empty(n), np.empty(n)
    noise, out, field = np.empty(n), np.empty(n + 1), np.empty(n)
    new_counts, weights = np.empty_like(counts), np.empty(counts.shape[1])
    one_body = measure_counts(counts, N, functions, energies, phi)
    width = 1 / math.sqrt(beta * N)
    accepted = 0
    for sweep in range(draws.shape[0]):
        for a in range(n):
            noise[a] = width * normal(state)
        for a in range(n):
            z[a] = phi[a]
            for b in range(n):
                z[a] += root[a, b] * noise[b]
        evaluate(address, z, parameters, out)
        for a in range(n):
            field[a] = -out[a + 1]
        _draw_counts(state, beta, field, sizes, functions, energies, log_weights, new_counts, weights)
        new_one_body = measure_counts(new_counts, N, functions, energies, new_phi)
        if certain or _accepted(state, beta * N, address, parameters, phi, new_phi, z, field, stiffness, out):
            for c in range(counts.shape[0]):
                for k in range(counts.shape[1]):
                    counts[c, k] = new_counts[c, k]
            for a in range(n):
                phi[a] = new_phi[a]
            one_body = new_one_body
            accepted += 1
        evaluate(address, phi, parameters, out)
        for a in range(n):
            draws[sweep, a] = phi[a]
        draws[sweep, n] = out[0] + one_body
    return accepted / max(draws.shape[0], 1)


@njit(**OPTIONS)
def heat_bath(state, address, parameters, beta, classes, functions, energies, log_weights, spins, draws):
    """Single-site heat bath in sequence: every site redrawn from its exact conditional law.

    Parameters
    ----------
    classes : int array (N,), the class of each site
    spins : int array (N,), the state of each site, updated
    draws : array (sweeps, n + 1), written: order parameters and energy per site
    """
    N, states, n = spins.size, functions.shape[1], functions.shape[2]
    total, phi, out, weights = np.zeros(n), np.empty(n), np.empty(n + 1), np.empty(states)
    for sweep in range(draws.shape[0]):
        # Sums are made afresh each sweep, so that rounding does not accumulate.
        total[:] = 0.0
        for i in range(N):
            total += functions[classes[i], spins[i]]
        for i in range(N):
            c = classes[i]
            total -= functions[c, spins[i]]
            top = -np.inf
            for k in range(states):
                for a in range(n):
                    phi[a] = (total[a] + functions[c, k, a]) / N
                evaluate(address, phi, parameters, out)
                weights[k] = log_weights[k] - beta * (N * out[0] + energies[c, k])
                top = max(top, weights[k])
            spins[i] = _choose(state, weights, top)
            total += functions[c, spins[i]]
        _record(address, parameters, classes, energies, spins, total, phi, out, draws[sweep])


@njit(**OPTIONS)
def metropolis(state, address, parameters, beta, classes, functions, energies, log_weights, spins, draws):
    """Single-site Metropolis in sequence: one of the other states, each as likely as any, is accepted or not.

    Arguments as of `heat_bath`; returns the share of accepted proposals.
    """
    N, states, n = spins.size, functions.shape[1], functions.shape[2]
    total, phi, out = np.zeros(n), np.empty(n), np.empty(n + 1)
    accepted = 0
    for sweep in range(draws.shape[0]):
        total[:] = 0.0
        for i in range(N):
            total += functions[classes[i], spins[i]]
        phi[:] = total / N
        evaluate(address, phi, parameters, out)
        current = out[0]
        for i in range(N):
            c, old = classes[i], spins[i]
            new = (old + 1 + int(uniform(state) * (states - 1))) % states
            for a in range(n):
                phi[a] = (total[a] + functions[c, new, a] - functions[c, old, a]) / N
            evaluate(address, phi, parameters, out)
            cost = beta * (N * (out[0] - current) + energies[c, new] - energies[c, old]) - log_weights[new] + log_weights[old]
            if cost <= 0 or math.log(uniform(state)) < -cost:
                spins[i] = new
                for a in range(n):
                    total[a] += functions[c, new, a] - functions[c, old, a]
                current = out[0]
                accepted += 1
        _record(address, parameters, classes, energies, spins, total, phi, out, draws[sweep])
    return accepted / max(draws.shape[0] * N, 1)


@njit(**OPTIONS)
def _record(address, parameters, classes, energies, spins, total, phi, out, row):
    """Write the order parameters and the energy per site of spins with these sums."""
    one_body = 0.0
    for i in range(spins.size):
        one_body += energies[classes[i], spins[i]]
    phi[:] = total / spins.size
    evaluate(address, phi, parameters, out)
    row[:-1] = phi
    row[-1] = out[0] + one_body / spins.size


@njit(**OPTIONS)
def _choose(state, log_weights, top):
    """An index with probability proportional to exp(log_weights)."""
    norm = 0.0
    for k in range(log_weights.size):
        norm += math.exp(log_weights[k] - top)
    u = uniform(state) * norm
    for k in range(log_weights.size - 1):
        u -= math.exp(log_weights[k] - top)
        if u < 0:
            return k
    return log_weights.size - 1


@njit(**OPTIONS)
def cosine(state, kappa, n):
    """The component u along a field of a unit vector in n dimensions, density exp(kappa u) (1 - u^2)^((n-3)/2).

    n = 3 by inversion, others by Wood's rejection (Commun. Stat. Simul. 23, 157 (1994)).
    """
    if n == 1:
        return 1.0 if uniform(state) * (1 + math.exp(-2 * kappa)) < 1 else -1.0
    if n == 3 and kappa > 1e-8:
        u = uniform(state)
        return max(-1.0, 1 + math.log(u + (1 - u) * math.exp(-2 * kappa)) / kappa)
    slope = math.sqrt(4 * kappa * kappa + (n - 1) ** 2)
    b = (n - 1) / (slope + 2 * kappa)
    x = (1 - b) / (1 + b)
    c = kappa * x + (n - 1) * math.log(1 - x * x)
    while True:
        beta = (1 + _isotropic_component(state, n)) / 2
        u = (1 - (1 + b) * beta) / (1 - (1 - b) * beta)
        if kappa * u + (n - 1) * math.log(1 - x * u) - c >= math.log(uniform(state)):
            return u


@njit(**OPTIONS)
def _isotropic_component(state, n):
    """One component of a uniform unit vector in n >= 2 dimensions: two of them make a disc (Ulrich 1984)."""
    angle = math.cos(2 * math.pi * uniform(state))
    if n == 2:
        return angle
    return math.sqrt(1 - uniform(state) ** (2 / (n - 2))) * angle


@njit(**OPTIONS)
def _fill_normal(state, vector):
    """Independent standard Gaussian components, two of each pass of the polar method."""
    n = vector.size
    for j in range(0, n, 2):
        while True:
            x = 2 * uniform(state) - 1
            y = 2 * uniform(state) - 1
            r = x * x + y * y
            if 0 < r < 1:
                break
        scale = math.sqrt(-2 * math.log(r) / r)
        vector[j] = scale * x
        if j + 1 < n:
            vector[j + 1] = scale * y


@njit(**OPTIONS)
def unit_vector(state, field, vector):
    """Write to `vector` a unit vector of density exp(field . s) on the sphere."""
    n = field.size
    kappa = 0.0
    for j in range(n):
        kappa += field[j] * field[j]
    kappa = math.sqrt(kappa)
    u = cosine(state, kappa, n)
    if n == 2:
        across = math.sqrt(max(0.0, 1 - u * u)) * (1.0 if uniform(state) < 0.5 else -1.0)
        x, y = _direction(field, kappa, 0), _direction(field, kappa, 1)
        vector[0], vector[1] = u * x - across * y, u * y + across * x
        return
    along, square = 0.0, 0.0
    _fill_normal(state, vector)
    for j in range(n):
        along += vector[j] * _direction(field, kappa, j)
    for j in range(n):
        vector[j] -= along * _direction(field, kappa, j)
        square += vector[j] * vector[j]
    scale = math.sqrt(max(0.0, 1 - u * u) / square) if n > 1 else 0.0
    for j in range(n):
        vector[j] = scale * vector[j] + u * _direction(field, kappa, j)


@njit(**OPTIONS)
def _direction(field, length, j):
    """Component j of the direction of a field; the first axis where there is none."""
    if length > 0:
        return field[j] / length
    return 1.0 if j == 0 else 0.0


@njit(**OPTIONS)
def unit_vectors(state, fields, vectors):
    """Independent unit vectors in their fields, arrays (N, dimension)."""
    for i in range(fields.shape[0]):
        unit_vector(state, fields[i], vectors[i])


@njit(**OPTIONS)
def _lengths(total, N, fixed_axis, phi):
    """Order parameters from the vector sums: lengths, or first components where a field fixes the axis."""
    for a in range(phi.size):
        phi[a] = total[a, 0] / N
        if not fixed_axis:
            square = 0.0
            for j in range(total.shape[1]):
                square += total[a, j] * total[a, j]
            phi[a] = math.sqrt(square) / N


@njit(**OPTIONS)
def vectors(state, address, parameters, beta, slopes, fields, fixed_axis, spins, draws):
    """Unit vectors, one after the other: drawn in the field of the others, accepted with what that field leaves of e.

    The energy must be even in every order parameter; it is taken at the lengths of the vector
    sums M_a = (1/N) sum_i slopes[i, a] s_i.

    Parameters
    ----------
    slopes : array (N, n); fields : array (N,), of a site energy -fields[i] s_i along the first axis
    fixed_axis : whether such a field exists, so that components along it are reported instead of lengths
    spins : array (N, dimension), updated
    draws : array (sweeps, n + 1), written: order parameters and energy per site
    """
    N, n = slopes.shape
    dimension = spins.shape[1]
    total, rest = np.zeros((n, dimension)), np.zeros((n, dimension))
    phi, out = np.empty(n), np.empty(n + 1)
    pull, field, new = np.empty(dimension), np.empty(dimension), np.empty(dimension)
    for sweep in range(draws.shape[0]):
        total[:] = 0.0
        one_body = 0.0
        for i in range(N):
            for a in range(n):
                for j in range(dimension):
                    total[a, j] += slopes[i, a] * spins[i, j]
        _lengths(total, N, False, phi)
        evaluate(address, phi, parameters, out)
        current = out[0]
        for i in range(N):
            for a in range(n):
                for j in range(dimension):
                    rest[a, j] = total[a, j] - slopes[i, a] * spins[i, j]
            _lengths(rest, N, False, phi)
            evaluate(address, phi, parameters, out)
            for j in range(dimension):
                pull[j] = 0.0
                for a in range(n):
                    if phi[a] > 0:
                        pull[j] -= beta * slopes[i, a] * out[a + 1] * rest[a, j] / (N * phi[a])
                field[j] = pull[j]
            field[0] += beta * fields[i]
            unit_vector(state, field, new)
            work = 0.0
            for j in range(dimension):
                work += pull[j] * (new[j] - spins[i, j])
                for a in range(n):
                    rest[a, j] += slopes[i, a] * new[j]
            _lengths(rest, N, False, phi)
            evaluate(address, phi, parameters, out)
            cost = beta * N * (out[0] - current) + work
            if cost <= 0 or math.log(uniform(state)) < -cost:
                spins[i] = new
                total[:] = rest
                current = out[0]
            one_body -= fields[i] * spins[i, 0]
        _lengths(total, N, fixed_axis, phi)
        draws[sweep, :n] = phi
        draws[sweep, n] = current + one_body / N


@njit(**OPTIONS)
def _quadratic(coefficients, x):
    return coefficients[0] + x * (coefficients[1] + x * coefficients[2])


@njit(**OPTIONS)
def gaussian_variable(state, mean, variance, linear, square):
    """A variable of density N(mean, variance) exp(linear x + square x^2), where that can be normalised."""
    width = variance / (1 - 2 * square * variance)
    return width * (mean / variance + linear) + math.sqrt(width) * normal(state)


@njit(**OPTIONS)
def gaussians(state, address, parameters, beta, mean, variance, functions, energies, spins, draws):
    """Gaussian sites, one after the other: drawn in the field of the others, accepted with what that field leaves of e.

    Parameters
    ----------
    functions : array (N, n, 3), coefficients of 1, s, s^2 in g_a; energies : array (N, 3), in the site energy
    spins : array (N,), updated
    draws : array (sweeps, n + 1), written: order parameters and energy per site
    """
    N, n, _ = functions.shape
    total, phi, rest, out = np.zeros(n), np.empty(n), np.empty(n), np.empty(n + 1)
    for sweep in range(draws.shape[0]):
        total[:] = 0.0
        one_body = 0.0
        for i in range(N):
            for a in range(n):
                total[a] += _quadratic(functions[i, a], spins[i])
        for i in range(N):
            for a in range(n):
                rest[a] = total[a] - _quadratic(functions[i, a], spins[i])
                phi[a] = rest[a] / N
            evaluate(address, phi, parameters, out)
            linear, square = -beta * energies[i, 1], -beta * energies[i, 2]
            for a in range(n):
                linear -= beta * out[a + 1] * functions[i, a, 1]
                square -= beta * out[a + 1] * functions[i, a, 2]
            # A proposal that would not normalise leaves the square to the acceptance.
            square = min(square, 0.25 / variance)
            new = gaussian_variable(state, mean, variance, linear, square)
            cost = 0.0
            for side in range(2):
                x, sign = (new, 1.0) if side == 0 else (spins[i], -1.0)
                for a in range(n):
                    phi[a] = (rest[a] + _quadratic(functions[i, a], x)) / N
                evaluate(address, phi, parameters, out)
                cost += sign * (beta * (N * out[0] + _quadratic(energies[i], x)) + linear * x + square * x * x)
            if cost <= 0 or math.log(uniform(state)) < -cost:
                spins[i] = new
            for a in range(n):
                total[a] = rest[a] + _quadratic(functions[i, a], spins[i])
            one_body += _quadratic(energies[i], spins[i])
        phi[:] = total / N
        evaluate(address, phi, parameters, out)
        draws[sweep, :n] = phi
        draws[sweep, n] = out[0] + one_body / N
