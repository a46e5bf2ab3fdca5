"""Pictures of a backtest as SVG: precision over recall, calibration, lead time; each with the rows of the table behind it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.backtested import OURS, Backtested, best_simple
from detectors.rivals import TUNED
from loyalty.pictures import ACCENT, INK, chart_of, svg

POINTS, BANDS = 40, 10
Table = tuple[list[str], list[list[str]]]


def precision_recall(done: Backtested, found: dict[str, Any]) -> tuple[str, Table]:
    """Draw precision over recall of customer days: this detector whole, tuned LightGBM dashed, the best simple order dotted."""
    import altair as alt

    rows, simple = done.rows, best_simple(found["contenders"])
    names = [name for name in (OURS, TUNED, simple["name"] if simple else "") if name in rows.scores]
    drawn = [{"name": name, "recall": 100 * r, "precision": 100 * p} for name in names
             for r, p in _curve(rows.struck, rows.scores[name])]  # fmt: skip
    base = [{"precision": 100 * float(rows.struck.mean())}]
    of = alt.Scale(domain=names, range=[ACCENT, INK, INK][: len(names)])
    dash = alt.Scale(domain=names, range=[[1, 0], [6, 3], [2, 3]][: len(names)])
    across = alt.X("recall:Q", title="recall: of those struck, %", scale=alt.Scale(domain=[0, 100]))
    up = alt.Y("precision:Q", title="precision: of those named, %", scale=alt.Scale(domain=[0, 100]))
    key = alt.Legend(title=None, orient="top", columns=1, labelLimit=260, labelColor=INK, labelFontSize=11, symbolSize=400)
    lines = chart_of(drawn).mark_line(strokeWidth=2).encode(
        x=across, y=up, color=alt.Color("name:N", scale=of, legend=key), strokeDash=alt.StrokeDash("name:N", scale=dash, legend=key))
    rate = chart_of(base).mark_rule(color=INK, opacity=0.4, strokeDash=[1, 3]).encode(y=up)
    said = chart_of([{**base[0], "recall": 1, "said": "everybody alike"}]).mark_text(color=INK, align="left", dy=8).encode(
        x=across, y=up, text="said:N")  # fmt: skip
    at = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90)
    table = [[f"{share} %", *(f"{_at(rows.struck, rows.scores[name], share / 100):.1%}" for name in names)] for share in at]
    return svg(alt.layer(rate, lines, said)), (["recall", *(f"precision: {name}" for name in names)], table)


def calibration(done: Backtested) -> tuple[str, Table]:
    """Draw how often trouble came over how often it was said to, in ten bands of equal size, with 95 % intervals (Wilson)."""
    import altair as alt

    p, struck = done.rows.scores[OURS], done.rows.struck
    bands = [band for band in np.array_split(np.argsort(p, kind="stable"), BANDS) if len(band)]
    points = [_band(p[band], struck[band]) for band in bands]
    top = max(max(point["high"], point["said"]) for point in points) * 1.05
    across = alt.X("said:Q", title="said, %", scale=alt.Scale(domain=[0, top]))
    up = alt.Y("came:Q", title="came, %", scale=alt.Scale(domain=[0, top]))
    layers = [
        chart_of([{"said": 0, "came": 0}, {"said": top, "came": top}]).mark_line(color=INK, opacity=0.4, strokeDash=[1, 3]).encode(x=across, y=up),
        chart_of(points).mark_rule(color=ACCENT, strokeWidth=5, opacity=0.45).encode(x=across, y=alt.Y("low:Q", title="came, %"), y2="high:Q"),
        chart_of(points).mark_circle(color=ACCENT, size=60, opacity=1).encode(x=across, y=up),
    ]
    table = [[f"{point['said']:.1f} %", f"{point['came']:.1f} %", f"{point['low']:.1f} to {point['high']:.1f} %", f"{point['n']:,}"]
             for point in points]  # fmt: skip
    return svg(alt.layer(*layers)), (["said", "came", "95 %", "customer days"], table)


def lead_time(done: Backtested) -> tuple[str, Table]:
    """Draw how many days before the trouble its flag was opened."""
    import altair as alt

    leads = done.leads()
    last = done.issue.gap_days + done.issue.horizon_days
    step = max(1, round(last / 14))
    edges = np.arange(0, last + step, step)
    counts, _ = np.histogram(leads, edges)
    bars = [{"from": int(a), "to": int(b), "flags": int(n), "none": 0} for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    drawn = chart_of(bars).mark_bar(color=ACCENT, opacity=0.85).encode(
        x=alt.X("from:Q", title="days before the trouble", scale=alt.Scale(domain=[0, int(edges[-1])])), x2="to:Q",
        y=alt.Y("flags:Q", title="flags that came true"), y2="none:Q")  # fmt: skip
    middle = [{"median": float(np.median(leads)), "said": "median"}] if len(leads) else []
    layers = [drawn]
    if middle:
        layers += [chart_of(middle).mark_rule(color=INK, strokeDash=[4, 2]).encode(x="median:Q"),
                   chart_of(middle).mark_text(color=INK, align="left", dx=4, y=-6).encode(x="median:Q", text="said:N")]  # fmt: skip
    return svg(alt.layer(*layers)), (["days before", "flags"], [[f"{b['from']} to {b['to']}", str(b["flags"])] for b in bars])


def _curve(struck: np.ndarray, score: np.ndarray) -> list[tuple[float, float]]:
    """Return (recall, precision) at some points of the order, the first at which anybody was struck and later."""
    hits = np.cumsum(struck[np.argsort(-score, kind="stable")])
    if not len(hits) or not hits[-1]:
        return []
    at = np.unique(np.searchsorted(hits, np.unique(np.ceil(np.linspace(0.02, 1, POINTS) * hits[-1]))))
    return [(hits[n] / hits[-1], hits[n] / (n + 1)) for n in at]


def _at(struck: np.ndarray, score: np.ndarray, recall: float) -> float:
    hits = np.cumsum(struck[np.argsort(-score, kind="stable")])
    n = int(np.searchsorted(hits, np.ceil(recall * hits[-1])))
    return float(hits[n] / (n + 1))


def _band(p: np.ndarray, struck: np.ndarray) -> dict[str, float]:
    """Return what was said and what came in one band, with Wilson's interval."""
    n, rate, z = len(p), float(struck.mean()), 1.96
    middle, spread = rate + z * z / (2 * n), z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low, high = (max((middle + sign * spread) / (1 + z * z / n), 0.0) for sign in (-1, 1))
    return {"said": 100 * float(p.mean()), "came": 100 * rate, "low": 100 * float(low), "high": 100 * float(high), "n": n}


def pictures(done: Backtested, found: dict[str, Any]) -> Sequence[tuple[str, str, Table]]:
    """Return title, SVG and table of every picture the backtest has something to draw for."""
    if OURS not in done.rows.scores or not done.rows.struck.any():
        return []
    drawn = [("Whom it names: precision over recall", *precision_recall(done, found)),
             ("How honest its probabilities are", *calibration(done))]  # fmt: skip
    return [*drawn, ("How early its flags are", *lead_time(done))] if len(done.leads()) else drawn
