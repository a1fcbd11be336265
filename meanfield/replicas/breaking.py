"""Solutions with broken replica symmetry."""

def broken(system, theory_at):
    raise NotImplementedError
