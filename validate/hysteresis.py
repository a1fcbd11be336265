"""Hysteresis: chains that keep their configuration while a parameter goes up and down, beside the theory's spinodals.

A metastable state lives exponentially long in N but ends at its spinodal at the latest, so that chains jump between the theory's
coexistence and the spinodal, the nearer to this the larger the size: the measured loop lies between the spinodals.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from meanfield.results import FrozenDict, versions
from theory.errors import InputError

from . import disorder, rng
from .ranges import sampled
from .sample import Problem
from .simulate import checked_chains, model_at, reported, require_sampling

SIZE, SWEEPS, CHAINS, POINTS, LEAST = 1000, 100, 32, 41, 4


@dataclass(frozen=True)
class Hysteresis:
    """A loop of chains on the way up and down.

    Attributes
    ----------
    model, along, observable : names; the observable is an order parameter, of the representative of a symmetry orbit
    at : array (K,), values of the parameter
    up, up_error, down, down_error : arrays (K,), mean over chains and its standard error, both in the order of `at`
    jump_up, jump_down : where chains leave the state they started in, the mean over chains; None where they do not jump
    spread_up, spread_down : standard deviation over chains of these, at least half a step of the parameter
    spinodals : (lowest, highest) of the theory in the range; empty where it has none
    coexistence : the theory's first-order transition, or None
    branches : tuple of pairs of arrays (parameter, observable), the theory's stable states
    chains, size, sweeps, seed : how it was made
    """

    model: str
    along: str
    observable: str
    parameters: dict
    at: np.ndarray
    up: np.ndarray
    up_error: np.ndarray
    down: np.ndarray
    down_error: np.ndarray
    jump_up: float | None
    jump_down: float | None
    spread_up: float
    spread_down: float
    spinodals: tuple
    coexistence: float | None
    branches: tuple = field(repr=False, compare=False)
    chains: int = CHAINS
    size: int = SIZE
    sweeps: int = SWEEPS
    seed: int = 0
    seconds: float = field(default=0.0, compare=False)
    versions: dict = field(default_factory=versions, repr=False, compare=False)

    def __post_init__(self):
        for name in ("at", "up", "up_error", "down", "down_error"):
            getattr(self, name).flags.writeable = False
        object.__setattr__(self, "parameters", FrozenDict(self.parameters))

    @property
    def area(self):
        """The area of the loop."""
        return float(np.trapezoid(np.abs(self.up - self.down), self.at))

    @property
    def consistent(self):
        """Whether the loop encloses the theory's coexistence and lies between its spinodals, to a step of the parameter and
        the spread of the chains; None where the theory or the chains have no loop in the range.
        """
        if len(self.spinodals) < 2 or self.jump_up is None or self.jump_down is None:
            return None
        (low, high), step = self.spinodals, self.at[1] - self.at[0]
        inside = self.jump_down >= low - step - 2 * self.spread_down and self.jump_up <= high + step + 2 * self.spread_up
        around = (
            self.coexistence is None or self.jump_down - self.spread_down <= self.coexistence <= self.jump_up + self.spread_up
        )
        return bool(inside and around)

    def as_dict(self):
        """Plain values for JSON."""
        arrays = {name: getattr(self, name).tolist() for name in ("at", "up", "up_error", "down", "down_error")}
        plain = {
            name: getattr(self, name)
            for name in (
                "model",
                "along",
                "observable",
                "jump_up",
                "jump_down",
                "spread_up",
                "spread_down",
                "coexistence",
                "area",
                "consistent",
                "size",
                "chains",
                "sweeps",
                "seed",
            )
        }
        return {**plain, "parameters": dict(self.parameters), "spinodals": list(self.spinodals), **arrays}

    def plot(self, ax=None):
        """Draw the loop and the theory's branches; see `validate.plot.plot_hysteresis`."""
        from .plot import plot_hysteresis

        return plot_hysteresis(self, ax)

    def __repr__(self):
        jump = lambda x, spread: "none" if x is None else f"{x:.4g} +- {spread:.1g}"
        theory = ", ".join(f"{x:.4g}" for x in self.spinodals) or "none"
        word = {True: "consistent", False: "INCONSISTENT", None: "undecided"}[self.consistent]
        return (
            f"{self.model}, {self.along} = {self.at[0]:g} to {self.at[-1]:g}, {self.size} sites: "
            f"jumps at {jump(self.jump_down, self.spread_down)} "
            f"(down) and {jump(self.jump_up, self.spread_up)} (up); spinodals {theory}: {word}"
        )


def hysteresis(
    source,
    *,
    along,
    observable=None,
    size=SIZE,
    sweeps=SWEEPS,
    chains=CHAINS,
    seed=0,
    algorithm="auto",
    threads=None,
    **parameters,
):
    """Take a parameter up and down while chains keep their configuration, and compare the jumps with the theory's spinodals.

    Parameters
    ----------
    source : Model without quenched couplings | name of a built-in model | path of a model file
    along : {name: (low, high)} or {name: (low, high, points)}; not a parameter of the disorder
    observable : order parameter that is shown (default: the first)
    size : number of sites
    sweeps : at each value of the parameter; the second half is averaged
    chains : at least 2; errors are from their spread
    seed, algorithm, threads : see `validate.sample`
    **parameters : the other parameters

    Returns
    -------
    Hysteresis
    """
    begin = time.perf_counter()
    require_sampling(sweeps, seed)
    chains = checked_chains(chains)
    name, at = sampled(along, POINTS, LEAST)
    model, values = model_at(
        source,
        parameters.pop("T", None) if name != "T" else float(at[0]),
        None,
        {**parameters, **({} if name == "T" else {name: float(at[0])})},
    )
    _require_fixed_disorder(model, name)
    observable = observable or model.names[0]
    if observable not in model.names:
        raise InputError(f"{model.name} has no order parameter {observable}: it has {', '.join(model.names)}")
    problems = [Problem(model, {**values, name: float(x)}, size, algorithm) for x in at]
    loops = _loops(problems, chains, sweeps, seed, threads)
    jumps = [_jumps(at, loops[:, 0]), _jumps(at, loops[:, 1, ::-1])]
    theory = _theory(model, name, at, {k: v for k, v in values.items() if k != name}, observable)
    shown = _representative(problems[0], loops)[..., model.names.index(observable)]
    ways = [x for way in (shown[:, 0], shown[:, 1, ::-1]) for x in (way.mean(axis=0), way.std(axis=0, ddof=1) / np.sqrt(chains))]
    fixed = {k: v for k, v in reported(model, values).items() if k != name}
    return Hysteresis(
        model.name,
        name,
        observable,
        fixed,
        at,
        *ways,
        jumps[0][0],
        jumps[1][0],
        jumps[0][1],
        jumps[1][1],
        *theory,
        chains,
        size,
        sweeps,
        seed,
        time.perf_counter() - begin,
    )



def _require_fixed_disorder(model, name):
    used = set().union(set(), *(d.free_symbols for d in model.disorder.values()))
    if name in map(str, used):
        raise InputError(f"{name} is a parameter of the disorder of {model.name}, which chains cannot keep while it changes")


def _loops(problems, chains, sweeps, seed, threads):
    """Mean order parameters of each chain, array (chains, 2, K, n): on the way up, then on the way down."""
    first, K = problems[0], len(problems)
    states = rng.states(seed, first.N, 0, chains=chains)
    path = [*range(K), *reversed(range(K))]

    def run(i):
        sample = disorder.draw(first.model, first.values, first.N, np.random.default_rng(rng.stream(seed, first.N, 1, i)))
        chain, means = _started(first, sample, states[i], sweeps), []
        for k in path:
            chain = _moved(chain, problems[k], sample, states[i])
            chain.advance(problems[k].beta, np.empty((sweeps - sweeps // 2, len(first.model.names) + 1)))
            draws = np.empty((sweeps // 2, len(first.model.names) + 1))
            chain.advance(problems[k].beta, draws)
            means.append(draws[:, :-1].mean(axis=0))
        return np.reshape(means, (2, K, -1))

    done = [run(0)]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        done += pool.map(run, range(1, chains))
    return np.array(done)


def _started(problem, sample, state, sweeps):
    """A chain in the theory's equilibrium at the start of the loop, or relaxed from a random start where it has none."""
    from .prediction import predict

    chain, prediction = problem.chain(sample, state), predict(problem.model, problem.values)
    chain.place(problem.beta, problem.field(prediction.state) if prediction is not None else np.zeros(len(problem.model.names)))
    chain.advance(problem.beta, np.empty((sweeps, len(problem.model.names) + 1)))
    return chain


def _moved(chain, problem, sample, state):
    """The same configuration at other parameter values."""
    new = problem.chain(sample, state)
    for name in ("counts", "spins"):
        if hasattr(chain, name):
            setattr(new, name, getattr(chain, name))
    return new


def _jumps(at, ways):
    """Mean and spread over chains of where they jump, in the order of `at`; (None, 0) where they do not.

    A jump is the largest change between neighbouring values, several times the next largest but one: a smooth curve has none.
    """
    steps = np.linalg.norm(np.diff(ways, axis=1), axis=2)
    ranked = np.sort(steps, axis=1)
    if np.median(ranked[:, -1] / np.maximum(ranked[:, -3], 1e-12)) < JUMP:
        return None, 0.0
    places = (at[1:] + at[:-1])[steps.argmax(axis=1)] / 2
    return float(places.mean()), float(max(places.std(ddof=1), (at[1] - at[0]) / 2))


JUMP = 2.0


def _representative(problem, loops):
    """One state of each symmetry orbit, of the symmetry that the model has along the whole loop."""
    from meanfield.kernels.compiled import compile
    from meanfield.search.symmetry import symmetry

    group = symmetry(compile(problem.model).at(**problem.values))
    return group.canonical(loops.reshape(-1, loops.shape[-1])).reshape(loops.shape) if group.order > 1 else loops


def _theory(model, name, at, fixed, observable):
    """Spinodals, coexistence and the stable branches of the theory in the range."""
    from meanfield import branches, transitions

    limits = {name: (float(at[0]), float(at[-1]))}
    found = transitions(model, along=limits, **fixed)
    spinodals = sorted(t.at[name] for t in found.of("spinodal"))
    coexistence = next((float(t.at[name]) for t in found.of("first-order")), None)
    curves = []
    for branch in branches(model, along=limits, **fixed):
        stable = np.where(branch.columns["stable"], branch.columns[observable], np.nan)
        if np.isfinite(stable).any():
            curves.append((np.array(branch.columns[name]), stable))
    ends = (float(spinodals[0]), float(spinodals[-1])) if len(spinodals) > 1 else ()
    return ends, coexistence, tuple(curves)
