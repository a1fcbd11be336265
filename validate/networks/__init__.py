"""Networks trained in torch against the theory: `train` runs an experiment by its name and gives a verdict."""

import time

from theory.errors import InputError

from .digits import load
from .experiment import Experiment, Setting, experiment, names
from .report import Measurement, Prediction, Report, Statement, judge
from .running import TrainingRun

__all__ = ["Experiment", "Measurement", "Prediction", "Report", "Setting", "Statement", "TrainingRun", "experiment", "judge", "names", "train"]


def train(name, *, seed=0, device="auto", reduced=False, checkpoint=None, progress=False, folder=None, theory=None, **settings):
    """Train the networks of an experiment and hold them against the theory.

    Parameters
    ----------
    name : of the experiment, see `names`
    seed : int; equal seeds, devices and versions give equal reports
    device : "auto", "cpu" or "cuda"
    reduced : bool, the small settings that take seconds
    checkpoint : path of a .npz file from which an interrupted run goes on to the identical report
    progress : True (standard error), False, or function(done, total)
    folder : of data sets that ship with no package
    theory : {name: value}, settings that the theory alone gets: a wrong theory on purpose
    **settings : of the experiment

    Returns
    -------
    Report

    Raises
    ------
    InputError
        For an unknown experiment or setting, an illegal value, or a package or file that is missing.
    """
    begin = time.perf_counter()
    if seed != int(seed) or seed < 0:
        raise InputError(f"train {name}: the seed must be an integer, at least 0: got {seed}")
    found = experiment(name)
    values = found.read(settings, reduced)
    believed = found.read({**vars(values), **(theory or {})}, reduced)
    if hasattr(values, "data"):
        # A file that is missing is said before anything long is computed.
        load(values.data, folder)
    identity = {"experiment": found.name, "settings": vars(values)}
    run = TrainingRun(found.name, int(seed), device, checkpoint, identity, progress, folder)
    measured = found.measure(values, run)
    checks, statements, threshold, verdict, reason = judge(found.predict(believed), measured)
    return Report(found.name, found.title, verdict, checks, statements, threshold, vars(values), int(seed), str(run.device), reason,
                  run.curves, time.perf_counter() - begin)
