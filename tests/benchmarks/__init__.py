"""Speed against what a researcher would write: `python -m tests.benchmarks` prints the table. Not a test."""
