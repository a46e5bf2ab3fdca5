"""Every measure of one source as of one moment, exact whatever it is, on one machine."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import LookaheadError
from feature_store.engines import split
from feature_store.engines.narwhals import measured
from feature_store.engines.polars import Tally
from feature_store.measure import Measure

Values = NDArray[Any]  # float64, NaN where there was no row; of a category texts, None where there was none


def exactly(
    source: str, rows: pl.LazyFrame, wanted: Sequence[Measure], moment: datetime, customers: pl.Series, *, tally: bool = True
) -> dict[Measure, Values]:
    """Return each measure's values in the customers' order; without `tally` none by arrays, all by the plan for any backend.

    `rows` are those known at the moment. Raise LookaheadError when one is from the moment or later.
    """
    quick, others = split(wanted) if tally else ([], list(wanted))
    found: dict[Measure, Values] = {}
    if quick:
        found |= Tally(source, rows, quick, moment, customers).values()
    return found | _planned(source, rows, others, moment, customers) if others else found


def since_anchors(
    source: str, rows: pl.LazyFrame, wanted: Sequence[Measure], moment: datetime, ages: pl.DataFrame
) -> dict[Measure, Values]:
    """Return measures since anchors in the order of `ages`, which has customer_id and each anchor's days (see `anchor_name`)."""
    return _planned(source, rows, wanted, moment, ages["customer_id"], ages)


def _planned(
    source: str, rows: pl.LazyFrame, wanted: Sequence[Measure], moment: datetime, customers: pl.Series,
    ages: pl.DataFrame | None = None,
) -> dict[Measure, Values]:  # fmt: skip
    names = {measure: f"m{n}" for n, measure in enumerate(wanted)}
    begun = None if ages is None else ages.lazy()
    try:
        parts = pl.collect_all([part.to_native() for part in measured(rows, names, moment, begun)])
    except LookaheadError as error:
        raise LookaheadError(f"{source}: {error}") from error
    wide = pl.DataFrame({"customer_id": customers})
    for part in parts:
        wide = wide.join(part, on="customer_id", how="left", maintain_order="left")
    return {m: _values(wide[name], m) for m, name in names.items()}


def _values(column: pl.Series, measure: Measure) -> Values:
    if measure.aggregate == "category":
        return np.array(column.to_list(), dtype=object)
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
