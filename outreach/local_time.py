"""When a customer may be written to: outside the quiet hours of their own clock, whatever the clock does that night."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from core.errors import ConfigError
from core.settings import Settings

LONGEST_WAIT = timedelta(days=8)


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


def next_allowed(now: datetime, time_zone: str | None, country: str | None, settings: Settings) -> datetime:
    """Return the first instant from `now` on that is outside the quiet hours in every zone the customer may live in.

    Where a country's zones lie so far apart that there is none, the company's clock decides.
    """
    quiet = (settings.outreach.quiet_from, settings.outreach.quiet_until)
    return _next_allowed(now, zones_of(time_zone, country, settings), *quiet) or _next_allowed(
        now, (company_zone(settings),), *quiet) or now  # fmt: skip


def is_quiet(local: time, quiet_from: time, quiet_until: time) -> bool:
    """Whether a local time lies in the quiet hours, which may span midnight; equal ends mean there are none."""
    if quiet_from <= quiet_until:
        return quiet_from <= local < quiet_until
    return local >= quiet_from or local < quiet_until


@lru_cache(maxsize=65536)
def _next_allowed(now: datetime, zones: tuple[ZoneInfo, ...], quiet_from: time, quiet_until: time) -> datetime | None:
    """Move forward until no zone is quiet; each step is the earliest its zone allows, so the end is the earliest for all."""
    moment = now
    while moment - now <= LONGEST_WAIT:
        later = max(_end_of_quiet(moment, each, quiet_from, quiet_until) for each in zones)
        if later == moment:
            return moment
        moment = later
    return None


def _end_of_quiet(moment: datetime, where: ZoneInfo, quiet_from: time, quiet_until: time) -> datetime:
    local = moment.astimezone(where)
    if not is_quiet(local.time(), quiet_from, quiet_until):
        return moment
    ends = (*_ends(local, where, quiet_until), *_clock_changes(moment, where))
    return min(each for each in ends
               if each > moment and not is_quiet(each.astimezone(where).time(), quiet_from, quiet_until))  # fmt: skip


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


def company_zone(settings: Settings) -> ZoneInfo:
    """Return the company's own zone. Raise ConfigError where its name is not in the time zone database."""
    name = settings.company.time_zone
    if found := zone(name):
        return found
    near = get_close_matches(name, available_timezones(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"{settings.folder / 'settings.toml'}: company.time_zone: {name!r} is not an IANA zone.{hint} "
                      "Known: Europe/Berlin, America/New_York, ...")
