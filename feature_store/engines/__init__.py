"""How a set of features is computed; every engine gives the same numbers."""

from collections.abc import Iterable

from feature_store.measure import Measure

FAST = {"count", "sum", "mean", "min", "max", "last", "recency", "distinct_days"}


def split(wanted: Iterable[Measure]) -> tuple[list[Measure], list[Measure]]:
    """Return the measures that the fast path of one machine has, and those that go through the exact engine."""
    wanted = [m for m in wanted if m.aggregate != "tenure"]  # comes with the roster
    fast = [m for m in wanted if m.aggregate in FAST and m.since is None]
    return fast, [m for m in wanted if m not in fast]
