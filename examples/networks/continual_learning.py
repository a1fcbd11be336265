"""Two perceptron tasks one after the other: what is learned, and what is forgotten."""

from pathlib import Path

from meanfield.learning.continual import first_task, second_task
from theory.learning.continual import continual
from validate.networks import train

print(continual().check().to_text())
first = first_task(load=1.0)
print(first)
print(second_task(first, load=0.5, strength=0.1, correlation=0.5))

report = train("continual-learning", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "continual_learning.png", dpi=150)
