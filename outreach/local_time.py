"""When a customer may be written to: outside the quiet hours and days of their own clock, whatever the clock does that night."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import holidays

from core.errors import ConfigError
from core.settings import Settings

LONGEST_WAIT = timedelta(days=30)
SATURDAY, SUNDAY = 5, 6


class Days(NamedTuple):
    """Whether customers are written to on these days."""

    weekends: bool
    holidays: bool


@dataclass(frozen=True)
class Hours:
    """When nobody of a country is written to: quiet hours, which may span midnight, and days off where those are kept."""

    quiet_from: time
    quiet_until: time
    country: str | None = None
    weekends: bool = False      # whether weekends are kept free
    holidays: bool = False      # whether public holidays are

    def closed_by(self, local: datetime) -> str | None:
        """Return what speaks against writing at a local time (weekend, holiday, quiet_hours), or None."""
        if self.weekends and local.weekday() in _weekend(self.country):
            return "weekend"
        if self.holidays and local.date() in _public_holidays(self.country, local.year):
            return "holiday"
        return "quiet_hours" if is_quiet(local.time(), self.quiet_from, self.quiet_until) else None


@lru_cache(maxsize=1)
def zones_by_country() -> dict[str, tuple[str, ...]]:
    """Map each ISO 3166 country to its IANA zones, from the time zone database's own table."""
    found: dict[str, tuple[str, ...]] = {}
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            found[country] = (*found.get(country, ()), name)
    return found


@lru_cache(maxsize=4096)
def zone(name: str | None) -> ZoneInfo | None:
    """Return the zone of that IANA name, or None: what is not a zone is unknown, it is not UTC."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zones_of(time_zone: str | None, country: str | None, settings: Settings) -> tuple[ZoneInfo, ...]:
    """Return every zone the customer may live in: their own, or all of their country, or else the company's."""
    if own := zone(time_zone):
        return (own,)
    known = (zone(name) for name in zones_by_country().get((country or "").upper(), ()))
    return tuple(each for each in known if each) or (company_zone(settings),)


def hours_of(country: str | None, settings: Settings, days: Days | None = None) -> Hours:
    """Return the hours in which nobody of a country is written to; of an unknown country no holidays are known."""
    ours = settings.outreach
    known = (country or "").upper() or None
    on = days or Days(ours.write_on_weekends, ours.write_on_holidays)
    return Hours(ours.quiet_from, ours.quiet_until, known, not on.weekends, not on.holidays)


def next_allowed(
    now: datetime, time_zone: str | None, country: str | None, settings: Settings, days: Days | None = None
) -> datetime:
    """Return the first instant from `now` on that is open in every zone the customer may live in.

    Where a country's zones lie so far apart that there is none, the company's clock decides. `days`: a playbook's own word.
    """
    hours = hours_of(country, settings, days)
    return _next_allowed(now, zones_of(time_zone, country, settings), hours) or _next_allowed(
        now, (company_zone(settings),), hours) or now  # fmt: skip


def closed_by(
    now: datetime, time_zone: str | None, country: str | None, settings: Settings, days: Days | None = None
) -> str | None:
    """Return the first thing that speaks against writing to a customer at `now`: weekend, holiday or quiet_hours."""
    hours = hours_of(country, settings, days)
    found = (hours.closed_by(now.astimezone(each)) for each in zones_of(time_zone, country, settings))
    return next((name for name in found if name), None)


def is_quiet(local: time, quiet_from: time, quiet_until: time) -> bool:
    """Whether a local time lies in the quiet hours, which may span midnight; equal ends mean there are none."""
    if quiet_from <= quiet_until:
        return quiet_from <= local < quiet_until
    return local >= quiet_from or local < quiet_until


@lru_cache(maxsize=65536)
def _next_allowed(now: datetime, zones: tuple[ZoneInfo, ...], hours: Hours) -> datetime | None:
    """Move forward until no zone is closed; each step is the earliest its zone allows, so the end is the earliest for all."""
    moment = now
    while moment - now <= LONGEST_WAIT:
        later = max(_end_of_closing(moment, each, hours) for each in zones)
        if later == moment:
            return moment
        moment = later
    return None


def _end_of_closing(moment: datetime, where: ZoneInfo, hours: Hours) -> datetime:
    """Return when what closes a zone now is over; something else may begin then."""
    why = hours.closed_by(moment.astimezone(where))
    if why is None:
        return moment
    return _end_of_quiet(moment, where, hours) if why == "quiet_hours" else _next_day(moment, where)


def _end_of_quiet(moment: datetime, where: ZoneInfo, hours: Hours) -> datetime:
    """Return when the quiet hours are over, or the day on which they began where it ends before."""
    ends = (*_ends(moment.astimezone(where), where, hours.quiet_until), *_clock_changes(moment, where))
    quiet = (hours.quiet_from, hours.quiet_until)
    return min(each for each in ends if each > moment and not is_quiet(each.astimezone(where).time(), *quiet))


def _next_day(moment: datetime, where: ZoneInfo) -> datetime:
    """Return the first instant of the next local day; where the clock skips midnight, the first after it."""
    local = moment.astimezone(where)
    midnight = datetime.combine(local.date() + timedelta(days=1), time())
    starts = sorted(midnight.replace(tzinfo=where, fold=fold).astimezone(UTC) for fold in (0, 1))
    return next((each for each in starts if each.astimezone(where).date() > local.date() and each > moment), starts[-1])


def _ends(local: datetime, where: ZoneInfo, quiet_until: time) -> Iterable[datetime]:
    """Yield the instants at which the clock shows `quiet_until` on the coming days; a clock set back shows it twice."""
    for days in range(4):
        wall = datetime.combine(local.date() + timedelta(days=days), quiet_until)
        for fold in (0, 1):
            instant = wall.replace(tzinfo=where, fold=fold).astimezone(UTC)
            if instant.astimezone(where).replace(tzinfo=None) == wall:
                yield instant


def _clock_changes(moment: datetime, where: ZoneInfo) -> Iterable[datetime]:
    """Yield the second at which the clock is set within two days: it may jump out of the quiet hours, or over their end."""
    low, high = moment, moment + timedelta(days=2)
    before = low.astimezone(where).utcoffset()
    if high.astimezone(where).utcoffset() == before:
        return
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(where).utcoffset() == before else (low, middle)
    yield high


@lru_cache(maxsize=512)
def _weekend(country: str | None) -> frozenset[int]:
    """Return the days of rest of a country, Monday is 0; Saturday and Sunday where nothing is known of it."""
    calendar = _calendar(country)
    return frozenset(calendar.weekend) if calendar is not None else frozenset((SATURDAY, SUNDAY))


@lru_cache(maxsize=4096)
def _public_holidays(country: str | None, year: int) -> frozenset[date]:
    """Return a country's public holidays of a year, those of the whole country."""
    calendar = _calendar(country)
    return frozenset() if calendar is None else frozenset(holidays.country_holidays(calendar.country, years=year))


@lru_cache(maxsize=512)
def _calendar(country: str | None) -> holidays.HolidayBase | None:
    try:
        return holidays.country_holidays(country) if country else None
    except NotImplementedError:
        return None


def company_zone(settings: Settings) -> ZoneInfo:
    """Return the company's own zone. Raise ConfigError where its name is not in the time zone database."""
    name = settings.company.time_zone
    if found := zone(name):
        return found
    near = get_close_matches(name, available_timezones(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"{settings.folder / 'settings.toml'}: company.time_zone: {name!r} is not an IANA zone.{hint} "
                      "Known: Europe/Berlin, America/New_York, ...")
