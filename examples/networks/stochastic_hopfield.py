"""A noisy rate network: its planted attractors derived, its noise against the Lyapunov equation, digits classified and drawn."""

from pathlib import Path

from theory.learning.rate_network import derive_rate_network
from validate.networks import train

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "stochastic_hopfield.png"

if __name__ == "__main__":
    print(derive_rate_network().check().to_text())
    report = train("stochastic-hopfield", seed=0)
    print(report)
    FIGURE.parent.mkdir(exist_ok=True)
    report.plot().savefig(FIGURE, dpi=150)
    print("wrote", FIGURE)
