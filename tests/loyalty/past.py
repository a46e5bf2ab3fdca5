"""A past to measure: facts in a real lake, and flags, verdicts and assignments in a real ledger."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from core.settings import load_settings
from feature_store import lake
from feature_store.bookkeeping import record_pull
from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.measures import Measure
from ledger.verdicts import Verdict

LOYALTY = """
[loyalty]
left_event = "billing.left"
revenue = "billing.paid.amount_cents"
contacts_source = "contacts"
settle_days = 3
"""

SOURCE = """
role = "{role}"
path = "{{root}}/{role}-{{day}}.csv"
customer_id = "customer"
event_id = "id"

[[event]]
kind = {{ column = "kind" }}
occurred_at = "at"
columns = {{ amount_cents = "cents" }}
"""


def at(day, hour=10):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


class Past:
    """Builds up what happened; `write` puts the facts into the lake and closes its days."""

    def __init__(self, settings, session):
        self.settings, self.session = settings, session
        self.facts = []

    def happens(self, customer, what, on, *, amount=None, recorded_on=None, event_id=None):
        source, kind = what.split(".")
        self.facts.append({
            "source": source, "event_id": event_id or f"{what}-{customer}-{on}-{len(self.facts)}", "customer_id": customer,
            "kind": kind, "occurred_at": at(on, 0), "recorded_at": at(recorded_on or on, 23), "amount_cents": amount,
        })  # fmt: skip

    def draws(self, customer, on, *, arm="contact", share=0.5, issue="fee_shock", passed=True, mode="live", unit=None, epoch=0, **design):
        """Flag, judge and draw on the morning of `on`, for the cohort of the day before."""
        day = on - timedelta(days=1)
        flag = Flag(customer_id=customer, issue=issue, day=day, probability=0.5, reasons=[], evidence={}, detector="rule",
                    state="expired", created_at=at(on))  # fmt: skip
        self.session.add(flag)
        self.session.flush()
        self.session.add(Verdict(flag_id=flag.id, passed=passed, reasons=[] if passed else ["quiet_days"], judged_at=at(on)))
        drawn = Assignment(scope=issue, unit_id=unit or customer, epoch=epoch, arm=arm, share=share, customer_id=customer,
                           flag_id=flag.id, playbook_version="v1", mode=mode, assigned_at=at(on), assigned_on=day,
                           frozen_until=on + timedelta(days=540), **design)  # fmt: skip
        self.session.add(drawn)
        self.session.flush()
        return drawn.id

    def shares_inbox(self, customer, unit):
        self.session.add(Customer(customer_id=customer, unit_id=unit, updated_at=at(date(2025, 1, 1))))

    def promises(self, on, *, issue="fee_shock", version="m1", **measure):
        measure = {"outcome": "retained", "horizon_months": 6, "smallest_effect": 0.1, "cap": None} | measure
        self.session.add(Measure(issue=issue, version=version, measure=measure, frozen_at=at(on)))

    def write(self, until, sources=("billing", "contacts")):
        """Pull everything up to `until` and close that day."""
        self.session.commit()
        for source in sources:
            mine = [{**fact, "batch": fact["recorded_at"].date()} for fact in self.facts if fact["source"] == source]
            rows = pl.DataFrame(mine, schema_overrides={"amount_cents": pl.Int64}, infer_schema_length=None) if mine else None
            first = lake.last_closed(self.settings, source) or date(2020, 1, 1)
            if rows is not None:
                rows = rows.drop("source").with_columns(
                    pl.col("occurred_at", "recorded_at").cast(pl.Datetime("us", "UTC")), deleted=pl.lit(False),
                    stated_at=pl.col("recorded_at").cast(pl.Datetime("us", "UTC")),
                )  # fmt: skip
                rows = rows.filter(pl.col("batch") > first, pl.col("batch") <= until)
                lake.add(self.settings, source, rows, first=first + timedelta(days=1), last=until)
            record_pull(self.settings, {"source": source, "first": first, "last": until, "again": False, "read": len(mine),
                                        "kept": len(mine), "quarantined": 0, "dropped": "{}", "signature": ""})  # fmt: skip
        lake.close_day(list(sources), day=until, settings=self.settings)


def say_what_loyalty_means(settings):
    """Complete a made company's configuration; return it read anew."""
    with (settings.folder / "settings.toml").open("a") as file:
        file.write(LOYALTY)
    for role in ("billing", "contacts"):
        (settings.folder / "sources" / f"{role}.toml").write_text(SOURCE.format(role=role))
    return load_settings(settings.folder)
