"""Pictures of readings as SVG that stands by itself: no outside address, readable in grey, ink in the page's own colour.

Altair draws, vl-convert writes; both are imported only when a picture is made. Who draws twice gets the same bytes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

INK, ACCENT = "#010203", "#3d74b8"  # ink becomes the page's own colour, the accent the page's --accent where it has one
WIDTH, HEIGHT = 300, 150
FONT = "system-ui, sans-serif"
SCALE = {"retained": 100.0}  # per cent points; other outcomes as they are
TITLES = {"retained": "effect on staying, points", "days_there": "effect on days there", "revenue": "effect on revenue a unit",
          "purchases": "effect on purchases a unit", "contacts": "effect on contacts a unit",
          "contacts_induced": "effect on contacts about our message", "complaints": "effect on complaints a unit",
          "unsubscribes": "effect on unsubscribing", "referrals": "effect on referrals a unit"}  # fmt: skip


def effects_picture(
    rows: Sequence[Mapping[str, Any]], *, truth: Mapping[int, float] | None = None,
    forecast: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Draw one issue's pooled effects over the horizons with their intervals, and the known truth as hollow diamonds.

    `forecast` rows (horizon_months, effect, low, high) are dashed and hollow beside them, never in a reading's place.
    """
    import altair as alt

    scale = SCALE.get(rows[0]["outcome"], 1.0) if rows else 1.0
    points = [{"after": _at(row["horizon_months"]), **{name: row[name] * scale for name in ("effect", "low", "high")}}
              for row in rows if row["state"] == "readable"]  # fmt: skip
    waits = [{"after": _at(row["horizon_months"]), "effect": 0.0, "said": row["state"].replace("_", " ")}
             for row in rows if row["state"] != "readable"]  # fmt: skip
    known = [{"after": _at(months), "effect": effect * scale} for months, effect in sorted((truth or {}).items())]
    guessed = [{"after": _at(row["horizon_months"]), **{name: row[name] * scale for name in ("effect", "low", "high")}}
               for row in forecast]  # fmt: skip
    order = [_at(months) for months in sorted({row["horizon_months"] for row in rows})]
    across = alt.X("after:N", sort=order, title=None, axis=alt.Axis(labelAngle=0), scale=alt.Scale(domain=order))
    title = TITLES[rows[0]["outcome"]] if rows else None
    up = alt.Y("effect:Q", title=title)
    layers = [
        chart_of([{"zero": 0.0}]).mark_rule(color=INK, strokeDash=[2, 3]).encode(y=alt.Y("zero:Q", title=title)),
        chart_of(points).mark_rule(color=ACCENT, strokeWidth=3).encode(x=across, y=alt.Y("low:Q", title=title), y2="high:Q"),
        chart_of(points).mark_circle(color=ACCENT, size=90, opacity=1).encode(x=across, y=up),
        chart_of(known).mark_point(color=INK, shape="diamond", size=110, strokeWidth=1.5, xOffset=13).encode(x=across, y=up),
        chart_of(guessed).mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1.5, xOffset=-13).encode(
            x=across, y=alt.Y("low:Q", title=title), y2="high:Q"),
        chart_of(guessed).mark_point(color=INK, size=60, strokeWidth=1.5, xOffset=-13).encode(x=across, y=up),
        chart_of(waits).mark_text(color=INK, dy=-9, fontStyle="italic").encode(x=across, y=up, text="said:N"),
    ]  # fmt: skip
    there = (1, points, points, known, guessed, guessed, waits)
    return svg(alt.layer(*(layer for layer, data in zip(layers, there, strict=True) if data)))


def looks_picture(looks: Sequence[Mapping[str, Any]], *, outcome: str) -> str:
    """Draw one issue's effect over time, day by day, with the band that holds on all days at once."""
    import altair as alt

    scale = SCALE.get(outcome, 1.0)
    points = [{"day": str(look["day"]), **{name: look[name] * scale for name in ("effect", "low", "high")}}
              for look in looks if look["effect"] is not None]  # fmt: skip
    title = TITLES[outcome]
    months = looks[0]["horizon_months"] if looks else 0
    across = alt.X("day:T", title=f"known up to, after {months} mo", axis=alt.Axis(format="%b %y", tickCount=5))
    layers = [
        chart_of([{"zero": 0.0}]).mark_rule(color=INK, strokeDash=[2, 3]).encode(y=alt.Y("zero:Q", title=title)),
        chart_of(points).mark_area(color=ACCENT, opacity=0.2).encode(x=across, y=alt.Y("low:Q", title=title), y2="high:Q"),
        *(chart_of(points).mark_line(color=ACCENT, strokeWidth=0.75).encode(x=across, y=alt.Y(f"{edge}:Q", title=title))
          for edge in ("low", "high")),
        chart_of(points).mark_line(color=ACCENT, strokeWidth=2).encode(x=across, y=alt.Y("effect:Q", title=title)),
    ]  # fmt: skip
    return svg(alt.layer(*layers[: 1 if not points else None]))


def forest_picture(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw the promised readings of all issues beneath each other, each effect in units of the smallest that matters to it."""
    import altair as alt

    points, silent = [], []
    for row in rows:
        name = f"{row['issue'].replace('_', ' ')}, {_at(row['horizon_months'])}"
        unit = row["detail"].get("smallest_effect")
        if row["state"] == "readable" and unit:
            points.append({"name": name, **{key: row[key] / unit for key in ("effect", "low", "high")}})
        else:
            silent.append({"name": name, "effect": 0.0, "said": row["state"].replace("_", " ")})
    order = [f"{row['issue'].replace('_', ' ')}, {_at(row['horizon_months'])}" for row in rows]
    down = alt.Y("name:N", sort=order, title=None, scale=alt.Scale(domain=order), axis=alt.Axis(grid=False, labelLimit=240))
    title = "effect, in the smallest that matters"
    layers = [
        chart_of([{"zero": 0.0}]).mark_rule(color=INK, strokeDash=[2, 3]).encode(x=alt.X("zero:Q", title=title)),
        chart_of(points).mark_rule(color=ACCENT, strokeWidth=3).encode(y=down, x=alt.X("low:Q", title=title), x2="high:Q"),
        chart_of(points).mark_square(color=ACCENT, size=80, opacity=1).encode(y=down, x=alt.X("effect:Q", title=title)),
        chart_of(silent).mark_text(color=INK, align="left", dx=4, fontStyle="italic").encode(
            y=down, x=alt.X("effect:Q", title=title), text="said:N"),
    ]  # fmt: skip
    there = (1, points, points, silent)
    return svg(alt.layer(*(layer for layer, data in zip(layers, there, strict=True) if data)), height=24 * max(len(order), 2), left=40)


def retention_picture(curves: Sequence[Mapping[str, Any]]) -> str:
    """Draw the share of one issue's units still there, week by week: contacted whole, held out dashed."""
    import altair as alt

    drawn = [{"months": row["weeks"] * 7 / 30.4375, "there": 100 * row["still_there"], "arm": row["arm"]} for row in curves]
    lowest = min((row["there"] for row in drawn), default=0.0)
    up = alt.Y("there:Q", title="still there, %", scale=alt.Scale(domain=[max(0.0, lowest - 2), 100], nice=True))
    across = alt.X("months:Q", title="months since assignment", axis=alt.Axis(values=[0, 1, 6, 12, 18]))
    look = {
        "color": alt.Color("arm:N", scale=alt.Scale(domain=["contact", "hold_out"], range=[ACCENT, INK]), legend=None),
        "strokeDash": alt.StrokeDash("arm:N", scale=alt.Scale(domain=["contact", "hold_out"], range=[[1, 0], [5, 3]]),
                                     legend=None),
    }
    lines = chart_of(drawn).mark_line(interpolate="step-after", strokeWidth=2).encode(x=across, y=up, **look)
    texts = [
        chart_of([row]).mark_text(align="left" if upper else "right", dy=-9 if upper else 13, dx=4 if upper else -4, color=color)
        .encode(x=across, y=up, text="name:N") for row, upper, color in _names(drawn)
    ]  # fmt: skip
    return svg(alt.layer(lines, *texts))


def _names(drawn: Sequence[Mapping[str, Any]]) -> list[tuple[dict[str, Any], bool, str]]:
    """Return where on its curve each arm is named (about two thirds along), whether above it, and in which colour."""
    found = []
    for arm, name, color in (("contact", "contacted", ACCENT), ("hold_out", "held out", INK)):
        curve = sorted((row for row in drawn if row["arm"] == arm), key=lambda row: row["months"])
        if curve:
            found.append(({**curve[len(curve) * 2 // 3], "name": name}, color))
    higher = max((row["there"] for row, _ in found), default=0.0)
    return [(row, row["there"] == higher, color) for row, color in found]


def months_picture(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw one issue's effects by month of assignment at one horizon; months that cannot be read are ticks on the zero line."""
    import altair as alt

    scale = SCALE.get(rows[0]["outcome"], 1.0) if rows else 1.0
    points = [{"month": f"{row['month']}-15", **{name: row[name] * scale for name in ("effect", "low", "high")}}
              for row in rows if row["state"] == "readable"]  # fmt: skip
    silent = [{"month": f"{row['month']}-15", "effect": 0.0} for row in rows if row["state"] != "readable"]
    title = TITLES[rows[0]["outcome"]] if rows else None
    twice_a_year = alt.Axis(format="%b %y", tickCount={"interval": "month", "step": 6})
    across = alt.X("month:T", title="month of assignment", axis=twice_a_year)
    up = alt.Y("effect:Q", title=title)
    layers = [
        chart_of([{"zero": 0.0}]).mark_rule(color=INK, strokeDash=[2, 3]).encode(y=alt.Y("zero:Q", title=title)),
        chart_of(points).mark_rule(color=ACCENT, strokeWidth=1.5).encode(x=across, y=alt.Y("low:Q", title=title), y2="high:Q"),
        chart_of(points).mark_circle(color=ACCENT, size=28, opacity=1).encode(x=across, y=up),
        chart_of(silent).mark_tick(color=INK, opacity=0.5, size=8, thickness=1.5, orient="vertical").encode(x=across, y=up),
    ]
    return svg(alt.layer(*(layer for layer, data in zip(layers, (1, points, points, silent), strict=True) if data)))


def _at(horizon_months: int) -> str:
    """Name a horizon; none at all is that of a randomised delay, which is read over its hours."""
    return f"{horizon_months} mo" if horizon_months else "hours"


def chart_of(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return a chart of these rows."""
    import altair as alt

    return alt.Chart(alt.Data(values=[dict(row) for row in rows]))


def svg(chart: Any, height: int = HEIGHT, left: int = 5) -> str:
    """Return the chart as an SVG element to stand inside a page: it takes the page's width and colour."""
    import vl_convert

    axis = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
            "labelColor": INK, "titleColor": INK, "domainColor": INK, "domainOpacity": 0.3, "tickColor": INK, "tickOpacity": 0.3,
            "gridColor": INK, "gridOpacity": 0.15, "grid": False}  # fmt: skip
    config = {"background": None, "view": {"stroke": None}, "axis": axis, "axisY": {"grid": True, "tickCount": 5},
              "text": {"font": FONT, "fontSize": 11}}  # fmt: skip
    padding = {"left": left, "right": 5, "top": 5, "bottom": 5}
    spec = {**chart.properties(width=WIDTH, height=height, padding=padding).to_dict(), "config": config}
    return _at_home(vl_convert.vegalite_to_svg(spec))


def _at_home(svg: str) -> str:
    """Take out sizes, name spaces and fixed ink, so that the picture follows the page it stands in."""
    head, _, body = svg.partition(">")
    box = re.search(r'viewBox="([^"]+)"', head)
    body = body.replace(INK, "currentColor").replace(ACCENT, f"var(--accent, {ACCENT})")
    return f'<svg viewBox="{box.group(1) if box else "0 0 360 200"}" width="100%" aria-hidden="true">{body}'
