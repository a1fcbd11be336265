"""A layer trained through the eigenvalues of its graph: what they reach, random labels against Cover's count, pruning, digits."""

from pathlib import Path

from meanfield.learning.spectral import learned_probability, missed_share
from theory.learning.spectral import derive_spectral
from validate.networks import train

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "spectral_learning.png"

if __name__ == "__main__":
    print(derive_spectral().check().to_text())
    print(f"40 x 5 nodes: the eigenvalues miss {missed_share(40, 5):.3f} of a random linear task")
    print(f"20 eigenvalues learn 40 random labels with probability {learned_probability(20, 20, 2):.3f}")
    report = train("spectral-learning", seed=0)
    print(report)
    FIGURE.parent.mkdir(exist_ok=True)
    report.plot().savefig(FIGURE, dpi=150)
    print("wrote", FIGURE)
