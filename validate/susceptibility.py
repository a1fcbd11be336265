"""Susceptibilities from thermal fluctuations, N (<phi^2> - <phi>^2) / T, against those of the theory."""

import time

from theory.errors import InputError

from .compare import Observable, compare_sites
from .estimates import estimate
from .samplers.on_torch import require_device
from .simulate import BUDGET, model_at, require_sampling


def compare_susceptibility(
    source,
    *,
    T=None,
    beta=None,
    sizes=None,
    chains=None,
    sweeps=None,
    device="auto",
    seed=0,
    budget=BUDGET,
    theory_temperature_shift=0.0,
    threads=None,
    **parameters,
):
    """Compare the theory's susceptibilities with fluctuations about its state, extrapolated to infinite size.

    Fluctuations are thermal ones, at fixed disorder. In a broken phase they are those about one state of the orbit, of vectors
    along its axis; in a symmetric phase of vectors those of one component.

    Parameters
    ----------
    source : Model without quenched couplings, with classical sites | name of a built-in model | path of a model file
    T, beta, sizes, chains, sweeps, device, seed, budget, theory_temperature_shift, threads : see `validate.compare`
    **parameters : of the model

    Returns
    -------
    Verdict
        with a check "chi(name)" for each order parameter
    """
    begin = time.perf_counter()
    require_device(device)
    require_sampling(sweeps, seed)
    model, values = model_at(source, T, beta, parameters)
    if model.couplings or model.site.kind == "quantum":
        raise InputError(
            f"{model.name}: thermal fluctuations of classical sites without quenched couplings are compared; use validate.compare"
        )
    return compare_sites(
        begin,
        model,
        values,
        sizes,
        chains,
        sweeps,
        seed,
        budget,
        theory_temperature_shift,
        True,
        "auto",
        threads,
        device,
        observables,
    )


def observables(prediction, values):
    """chi of every order parameter."""
    return [_susceptibility(prediction, values["T"], a, name) for a, name in enumerate(prediction.model.names)]


def _susceptibility(prediction, T, a, name):
    theory = float(prediction.covariance[a, a]) / prediction.values["T"]
    return Observable(f"chi({name})", theory, lambda run: fluctuation(run, prediction, a, T), theory)


def fluctuation(run, prediction, a, T):
    """N times the thermal variance of an order parameter, over T; an Estimate."""
    phi = run.draws[run.counted, :, a]
    if prediction.symmetric and not run.disordered:
        components = prediction.model.site.n if prediction.model.site.kind == "sphere" else 1
        return estimate(run.size * (phi - prediction.state[a]) ** 2 / (components * T))
    # A mean over n draws that are correlated over tau takes the share tau / n of the variance with it.
    tau = estimate(phi, run.disordered).tau or 0.0
    centre, share = (phi.mean(axis=1, keepdims=True), tau / phi.shape[1]) if run.disordered else (phi.mean(), tau / phi.size)
    return estimate(run.size * (phi - centre) ** 2 / (T * (1 - min(share, 0.5))), run.disordered)
