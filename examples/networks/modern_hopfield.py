"""Modern Hopfield networks: attention as descent of an energy, exponential capacity, clusters, and dense memories."""

from pathlib import Path

from theory.learning.attention import attention, clustered_patterns, random_energies
from validate.networks import train

for derivation in (attention(), random_energies("binary"), clustered_patterns()):
    print(derivation.check().to_text())

report = train("modern-hopfield", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "modern_hopfield.png", dpi=150)
