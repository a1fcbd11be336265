"""A soft committee machine learns online: its generalisation error, its plateau, and the equations of Saad and Solla."""

from pathlib import Path

from meanfield.learning.online import plateau
from theory.learning.soft_committee import soft_committee
from validate.networks import train

theory = soft_committee(students=2, teachers=2).check()
print(theory.to_text())
print(plateau(units=2, rate=1.5))

report = train("online-learning", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "online_learning.png", dpi=150)
