"""The pieces of a phase diagram's picture: its grid, its labels, its areas."""
