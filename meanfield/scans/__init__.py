"""Scans of a model over any grid of parameters, on any executor, interruptible and resumable.

    import meanfield
    data = meanfield.scan("blume-capel", over={"T": (0.1, 1.2, 50), "Delta": [0.4, 0.45, 0.5]}, checkpoint="scan.npz")

Every point is solved on its own, so the result does not depend on how the work was divided or how often it was resumed.
"""

from .running import Interrupted, ignore_interrupts
from .sweep import scan

__all__ = ["Interrupted", "ignore_interrupts", "scan"]
