"""What we missed: the troubles and contacts of a day that nobody foresaw, by what they were and why nobody did.

foreseen       a flag of an issue about it stood open, early enough for a message to be of use
too_late       flagged, but less than the issue's gap before it struck, or only afterwards
below_the_line an issue watches for it and the customer was scored, below the level or beyond the capacity
no_detector    the customer left traces in the four weeks before, and no detector looks for this kind of trouble
no_data        nothing known of the customer in those weeks, or a detector looked and found that the data tell nothing
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.clock import as_day, moment_after
from core.settings import Settings, current
from detectors.champion import IN_USE
from detectors.issue import Issue, load_issues
from detectors.trouble import STRIKES, strikes
from detectors.watching import kinds_of
from feature_store import lake
from feature_store.sources.configured import load_sources
from ledger.bulk import copy_once
from ledger.database import sessions
from ledger.days import mark_done
from ledger.flags import Flag
from ledger.missed import Missed
from ledger.models import Model

STEP = "missed"
TRACES_DAYS = 28     # how far back a trace of the customer counts
LATE_DAYS = 7        # until the day, counted anew each time: what is recorded late belongs to the day it occurred
FOUND = {**STRIKES, "event": pl.String(), "why": pl.String()}


@dataclass(frozen=True)
class Looking:
    """What one issue makes of the troubles it is about: its gap, its flags, and whether any detector watches."""

    issue: Issue
    flags: pl.DataFrame          # customer_id, opens (the moment of the flag), until
    state: str                   # watching | not_predictable | nobody; of one about a whole source, nobody


def missed_day(
    *, day: date | str, now: datetime, settings: Settings | None = None, days: int = LATE_DAYS
) -> dict[str, int]:  # fmt: skip
    """Count the troubles of the last `days` until `day`, anew where they were counted; return those of `day` by reason."""
    settings, day = settings or current(), as_day(day)
    with sessions(settings).begin() as session:
        found = missed_between(settings, session, day - timedelta(days=days - 1), day, known_before=moment_after(day))
        counted = found.group_by(pl.col("occurred_at").dt.date().alias("day"), "event", "why").len("n").sort(pl.all())
        columns = ("day", "event", "why", "n", "counted_at")
        session.execute(delete(Missed).where(Missed.day > day - timedelta(days=days), Missed.day <= day))
        copy_once(session, Missed, columns, (row + (now,) for row in counted.rows()), key=("day", "event", "why"))
        today = dict(counted.filter(pl.col("day") == day).group_by("why").agg(pl.col("n").sum()).sort("why").iter_rows())
        mark_done(session, day, STEP, now=now, counts=today)
    return today


def missed_between(
    settings: Settings, session: Session, first: date, last: date, *, known_before: datetime
) -> pl.DataFrame:  # fmt: skip
    """Return each trouble or contact from `first` to `last` that is known by a moment: FOUND, the earliest first."""
    after, before = moment_after(first) - timedelta(days=1), moment_after(last)
    issues = load_issues(settings)
    by_event = _watchers(issues.values())
    looking = {name: _looking(settings, session, issue, after, before) for name, issue in issues.items()}
    struck = _struck(settings, issues, after, before, known_before)
    found = [_why(rows, [looking[name] for about in (str(event), str(event).partition(".")[0]) for name in by_event.get(about, ())])
             for (event,), rows in struck.group_by("event", maintain_order=True)]  # fmt: skip
    if not found:
        return pl.DataFrame(schema=FOUND)
    return _with_traces(settings, pl.concat(found)).select(*FOUND).sort("occurred_at", "event", "customer_id")


def groups(found: pl.DataFrame) -> pl.DataFrame:
    """Return one row a kind of event, the most missed first: event, n, foreseen, too_late, below_the_line, no_detector, no_data."""
    whys = ("foreseen", "too_late", "below_the_line", "no_detector", "no_data")
    counts = [(pl.col("why") == why).sum().cast(pl.Int64).alias(why) for why in whys]
    grouped = found.group_by("event").agg(pl.len().cast(pl.Int64).alias("n"), *counts)
    return grouped.sort(pl.col("n") - pl.col("foreseen"), "event", descending=[True, False])


def trend(session: Session, last: date, *, weeks: int = 8) -> list[dict[str, Any]]:
    """Return for each of the last weeks how many troubles were counted, and which share was foreseen; oldest first."""
    first = last - timedelta(days=7 * weeks - 1)
    week: Any = func.div(Missed.day - first, 7)
    foreseen = func.sum(Missed.n).filter(Missed.why == "foreseen")
    asked = select(week, func.sum(Missed.n), foreseen).where(Missed.day.between(first, last)).group_by(week).order_by(week)
    return [{"from": first + timedelta(days=7 * int(n)), "n": int(total), "foreseen": round((seen or 0) / total, 4)}
            for n, total, seen in session.execute(asked)]  # fmt: skip


def _watchers(issues: Iterable[Issue]) -> dict[str, list[str]]:
    """Return for each "source.kind", whole source, or issue whose trouble is no single event, the issues about it."""
    found: dict[str, list[str]] = {}
    for issue in issues:
        for event in _events(issue):
            found.setdefault(event, []).append(issue.name)
    return found


def _events(issue: Issue) -> tuple[str, ...]:
    plain = issue.trouble.event or issue.trouble.any_of
    return issue.trouble.events if plain and not issue.trouble.count_at_least else (issue.name,)


def _struck(
    settings: Settings, issues: dict[str, Issue], after: datetime, before: datetime, known_before: datetime
) -> pl.DataFrame:
    """Return every trouble of an issue and every contact, each once: customer_id, occurred_at, event."""
    span = {"after": after, "before": before, "known_before": known_before}
    parts = [strikes(settings, issue, **span).with_columns(event=pl.lit(name))
             for name, issue in issues.items() if _events(issue) == (name,)]  # fmt: skip
    named = {event for issue in issues.values() for event in _events(issue) if event not in issues}
    contacts = settings.loyalty.contacts_source
    sources = {event.partition(".")[0] for event in named} | ({contacts.partition(".")[0]} if contacts else set())
    for source in sorted(sources & set(load_sources(settings))):
        rows = lake.scan(settings, source, before=known_before, since=after).filter(pl.col("occurred_at") < before)
        event = pl.format("{}.{}", pl.lit(source), "kind")
        wanted = event.is_in(sorted(named)) | event.str.starts_with(f"{contacts}." if contacts and "." not in contacts else contacts or "\0")
        whole = pl.lit(source in named)
        parts.append(rows.filter(wanted | whole).select(*(pl.col(n).cast(k) for n, k in STRIKES.items()), event=event).collect())
    empty = pl.DataFrame(schema={**STRIKES, "event": pl.String()})
    return pl.concat([empty, *parts]).sort("occurred_at", "customer_id")


def _looking(settings: Settings, session: Session, issue: Issue, after: datetime, before: datetime) -> Looking:
    """Read an issue's flags around a span, and whether a detector watches for it by the end of it."""
    life = timedelta(days=issue.lifetime_days)
    asked = select(Flag.customer_id, Flag.day).where(
        Flag.issue == issue.name, ~Flag.replay, Flag.day >= (after - life).date() - timedelta(days=1),
        Flag.day <= before.date())  # fmt: skip
    flags = pl.DataFrame(session.execute(asked).all(), schema={"customer_id": pl.String, "day": pl.Date}, orient="row")
    opened = pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + timedelta(days=1)
    flags = flags.select("customer_id", opens=opened, until=opened + life)
    if any("." not in event and event != issue.name for event in _events(issue)):
        return Looking(issue, flags, "nobody")
    states = set(session.scalars(select(Model.state).where(Model.issue == issue.name, Model.trained_on <= before.date())))
    untrained = any(kind.untrained(issue) for kind in kinds_of(settings, issue).values())
    if states & set(IN_USE) or flags.height or (untrained and "not_predictable" not in states):
        return Looking(issue, flags, "watching")
    return Looking(issue, flags, "not_predictable" if "not_predictable" in states else "nobody")


def _why(rows: pl.DataFrame, looking: list[Looking]) -> pl.DataFrame:
    """Say of troubles of one kind why they were not foreseen, as far as the issues about them tell."""
    rows = rows.with_row_index("n")
    early, flagged = set(), set()
    for each in looking:
        met = rows.join(each.flags, on="customer_id").filter(pl.col("occurred_at") < pl.col("until"))
        gap = timedelta(days=each.issue.gap_days)
        early |= set(met.filter(pl.col("opens") + gap <= pl.col("occurred_at"))["n"])
        flagged |= set(met.filter(pl.col("opens") - timedelta(days=1) <= pl.col("occurred_at"))["n"])
    states = {each.state for each in looking}
    otherwise = "below_the_line" if "watching" in states else "no_data" if "not_predictable" in states else "no_detector"
    why = (pl.when(pl.col("n").is_in(list(early))).then(pl.lit("foreseen"))
           .when(pl.col("n").is_in(list(flagged))).then(pl.lit("too_late")).otherwise(pl.lit(otherwise)))  # fmt: skip
    return rows.with_columns(why=why).drop("n")


def _with_traces(settings: Settings, found: pl.DataFrame) -> pl.DataFrame:
    """Mark as `no_data` what nobody could have looked at: no trace of the customer in the weeks before."""
    unseen = found.with_row_index("n").filter(pl.col("why").is_in(["no_detector", "below_the_line"]))
    if unseen.is_empty():
        return found
    first, last = unseen["occurred_at"].min(), unseen["occurred_at"].max()
    asked = unseen.lazy().select("n", "customer_id", at="occurred_at")
    traced: set[int] = set()
    for name, source in load_sources(settings).items():
        if source.role == "customers":
            continue
        rows = lake.scan(settings, name, before=last, since=first - timedelta(days=TRACES_DAYS))  # type: ignore[operator,arg-type]
        rows = rows.select("customer_id", pl.col("occurred_at").cast(pl.Datetime("us", "UTC")), "recorded_at")
        met = asked.join(rows, on="customer_id").filter(
            pl.col("occurred_at") < pl.col("at"), pl.col("recorded_at") < pl.col("at"),
            pl.col("occurred_at") >= pl.col("at") - timedelta(days=TRACES_DAYS))  # fmt: skip
        traced |= set(met.select("n").unique().collect()["n"])
    dark = unseen.filter(~pl.col("n").is_in(list(traced)))["n"].to_list()
    why = pl.when(pl.col("n").is_in(dark)).then(pl.lit("no_data")).otherwise("why")
    return found.with_row_index("n").with_columns(why=why.alias("why")).drop("n")
