"""Replica theories: nested Gaussian averages and the solvers on top of them."""
