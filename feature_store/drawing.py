"""Default features: what a source alone yields, by its role, so that a newcomer writes no Python.

Every source gives counts (of all rows, of its most frequent kinds, of the other kinds), sums and means of its number
columns, their last value, recency, tenure, active days and a trend; by its role also slopes, regularity, volatility, shares,
journeys begun and not ended, the percentile among peers, and how use changed with a fee or another kind of bill. A source of customers gives each attribute's last known value;
a text becomes one yes-or-no feature a value.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from core.settings import Features
from feature_store.feature import Feature, Measure, Peer, Ratio, Share, Trend
from feature_store.shape import Shape

BEGINS, ENDS = ("started", "begun", "opened"), ("finished", "completed", "succeeded", "done", "closed")
USUAL_HOURS = 24.0  # by when a journey that was begun is over; a feature declared by hand may know better
PEERS = ("plan", "tier", "product", "segment", "cycle")  # attributes that say who is a peer, the best first


def draw(shapes: Iterable[Shape], limits: Features) -> list[Feature]:
    """Return the default features of all sources: at most `limits.at_most`, each source in turn giving its next."""
    shapes = list(shapes)
    among = Among(peers_of(shapes), tuple(s for s in shapes if s.role == "billing"))
    lists = [list(_of_attributes(s) if s.role == "customers" else _of_events(s, limits.windows_days, among)) for s in shapes]
    in_turn = (f for f in chain.from_iterable(zip_longest(*lists)) if f is not None)
    chosen = list({f.name: f for f in in_turn}.values())[: limits.at_most]
    return sorted(chosen, key=lambda f: f.name)


@dataclass(frozen=True)
class Among:
    """What a source's features are held against: the attribute (source, column) that makes peers, and the bills."""

    peers: tuple[str, str] | None
    bills: tuple[Shape, ...]


def peers_of(shapes: Iterable[Shape]) -> tuple[str, str] | None:
    """Return (source, column) of the attribute that says who is a peer: a text of a source of customers named like a plan."""
    texts = [(s.source, name) for s in shapes if s.role == "customers" for name, values in s.texts if len(values) > 1]
    known = [(PEERS.index(name), source, name) for source, name in texts if name in PEERS]
    return min(known)[1:] if known else None


def _of_attributes(shape: Shape) -> Iterator[Feature]:
    yield Feature(f"{shape.source}__tenure_days", Measure(shape.source, "tenure"))
    for name in shape.numbers:
        yield Feature(f"{shape.source}__{name}", Measure(shape.source, "last", column=name))
    for name in shape.times:
        yield Feature(f"{shape.source}__days_until_{name}", Measure(shape.source, "until", column=name))
    for name, values in shape.texts:
        for word, value in _words(values):
            is_value = Measure(shape.source, "last", column=name, equals=value)
            yield Feature(f"{shape.source}__{name}__is_{word}", is_value, empty=0)


def _of_events(shape: Shape, windows_days: Sequence[int], among: Among) -> Iterator[Feature]:
    """Yield the features of a source of events, those that say most first: the limit cuts from the end."""
    source, widest = shape.source, max(windows_days)
    yield Feature(f"{source}__recency_days", Measure(source, "recency", widest))
    yield Feature(f"{source}__tenure_days", Measure(source, "tenure"))
    for days in windows_days[-2:-1]:
        yield Feature(f"{source}__trend_{days}d", Trend(Measure(source, "count", days), widest))
    for name in shape.numbers:
        yield Feature(f"{source}__{name}__last", Measure(source, "last", widest, column=name))
    for days in sorted(windows_days, key=lambda d: (d != 28, -d)):
        yield from _in_window(shape, days)
    for word, kind in _words(shape.kinds):
        yield Feature(f"{source}__{word}__recency_days", Measure(source, "recency", widest, kind=kind))
    yield from _by_role(shape, widest)
    month = min(windows_days, key=lambda days: abs(days - 28))
    yield from _journeys(shape, month)
    if among.peers and shape.role in ("telemetry", "purchases"):
        yield Feature(f"{source}__count_{month}d__among_{among.peers[1]}", Peer(Measure(source, "count", month), *among.peers))
    if shape.role == "telemetry":
        yield from _since_bills(shape, among.bills, widest)


def _by_role(shape: Shape, days: int) -> Iterator[Feature]:
    """Yield what a practitioner asks of usage, bills and contacts beyond totals; last, so that the limit cuts these first."""
    source, role = shape.source, shape.role
    if role in ("telemetry", "purchases"):
        yield Feature(f"{source}__slope_{days}d", Measure(source, "slope", days), empty=0)
        yield Feature(f"{source}__mean_gap_{days}d", Measure(source, "mean_gap", days))
        yield Feature(f"{source}__gap_variation_{days}d", Measure(source, "gap_variation", days))
    if role in ("billing", "purchases"):
        for name in shape.numbers:
            yield Feature(f"{source}__{name}__volatility_{days}d", Measure(source, "volatility", days, column=name))
    if role in ("telemetry", "contacts"):
        for word, kind in _words(shape.kinds):
            yield Feature(f"{source}__{word}__share_{days}d", Share(Measure(source, "count", days, kind=kind)))
    for name in shape.times:
        yield Feature(f"{source}__days_until_{name}", Measure(source, "until", column=name))


def _journeys(shape: Shape, days: int) -> Iterator[Feature]:
    """Yield a feature a journey: kinds that differ in their last word alone, one of BEGINS and one of ENDS."""
    steps = {tuple(word.rsplit("_", 1)): kind for word, kind in _words(shape.kinds) if "_" in word}
    for (journey, begins), kind in steps.items():
        ends = next((steps[journey, end] for end in ENDS if (journey, end) in steps), None)
        if begins in BEGINS and ends is not None:
            open_ = Measure(shape.source, "unfinished", days, kind=kind, finish=ends, usual_hours=USUAL_HOURS)
            yield Feature(f"{shape.source}__{journey}__unfinished_{days}d", open_, empty=0)


def _since_bills(shape: Shape, bills: Sequence[Shape], days: int) -> Iterator[Feature]:
    """Yield how use changed with each kind of bill: its pace since then against the usual one, and so its numbers."""
    source, use = shape.source, Measure(shape.source, "count", days)
    for bill in bills:
        for word, kind in _words(bill.kinds):
            anchor, said = Measure(bill.source, "recency", days, kind=kind), f"since_{bill.source}_{word}"
            yield Feature(f"{source}__trend_{said}", Trend(replace(use, since=anchor), days))
            for name in shape.numbers:
                usual = Measure(source, "mean", days, column=name)
                yield Feature(f"{source}__{name}__change_{said}", Ratio(replace(usual, since=anchor), usual))


def _in_window(shape: Shape, days: int) -> Iterator[Feature]:
    source = shape.source
    yield Feature(f"{source}__count_{days}d", Measure(source, "count", days), empty=0)
    for word, kind in _words(shape.kinds):
        yield Feature(f"{source}__{word}__count_{days}d", Measure(source, "count", days, kind=kind), empty=0)
    others = Measure(source, "count", days, other_than=shape.kinds)
    if shape.kinds:
        yield Feature(f"{source}__other__count_{days}d", others, empty=0)
    for name in shape.numbers:
        yield Feature(f"{source}__{name}__sum_{days}d", Measure(source, "sum", days, column=name), empty=0)
        yield Feature(f"{source}__{name}__mean_{days}d", Measure(source, "mean", days, column=name))
    if days > 1:  # within one day the count says it
        yield Feature(f"{source}__distinct_days_{days}d", Measure(source, "distinct_days", days), empty=0)


def _words(values: Sequence[str]) -> list[tuple[str, str]]:
    """Pair each value with a word for a feature's name; values that would share one are numbered."""
    taken: dict[str, int] = {"other": 1}
    pairs = []
    for value in values:
        word = re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_") or "blank"
        taken[word] = taken.get(word, 0) + 1
        pairs.append((word if taken[word] == 1 else f"{word}_{taken[word]}", value))
    return pairs
