"""Trouble: when it struck whom, who is in the middle of it, and therefore who gets which label.

A label of the cutoff T is whether trouble strikes in T + gap <= t < T + gap + horizon. It is used only once that window
is over and recorded, so that training never knows more than a morning would have known.
"""

from datetime import datetime, timedelta

import polars as pl

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from detectors.issue import Issue, Trouble
from feature_store import lake

STRIKES: dict[str, pl.DataType] = {"customer_id": pl.String(), "occurred_at": pl.Datetime("us", "UTC")}


def strikes(
    settings: Settings, issue: Issue, *, after: datetime, before: datetime, known_before: datetime
) -> pl.DataFrame:
    """Return customer_id and occurred_at of every strike in `after` <= t < `before` that was known before a moment."""
    since = after - timedelta(days=issue.trouble.lookback_days)
    rows = events(settings, issue, since=since, before=known_before)
    struck = strikes_among(issue.trouble, rows, until=known_before)
    return struck.filter(pl.col("occurred_at") >= after, pl.col("occurred_at") < before).sort("customer_id", "occurred_at")


def events(settings: Settings, issue: Issue, *, since: datetime, before: datetime) -> pl.DataFrame:
    """Return customer_id and occurred_at of the known events that the issue's trouble is made of."""
    by_source: dict[str, list[str]] = {}
    for name in issue.trouble.events:
        source, _, kind = name.partition(".")
        by_source.setdefault(source, []).append(kind)
    found = [_of_source(settings, issue, source, kinds, since, before) for source, kinds in by_source.items()]
    return pl.concat(found)


def _of_source(
    settings: Settings, issue: Issue, source: str, kinds: list[str], since: datetime, before: datetime
) -> pl.DataFrame:
    rows = lake.scan(settings, source, before=before, since=since)
    if "" not in kinds:
        rows = rows.filter(pl.col("kind").is_in(kinds))
    columns = rows.collect_schema().names() if issue.trouble.where else []
    for column, wanted in issue.trouble.where.items():
        if column not in columns:
            file = settings.folder / "issues" / f"{issue.name}.toml"
            raise ConfigError(unknown_name(f"{file}: trouble.where", f"column of {source}", column, columns))
        rows = rows.filter(pl.col(column).is_in(wanted) if isinstance(wanted, tuple) else pl.col(column) == wanted)
    return rows.select(pl.col(name).cast(kind) for name, kind in STRIKES.items()).collect()


def strikes_among(trouble: Trouble, rows: pl.DataFrame, *, until: datetime) -> pl.DataFrame:
    """Return when trouble struck, given the events it is made of and the moment until which they are known."""
    if trouble.absent_for_days:
        return _silences(rows, timedelta(days=trouble.absent_for_days), until)
    if trouble.count_at_least:
        return _crossings(rows, trouble.count_at_least, timedelta(days=trouble.within_days or 0))
    return rows


def _silences(rows: pl.DataFrame, silence: timedelta, until: datetime) -> pl.DataFrame:
    """Return the instants when nothing had come for `silence` after an event."""
    following = pl.col("occurred_at").shift(-1).over("customer_id")
    at = pl.col("occurred_at") + silence
    ordered = rows.sort("customer_id", "occurred_at")
    silent = ordered.filter(following.is_null() | (following >= at), at < until)
    return silent.with_columns(occurred_at=at)


def _crossings(rows: pl.DataFrame, n: int, within: timedelta) -> pl.DataFrame:
    """Return the events with which the number of events `within` reached `n`, having been below."""
    if n == 1:
        return rows
    nth_back = pl.col("occurred_at").shift(n - 1).over("customer_id")
    reached = (pl.col("occurred_at") - nth_back < within).fill_null(False)
    ordered = rows.sort("customer_id", "occurred_at").with_columns(reached=reached)
    already = pl.col("reached").shift(1).over("customer_id").fill_null(False)
    return ordered.filter(pl.col("reached") & ~already).drop("reached")


def free(settings: Settings, issue: Issue, customers: pl.Series, moment: datetime) -> pl.Series:
    """Return those of `customers` who are not in the middle of the trouble at `moment`, so that it can strike anew.

    Silence strikes only who was there: a customer with no event in the last `absent_for_days` is silent already, or
    never began.
    """
    trouble = issue.trouble
    days = trouble.absent_for_days or trouble.within_days or issue.rest_days
    rows = events(settings, issue, since=moment - timedelta(days=days), before=moment)
    if trouble.absent_for_days:
        return customers.filter(customers.is_in(rows["customer_id"].unique().implode()))
    many = rows.group_by("customer_id").len().filter(pl.col("len") >= (trouble.count_at_least or 1))
    return customers.filter(~customers.is_in(many["customer_id"].implode()))


def label(issue: Issue, customers: pl.Series, struck: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """Return for each of `customers`, in order, whether trouble `struck` in the issue's window after `moment`.

    Columns: customer_id, struck, lag_days (from the moment to the first strike in the window; null if none).
    """
    opens = moment + timedelta(days=issue.gap_days)
    inside = struck.filter(pl.col("occurred_at") >= opens, pl.col("occurred_at") < window_end(issue, moment))
    first = inside.group_by("customer_id").agg(pl.col("occurred_at").min())
    joined = customers.to_frame("customer_id").join(first, on="customer_id", how="left", maintain_order="left")
    lag = (pl.col("occurred_at") - moment).dt.total_seconds() / 86_400
    return joined.select("customer_id", struck=pl.col("occurred_at").is_not_null(), lag_days=lag)


def window_end(issue: Issue, moment: datetime) -> datetime:
    """Return the moment at which the label of a cutoff is settled: gap and horizon after it."""
    return moment + timedelta(days=issue.gap_days + issue.horizon_days)
