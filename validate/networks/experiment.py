"""What an experiment is: its settings with their legal values, a prediction, a measurement, and how to draw them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace

from theory.errors import InputError

__all__ = ["Experiment", "Setting", "experiment", "names"]

# One module each, which defines EXPERIMENT; the name on the command line has hyphens.
MODULES = ("hebbian_learning", "boltzmann_learning", "teacher_student", "modern_hopfield", "online_learning", "sgd_fluctuations",
           "grokking", "stochastic_hopfield", "pavlov_hebb", "spectral_learning", "continual_learning")


@dataclass(frozen=True)
class Setting:
    """A hyper-parameter.

    Attributes
    ----------
    name, default, meaning
    low, high : bounds, inclusive; `above` and `below` are exclusive ones
    integer : whether it counts something
    choices : the words it may take, for settings that are no numbers
    reduced : its value in the reduced run, by default the same
    """

    name: str
    default: object
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    integer: bool = False
    choices: tuple = ()
    reduced: object = None

    def read(self, value, where):
        """`value` as this setting holds it.

        Raises
        ------
        InputError
            Where it is of another kind or outside the bounds.
        """
        if self.choices:
            if value not in self.choices:
                raise InputError(f"{where}: {self.name} = {value}: expected one of {', '.join(self.choices)}")
            return value
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        legal = math.isfinite(number) and self.low <= number <= self.high and self.above < number < self.below
        if not legal or self.integer and number != int(number):
            raise InputError(f"{where}: {self.name} = {value}: expected {self.domain()} ({self.meaning})")
        return int(number) if self.integer else number

    def domain(self):
        """The legal values in words."""
        bounds = [("at least", self.low), ("more than", self.above), ("at most", self.high), ("less than", self.below)]
        words = " and ".join(f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound))
        return f"{'an integer' if self.integer else 'a number'} {words}".strip()


@dataclass(frozen=True)
class Experiment:
    """Networks trained in torch, and what the theory says of them.

    Attributes
    ----------
    name : on the command line
    title, reference : what it shows, and where the theory is from
    settings : tuple of Setting
    predict : function(settings) -> {observable: Prediction}, without torch and without random numbers
    measure : function(settings, run) -> {observable: Measurement | Statement}, with a `running.TrainingRun`
    draw : function(report, figure), on an empty matplotlib figure
    wrong : {name: value}, settings that make the theory wrong when it alone gets them
    require : function(settings), raises InputError where settings do not go together
    """

    name: str
    title: str
    reference: str
    settings: tuple
    predict: Callable
    measure: Callable
    draw: Callable
    wrong: dict = field(default_factory=dict)
    require: Callable | None = None

    def read(self, given, reduced=False):
        """The settings as attributes, defaults where none is given.

        Raises
        ------
        InputError
            For an unknown name, an illegal value, or values that do not go together.
        """
        where = f"train {self.name}"
        known = {setting.name: setting for setting in self.settings}
        for name in given:
            if name not in known:
                raise InputError(f"{where}: no setting {name!r}; there are {', '.join(known)}")
        defaults = {name: s.reduced if reduced and s.reduced is not None else s.default for name, s in known.items()}
        settings = SimpleNamespace(**{name: s.read(given.get(name, defaults[name]), where) for name, s in known.items()})
        if self.require is not None:
            self.require(settings)
        return settings


def names():
    """The names of all experiments."""
    return tuple(module.replace("_", "-") for module in MODULES)


def experiment(name):
    """The experiment of a name.

    Raises
    ------
    InputError
        Where there is none.
    """
    module = str(name).replace("-", "_")
    if module not in MODULES:
        raise InputError(f"no experiment {name!r}; there are {', '.join(names())}")
    return import_module(f"{__package__}.{module}").EXPERIMENT
