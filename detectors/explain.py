"""Why this customer: the features that moved the probability most, in plain words beside what is usual.

"3 failed payments in 30 days; customers like this one: 0." Customers like this one are those at risk of the same
trouble on the same day; what is usual is their median.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.feature import OF_A_COLUMN, Feature, Measure, describe, measures

REASONS = 3
WEAKEST = 0.2  # of what the strongest reason moved; less is not worth a sentence


def strongest(features: Sequence[Feature], moved: NDArray[np.float64]) -> list[int]:
    """Return the places of up to three features that moved a customer most towards trouble, strongest first.

    Of several features about the same rows (one count over 7, 28 and 90 days) only the strongest speaks.
    """
    chosen: dict[tuple[Any, ...], int] = {}
    for place in np.argsort(-moved, kind="stable")[: 10 * REASONS]:
        if moved[place] > 0 and moved[place] >= WEAKEST * moved.max():
            chosen.setdefault(_subject(features[place]), int(place))
    return list(chosen.values())[:REASONS]


def evidence(features: Sequence[Feature], values: Sequence[float | None], usual: Sequence[float | None]) -> dict[str, Any]:
    """Return feature -> the customer's number and the usual one, for the ledger."""
    return {f.name: {"value": _rounded(v), "usual": _rounded(u)} for f, v, u in zip(features, values, usual, strict=True)}


def sentence(feature: Feature, value: float | None, usual: float | None, currency: str) -> str:
    """Say one number in words, beside what is usual; for a yes-or-no feature `usual` is the share of yes."""
    measure = feature.measure
    if isinstance(measure, Measure) and measure.equals is not None:
        is_it = f"{_column(measure)} is {'' if value else 'not '}{measure.equals}"
        share = (usual or 0.0) if value else 1 - (usual or 0.0)
        return f"{is_it}; so it is for {share:.0%} of customers like this one"
    main = measures(feature)[0]
    if value is None and main.since is not None:  # nothing came since, so there is no number to hold beside another
        rows = describe(Feature(feature.name, replace(main, aggregate="count", column=None)))
        return f"no {rows}, or none of these in {main.since.window_days} days"
    return f"{_said(feature, value, currency)}; customers like this one: {_number(feature, usual, currency)}"


def peers(vectors: pl.DataFrame, features: Sequence[Feature]) -> list[float | None]:
    """Return what is usual among these customers: each feature's median, or the share of yes."""
    how = [pl.col(f.name).mean() if _yes_or_no(f) else pl.col(f.name).median() for f in features]
    return list(vectors.select(how).row(0)) if features else []


def _said(feature: Feature, value: float | None, currency: str) -> str:
    main = measures(feature)[0]
    if value is not None:
        return f"{_number(feature, value, currency)} {describe(feature)}"
    if main.aggregate == "recency" and main.window_days:
        return f"more than {main.window_days} {describe(feature)}"
    return f"unknown: {describe(feature)}"


def _number(feature: Feature, value: float | None, currency: str) -> str:
    if value is None or math.isnan(value):
        return "unknown"
    main = measures(feature)[0]
    if isinstance(feature.measure, Measure) and main.aggregate in OF_A_COLUMN and (main.column or "").endswith("_cents"):
        return f"{value / 100:,.2f} {currency}"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _subject(feature: Feature) -> tuple[Any, ...]:
    main = measures(feature)[0]
    return main.source, main.kind, main.other_than, main.column


def _yes_or_no(feature: Feature) -> bool:
    return isinstance(feature.measure, Measure) and feature.measure.equals is not None


def _column(measure: Measure) -> str:
    return (measure.column or "").replace("_", " ")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
