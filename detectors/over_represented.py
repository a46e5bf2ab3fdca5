"""What the flagged of a day have in common: the plan, region, release or fee that stands out among them, chance ruled out.

An attribute of few values, or that an event of some kind came, is a trait. Its share among the flagged is held against its share
among all at risk: lift, the one-sided Fisher test (hypergeometric), and false discoveries kept to one in twenty of those
named (Benjamini and Hochberg 1995).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.feature import Feature, Measure, describe

FALSE_DISCOVERIES = 0.05
FEWEST_FLAGGED = 5        # with the trait; fewer are an anecdote
MOST_VALUES = 12          # among the flagged; a feature with more is a measure, no trait
WINDOW_DAYS = 28
LEAST_LIFT = 1.2
AT_MOST = 5


@dataclass(frozen=True)
class Trait:
    """A trait that stands out among the flagged."""

    feature: str
    value: float | str
    flagged: int           # of those flagged, how many have it
    share_flagged: float
    share_at_risk: float
    lift: float
    p: float               # of so many by chance, one-sided

    def as_dict(self) -> dict[str, Any]:
        """Return the trait as plain values for the ledger."""
        return {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in asdict(self).items()}


def over_represented(rows: pl.DataFrame, flagged: NDArray[np.int64], features: Sequence[Feature]) -> list[Trait]:
    """Return what stands out among the rows numbered `flagged`: attributes first, the greatest lift first, five at most.

    Texts of `rows`, which a detector looked up beside the features (the version in use), are attributes too.
    """
    if len(flagged) < FEWEST_FLAGGED:
        return []
    attributes = {f.name: is_attribute(f) for f in features if f.name in rows.columns and (is_attribute(f) or is_event(f))}
    texts = [name for name, kind in rows.schema.items() if kind == pl.String and name != "customer_id"]
    found = [trait for name in attributes for trait in _of_feature(_trait(rows[name], attributes[name]), flagged)]
    found += [trait for name in texts for trait in _of_text(rows[name], flagged)]
    attributes |= dict.fromkeys(texts, True)
    held = kept(np.array([trait.p for trait in found]))
    named = [t for t, held in zip(found, held, strict=True) if held and t.lift >= LEAST_LIFT and t.flagged >= FEWEST_FLAGGED]
    return sorted(named, key=lambda t: (not attributes[t.feature], -t.lift, t.feature))[:AT_MOST]


def is_attribute(feature: Feature) -> bool:
    """Whether a feature is the last known value of something: a plan, a region, a release."""
    return isinstance(feature.measure, Measure) and feature.measure.aggregate == "last"


def is_event(feature: Feature) -> bool:
    """Whether a feature says how often one kind of event came in four weeks: a fee, a change of plan."""
    measure = feature.measure
    return isinstance(measure, Measure) and measure.aggregate == "count" and measure.window_days == WINDOW_DAYS and bool(measure.kind)


def said(trait: Trait, features: Sequence[Feature]) -> str:
    """Say in words what stands out."""
    shares = f"{trait.share_flagged:.0%} of the flagged, {trait.share_at_risk:.0%} of all at risk"
    if isinstance(trait.value, str):
        return f"{trait.feature.replace('_', ' ').replace('  ', ' ')} is {trait.value}: {shares}"
    feature = next(f for f in features if f.name == trait.feature)
    what = describe(feature)
    is_value = isinstance(feature.measure, Measure) and feature.measure.equals is not None
    cents = isinstance(feature.measure, Measure) and (feature.measure.column or "").endswith("_cents")
    number = f"{trait.value / 100:,.2f}" if cents else f"{trait.value:g}"
    worded = what if is_value else f"{number} {what}" if is_attribute(feature) else f"any {what}"
    return f"{worded}: {shares}"


def kept(p: NDArray[np.float64], share: float = FALSE_DISCOVERIES) -> NDArray[np.bool_]:
    """Return which findings stand when at most `share` of them may be chance (Benjamini and Hochberg)."""
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= share * np.arange(1, len(p) + 1) / max(len(p), 1))
    found = np.zeros(len(p), dtype=bool)
    found[order[: below.max() + 1 if len(below) else 0]] = True
    return found


def _trait(values: pl.Series, attribute: bool) -> pl.Series:
    """Return an attribute as it is, and of events whether there was any."""
    return values if attribute else (values > 0).cast(pl.Float32).alias(values.name)


def _of_text(values: pl.Series, flagged: NDArray[np.int64]) -> list[Trait]:
    words = values.drop_nulls().unique().sort()
    numbers = values.replace_strict(words, range(1, len(words) + 1), default=None, return_dtype=pl.Float64) if len(words) else values
    found = _of_feature(numbers, flagged) if len(words) else []
    return [replace(trait, value=words[int(trait.value) - 1]) for trait in found]


def _of_feature(values: pl.Series, flagged: NDArray[np.int64]) -> list[Trait]:
    from scipy.stats import hypergeom

    every, mine = values.fill_null(float("nan")).to_numpy().astype(float), values[flagged].fill_null(float("nan")).to_numpy().astype(float)
    seen = np.unique(mine[~np.isnan(mine)])
    if len(seen) > MOST_VALUES:
        return []
    wanted = [value for value in seen if value != 0]  # having none of something is no trait
    found = []
    for value in wanted:
        there, here = int((every == value).sum()), int((mine == value).sum())
        p = float(hypergeom.sf(here - 1, len(every), there, len(mine)))
        found.append(Trait(values.name, float(value), here, here / len(mine), there / len(every),
                           (here / len(mine)) / (there / len(every)), p))  # fmt: skip
    return found
