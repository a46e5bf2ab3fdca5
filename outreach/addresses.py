"""Addresses: contact details from the sources into the one table that holds them; never through the lake."""

from datetime import date, datetime, timedelta

import polars as pl
from sqlalchemy import ARRAY, Text, any_, bindparam, func, select
from sqlalchemy.orm import Session

from core.clock import as_day
from core.errors import ConfigError
from core.settings import Settings, current
from ledger.bulk import copy_over
from ledger.customers import Customer
from ledger.database import sessions
from ledger.days import Day, mark_done
from ledger.suppressions import Suppression
from outreach.keyed_hash import suppression_hash

STEP = "addresses"
DETAILS = ("name", "address", "phone", "language", "time_zone", "country")
COLUMNS = ("customer_id", "unit_id", *DETAILS, "consent", "updated_at")


def sync_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> int:
    """Bring the contact details known by the end of `day` into the ledger; return how many customers are new or changed."""
    from feature_store.sources import contact_details
    from feature_store.sources.configured import load_sources

    settings = settings or current()
    day = as_day(day)
    mapped = [source.contact_details for source in load_sources(settings).values() if source.contact_details]
    unsaid = [name for name in ("consent", "unit_id") if all(getattr(details, name) is None for details in mapped)]
    with sessions(settings).begin() as session:
        first = _first(session, settings, day)
        details = contact_details(settings, first=first, last=day)
        changed = write(session, details.drop(unsaid), settings=settings, now=now) if mapped else 0
        mark_done(session, day, STEP, now=now, counts={"changed": changed, "read": details.height})
    return changed


def write(session: Session, details: pl.DataFrame, *, settings: Settings, now: datetime) -> int:
    """Insert or change the customers of `details` (customer_id, and what is known of unit_id, name, address, ...).

    What `details` does not say stays as it was. Consent: no column means that none is asked for here, an empty value that it
    was not given. Whoever was erased does not come back; return how many are new or changed.
    """
    rows = _with_known(session, _normal(details), details, settings)
    erased = set(session.scalars(select(Suppression.subject).where(Suppression.reason == "erased")))
    if erased:
        rows = rows.filter(~rows["customer_id"].is_in(_erased(rows["customer_id"], erased, settings))
                           & ~rows["address"].fill_null("").is_in(_erased(rows["address"].drop_nulls(), erased, settings)))  # fmt: skip
    full = rows.with_columns(updated_at=pl.lit(now)).select(COLUMNS)
    return copy_over(session, Customer, COLUMNS, full.iter_rows(), key=("customer_id",), ignore=("updated_at",))


def normal_address(address: pl.Expr) -> pl.Expr:
    """Return addresses in the one form in which they are compared: no spaces around, lower case, empty is none."""
    clean = address.cast(pl.String).str.strip_chars().str.to_lowercase()
    return pl.when(clean == "").then(None).otherwise(clean)


def _normal(details: pl.DataFrame) -> pl.DataFrame:
    missing = [pl.lit(None, pl.String).alias(name) for name in (*DETAILS, "unit_id") if name not in details.columns]
    consent = [] if "consent" in details.columns else [pl.lit(None, pl.Boolean).alias("consent")]
    rows = details.with_columns(*missing, *consent).with_columns(
        pl.col("customer_id", "unit_id").cast(pl.String), pl.col("consent").cast(pl.Boolean),
        *(pl.col(name).cast(pl.String).str.strip_chars().replace("", None) for name in DETAILS),
    )
    rows = rows.with_columns(address=normal_address(pl.col("address")), country=pl.col("country").str.to_uppercase())
    return rows.unique("customer_id", keep="last", maintain_order=True)


def _with_known(session: Session, rows: pl.DataFrame, details: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Fill what `rows` do not say from the ledger, then settle consent and unit."""
    said = ("unit_id", *DETAILS, "consent")
    schema = {"customer_id": pl.String} | {f"{name}_before": pl.Boolean if name == "consent" else pl.String for name in said}
    wanted = select(Customer.customer_id, *(getattr(Customer, name) for name in said))
    known = session.execute(wanted.where(Customer.customer_id == any_(bindparam("ids", rows["customer_id"].to_list(), ARRAY(Text)))))
    before = pl.DataFrame([tuple(row) for row in known], schema=schema, orient="row")
    merged = rows.join(before, on="customer_id", how="left", maintain_order="left").with_columns(
        pl.coalesce(name, f"{name}_before") for name in (*DETAILS, "unit_id")
    )
    consent = pl.coalesce("consent", "consent_before", pl.lit(value="consent" not in details.columns))
    return merged.with_columns(consent=consent, unit_id=_unit(details, settings))


def _unit(details: pl.DataFrame, settings: Settings) -> pl.Expr:
    kind = settings.outreach.contact_unit
    if kind == "account":
        if "unit_id" not in details.columns:
            raise ConfigError(f"{settings.folder / 'settings.toml'}: outreach.contact_unit: got 'account', but no source maps "
                              "unit_id. Add unit_id to a source's [contact_details]. Known: account, address, customer.")
        return pl.coalesce(pl.col("unit_id").cast(pl.String), "customer_id")
    return pl.coalesce("address", "customer_id") if kind == "address" else pl.col("customer_id")


def _erased(subjects: pl.Series, erased: set[str], settings: Settings) -> list[str]:
    return [subject for subject in subjects if suppression_hash(settings, subject) in erased]


def _first(session: Session, settings: Settings, day: date) -> date:
    """Return the first day whose details are not in the ledger yet."""
    from feature_store.lake import pulls

    newest = session.scalar(select(func.max(Day.day)).where(Day.step == STEP, Day.day < day))
    if newest is not None:
        return newest + timedelta(days=1)
    pulled = pulls(settings)
    earliest: date | None = pulled["first"].min() if pulled.height else None  # type: ignore[assignment]
    return min(earliest or day, day)
