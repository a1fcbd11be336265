"""Generated kernels and the compiled loops around them."""
