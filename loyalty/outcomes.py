"""What became of every analysed contact unit from its assignment to each horizon, as far as known at a data cut.

A unit's customers add up; a unit is retained while any of them stays. Contacts are counted for all reasons: that difference
is net. Those our message brought about are among them, shown beneath as a breakdown and never subtracted.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import polars as pl
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.settings import Settings
from ledger.customers import Customer
from ledger.suppressions import Suppression
from loyalty.facts import facts_of, left_days, split
from loyalty.units import members

OUTCOMES = ("retained", "days_there", "revenue", "purchases", "contacts", "contacts_induced", "complaints", "unsubscribes",
            "referrals")  # fmt: skip
BREAKDOWNS = {"contacts_induced": "contacts"}
KEYS = {"retained": "left_event or active_source", "days_there": "left_event", "contacts": "contacts_source",
        "contacts_induced": "induced", "complaints": "complaints", "referrals": "referrals"}  # fmt: skip
COLUMNS = ("assignment_id", "horizon_months", "outcome", "value", "covariate")


def configured(settings: Settings) -> tuple[str, ...]:
    """Return the outcomes that can be found: those settings.toml names, and unsubscribing, which the ledger knows."""
    loyalty = settings.loyalty
    given = {"retained": loyalty.left_event or loyalty.active_source, "days_there": loyalty.left_event, "revenue": loyalty.revenue,
             "purchases": loyalty.revenue, "contacts": loyalty.contacts_source, "contacts_induced": loyalty.induced,
             "complaints": loyalty.complaints, "unsubscribes": True, "referrals": loyalty.referrals}  # fmt: skip
    return tuple(name for name in OUTCOMES if given[name])


def unit_outcomes(
    settings: Settings, session: Session, spread: pl.DataFrame, *, before: datetime, only: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return (assignment_id, horizon_months, outcome, value, covariate) for each row of `windows`, from what was recorded
    `before` the data cut; `only` some outcomes, or all that can be found."""
    window = ("assignment_id", "horizon_months", "starts_on", "ends_on", "pre_from", "flagged_on")
    persons = spread.select(window).join(members(session, spread), on="assignment_id")
    known = Known(settings, session, persons, before)
    found = [MAKERS[name](known).with_columns(pl.lit(name).alias("outcome")).select(COLUMNS) 
             for name in only or configured(settings)]
    return pl.concat(found)


class Known:
    """The persons whose outcomes are asked for, and what each source says of them, read once."""

    def __init__(
        self, settings: Settings, session: Session, persons: pl.DataFrame, before: datetime, *, instants: bool = False
    ) -> None:
        """Keep who is asked about; with `instants` their windows, and what falls into them, are told to the second."""
        self.settings, self.session, self.persons, self.before, self.instants = settings, session, persons, before, instants
        self._read: dict[tuple[str, str | None, str | None], pl.DataFrame] = {}

    def facts(self, source: str, kind: str | None = None, column: str | None = None) -> pl.DataFrame:
        """Return (customer_id, on, amount) of a source's facts."""
        asked = (source, kind, column)
        if asked not in self._read:
            self._read[asked] = facts_of(self.settings, source, self.persons, self.before, kind=kind, column=column,
                                         instants=self.instants)  # fmt: skip
        return self._read[asked]

    def summed(self, facts: pl.DataFrame) -> pl.DataFrame:
        """Add up the amounts of each unit in its window, and in the days before it as the covariate."""
        on, amount = pl.col("on"), pl.col("amount")
        sums = self.persons.lazy().join(facts.lazy(), on="customer_id").group_by("assignment_id", "horizon_months").agg(
            amount.filter(on.is_between("starts_on", "ends_on", closed="left")).sum().alias("value"),
            amount.filter(on.is_between("pre_from", "starts_on", closed="left")).sum().alias("covariate"),
        )  # fmt: skip
        return self.every_unit(sums.collect())

    def every_unit(self, found: pl.DataFrame) -> pl.DataFrame:
        """Give units without any fact a zero, so that nobody silently drops out of an arm."""
        units = self.persons.select("assignment_id", "horizon_months").unique(maintain_order=True)
        joined = units.join(found, on=["assignment_id", "horizon_months"], how="left")
        return joined.with_columns(pl.col("value", "covariate").fill_null(0.0))


def _retained(known: Known) -> pl.DataFrame:
    return (_still_there if known.settings.loyalty.left_event else _still_active)(known)


def _still_there(known: Known) -> pl.DataFrame:
    """Give 1.0 for a unit with anybody who has not left before the horizon; everybody was there before, so no covariate."""
    left = left_days(known.settings, known.persons, before=known.before)
    stays = pl.col("left_on").is_null() | (pl.col("left_on") >= pl.col("ends_on"))
    judged = known.persons.join(left, on=["assignment_id", "customer_id"], how="left")
    units = judged.group_by("assignment_id", "horizon_months").agg(stays.any().cast(pl.Float64).alias("value"))
    return units.with_columns(pl.lit(None, pl.Float64).alias("covariate"))


def _days_there(known: Known) -> pl.DataFrame:
    """Give the days until a unit's last customer left, at most the horizon: the restricted mean, nobody being censored before it."""
    left = left_days(known.settings, known.persons, before=known.before)
    judged = known.persons.join(left, on=["assignment_id", "customer_id"], how="left")
    until = pl.min_horizontal(pl.col("left_on").fill_null(pl.col("ends_on")), "ends_on")
    days = (until - pl.col("starts_on")).dt.total_days().clip(0)
    units = judged.group_by("assignment_id", "horizon_months").agg(days.max().cast(pl.Float64).alias("value"))
    return units.with_columns(pl.lit(None, pl.Float64).alias("covariate"))


def _still_active(known: Known) -> pl.DataFrame:
    """Give 1.0 for a unit active in the last days before the horizon; before the assignment, that is the covariate."""
    within = pl.duration(days=known.settings.loyalty.active_within_days)
    reach = known.persons.with_columns(pre_from=pl.col("starts_on") - within)
    source = known.settings.loyalty.active_source or ""
    seen = facts_of(known.settings, source, reach, known.before).unique(["customer_id", "on"])
    pairs = known.persons.lazy().join(seen.lazy(), on="customer_id").group_by("assignment_id", "horizon_months").agg(
        pl.col("on").is_between(pl.col(end) - within, pl.col(end), closed="left").any().cast(pl.Float64).alias(name)
        for name, end in (("value", "ends_on"), ("covariate", "starts_on"))
    )  # fmt: skip
    return known.every_unit(pairs.collect())


def _revenue(known: Known) -> pl.DataFrame:
    return known.summed(known.facts(*split(known.settings, "revenue", 3)))


def _purchases(known: Known) -> pl.DataFrame:
    return known.summed(known.facts(*split(known.settings, "revenue", 3)).with_columns(amount=1.0))


def _contacts(known: Known) -> pl.DataFrame:
    source, _, kind = (known.settings.loyalty.contacts_source or "").partition(".")
    return known.summed(known.facts(source, kind or None))


def _contacts_induced(known: Known) -> pl.DataFrame:
    named = [known.facts(*name.split(".")) for name in known.settings.loyalty.induced]
    return known.summed(pl.concat(named))


def _complaints(known: Known) -> pl.DataFrame:
    return known.summed(known.facts(*split(known.settings, "complaints", 2)))


def _referrals(known: Known) -> pl.DataFrame:
    return known.summed(known.facts(*split(known.settings, "referrals", 2)))


def _unsubscribes(known: Known) -> pl.DataFrame:
    """Count the wishes not to be written to any more, of the customer or of the address, in either arm."""
    subject = or_(Suppression.subject == Customer.customer_id, Suppression.subject == Customer.address)
    wished = select(Customer.customer_id, Suppression.since).join(Suppression, subject).where(
        Suppression.reason == "opt_out", Suppression.since < known.before)  # fmt: skip
    schema = pl.Schema({"customer_id": pl.String(), "since": pl.Datetime("us", "UTC")})
    rows = pl.DataFrame([tuple(row) for row in known.session.execute(wished)], schema=schema, orient="row")
    on = pl.col("since") if known.instants else pl.col("since").dt.date()
    return known.summed(rows.select("customer_id", on.alias("on"), pl.lit(1.0).alias("amount")))


MAKERS: dict[str, Callable[[Known], pl.DataFrame]] = {
    "retained": _retained, "days_there": _days_there, "revenue": _revenue, "purchases": _purchases, "contacts": _contacts,
    "contacts_induced": _contacts_induced, "complaints": _complaints, "unsubscribes": _unsubscribes, "referrals": _referrals,
}  # fmt: skip
