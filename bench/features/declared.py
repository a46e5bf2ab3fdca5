"""The sixty features that everyone computes, as declarations."""

from datetime import date, timedelta
from itertools import product

from bench.features.data import KINDS, LAST
from feature_store.feature import Feature, Measure, Ratio, Trend

WINDOWS = (7, 28, 90)
CUTOFFS = tuple(LAST - timedelta(days=7 * n) for n in reversed(range(12)))  # the last twelve weeks
DAY: date = LAST


def sixty() -> list[Feature]:
    """Return 39 features of usage and 21 of invoices."""
    return [*_usage(), *_invoices()]


def pace(feature: Feature) -> float:
    """Return what a quotient is multiplied by: a trend compares paces a day."""
    what = feature.measure
    return what.against_days / (what.of.window_days or 1) if isinstance(what, Trend) else 1


def _usage() -> list[Feature]:
    named, counted = KINDS["usage"][:5], lambda days, kind=None: Measure("usage", "count", days, kind=kind)
    return [
        *(Feature(f"u_count_{d}", counted(d), empty=0) for d in (1, *WINDOWS)),
        *(Feature(f"u_{k}_count_{d}", counted(d, k), empty=0) for k, d in product(named, WINDOWS)),
        *(Feature(f"u_{c}_sum_{d}", Measure("usage", "sum", d, column=c), empty=0)
          for c, d in product(("seconds", "bytes"), WINDOWS)),
        *(Feature(f"u_seconds_mean_{d}", Measure("usage", "mean", d, column="seconds")) for d in (28, 90)),
        *(Feature(f"u_distinct_days_{d}", Measure("usage", "distinct_days", d), empty=0) for d in WINDOWS),
        Feature("u_recency", Measure("usage", "recency", 90)),
        *(Feature(f"u_{k}_recency", Measure("usage", "recency", 90, kind=k)) for k in named[:4]),
        *(Feature(f"u_trend_{d}", Trend(counted(d), 90)) for d in (7, 28)),
        Feature("u_seconds_last", Measure("usage", "last", 90, column="seconds")),
        Feature("u_error_share_28", Ratio(counted(28, "error"), counted(28))),
    ]  # fmt: skip


def _invoices() -> list[Feature]:
    def amount(aggregate: str, days: int, kind: str | None = None) -> Measure:
        return Measure("invoices", aggregate, days, column="amount_cents", kind=kind)  # type: ignore[arg-type]

    counted = lambda days, kind=None: Measure("invoices", "count", days, kind=kind)
    return [
        *(Feature(f"i_count_{d}", counted(d), empty=0) for d in (28, 90)),
        *(Feature(f"i_{k}_count_{d}", counted(d, k), empty=0) for k, d in product(KINDS["invoices"], (28, 90))),
        *(Feature(f"i_amount_sum_{d}", amount("sum", d), empty=0) for d in (28, 90)),
        *(Feature(f"i_paid_amount_sum_{d}", amount("sum", d, "paid"), empty=0) for d in (28, 90)),
        Feature("i_amount_mean_90", amount("mean", 90)),
        Feature("i_amount_last", amount("last", 90)),
        Feature("i_recency", Measure("invoices", "recency", 90)),
        Feature("i_failed_recency", Measure("invoices", "recency", 90, kind="failed")),
        Feature("i_failed_share_90", Ratio(counted(90, "failed"), counted(90))),
        Feature("i_other_count_90", Measure("invoices", "count", 90, other_than=("issued", "paid")), empty=0),
        Feature("i_distinct_days_90", Measure("invoices", "distinct_days", 90), empty=0),
    ]  # fmt: skip
