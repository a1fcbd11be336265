"""Task B, the replica-symmetric Hopfield model at extensive load on a grid, and the two programs to beat; its lines as curves."""

import numpy as np
from scipy.optimize import root

from meanfield.replicas.fast import coexistence_start, curve, grid, solutions_along
from meanfield.replicas.reduced import Reduced
from meanfield.replicas.saddle import saddle
from meanfield.replicas.unknowns import Unknowns
from tests.benchmarks.baselines import TOLERANCE, iterate
from theory.models import hopfield
from theory.replica import replica_theory

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
GLASS, METASTABLE, RETRIEVAL = range(3)

# Independent 34-digit solutions (mpmath): T, load at the fold, load at equal free energies.
REFERENCE = (
    (0.8, 0.01010085403081763050264, 0.005370133342807944808319),
    (0.6, 0.0388088937055544250167, 0.01926348576585431447399),
    (0.4, 0.08103720833498280825984, 0.03704659845193489257881),
    (0.2, 0.1225588606226202451433, 0.05072487655366845799027),
    (0.0, 0.1379055664949317378436, 0.05185433091891705666886),
)


def step(x, load, T):
    """One iteration of m and q; x (n, 2)."""
    m, q = x[:, 0], x[:, 1]
    noise = np.sqrt(load * q) / (1 - (1 - q) / T)
    t = np.tanh((m[:, None] + noise[:, None] * NODES) / T[:, None])
    return np.stack([t @ WEIGHTS, (t * t) @ WEIGHTS], axis=1)


def free_energy(x, load, T):
    """Free energy per site; x (n, 2)."""
    m, q = x[:, 0], x[:, 1]
    C = (1 - q) / T
    r = q / (1 - C) ** 2
    u = (m[:, None] + np.sqrt(load * r)[:, None] * NODES) / T[:, None]
    site = T * (np.logaddexp(u, -u) @ WEIGHTS)
    return m**2 / 2 + load * T / 2 * (np.log(1 - C) - q / T / (1 - C)) + load * r * C / 2 - site


def phase(m, retrieval, glass):
    """Which branch is lower, where there is a retrieval solution."""
    return np.where(np.abs(m) < 1e-3, GLASS, np.where(retrieval < glass, RETRIEVAL, METASTABLE))


def loop(loads, temperatures):
    """(1): scipy's solver at every point from both states; (phases, points that did not converge)."""
    phases, failed = np.zeros((len(temperatures), len(loads)), dtype=int), 0
    for j, T in enumerate(temperatures):
        for i, load in enumerate(loads):
            found = []
            for start in ((1.0, 1.0), (0.0, 0.8)):
                result = root(lambda x: x - step(x[None, :], np.array([load]), np.array([T]))[0], start, tol=TOLERANCE)
                failed += not result.success
                found.append((result.x[0], free_energy(result.x[None, :], np.array([load]), np.array([T]))[0]))
            phases[j, i] = phase(found[0][0], found[0][1], found[1][1])
    return phases, failed


def damped(loads, temperatures, limit=3000, damping=0.5):
    """(2): the whole grid at once, damped iteration from both states; (phases, points that did not converge)."""
    T, load = (a.ravel() for a in np.meshgrid(temperatures, loads, indexing="ij"))
    found, failed = [], 0
    for start in ((1.0, 1.0), (0.0, 0.8)):
        x, left = iterate(step, np.tile(start, (len(T), 1)), (load, T), limit, damping)
        found.append((x[:, 0], free_energy(x, load, T)))
        failed += left
    return phase(found[0][0], found[0][1], found[1][1]).reshape(len(temperatures), -1), failed


class TaskB:
    """Hopfield model, 200 x 200 points (alpha, T): retrieval and glass branch, free energies, phases."""

    goals = (300, 300)
    loop_points = 20

    def __init__(self):
        self.loads, self.temperatures = np.linspace(0.001, 0.15, 200), np.linspace(0.01, 1.0, 200)
        self.theory = replica_theory(hopfield())

    def ours(self):
        starts = {"retrieval": {"m": 1.0, "C": 0.01, "T": 0.3}, "glass": {"m": 0.0, "C": 0.9, "T": 0.3}}
        found = grid(self.theory, ("alpha", self.loads), ("T", self.temperatures), starts, folds={"glass": False})
        retrieval, glass = found.branches["retrieval"], found.branches["glass"]
        return found, phase(np.where(retrieval.exists, retrieval.unknowns["m"], 0.0), retrieval.free_energy, glass.free_energy)

    def loop(self):
        pick = slice(None, None, 200 // self.loop_points)
        with np.errstate(all="ignore"):
            loop(self.loads[pick], self.temperatures[pick])
        return (200 / self.loop_points) ** 2

    def grid(self):
        with np.errstate(all="ignore"):
            damped(self.loads, self.temperatures)
        return 1.0

    def check(self, points=60):
        """Largest differences from the general solver, which uses rules of its own, at random points and in the coldest row."""
        found, phases = self.ours()
        rng, general, worst = np.random.default_rng(3), saddle(self.theory), np.zeros(2)
        for k in range(points):
            branch = found.branches["retrieval" if k % 2 else "glass"]
            rows, columns = np.nonzero(branch.exists)
            pick = rng.integers(len(rows)) if k % 6 else rng.integers((rows == 0).sum())
            j, i = rows[pick], columns[pick]
            system = general.at({"T": self.temperatures[j], "alpha": self.loads[i]})
            u = np.array([branch.unknowns[name][j, i] for name in general.names])
            exact, _ = Reduced(Unknowns(system), u, range(len(u))).solve()
            difference = np.abs(exact - u).max(), abs(system.state(exact).free_energy - branch.free_energy[j, i])
            worst = np.maximum(worst, difference)
        with np.errstate(all="ignore"):
            other, failed = damped(self.loads, self.temperatures)
        return (f"largest difference from the general solver {worst[0]:.0e}, in the free energy {worst[1]:.0e}; "
                f"(2): {failed} points not converged, {100 * (other != phases).mean():.1f} % of the phases differ")


class TaskLines:
    """Its fold, first-order and AT lines as curves, from the branches at one temperature."""

    bounds = {"alpha": (1e-4, 0.3), "T": (0.0, 1.0)}

    def __init__(self):
        self.theory = replica_theory(hopfield())

    def starts(self):
        """Rough starts: the two branches at T = 0.2."""
        along = [solutions_along(self.theory, {"m": m, "C": C, "alpha": 0.1}, "alpha", (1e-3, 0.3), {"T": 0.2})
                 for m, C in ((0.99, 0.05), (0.0, 0.7))]
        return along[0].special("fold")[0].values | {"T": 0.2}, coexistence_start(*along)

    def lines(self, starts):
        """The three curves."""
        turn, (one, two) = starts
        follow = lambda kind, start, **options: curve(self.theory, kind, start, ("alpha", "T"), self.bounds, **options)
        fold = follow("fold", turn)
        return fold, follow("equal_free_energies", one, other=two), follow("replicon", fold.special("replicon")[0])

    def ours(self):
        return self.lines(self.starts())

    def check(self):
        """Largest differences from the reference solutions; the re-entrance of the fold line."""
        fold, first, _ = self.ours()
        T, folds, firsts = np.array(REFERENCE).T
        errors = [np.abs(c.at("T", T)[0]["alpha"] - exact).max() for c, exact in ((fold, folds), (first, firsts))]
        top = fold.special("maximum alpha")[0].values
        return (f"largest errors of the load: fold {errors[0]:.0e}, first order {errors[1]:.0e}; "
                f"the fold line turns at alpha = {top['alpha']:.12f}, T = {top['T']:.7f}")
