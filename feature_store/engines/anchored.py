"""Measures that begin at an anchor: taken once the anchors are known, which may lie in another source."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import numpy as np
import polars as pl

from feature_store.engines.exact import Values, since_anchors
from feature_store.engines.narwhals import anchor_name
from feature_store.measure import Measure


def plain(wanted: Iterable[Measure]) -> list[Measure]:
    """Return the measures that begin at their window."""
    return [m for m in wanted if m.since is None]


def measured(
    wanted: Iterable[Measure], rows: Callable[[str], pl.LazyFrame | None], moment: datetime, customers: pl.Series,
    found: Mapping[Measure, Values],
) -> dict[Measure, Values]:  # fmt: skip
    """Return the measures that begin at an anchor, in the customers' order, from the anchors' days in `found`.

    `rows` gives a source's rows known at the moment, None where there is none: then nobody has a number.
    """
    anchors = {m: m.since for m in wanted if m.since is not None}
    if not anchors:
        return {}
    days = {anchor_name(a): pl.Series(found[a], nan_to_null=True) for a in dict.fromkeys(anchors.values())}
    ages = pl.DataFrame({"customer_id": customers, **days})
    taken: dict[Measure, Values] = {}
    for source in dict.fromkeys(m.source for m in anchors):
        mine, frame = [m for m in anchors if m.source == source], rows(source)
        taken |= dict.fromkeys(mine, np.full(len(customers), np.nan)) if frame is None else since_anchors(source, frame, mine, moment, ages)
    return taken
