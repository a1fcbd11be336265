"""A two-layer network that generalises long after it has learnt its examples, and the closed equations that it obeys."""

from pathlib import Path

from theory.learning.grokking import lazy_to_rich
from validate.networks import train

print(lazy_to_rich().check().to_text())
report = train("grokking", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "grokking.png", dpi=150)
