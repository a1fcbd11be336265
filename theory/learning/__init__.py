"""The theory of learning networks: order parameters, their flows and their fluctuations, derived with SymPy."""
