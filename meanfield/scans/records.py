"""Records of points as arrays of a file, and back."""

import json

import numpy as np

from .point import Record

__all__ = ["packed", "unpacked"]


def packed(records):
    """{name: array} of {number: Record}: rows one under another, texts as indices of a list."""
    points = sorted(records)
    chosen = [records[p] for p in points]
    texts = {}
    index = lambda names: np.array([texts.setdefault(t, len(texts)) for t in names], dtype=np.int32)
    kinds = index([t for r in chosen for t in r.kinds])
    statuses = index([t for r in chosen for t in r.statuses])
    return {"points": np.array(points, dtype=np.int64), "rows": np.array([len(r.kinds) for r in chosen], dtype=np.int32),
            "numbers": np.concatenate([r.numbers for r in chosen]) if chosen else np.zeros((0, 0)),
            "kinds": kinds, "statuses": statuses, "texts": np.array(json.dumps(list(texts))),
            "found": np.array([r.found for r in chosen], dtype=np.int32),
            "complete": np.array([r.complete for r in chosen], dtype=np.bool_)}


def unpacked(arrays):
    """{number: Record} of `packed`."""
    texts = json.loads(str(arrays["texts"]))
    ends = np.cumsum(arrays["rows"])
    name = lambda indices: tuple(texts[i] for i in indices)
    columns = (arrays["points"], ends - arrays["rows"], ends, arrays["found"], arrays["complete"])
    return {int(point): Record(arrays["numbers"][first:end].copy(), name(arrays["kinds"][first:end]),
                               name(arrays["statuses"][first:end]), int(found), bool(complete))
            for point, first, end, found, complete in zip(*columns)}
