"""Figures of theory against simulation: extrapolations in 1/N, scans along a parameter, residuals in standard errors.

Functions draw on `ax` (or new axes) and return the artists; nothing is shown.
"""

import numpy as np

INK = "0.35"


def plot_check(check, ax=None):
    """Means against 1/N with error bars, the extrapolation, and the theory as a line.

    Parameters
    ----------
    check : validate.Check with a fit
    ax : matplotlib Axes, optional

    Returns
    -------
    dict of artists: "points", "fit", "theory", "limit"
    """
    ax = _axes(ax)
    x = 1 / np.array(check.sizes, dtype=float)
    artists = {"theory": ax.axhline(check.theory, color=INK, lw=1, label="theory")}
    means, errors = ([getattr(e, name) for e in check.estimates] for name in ("mean", "error"))
    artists["points"] = ax.errorbar(x, means, errors, fmt="o", ms=4, capsize=2, label="simulation")
    if check.fit is not None:
        curve = np.linspace(x.max() / 200, x.max(), 200)
        artists["fit"] = ax.plot(np.append(0, curve), np.append(check.fit.value, check.fit(1 / curve)), lw=1, color="C0", alpha=0.6)[0]
        artists["limit"] = ax.errorbar([0], [check.measured], [check.error], fmt="s", ms=5, capsize=3, color="C1", label=r"$N\to\infty$")
    ax.set_xlabel("1/N")
    ax.set_ylabel(check.observable)
    ax.legend(frameon=False)
    return artists


def plot_verdict(verdict, ax=None):
    """Residuals (measured - theory) in standard errors, with the band of consistent ones.

    Returns
    -------
    dict of artists: "points", "band"
    """
    ax = _axes(ax)
    checks = [c for c in verdict.checks if c.z is not None]
    rows = np.arange(len(checks))
    band = ax.axvspan(-verdict.threshold, verdict.threshold, color="0.9", zorder=0)
    points = ax.errorbar([c.z for c in checks], rows, xerr=1, fmt="o", ms=4, capsize=2)
    ax.axvline(0, color=INK, lw=1)
    ax.set_yticks(rows, [c.observable for c in checks])
    ax.set_xlabel("(measured - theory) / error")
    ax.set_title(f"{verdict.model}: {verdict.verdict}")
    return {"points": points, "band": band}


def plot_scan(verdicts, along, observable, ax=None, curve=None):
    """One observable along a parameter: theory as a line, measurements with bars, and below it the residuals.

    Parameters
    ----------
    verdicts : sequence of Verdict at different values of the parameter
    along : name of the parameter
    observable : name of a check
    ax : pair of Axes (curve, residuals), or one Axes for the curve alone; default: a new pair
    curve : pair of arrays (parameter, observable), the theory's line; default: through the verdicts' values

    Returns
    -------
    dict of artists: "theory", "points" and, with two axes, "residuals", "band"
    """
    rows = [(v.parameters[along], v, c) for v in verdicts for c in v.checks if c.observable == observable]
    rows.sort(key=lambda row: row[0])
    x, owners, checks = zip(*rows)
    top, bottom = _pair(ax)
    artists = {"theory": top.plot(*(curve or (x, [c.theory for c in checks])), color=INK, lw=1, label="theory")[0]}
    seen = [(p, c) for p, c in zip(x, checks) if c.measured is not None]
    at = [p for p, _ in seen]
    artists["points"] = top.errorbar(at, [c.measured for _, c in seen], [c.error for _, c in seen], fmt="o", ms=4, capsize=2, label="simulation")
    top.set_ylabel(observable)
    top.legend(frameon=False)
    if bottom is None:
        top.set_xlabel(along)
        return artists
    limit = max(v.threshold for v in owners)
    artists["band"] = bottom.axhspan(-limit, limit, color="0.9", zorder=0)
    artists["residuals"] = bottom.errorbar(at, [c.z for _, c in seen], 1, fmt="o", ms=4, capsize=2)
    bottom.set_xlabel(along)
    bottom.set_ylabel("residual / error")
    return artists


def _axes(ax):
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1]


def _pair(ax):
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(2, sharex=True, height_ratios=(3, 1), figsize=(5, 4.2), layout="constrained")[1]
    return (ax, None) if not np.iterable(ax) else ax
