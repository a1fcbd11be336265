"""Replica theories against Monte Carlo of their own Hamiltonians: right ones pass, wrong ones do not."""

import numpy as np
import pytest

from theory.errors import InputError
from theory.models import available, configure
from validate import compare, simulate
from validate.quenched import not_applicable, sample_estimate, sign_symmetric
from validate.quenched_compare import default_sizes
from validate.replica_prediction import predict_replicas

SK = "sherrington-kirkpatrick"


def model_of(name, **given):
    model, free = configure(name, given)
    return model, model.values(**free)


def prediction_of(name, **given):
    return predict_replicas(*model_of(name, **given))


def check(verdict, observable):
    return next(c for c in verdict.checks if c.observable == observable)


def test_a_paramagnet_is_consistent_and_another_temperature_is_not():
    right = compare(SK, T=1.2, budget=6)
    assert right.verdict == "consistent", right
    assert check(right, "energy").theory == pytest.approx(-1 / 2.4)
    assert check(right, "N<q^2>").theory == pytest.approx(1 / (1 - 1 / 1.2**2))
    wrong = compare(SK, T=1.2, budget=6, theory_temperature_shift=0.02)
    assert wrong.verdict == "inconsistent"
    assert check(wrong, "energy").consistent is False


def test_retrieval_starts_in_the_pattern():
    verdict = compare("hopfield", T=0.2, alpha=0.05, budget=2)
    assert verdict.verdict == "consistent", verdict
    assert verdict.kind == "retrieval" and all(run.protocol == "pattern" for run in verdict.runs)
    # Amit, Gutfreund and Sompolinsky, Ann. Phys. 173, 30 (1987): the replica-symmetric overlap
    assert check(verdict, "m").measured == pytest.approx(0.998877763, abs=5e-4)


def test_a_ferromagnet_in_a_field_of_random_couplings():
    verdict = compare(SK, T=0.5, J0=1.5, h=0.2, budget=2)
    assert verdict.verdict == "consistent", verdict


def test_a_flagged_ansatz_is_said_to_be():
    verdict = compare(SK, T=0.5, sizes=(32, 64), chains=64, sweeps=100)
    assert "RS ansatz is flagged" in verdict.remark and "replicon -0.363" in verdict.remark
    assert "flagged" in repr(verdict)


def test_seeds_fix_everything():
    runs = [simulate(SK, T=0.7, size=32, chains=64, sweeps=50, seed=seed, threads=threads) for seed, threads in ((1, 1), (1, 2), (2, 1))]
    assert runs[0].estimates == runs[1].estimates
    assert runs[0].estimates != runs[2].estimates


def test_equilibrium_obeys_the_identity_of_gaussian_couplings():
    run = simulate(SK, T=0.5, size=64, chains=256, sweeps=300)
    assert abs(run.identity) < 4
    frozen = simulate(SK, T=0.3, size=128, chains=256, sweeps=8, warmup=0)
    assert abs(frozen.identity) > 4


def test_histogram_of_overlaps():
    run = simulate(SK, T=0.5, size=64, chains=128, sweeps=200)
    centres, density, error = run.histograms["q"]
    assert np.sum(density) * (centres[1] - centres[0]) == pytest.approx(1)
    assert (error[density > 0] > 0).all()


def test_control_variate_takes_out_noise_and_no_mean():
    generator = np.random.default_rng(0)
    noise = generator.standard_normal(400)
    draws = 3 + noise[:, None, None] + 0.1 * generator.standard_normal((400, 2, 20))
    useless = generator.standard_normal(400)
    plain, controlled = sample_estimate(draws), sample_estimate(draws, np.column_stack([useless, noise]))
    assert controlled.error < plain.error / 5
    assert abs(controlled.mean - 3) < 4 * controlled.error


def test_r_hat_compares_replicas_of_one_sample_and_not_samples():
    generator = np.random.default_rng(0)
    samples = generator.standard_normal((50, 1, 1)) * 5 + generator.standard_normal((50, 2, 200))
    assert sample_estimate(samples).r_hat < 1.02
    stuck = samples + np.array([-1.0, 1.0])[:, None]
    assert sample_estimate(stuck).r_hat > 1.2


def test_weights_of_broken_replicas():
    p = predict_replicas(*model_of(SK, T=0.5), ansatz="1rsb")
    q0, q1, x = (p.solution.order_parameters[k] for k in ("q0", "q1", "x"))
    assert p.overlap("q") == pytest.approx(x * q0 + (1 - x) * q1)
    assert p.overlap("q", 2) == pytest.approx(x * q0**2 + (1 - x) * q1**2)
    # u = -(beta/2) (1 - E q^2) holds whatever the ansatz
    assert p.solution.energy == pytest.approx(-(1 - p.overlap("q", 2)))


def test_the_state_is_a_choice():
    auto, equilibrium = (predict_replicas(*model_of("hopfield", T=0.4, alpha=0.05), state=s) for s in ("auto", "equilibrium"))
    assert auto.protocol == "pattern" and not auto.equilibrium and "metastable" in auto.remark
    assert equilibrium.protocol == "tempering" and equilibrium.equilibrium
    assert predict_replicas(*model_of("hopfield", T=1.5), state="retrieval") is None
    with pytest.raises(InputError, match="state must be one of"):
        predict_replicas(*model_of("hopfield"), state="glass")


def test_sizes_hold_whole_numbers_of_patterns():
    model, values = model_of("hopfield", T=0.2, alpha=0.12)
    sizes = default_sizes(model, values, predict_replicas(model, values))
    assert all(abs(0.12 * N - round(0.12 * N)) < 1e-9 for N in sizes)
    assert default_sizes(*model_of(SK), None) == (64, 128, 256)
    assert default_sizes(*model_of("p-spin-glass", p=3), None) == (25, 50, 101)


def test_free_fluctuations_need_no_couplings():
    p = prediction_of("mixed-p-spin-glass", T=2.0)
    assert p.free_covariance()[0, 0] == pytest.approx(1.0)
    assert prediction_of("hopfield", T=1.5).free_covariance()[0, 0] == pytest.approx(1 / (1 - 1 / 1.5))


def test_sign_symmetry():
    assert sign_symmetric(*model_of(SK)) and not sign_symmetric(*model_of(SK, h=0.1)) and not sign_symmetric(*model_of("p-spin-glass", p=3))


def test_what_is_not_covered_says_why():
    reasons = {e.name: not_applicable(e.model) for e in available() if e.model.couplings and e.model.has_temperature}
    assert {name for name, reason in reasons.items() if reason} == {"spherical-p-spin-glass", "relativistic-hopfield", "dreaming-hopfield"}
    with pytest.raises(InputError, match="cannot be simulated.*spherical"):
        compare("spherical-p-spin-glass", T=1.0)
    with pytest.raises(InputError, match="no temperature"):
        compare("perceptron-binary")
    with pytest.raises(InputError, match="no quenched couplings"):
        compare("curie-weiss", T=0.5, state="retrieval")


def test_chains_that_leave_do_not_confirm():
    verdict = compare("hopfield", T=0.4, alpha=0.05, sizes=(40, 60), chains=64, sweeps=400)
    assert verdict.verdict == "undecided"
    assert max(run.escaped for run in verdict.runs) > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("alpha, T, m", [(0.05, 0.2, 0.998877763094), (0.05, 0.4, 0.966186807943), (0.1, 0.1, 0.996750843849),
                                         (0.1, 0.2, 0.989085155044), (0.02, 0.6, 0.879290073597), (0.12, 0.1, 0.990054374227)])
def test_retrieval_overlaps(alpha, T, m):
    """Amit, Gutfreund and Sompolinsky, Ann. Phys. 173, 30 (1987)."""
    verdict = compare("hopfield", alpha=alpha, T=T)
    found = check(verdict, "m")
    assert found.theory == pytest.approx(m, abs=1e-9)
    assert found.consistent is True, verdict


@pytest.mark.slow
def test_another_temperature_fails_in_a_retrieval_state():
    assert compare("hopfield", alpha=0.05, T=0.4, theory_temperature_shift=0.02).verdict == "inconsistent"


@pytest.mark.slow
def test_the_glass_refuses_replica_symmetry_and_takes_many_steps():
    """SK at T = 0.5: u = -0.71871 in replica symmetry, -0.71146 with eight steps."""
    from validate.quenched import run_quenched
    from validate.quenched_compare import judge_quenched

    model, values = model_of(SK, T=0.5)
    symmetric = predict_replicas(model, values)
    effort = {64: (500, 1000), 128: (600, 700), 256: (800, 350), 512: (1200, 160)}
    runs = tuple(run_quenched(model, values, N, symmetric, sweeps=sweeps, samples=samples, seed=0) for N, (sweeps, samples) in effort.items())
    found = {}
    for steps in (0, 8):
        prediction = predict_replicas(model, values, ansatz="krsb", steps=steps) if steps else symmetric
        found[steps] = {c.observable: c for c in judge_quenched(prediction, runs, values)[0]}
    assert all(c.consistent is False for c in found[0].values()), found[0]
    assert all(c.consistent is True for c in found[8].values()), found[8]
    assert found[8]["energy"].measured == pytest.approx(-0.711462, abs=0.003)
    assert symmetric.solution.rs_valid is False and symmetric.solution.replicon < 0
    assert all(abs(run.identity) < 4 for run in runs)


@pytest.mark.slow
def test_dense_network():
    """p = 3 with different indices, at a = 0.1, T = 0.2: m = 0.9929277154."""
    verdict = compare("dense-hopfield", p=3, a=0.1, T=0.2)
    found = check(verdict, "m")
    assert found.theory == pytest.approx(0.9929277154, abs=1e-9)
    assert found.consistent is True, verdict
