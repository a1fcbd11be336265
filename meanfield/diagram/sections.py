"""What sections through a plane found, as plain values for a checkpoint, and back."""

import json

import numpy as np

from ..transitions import Origin, Transition

__all__ = ["from_plain", "packed", "plain", "unpacked"]


def plain(found):
    """Plain values of (seeds, transitions) as a section's search returns them."""
    seeds, transitions = found
    return [[[_floats(values), _floats(phi)] for values, phi in seeds],
            [[_transition(t), _floats(values)] for t, values in transitions]]


def from_plain(document):
    """The (seeds, transitions) of `plain`."""
    seeds, transitions = document
    return ([(tuple(values), np.array(phi)) for values, phi in seeds],
            [(_from_plain(t), tuple(values)) for t, values in transitions])


def packed(records):
    """{name: array} of {section: plain values}; numbers come back exactly."""
    return {"sections": np.array(json.dumps(records))}


def unpacked(arrays):
    """{section: plain values} of `packed`."""
    return json.loads(str(arrays["sections"]))


def _transition(t):
    origin = t.origin and [t.origin.kind, [_floats(s) for s in t.origin.states]]
    return {"kind": t.kind, "at": t.at, "before": t.before, "after": t.after, "equilibrium": bool(t.equilibrium),
            "states": list(t.states), "origin": origin}


def _from_plain(values):
    origin = values["origin"] and Origin(values["origin"][0], tuple(np.array(s) for s in values["origin"][1]))
    return Transition(**{**values, "states": tuple(values["states"]), "origin": origin})


def _floats(values):
    return [float(v) for v in values]
