"""A dog, a bell and food: neurons and synapses move together, learn Hebb's couplings, and a conditioned response comes and goes."""

from pathlib import Path

from meanfield.learning.pavlov import critical_beta
from theory.learning.pavlov import derive_pavlov
from validate.networks import train

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "pavlov_hebb.png"

if __name__ == "__main__":
    print(derive_pavlov().check().to_text())
    print(f"two neurons keep a memory up above beta = {critical_beta(2):.9f}")
    report = train("pavlov-hebb", seed=0)
    print(report)
    FIGURE.parent.mkdir(exist_ok=True)
    report.plot().savefig(FIGURE, dpi=150)
    print("wrote", FIGURE)
