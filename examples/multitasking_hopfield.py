"""A Hopfield network that retrieves several diluted patterns at once: its equations, its phase diagram, its simulated check."""

from pathlib import Path

import meanfield
from theory import derive
from theory.models import load
from validate import compare

FIGURE = Path(__file__).parent / "figures" / "multitasking_hopfield.png"

network = load("multitasking-hopfield", P=2)
print(derive(network).check().to_text())

diagram = meanfield.phase_diagram(network, x=("d", 0.0, 1.0), y=("T", 0.0, 1.0))
print(diagram)
FIGURE.parent.mkdir(exist_ok=True)
print("wrote", diagram.save(FIGURE))

# Dilution 0.5 at T = 0.15: one pattern is retrieved, and the sites that it leaves free retrieve the other.
print(meanfield.solutions(network, T=0.15, d=0.5))
print(compare(network, T=0.15, d=0.5))
