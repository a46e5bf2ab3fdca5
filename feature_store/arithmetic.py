"""From measures to features: ratios, trends, shares, peer ranks and what absence means, the same on every backend."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw

from feature_store.feature import Feature, Peer, Ratio, Share, Trend, longer
from feature_store.measure import ZERO_WHEN_NO_ROW, Measure

Names = Mapping[Measure, str]
DECIMALS_OF_A_TIE = 6
LEAST_DAYS = 1.0  # of a pace since an anchor: an hour after it one use would be a day's pace of twenty-four


def names_of(wanted: Iterable[Measure]) -> dict[Measure, str]:
    """Return a short column name for each measure."""
    return {measure: f"m{n}" for n, measure in enumerate(dict.fromkeys(wanted))}


def finished(measured: nw.LazyFrame[Any], features: Sequence[Feature], names: Names) -> nw.LazyFrame[Any]:
    """Return customer_id and every feature as a 64-bit number, null where missing, from a row of measures a customer.

    `measured` has customer_id and the columns `names` says, null where a customer had no row.
    """
    peers = {f.name: f.measure for f in features if isinstance(f.measure, Peer)}
    ranked = {name: _ranked(peer, names).alias(f"of {name}") for name, peer in peers.items()}
    columns = [_filled(f, _percentile(f"of {f.name}", names[peers[f.name].group]) if f.name in peers else _number(f.measure, names))
               for f in features]  # fmt: skip
    return (measured.with_columns(*ranked.values()) if ranked else measured).select("customer_id", *columns)


def _filled(feature: Feature, number: nw.Expr) -> nw.Expr:
    number = number.cast(nw.Float64)
    number = nw.when(~number.is_nan()).then(number)
    return (number if feature.empty is None else number.fill_null(float(feature.empty))).alias(feature.name)


def _number(what: Any, names: Names) -> nw.Expr:
    if isinstance(what, Ratio):
        return _divided(what.over, what.under, names)
    if isinstance(what, Share):
        return _divided(what.of, what.whole, names)
    if isinstance(what, Trend):
        return _divided(what.of, longer(what), names) * what.against_days / _own_days(what, names)
    return nw.col(names[what])


def _own_days(trend: Trend, names: Names) -> nw.Expr:
    """Return how many days a trend's own window has: those since its anchor, one at the least."""
    if trend.of.since is None:
        return nw.lit(float(trend.of.window_days or trend.against_days))
    days = nw.col(names[trend.of.since])
    return nw.when(days > LEAST_DAYS).then(days).otherwise(nw.when(~days.is_null()).then(nw.lit(LEAST_DAYS)))


def _divided(over: Measure, under: Measure, names: Names) -> nw.Expr:
    below = _or_zero(under, names)
    return nw.when(below != 0).then(_or_zero(over, names) / below)


def _or_zero(measure: Measure, names: Names) -> nw.Expr:
    number = nw.col(names[measure]).cast(nw.Float64)
    return number.fill_null(0.0) if measure.aggregate in ZERO_WHEN_NO_ROW else number


def _ranked(peer: Peer, names: Names) -> nw.Expr:
    """Return the number that is ranked, missing where the group is unknown."""
    what = peer.of
    number = _or_zero(what, names) if isinstance(what, Measure) else _number(what, names)
    return nw.when(~nw.col(names[peer.group]).is_null()).then(number.round(DECIMALS_OF_A_TIE))


def _percentile(of: str, group: str) -> nw.Expr:
    """Return the middle of the places that equals share, as a part of all: (mean rank - 1/2) / n."""
    return (nw.col(of).rank("average").over(group) - 0.5) / nw.col(of).count().over(group)
