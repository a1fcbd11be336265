"""How the weights of linear networks fluctuate under stochastic gradient descent: exact recursions and Lyapunov equations."""

from pathlib import Path

import numpy as np

from meanfield.learning.sgd import gaussian_regression
from theory.learning.sgd import stochastic_gradient_descent
from validate.networks import train

print(stochastic_gradient_descent().check().to_text())
regression = gaussian_regression(np.diag([1.0, 2.0]), noise=0.09)
print(f"stable below the rate {regression.edge(batch=1):.10f}; covariance at half of it:")
print(regression.stationary(rate=regression.edge(batch=1) / 2, batch=1))

report = train("sgd-fluctuations", seed=0)
print(report)
figures = Path(__file__).parents[1] / "figures"
figures.mkdir(exist_ok=True)
report.plot().savefig(figures / "sgd_fluctuations.png", dpi=150)
