"""Hebbian networks taught by noisy examples, with and without labels, pairwise and dense; then by images of digits."""

from pathlib import Path

from validate.networks import train

report = train("hebbian-learning", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "hebbian_learning.png", dpi=150)
