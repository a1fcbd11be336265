"""Numbers from the theories of `theory.learning`: flows integrated, fixed points found, covariances solved for."""
