"""The one place that reads the time; only edges (tasks, verbs, routes, the send loop) call `now`."""

from datetime import UTC, date, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)


def as_day(value: date | str) -> date:
    """Return a day from a date or its ISO text (a partition key, an option)."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def moment_after(day: date) -> datetime:
    """Return T, 00:00 UTC after `day`: what is known as of a day was recorded before it."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def last_whole_day(instant: datetime) -> date:
    """Return the last day that had ended by `instant`."""
    return instant.astimezone(UTC).date() - timedelta(days=1)


def days(first: date, last: date) -> list[date]:
    """Return every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def add_months(day: date, months: int) -> date:
    """Return the same day of the month `months` later, or that month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)
