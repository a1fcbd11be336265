"""A restricted Boltzmann machine learns patterns and becomes a Hopfield network: growth of its modes, the temperature it learns, TAP."""

from pathlib import Path

from theory.learning.boltzmann import learning_from_patterns, pair_expansion
from validate.networks import train

print(learning_from_patterns().check().to_text())
print(pair_expansion().check().to_text())

report = train("boltzmann-learning", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "boltzmann_learning.png", dpi=150)
