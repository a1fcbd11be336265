"""From a model's Hamiltonian to samples and exact sums at finite N, and the comparison with its theory."""

from .compare import Check, Verdict, compare
from .critical import compare_critical, critical_law
from .crossings import binder_crossings
from .diagram import compare_diagram
from .disorder import Sample, draw, typical
from .estimates import Estimate, effective_sample_size, estimate, split_r_hat
from .exact import Exact, exact
from .hysteresis import hysteresis
from .plot import plot_check, plot_report, plot_scan, plot_verdict
from .prediction import Prediction, predict
from .quenched import QuenchedRun
from .retrieval import basin, capacity_curve
from .sample import Chains, sample
from .samplers import QuenchedChains, sample_quenched
from .simulate import Run, simulate
from .susceptibility import compare_susceptibility

__all__ = [
    "Chains",
    "Check",
    "Estimate",
    "Exact",
    "Prediction",
    "QuenchedChains",
    "QuenchedRun",
    "Run",
    "Sample",
    "Verdict",
    "basin",
    "binder_crossings",
    "capacity_curve",
    "compare",
    "compare_critical",
    "compare_diagram",
    "compare_susceptibility",
    "critical_law",
    "draw",
    "effective_sample_size",
    "estimate",
    "exact",
    "hysteresis",
    "plot_check",
    "plot_report",
    "plot_scan",
    "plot_verdict",
    "predict",
    "sample",
    "sample_quenched",
    "simulate",
    "split_r_hat",
    "typical",
]
