"""Branches, critical points and the curves between phases, by continuation."""
