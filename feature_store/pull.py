"""Pull a source: read its days, map them to events, let them through the gate, lay them in the lake."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from core.clock import as_day, days
from core.errors import ConfigError, SourceError
from core.settings import Settings, current
from feature_store import gate, lake, quarantine, release
from feature_store.bookkeeping import dropped_of, record_pull
from feature_store.sources.configured import find_source
from feature_store.sources.lookups import PROBLEM, follow
from feature_store.sources.mapping import RAW, to_events
from feature_store.sources.reader import Reader, reader_of
from feature_store.sources.source import Source
from feature_store.sources.times import INSTANT, end_of_day

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PullReport:
    """What became of every event read: read == kept + quarantined + the sum of `dropped`, which names each rule."""

    source: str
    first: date
    last: date
    read: int
    kept: int
    quarantined: int
    dropped: dict[str, int]


def pull_day(source: str, *, day: date | str, settings: Settings | None = None) -> str:
    """Pull one day of a source, and days whose rows a person has let out of quarantine since; return the source's name."""
    settings = settings or current()
    pull_days(source, first=as_day(day), last=as_day(day), settings=settings)
    if not find_source(settings, source).whole:
        _let_in_released(settings, source)
    return source


def _let_in_released(settings: Settings, source: str) -> None:
    """Pull the days with released rows again; what was released and cannot be read any more must not stop today."""
    for late in release.waiting(settings, source):
        try:
            pull_days(source, first=late, last=late, settings=settings)
        except SourceError as error:
            LOG.error("%s %s: rows released from quarantine stay there: %s", source, late, error)


def pull_days(source: str, *, first: date | str, last: date | str, settings: Settings | None = None) -> PullReport:
    """Pull a source from `first` to `last` and write all of it in one commit; doing so again leaves one copy.

    Raise SourceError when it cannot be read, GateError when a day is too bad (nothing enters the lake then),
    CheckBrokeError when an expectation could not be evaluated.
    """
    settings, first, last = settings or current(), as_day(first), as_day(last)
    if first > last:
        raise ConfigError(f"{source}: the first day {first} lies after the last {last}. Swap them.")
    found = find_source(settings, source)
    reader = reader_of(found, settings)
    signature = _signature(found, settings, reader)
    return _unchanged(settings, found, first, last, signature) or _pull(settings, found, reader, (first, last), signature)


def _pull(settings: Settings, source: Source, reader: Reader, span: tuple[date, date], signature: str) -> PullReport:
    first, last = span
    rows = follow(source, settings, reader, reader.read(source, settings, first=first, last=last))
    mapped = to_events(source, rows, lake.schema(settings, source.name))
    events = _with_recorded_at(source, settings, mapped.events, first, last)
    wanted = [last] if source.whole else days(first, last)
    good, bad = _sorted_out(source, settings, events, rows, wanted)
    added = lake.add(settings, source.name, good, first=wanted[0], last=last)
    dropped = {**mapped.dropped, **added.dropped}
    read = events.height + sum(mapped.dropped.values())
    report = PullReport(source.name, first, last, read, added.kept, bad, dropped)
    _record(settings, report, signature)
    if added.changed:
        _pull_later_days_again(settings, source, last)
    return report


def _sorted_out(
    source: Source, settings: Settings, events: pl.DataFrame, rows: pl.DataFrame, wanted: Sequence[date]
) -> tuple[pl.DataFrame, int]:
    """Return the good events as the lake wants them, and how many are bad; the bad ones are written to quarantine."""
    sound = events.filter(pl.col(PROBLEM).is_null())
    unsound = events.filter(pl.col(PROBLEM).is_not_null()).with_columns(reason=pl.col(PROBLEM))
    reasons = release.forgiven(settings, source.name, sound, gate.check_rows(source, settings, sound, day=wanted[-1]))
    bad = pl.concat([unsound, sound.with_columns(reason=reasons).filter(reasons.is_not_null())])
    quarantine.write(source, settings, wanted, bad, rows)
    when = str(wanted[0]) if wanted[0] == wanted[-1] else f"{wanted[0]} to {wanted[-1]}"
    gate.check_share(source, bad["reason"], of=events.height, when=when)
    good = sound.filter(reasons.is_null())
    gate.check_days(source, settings, good, wanted)
    return good.drop(PROBLEM, RAW, "future", "currency", strict=False), bad.height


def _with_recorded_at(source: Source, settings: Settings, events: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Add recorded_at: the stated time within the day pulled or within the history, else the end of the day pulled.

    Nothing is recorded on or before the source's last closed day: such rows are recorded on the first open one.
    """
    closed = lake.last_closed(settings, source.name)
    stated, pulled = pl.col("stated_at"), pl.col("batch")
    believed = pl.lit(False)
    if source.history_until is not None:
        believed = pl.lit(_is_first_load(settings, source, last)) if source.whole else pulled < source.history_until
        since = pl.when(pl.col("undated") & believed).then(pl.lit(first).cast(INSTANT)).otherwise("occurred_at")
        stated_then = pl.when(pl.col("undated") & believed).then(end_of_day(pl.lit(first).cast(INSTANT))).otherwise(stated)
        events = events.with_columns(occurred_at=since, stated_at=stated_then)
    later = pl.lit(source.whole) & (stated.dt.date() > pulled)  # of a past played again: never seen before its time
    history = (believed | later) & (stated < datetime.combine(source.history_until or date.min, datetime.min.time(), UTC))
    end = end_of_day(pulled.cast(INSTANT))
    events = events.with_columns(recorded_at=pl.when(history | (stated.dt.date() == pulled)).then(stated).otherwise(end))
    if closed is None:
        return events
    reopened = datetime.combine(closed, datetime.min.time(), UTC) + timedelta(days=2, microseconds=-1)
    return events.with_columns(recorded_at=pl.when(pl.col("recorded_at").dt.date() > closed).then("recorded_at").otherwise(
        pl.lit(reopened, dtype=INSTANT)))  # fmt: skip


def _is_first_load(settings: Settings, source: Source, last: date) -> bool:
    """Whether nothing of the source was laid in the lake by a pull of earlier days."""
    return lake.pulls(settings).filter(source=source.name).filter(pl.col("read") > 0, pl.col("last") < last).height == 0


def _signature(source: Source, settings: Settings, reader: Reader) -> str:
    """Return what changes when the files of a source that is read whole, or its mapping, have changed."""
    read = reader.signature(source, settings) if source.whole else None
    told = f"{read} {source.model_dump_json()}{release.signature(settings, source.name)}"
    return hashlib.sha256(told.encode()).hexdigest() if read else ""


def _unchanged(settings: Settings, source: Source, first: date, last: date, signature: str) -> PullReport | None:
    """Return a report without another look when the very same files were pulled before."""
    done = lake.pulls(settings).filter(pl.col("source") == source.name)
    if not signature or not done.filter(pl.col("signature") == signature).height:
        return None
    same = done.filter(pl.col("first") == first, pl.col("last") == last, pl.col("signature") == signature)
    for row in same.iter_rows(named=True):
        return PullReport(source.name, first, last, row["read"], row["kept"], row["quarantined"], dropped_of(row))
    return _record(settings, PullReport(source.name, first, last, 0, 0, 0, {}), signature)


def _record(settings: Settings, report: PullReport, signature: str) -> PullReport:
    closed = lake.last_closed(settings, report.source)
    row = {**vars(report), "dropped": json.dumps(report.dropped), "signature": signature}
    record_pull(settings, {**row, "again": closed is not None and report.first <= closed})
    return report


def _pull_later_days_again(settings: Settings, source: Source, after: date) -> None:
    """Pull the open days after a day whose rows changed: what was dropped there as seen before may be new now."""
    after = max(after, lake.last_closed(settings, source.name) or after)
    if source.whole:
        return
    done = lake.pulls(settings).filter(pl.col("source") == source.name, pl.col("first") > after)
    for first, last in done.select("first", "last").unique().sort("first").rows():
        pull_days(source.name, first=first, last=last, settings=settings)
