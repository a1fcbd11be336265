"""What the replica theory of a model predicts for samples of finite systems."""

from dataclasses import dataclass, replace

import numpy as np

from theory.errors import InputError

from .quenched import has_patterns
from .samplers import realise

STATES = ("auto", "equilibrium", "retrieval")
ZERO = 1e-7
# A replicon below this is close to zero.
CRITICAL = 0.1
# Size of the sample whose one-site functions give the free fluctuations of the order parameters.
FREE = 400


@dataclass(frozen=True, eq=False)
class ReplicaPrediction:
    """One solution of a replica theory, and how to sample its state.

    Attributes
    ----------
    model : theory.Model
    values : {name: float}, at which the theory was solved
    solution : meanfield.Solution
    state : array (n,), order parameters
    equilibrium : bool, whether no other solution has a lower free energy
    other : kind of the equilibrium where that is another
    ansatz : name of the replica ansatz
    """

    model: object
    values: dict
    solution: object
    state: np.ndarray
    equilibrium: bool
    other: str
    ansatz: str

    @property
    def protocol(self):
        """How the state is sampled: from the "pattern", or by "tempering" from random starts."""
        return "pattern" if has_patterns(self.model) and np.abs(self.state).max(initial=0.0) > ZERO else "tempering"

    @property
    def glassy(self):
        """Whether the ansatz is not valid or close to where it is not: powers of 1/N are then those of a glass or a critical point."""
        s = self.solution
        return s.rs_valid is False or s.replicon is not None and s.replicon < CRITICAL

    def overlap(self, name, power=1):
        """The mean over P(q) of |q|^power of an overlap; with broken replicas q_i has the weight x_(i+1) - x_i."""
        p = self.solution.order_parameters
        if name in p:
            return float(abs(p[name]) ** power)
        q = [p[f"{name}{i}"] for i in range(len(p)) if f"{name}{i}" in p]
        x = [0.0, *(p[k] for k in ("x", *(f"x{i}" for i in range(1, len(q)))) if k in p), 1.0]
        return float(np.diff(x) @ np.abs(q) ** power)

    @property
    def remark(self):
        """What speaks against trusting the solution, and which state it is."""
        s, words = self.solution, []
        if s.rs_valid is False:
            why = f"replicon {s.replicon:.3g}" if s.replicon is not None and not s.replicon > 0 else f"entropy {s.entropy:.3g}"
            words.append(f"the {self.ansatz} ansatz is flagged as not valid here ({why})")
        if not self.equilibrium:
            words.append(f"the {s.kind} state is metastable (the equilibrium of the theory is {self.other}): its chains start in the pattern")
        return "; ".join(words)

    def free_covariance(self):
        """N times the covariance of the order parameters in a paramagnet, (C^-1 + beta e'')^-1 with that of free spins C, shape (n, n)."""
        import sympy

        from .disorder import number

        sample = realise(replace(self.model, couplings=()), self.values, FREE, np.random.default_rng(0))
        C = sample.N * sample.slopes @ sample.slopes.T
        order, zero = list(self.model.order_parameters), dict.fromkeys(self.model.order_parameters, sympy.S.Zero)
        curvature = [[float(number(self.model.energy.diff(a, b).xreplace(zero), sample.numbers)) for b in order] for a in order]
        return np.linalg.solve(np.eye(len(order)) + C @ np.array(curvature) / self.values["T"], C)


def predict_replicas(model, values, state="auto", ansatz=None, steps=None):
    """Solve the replica theory of a model and choose the solution that samples are compared with.

    Parameters
    ----------
    model : theory.Model with quenched couplings
    values : {name: float}
    state : "equilibrium"; "retrieval", the stable solution of lowest free energy with an overlap; "auto", that one where the model stores
        patterns and it exists, be it metastable, and else the equilibrium
    ansatz, steps : see `meanfield.solutions`; "auto" is replica symmetry, and one step of breaking where that is flagged as not valid

    Returns
    -------
    ReplicaPrediction, or None where there is no such solution
    """
    from meanfield.replicas.solutions import replica_solutions

    if state not in STATES:
        raise InputError(f"state must be one of {', '.join(STATES)}: got {state!r}")
    if ansatz == "auto":
        return _best_ansatz(model, values, state)
    found = replica_solutions(model, values, ansatz, steps)
    best, n = found.equilibrium, len(model.names)
    retrieval = [s for s in found if s.stable and s.converged and np.abs(s.values[:n]).max(initial=0.0) > ZERO] if has_patterns(model) else []
    chosen = min(retrieval, key=lambda s: s.free_energy, default=None) if state != "equilibrium" else None
    chosen = chosen if chosen is not None or state == "retrieval" else best
    if chosen is None or not chosen.converged:
        return None
    name = {"krsb": f"{steps}-step RSB", "1rsb": "1RSB"}.get(ansatz, "RS")
    return ReplicaPrediction(model, dict(values), chosen, chosen.values[:n], chosen is best, best.kind if best is not None else "none", name)


def _best_ansatz(model, values, state):
    """The replica-symmetric prediction or, where it is not valid, the one with one step if there is one."""
    found = predict_replicas(model, values, state)
    if found is None or found.solution.rs_valid is not False or found.protocol == "pattern":
        return found
    return predict_replicas(model, values, state, "1rsb") or found
