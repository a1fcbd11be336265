"""A model of one's own from a text file: its phases in a plane, the branches of solutions through it, both as figures."""

from pathlib import Path

import meanfield
from meanfield import plot

HERE = Path(__file__).parent
MODEL = HERE / "models" / "diluted-random-field.toml"

diagram = meanfield.phase_diagram(MODEL, x=("h0", 0.0, 0.8, 61), y=("T", 0.0, 1.2, 61), d=0.1)
print(diagram)
print("wrote", diagram.save(HERE / "figures" / "diluted_random_field.png"))

branches = meanfield.branches(MODEL, along={"T": (0.02, 1.2, 201)}, h0=0.5, d=0.1)
print(branches)
print("wrote", plot.save(plot.plot_branches(branches), HERE / "figures" / "diluted_random_field_branches.png"))
