"""What became of every analysed contact unit from its assignment to each horizon, as far as known at a data cut.

A unit is analysed when its flag passed the gate and its arm was drawn in pilot or live mode; it stays in the arm drawn.
Its window is whole UTC days: from 00:00 of the day of assignment to 00:00 of the same day h calendar months later, so
somebody who leaves on the horizon day itself was still there. The days before the assignment give the covariate.
"""

from datetime import date, datetime, time

import polars as pl
from sqlalchemy import select, union
from sqlalchemy.orm import Session

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from feature_store.lake import scan, schema
from feature_store.sources.source import load_sources
from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.verdicts import Verdict

HORIZONS_MONTHS = (1, 6, 18)
PRE_MONTHS_AT_MOST = 3
OUTCOMES = ("retained", "revenue", "purchases", "contacts")
PROGRAMME = "programme"     # the scope of the global hold out, which is no issue
UNITS: dict[str, pl.DataType | type[pl.DataType]] = {
    "assignment_id": pl.Int64, "issue": pl.String, "unit_id": pl.String, "customer_id": pl.String, "arm": pl.String,
    "share": pl.Float64, "assigned_at": pl.Datetime("us", "UTC"), "flagged_on": pl.Date,
}  # fmt: skip


def analysis_set(session: Session, *, before: datetime) -> pl.DataFrame:
    """Return the units of every issue drawn before an instant: UNITS, starts_on, month, and `first` of its unit and issue."""
    columns = (Assignment.id, Assignment.scope, Assignment.unit_id, Assignment.customer_id, Assignment.arm, Assignment.share,
               Assignment.assigned_at, Assignment.assigned_on)  # fmt: skip
    drawn = (
        select(*columns)
        .join(Verdict, Verdict.flag_id == Assignment.flag_id)
        .where(Verdict.passed, Assignment.mode.in_(("pilot", "live")), Assignment.arm.in_(("contact", "hold_out")))
        .where(Assignment.scope != PROGRAMME, Assignment.assigned_at < before)
        .order_by(Assignment.scope, Assignment.unit_id, Assignment.assigned_at)
    )
    units = pl.DataFrame([tuple(row) for row in session.execute(drawn)], schema=UNITS, orient="row")
    starts_on = pl.col("assigned_at").dt.date()
    return units.with_columns(
        starts_on.alias("starts_on"),
        starts_on.dt.strftime("%Y-%m").alias("month"),
        pl.struct("issue", "unit_id").is_first_distinct().alias("first"),
    )


def members(session: Session, units: pl.DataFrame) -> pl.DataFrame:
    """Return (assignment_id, customer_id, own): everybody who shares a unit's inbox, `own` being who was flagged."""
    known = select(Customer.unit_id, Customer.customer_id).where(
        Customer.unit_id.in_(union(select(Assignment.unit_id)).scalar_subquery())
    )
    schema = {"unit_id": pl.String, "customer_id": pl.String}
    shared = pl.DataFrame([tuple(row) for row in session.execute(known)], schema=schema, orient="row")
    own = units.select("assignment_id", "customer_id", pl.lit(True).alias("own"))
    others = units.select("assignment_id", "unit_id").join(shared, on="unit_id")
    others = others.select("assignment_id", "customer_id", pl.lit(False).alias("own"))
    return pl.concat([own, others]).unique(["assignment_id", "customer_id"], keep="first", maintain_order=True)


def windows(units: pl.DataFrame) -> pl.DataFrame:
    """Return one row per assignment and horizon: ends_on (00:00 of it ends the window), pre_from, and `counts`.

    A later draw of a unit counts at a horizon only when the draw before it had reached that horizon, so that nothing
    is counted twice; `counts` says so, without regard to arms.
    """
    months = pl.DataFrame({"horizon_months": HORIZONS_MONTHS})
    shifted = [
        pl.col("starts_on").dt.offset_by(pl.format("{}mo", "horizon_months")).alias("ends_on"),
        pl.col("starts_on").dt.offset_by(
            pl.format("-{}mo", pl.min_horizontal("horizon_months", PRE_MONTHS_AT_MOST))).alias("pre_from"),
    ]  # fmt: skip
    spread = units.join(months, how="cross").with_columns(shifted).sort("issue", "unit_id", "horizon_months", "starts_on")
    earlier = pl.col("ends_on").shift(1).over("issue", "unit_id", "horizon_months")
    return spread.with_columns((earlier.is_null() | (earlier <= pl.col("starts_on"))).alias("counts"))


def configured(settings: Settings) -> tuple[str, ...]:
    """Return the outcomes that settings.toml says how to find."""
    loyalty = settings.loyalty
    given = {"retained": loyalty.left_event or loyalty.active_source, "revenue": loyalty.revenue,
             "purchases": loyalty.revenue, "contacts": loyalty.contacts_source}  # fmt: skip
    return tuple(name for name in OUTCOMES if given[name])


def unit_outcomes(settings: Settings, spread: pl.DataFrame, who: pl.DataFrame, *, before: datetime) -> pl.DataFrame:
    """Return (assignment_id, horizon_months, outcome, value, covariate) for each row of `windows`, from what was recorded
    `before` the data cut. A unit's customers add up; a unit is retained when any of them stays."""
    persons = spread.select(
        "assignment_id", "horizon_months", "starts_on", "ends_on", "pre_from", "flagged_on"
    ).join(who, on="assignment_id")
    found = []
    names = configured(settings)
    if "retained" in names:
        found.append(_retained(settings, persons, before))
    if "revenue" in names:
        source, kind, column = split(settings, "revenue", 3)
        paid = _facts(settings, source, persons, before, kind=kind, column=column)
        found += [_summed(persons, paid, "revenue"), _summed(persons, paid.with_columns(amount=1.0), "purchases")]
    if "contacts" in names:
        source, _, kind = (settings.loyalty.contacts_source or "").partition(".")
        asked = _facts(settings, source, persons, before, kind=kind or None)
        found.append(_summed(persons, asked, "contacts"))
    columns = ("assignment_id", "horizon_months", "outcome", "value", "covariate")
    return pl.concat([frame.select(columns) for frame in found]) if found else _nothing()


def split(settings: Settings, key: str, parts: int) -> list[str]:
    """Return the parts of a [loyalty] key such as "billing.paid.amount_cents". Raise ConfigError if it has others."""
    given = getattr(settings.loyalty, key)
    found = str(given).split(".")
    if len(found) != parts:
        shape = ".".join(("source", "kind", "column")[:parts])
        raise ConfigError(f"{settings.folder / 'settings.toml'}: loyalty.{key}: {given!r} is not of the form {shape!r}.")
    return found


def left_days(settings: Settings, persons: pl.DataFrame, *, before: datetime) -> pl.DataFrame:
    """Return (assignment_id, left_on) per person of `persons` who left: the flagged one since the flag, others ever."""
    source, kind = split(settings, "left_event", 2)
    since = pl.when("own").then(pl.col("flagged_on") + pl.duration(days=1)).otherwise(date.min)
    people = persons.select("assignment_id", "customer_id", since.alias("since")).unique()
    left = _facts(settings, source, people, before, kind=kind)
    here = people.join(left, on="customer_id").filter(pl.col("on") >= pl.col("since"))
    return here.group_by("assignment_id", "customer_id").agg(pl.col("on").min().alias("left_on"))


def _retained(settings: Settings, persons: pl.DataFrame, before: datetime) -> pl.DataFrame:
    return (_still_there if settings.loyalty.left_event else _still_active)(settings, persons, before)


def _still_there(settings: Settings, persons: pl.DataFrame, before: datetime) -> pl.DataFrame:
    """Give 1.0 for a unit with anybody who has not left before the horizon; everybody was there before, so no covariate."""
    left = left_days(settings, persons, before=before)
    stays = pl.col("left_on").is_null() | (pl.col("left_on") >= pl.col("ends_on"))
    judged = persons.join(left, on=["assignment_id", "customer_id"], how="left")
    units = judged.group_by("assignment_id", "horizon_months").agg(stays.any().cast(pl.Float64).alias("value"))
    return units.with_columns(pl.lit("retained").alias("outcome"), pl.lit(None, pl.Float64).alias("covariate"))


def _still_active(settings: Settings, persons: pl.DataFrame, before: datetime) -> pl.DataFrame:
    """Give 1.0 for a unit active in the last days before the horizon; before the assignment, that is the covariate."""
    within = pl.duration(days=settings.loyalty.active_within_days)
    reach = persons.with_columns(pre_from=pl.col("starts_on") - within)
    seen = _facts(settings, settings.loyalty.active_source or "", reach, before).unique(["customer_id", "on"])
    pairs = persons.lazy().join(seen.lazy(), on="customer_id").group_by("assignment_id", "horizon_months").agg(
        pl.col("on").is_between(pl.col(end) - within, pl.col(end), closed="left").any().cast(pl.Float64).alias(name)
        for name, end in (("value", "ends_on"), ("covariate", "starts_on"))
    )  # fmt: skip
    return _every_unit(persons, pairs.collect(), "retained")


def _summed(persons: pl.DataFrame, facts: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Add up the amounts of each unit in its window, and in the days before it as the covariate."""
    on, amount = pl.col("on"), pl.col("amount")
    sums = persons.lazy().join(facts.lazy(), on="customer_id").group_by("assignment_id", "horizon_months").agg(
        amount.filter(on.is_between("starts_on", "ends_on", closed="left")).sum().alias("value"),
        amount.filter(on.is_between("pre_from", "starts_on", closed="left")).sum().alias("covariate"),
    )  # fmt: skip
    return _every_unit(persons, sums.collect(), outcome)


def _every_unit(persons: pl.DataFrame, found: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Give units without any fact a zero, so that nobody silently drops out of an arm."""
    units = persons.select("assignment_id", "horizon_months").unique(maintain_order=True)
    joined = units.join(found, on=["assignment_id", "horizon_months"], how="left")
    return joined.with_columns(pl.col("value", "covariate").fill_null(0.0), pl.lit(outcome).alias("outcome"))


def _facts(
    settings: Settings, source: str, persons: pl.DataFrame, before: datetime, *,
    kind: str | None = None, column: str | None = None,
) -> pl.DataFrame:
    """Return (customer_id, on, amount) of those persons' facts, known before the cut; `on` is the UTC day."""
    _check(settings, source, column)
    first = persons["pre_from"].min() if "pre_from" in persons.columns else None
    since = datetime.combine(first, time(), before.tzinfo) if isinstance(first, date) else None
    facts = scan(settings, source, before=before, since=since)
    if kind:
        facts = facts.filter(pl.col("kind") == kind)
    known = facts.collect_schema().names()
    amount = pl.col(column).cast(pl.Float64).fill_null(0.0) if column in known else pl.lit(1.0)
    wanted = persons.lazy().select("customer_id").unique()
    chosen = facts.select("customer_id", pl.col("occurred_at").dt.date().alias("on"), amount.alias("amount"))
    return chosen.join(wanted, on="customer_id", how="semi").collect()


def _check(settings: Settings, source: str, column: str | None) -> None:
    """Raise ConfigError for a source or column that settings.toml names and nobody knows; an empty lake is no error."""
    where, known = f"{settings.folder / 'settings.toml'}: loyalty", schema(settings, source)
    if not known and source not in (sources := load_sources(settings)):
        raise ConfigError(unknown_name(where, "source", source, sources))
    if known and column and column not in known:
        raise ConfigError(unknown_name(f"{where}.revenue: {source}", "column", column, known))


def _nothing() -> pl.DataFrame:
    schema = {"assignment_id": pl.Int64, "horizon_months": pl.Int64, "outcome": pl.String, "value": pl.Float64,
              "covariate": pl.Float64}  # fmt: skip
    return pl.DataFrame(schema=schema)
