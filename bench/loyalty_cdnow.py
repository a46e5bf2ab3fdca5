"""CDNOW's purchases: repurchase within 1 and 6 months of the first purchase, and 18 months only for who was seen so long.

The log runs from 1997-01-01 to 1998-06-30: only who joined on the first day has a full 18 months. The readings' own windows
and calendar months are used; who bought again is counted beside it by a loop over the file, a customer at a time.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from bench.loyalty import Report
from core.clock import add_months
from loyalty.units import windows

DATA = Path(__file__).parents[2] / "shared" / "data" / "cdnow_sample"
OBSERVED_UNTIL = date(1998, 6, 30)


def measure(report: Report) -> dict[str, Any]:
    """Return each horizon's observed customers and whether its rate is the loop's; nothing where the data is not here."""
    if not DATA.is_dir():
        report.console.print(f"CDNOW is not at {DATA}: not measured.")
        return {"cdnow": None}
    purchases = read(DATA)
    found, counted = repurchase(purchases), by_hand(purchases)
    report.table("CDNOW: bought again within the horizon, of those observed for all of it",
                 ("after", "customers", "observed", "refused", "bought again", "by a loop"),
                 [(f"{months} months", len(purchases["customer_id"].unique()), observed, refused, f"{rate:.4f}", f"{counted[months][1]:.4f}")
                  for months, (observed, refused, rate) in found.items()])  # fmt: skip
    right = all((row[0], round(row[2], 12)) == (counted[months][0], round(counted[months][1], 12)) for months, row in found.items())
    return {"cdnow": {"right": right, "observed": {str(months): row[0] for months, row in found.items()}}}


def read(folder: Path) -> pl.DataFrame:
    """Return (customer_id, on) of every purchase of the sample, in the file's order."""
    lines = next(path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".txt", ".csv")).read_text().splitlines()
    rows = [line.split() for line in lines if len(line.split()) == 5]
    bought = [(row[1], date(int(row[2][:4]), int(row[2][4:6]), int(row[2][6:]))) for row in rows]
    return pl.DataFrame(bought, schema={"customer_id": pl.String, "on": pl.Date}, orient="row")


def repurchase(purchases: pl.DataFrame) -> dict[int, tuple[int, int, float]]:
    """Return by horizon: customers observed for all of it, those refused, and the share who bought again on a later day."""
    units = purchases.group_by("customer_id").agg(pl.col("on").min().alias("starts_on")).select(
        "customer_id", "starts_on", issue=pl.lit("repurchase"), unit_id="customer_id")  # fmt: skip
    spread = windows(units)
    observed = pl.col("ends_on") <= pl.lit(OBSERVED_UNTIL + timedelta(days=1))
    bought = spread.join(purchases, on="customer_id").group_by("customer_id", "horizon_months").agg(
        ((pl.col("on") > pl.col("starts_on")) & (pl.col("on") < pl.col("ends_on"))).any().alias("again"))  # fmt: skip
    judged = spread.join(bought, on=["customer_id", "horizon_months"], how="left")
    rows = judged.group_by("horizon_months").agg(
        observed.sum().alias("observed"), (~observed).sum().alias("refused"), pl.col("again").filter(observed).mean().alias("rate")
    ).sort("horizon_months")  # fmt: skip
    return {months: (seen, refused, rate) for months, seen, refused, rate in rows.rows()}


def by_hand(purchases: pl.DataFrame) -> dict[int, tuple[int, float]]:
    """Return by horizon the customers observed and the share who bought again, counted one by one."""
    days: dict[str, list[date]] = {}
    for customer, on in purchases.rows():
        days.setdefault(customer, []).append(on)
    found = {}
    for months in (1, 6, 18):
        again = [any(min(bought) < on < add_months(min(bought), months) for on in bought)
                 for bought in days.values() if add_months(min(bought), months) <= OBSERVED_UNTIL + timedelta(days=1)]  # fmt: skip
        found[months] = (len(again), sum(again) / len(again))
    return found
