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
    power = getattr(check.fit, "power", 1.0)
    x = np.array(check.sizes, dtype=float) ** -power
    artists = {"theory": ax.axhline(check.theory, color=INK, lw=1, label="theory")}
    means, errors = ([getattr(e, name) for e in check.estimates] for name in ("mean", "error"))
    artists["points"] = ax.errorbar(x, means, errors, fmt="o", ms=4, capsize=2, label="simulation")
    if check.fit is not None:
        curve = np.linspace(x.max() / 200, x.max(), 200)
        artists["fit"] = ax.plot(np.append(0, curve), np.append(check.fit.value, check.fit(curve ** (-1 / power))), lw=1, color="C0", alpha=0.6)[0]
        artists["limit"] = ax.errorbar([0], [check.measured], [check.error], fmt="s", ms=5, capsize=3, color="C1", label=r"$N\to\infty$")
    ax.set_xlabel("1/N" if power == 1 else f"$N^{{-{power:.3g}}}$")
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


def plot_overlaps(run, ax=None):
    """P(q) of replicas of the same disorder, averaged over disorder, with the spread of samples as a band.

    Parameters
    ----------
    run : validate.quenched.QuenchedRun
    ax : matplotlib Axes, optional

    Returns
    -------
    dict of artists: "lines" and "bands", one for each overlap
    """
    ax = _axes(ax)
    artists = {"lines": [], "bands": []}
    for k, (name, (centres, density, error)) in enumerate(run.histograms.items()):
        artists["lines"] += ax.plot(centres, density, lw=1, drawstyle="steps-mid", color=f"C{k}", label=f"{name}, N = {run.size}")
        artists["bands"].append(ax.fill_between(centres, density - error, density + error, step="mid", alpha=0.3, lw=0, color=f"C{k}"))
    ax.set_xlabel("replica overlap")
    ax.set_ylabel("P")
    ax.legend(frameon=False)
    return artists


def plot_report(verdict):
    """One panel for each check that was measured, one with the residuals, and P(q) of the largest size where there is one; returns the Figure."""
    import matplotlib.pyplot as plt

    drawn = [c for c in verdict.checks if c.fit is not None]
    overlaps = [run for run in verdict.runs[-1:] if getattr(run, "histograms", None)]
    count = len(drawn) + 1 + len(overlaps)
    columns = min(3, count)
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 3 * rows), layout="constrained", squeeze=False)
    panels = list(axes.flat)
    for check, ax in zip(drawn, panels):
        plot_check(check, ax)
    plot_verdict(verdict, panels[len(drawn)])
    for run in overlaps:
        plot_overlaps(run, panels[len(drawn) + 1])
    for ax in panels[count:]:
        ax.remove()
    return figure


def plot_retrieval(retrieval, ax=None):
    """Final overlaps with error bars, and the theory's retrieval solution as a line.

    Returns
    -------
    dict of artists: "points", "theory"
    """
    ax = _axes(ax)
    r = retrieval
    artists = {"theory": ax.plot(r.at, r.theory, color=INK, lw=1, label="theory")[0]}
    artists["points"] = ax.errorbar(r.at, r.overlap, r.error, fmt="o", ms=4, capsize=2, label=f"simulation, N = {r.size}")
    ax.set_xlabel(r.along)
    ax.set_ylabel("final overlap")
    ax.legend(frameon=False)
    return artists


def plot_crossings(crossings, ax=None):
    """Cumulants of all sizes along the parameter, the theory's transition as a line and the extrapolated one as a band.

    Parameters
    ----------
    crossings : validate.crossings.Crossings
    ax : matplotlib Axes, optional

    Returns
    -------
    dict of artists: "curves", one for each size, "theory" and "value" where there are such
    """
    ax = _axes(ax)
    c = crossings
    artists = {"curves": []}
    for k, (N, row) in enumerate(zip(c.sizes, c.cumulants)):
        artists["curves"].append(ax.errorbar(c.at, [e.mean for e in row], [e.error for e in row], fmt="o-", lw=0.8, ms=3, capsize=2,
                                             color=f"C{k}", label=f"N = {N}"))
    if np.isfinite(c.theory):
        artists["theory"] = ax.axvline(c.theory, color=INK, lw=1, label="theory")
    if c.value is not None:
        artists["value"] = ax.axvspan(c.value - c.error, c.value + c.error, color="C1", alpha=0.25, lw=0, label="crossings")
    ax.set_xlabel(c.along)
    ax.set_ylabel(f"Binder cumulant of {c.observable}")
    ax.legend(frameon=False)
    return artists


def plot_hysteresis(hysteresis, ax=None):
    """One order parameter on the way up and down, the theory's stable branches as lines, its spinodals dotted, its coexistence dashed.

    Parameters
    ----------
    hysteresis : validate.hysteresis.Hysteresis
    ax : matplotlib Axes, optional

    Returns
    -------
    dict of artists: "up", "down", "branches", "spinodals", "coexistence"
    """
    ax = _axes(ax)
    h = hysteresis
    artists = {"branches": [ax.plot(*branch, color=INK, lw=1)[0] for branch in h.branches]}
    for way, marker, color in (("up", "^", "C3"), ("down", "v", "C0")):
        means, errors = getattr(h, way), getattr(h, f"{way}_error")
        artists[way] = ax.errorbar(h.at, means, errors, fmt=marker, ms=3.5, capsize=2, color=color, label=f"{way}, N = {h.size}")
    artists["spinodals"] = [ax.axvline(x, color=INK, lw=1, ls=":") for x in h.spinodals]
    artists["coexistence"] = [ax.axvline(h.coexistence, color=INK, lw=1, ls="--")] if h.coexistence is not None else []
    ax.set_xlabel(h.along)
    ax.set_ylabel(h.observable)
    ax.legend(frameon=False)
    return artists


VERDICT_COLOURS = {"consistent": "#1a9850", "inconsistent": "#d73027", "undecided": "#ffcc33"}


def plot_diagram(found, ax=None):
    """The theory's phase diagram with the points that were simulated, numbered and coloured by their verdicts, and the residuals of all
    their checks in standard errors beside it.

    Parameters
    ----------
    found : validate.diagram.DiagramVerdict
    ax : pair of Axes (diagram, residuals), or one Axes for the diagram alone; default: a new pair

    Returns
    -------
    dict of artists: "axes", "points", "numbers" and, with two axes, "residuals", "band"
    """
    from meanfield.plot import phase_diagram

    left, right = _beside(ax)
    phase_diagram(found.diagram, ax=left)
    names, artists = list(found.places[0].at) if found.places else [], {"axes": left, "points": [], "numbers": []}
    for k, place in enumerate(found.places, 1):
        at = [place.at[name] for name in names]
        artists["points"] += left.plot(*at, "o", ms=11, color=VERDICT_COLOURS[place.verdict.verdict], mec="black", mew=0.8, zorder=6)
        artists["numbers"].append(left.annotate(str(k), at, ha="center", va="center", fontsize=7, zorder=7))
    if right is None:
        return artists
    rows = [(k, c.z) for k, p in enumerate(found.places, 1) for c in p.verdict.checks if c.z is not None]
    limit = max((p.verdict.threshold for p in found.places if np.isfinite(p.verdict.threshold)), default=3.5)
    artists["band"] = right.axhspan(-limit, limit, color="0.9", zorder=0)
    colours = [VERDICT_COLOURS[found.places[k - 1].verdict.verdict] for k, _ in rows]
    artists["residuals"] = right.scatter([k for k, _ in rows], [np.clip(z, -3 * limit, 3 * limit) for _, z in rows], c=colours, edgecolors="black",
                                         linewidths=0.5, zorder=3)
    right.axhline(0, color=INK, lw=1)
    right.set_xticks(range(1, len(found.places) + 1))
    right.set_xlabel("point")
    right.set_ylabel("(measured - theory) / error")
    right.set_title(found.verdict)
    return artists


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


def _beside(ax):
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(1, 2, width_ratios=(1.6, 1), figsize=(9.5, 4.4), layout="constrained")[1]
    return (ax, None) if not np.iterable(ax) else ax


def _pair(ax):
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(2, sharex=True, height_ratios=(3, 1), figsize=(5, 4.2), layout="constrained")[1]
    return (ax, None) if not np.iterable(ax) else ax
