"""Nobody is written to in their night, on their weekend or their holiday, in any zone of the world, whatever the clocks do."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import holidays
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.settings import Company, Outreach, Settings
from outreach.local_time import Days, is_quiet, next_allowed, zones_by_country, zones_of

ZONES = sorted(available_timezones())
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def company(zone="Europe/Berlin", quiet_from=time(21), quiet_until=time(8), *, every_day=True):
    who = Company(name="L", from_address="a@l.example", reply_to="a@l.example", postal_address="x", website="https://l.example",
                  time_zone=zone)  # fmt: skip
    days = {"write_on_weekends": every_day, "write_on_holidays": every_day}
    return Settings(company=who, outreach=Outreach(quiet_from=quiet_from, quiet_until=quiet_until, **days))


def quiet_in(instant, zone, settings):
    return is_quiet(instant.astimezone(ZoneInfo(zone)).time(), settings.outreach.quiet_from, settings.outreach.quiet_until)


@cache
def calendar(country, year):
    """Return a country's public holidays of a year, and its days of rest."""
    known = holidays.country_holidays(country, years=year)
    return frozenset(known), frozenset(known.weekend)


def closed_in(instant, zone, country, settings, days):
    """Whether nobody is written to there, by the library's own calendar and the clock on the wall."""
    local = instant.astimezone(ZoneInfo(zone))
    free, weekend = calendar(country, local.year)
    return (quiet_in(instant, zone, settings) or (not days.weekends and local.weekday() in weekend)
            or (not days.holidays and local.date() in free))  # fmt: skip


@cache
def clock_changes(zone):
    """Return the hours of the year before which a zone's offset changes."""
    here, found = ZoneInfo(zone), []
    for day in range(0, 366, 2):
        start, end = (YEAR + timedelta(days=n) for n in (day, day + 2))
        if start.astimezone(here).utcoffset() != end.astimezone(here).utcoffset():
            found += [start + timedelta(hours=h) for h in range(48)
                      if (start + timedelta(hours=h)).astimezone(here).utcoffset()
                      != (start + timedelta(hours=h + 1)).astimezone(here).utcoffset()]  # fmt: skip
    return found


def check(now, zone, settings):
    """The instant is allowed, not before now, and nothing earlier was."""
    allowed = next_allowed(now, zone, None, settings)
    assert allowed >= now
    assert not quiet_in(allowed, zone, settings)
    step = max(timedelta(minutes=1), (allowed - now) / 30)
    moment = now
    while moment < allowed:
        assert quiet_in(moment, zone, settings), (zone, now, moment, allowed)
        moment += step
    if allowed > now:
        assert quiet_in(allowed - timedelta(microseconds=2), zone, settings), (zone, now, allowed)


@pytest.mark.parametrize("part", range(4))
def test_in_every_zone_around_every_clock_change_the_first_allowed_instant_is_found(part):
    settings = company()
    for zone in ZONES[part::4]:
        for change in clock_changes(zone) or [YEAR + timedelta(days=180)]:
            for hours in (-13, -7, -1, 0, 1, 5):
                check(change + timedelta(hours=hours, minutes=17), zone, settings)


@given(
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    quiet_from=st.times(), quiet_until=st.times(),
)  # fmt: skip
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_any_quiet_hours_hold_in_any_zone(zone, now, quiet_from, quiet_until):
    settings = company(quiet_from=quiet_from.replace(microsecond=0), quiet_until=quiet_until.replace(microsecond=0))
    if not all(quiet_in(now + timedelta(minutes=15 * n), zone, settings) for n in range(200)):
        check(now, zone, settings)


def check_days(now, zone, country, settings, days):
    """The instant is open, not before now, and nothing earlier was: not one of its hours, nor the moment before it."""
    allowed = next_allowed(now, zone, country, settings, days)
    assert allowed >= now
    assert not closed_in(allowed, zone, country, settings, days), (zone, country, now, allowed)
    hours = int((allowed - now) / timedelta(hours=1))
    before = [now + timedelta(hours=n) for n in range(hours)] + [allowed - timedelta(microseconds=2)] * (allowed > now)
    for moment in before:
        assert closed_in(moment, zone, country, settings, days), (zone, country, now, moment, allowed)


ANY_DAYS = st.builds(Days, st.booleans(), st.booleans())


@given(
    zone=st.sampled_from(ZONES), country=st.sampled_from(sorted(holidays.list_supported_countries())), days=ANY_DAYS,
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    quiet_from=st.times(time(15), time(23, 59)), quiet_until=st.times(time(0), time(12)),
)  # fmt: skip
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_weekends_holidays_and_quiet_hours_of_any_country_hold_in_any_zone(zone, country, days, now, quiet_from, quiet_until):
    settings = company(quiet_from=quiet_from.replace(microsecond=0), quiet_until=quiet_until.replace(microsecond=0))
    check_days(now, zone, country, settings, days)


@given(zone=st.sampled_from(ZONES), country=st.sampled_from(sorted(holidays.list_supported_countries())), days=ANY_DAYS,
       nth=st.integers(0, 10), minutes=st.integers(-3 * 24 * 60, 24 * 60))
@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
def test_so_they_do_around_every_clock_change(zone, country, days, nth, minutes):
    changes = clock_changes(zone) or [YEAR + timedelta(days=180)]
    check_days(changes[nth % len(changes)] + timedelta(minutes=minutes), zone, country, company(), days)


@pytest.mark.parametrize("part", range(4))
def test_in_every_zone_both_clock_changes_fall_into_a_weekend_or_a_night_that_is_kept_free(part):
    settings = company(every_day=False)
    for zone in ZONES[part::4]:
        for change in clock_changes(zone) or [YEAR + timedelta(days=180)]:
            for hours in (-30, -1, 0, 5):
                check_days(change + timedelta(hours=hours, minutes=17), zone, "DE", settings, Days(weekends=False, holidays=False))


def test_without_a_word_weekends_and_holidays_are_kept_free():
    kept = Settings(company=company().company)
    saturday, christmas = datetime(2026, 4, 11, 10, tzinfo=UTC), datetime(2026, 12, 25, 10, tzinfo=UTC)

    assert next_allowed(saturday, "Europe/Berlin", "DE", kept) == datetime(2026, 4, 13, 6, tzinfo=UTC)
    assert next_allowed(christmas, "Europe/Berlin", "DE", kept) == datetime(2026, 12, 28, 7, tzinfo=UTC)
    assert next_allowed(saturday, "Europe/Berlin", None, kept) == datetime(2026, 4, 13, 6, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe"])
def test_quiet_hours_that_end_inside_a_clock_change_end_once(zone):
    for change in clock_changes(zone):
        local = change.astimezone(ZoneInfo(zone))
        settings = company(quiet_until=(local + timedelta(minutes=30)).time().replace(microsecond=0))
        for minutes in range(-180, 240, 7):
            check(change + timedelta(minutes=minutes), zone, settings)


@pytest.mark.parametrize(
    ("month", "zone", "country", "allowed"),
    [
        pytest.param(7, "America/New_York", "US", "12:00", id="summer: 8 h in New York is noon"),
        pytest.param(11, "America/New_York", "US", "13:00", id="winter: the same is an hour later"),
        pytest.param(7, None, "US", "18:00", id="zone unknown: 8 h in Hawaii, not yet 21 h in New York"),
        pytest.param(7, None, "DE", "06:00", id="zone unknown, all zones of the country agree"),
        pytest.param(7, None, None, "06:00", id="nothing known: the company's clock, not UTC"),
        pytest.param(7, "Not/AZone", None, "06:00", id="what is no zone is unknown"),
        pytest.param(7, "", "zz", "06:00", id="what is no country is unknown"),
    ],
)  # fmt: skip
def test_who_lives_where(month, zone, country, allowed):
    now = datetime(2026, month, 20, 5, 30, tzinfo=UTC)

    assert f"{next_allowed(now, zone, country, company()):%H:%M}" == allowed


def test_an_unknown_zone_is_quiet_where_it_is_night_anywhere_in_the_country():
    settings = company()
    for country, zones in zones_by_country().items():
        allowed = next_allowed(YEAR, None, country, settings)
        if country != "AQ":  # the stations of Antarctica share no hour of day: there the company's clock decides
            assert not any(quiet_in(allowed, zone, settings) for zone in zones), country


def test_a_company_without_a_real_zone_is_told_so():
    with pytest.raises(ConfigError, match=r"company\.time_zone: 'Europe/Berln' is not an IANA zone\. Did you mean 'Europe/Berlin'"):
        zones_of(None, None, company(zone="Europe/Berln"))
