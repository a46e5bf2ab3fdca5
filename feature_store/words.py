"""The words of a feature, made from its declaration so that "<number> <these words>" reads as English."""

from dataclasses import replace
from typing import Any

from feature_store.feature import Peer, Ratio, Share, Trend
from feature_store.measure import Measure


def in_words(what: Any) -> str:
    """Say what a measure, ratio, trend, share or peer rank counts."""
    if isinstance(what, Peer):
        return f"of customers with the same {_plain(what.column)} come below in {in_words(what.of)}"
    if isinstance(what, Trend):
        own = f"since {_anchor(what.of.since)}" if what.of.since else f"last {what.of.window_days} days"
        return f"times the usual pace of {_rows(what.of)} ({own} against {what.against_days}{' days' if what.of.since else ''})"
    if isinstance(what, Ratio) and what.under.aggregate == "mean" and what.over.since and replace(what.over, since=None) == what.under:
        return f"times the usual {_column(what.under)} of {_rows(what.under)} since {_anchor(what.over.since)}"
    if isinstance(what, Ratio):
        return f"{_of_measure(what.over)} for each of {_of_measure(what.under)}"
    if isinstance(what, Share):
        part = "are" if what.of.column is None else f"of {_column(what.of)} come from"
        return f"of all {_plain(what.of.source)} events{_within(what.of)} {part} {_rows(what.of)}"
    return _of_measure(what)


def _of_measure(measure: Measure) -> str:
    column, rows, within = _column(measure), _rows(measure), _within(measure)
    if measure.equals is not None:
        return f"{column} is {measure.equals}"
    if measure.formula is not None:
        return f"by the formula {_plain(measure.formula.name.rpartition(':')[2])} over {rows}{within}"
    words = {
        "count": f"{rows}{within}",
        "sum": f"{column} in total from {rows}{within}",
        "mean": f"{column} on average from {rows}{within}",
        "min": f"{column} at the least from {rows}{within}",
        "max": f"{column} at the most from {rows}{within}",
        "last": f"{column} at the last of {rows}" if within else column,
        "distinct_days": f"days with {rows}{within}",
        "recency": f"days since the last of {rows}",
        "tenure": f"days since the first of {rows}",
        "slope": f"change a day in the daily {f'{column} of {rows}' if column else rows}{within}",
        "volatility": f"of usual swing (standard deviation) in {column} of {rows}{within}",
        "mean_gap": f"days on average between {rows}{within}",
        "gap_variation": f"of unevenness in the gaps between {rows}{within} (0 is clockwork, 1 is chance)",
        "until": f"days until {column} of {rows}",
        "unfinished": f"{rows}{within} without {_plain(measure.finish or '')} within {measure.usual_hours or 0:g} hours",
        "category": column,
    }
    return words[measure.aggregate]


def _anchor(anchor: Measure) -> str:
    return f"the last of {_rows(anchor)}"


def _within(measure: Measure) -> str:
    if measure.since:
        return f" since {_anchor(measure.since)}"
    days = measure.window_days
    return f" in {days} {'day' if days == 1 else 'days'}" if days else ""


def _column(measure: Measure) -> str:
    return _plain((measure.column or "").removesuffix("_cents"))


def _rows(measure: Measure) -> str:
    if measure.other_than:
        return f"other {_plain(measure.source)} events"
    return f"{_plain(measure.kind or measure.source)} events"


def _plain(name: str) -> str:
    return name.replace("_", " ")
