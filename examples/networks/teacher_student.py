"""Perceptrons that learn from a teacher or store random labels: sampled, counted and trained, against theory."""

from pathlib import Path

from theory.learning.generalisation import generalisation
from validate.networks import train

print(generalisation().check().to_text())

report = train("teacher-student", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "teacher_student.png", dpi=150)
