"""Figures as the viewer's language writes them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from console.formats import NONE, day, locale_of, moment, money, number, points, share
from console.render import with_query

GERMAN, BRITISH = locale_of("de-DE,de;q=0.9"), locale_of("en-GB")


@pytest.mark.parametrize(("shown", "said"), [
    (number(BRITISH, 1234.5), "1,234"), (number(GERMAN, 1234.5, 1), "1.234,5"), (share(BRITISH, 0.1234), "12%"),
    (share(GERMAN, 0.1234, 1), "12,3\xa0%"), (points(BRITISH, -0.0123), "−1.2"), (money(BRITISH, 1234.4, "EUR"), "€1,234"),
    (money(GERMAN, 1234.4, "EUR"), "1.234\xa0€"), (money(BRITISH, 12.5, "EUR", None), "€12.50"), (day(GERMAN, date(2026, 3, 1)), "01.03.2026"),
    (number(BRITISH, None), NONE), (share(BRITISH, None), NONE), (money(BRITISH, None, "EUR"), NONE),
])  # fmt: skip
def test_a_figure_is_written_as_its_reader_writes_it(shown, said):
    assert shown == said


@pytest.mark.parametrize("accept", [None, "", "*", "xx-YY;q=1", "de_DE@x;;;", "a" * 5000])
def test_a_strange_or_missing_language_reads_british_english(accept):
    assert str(locale_of(accept)) == "en_GB"


def test_a_moment_is_utc_for_the_browser_to_change():
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert moment(at) == '<time datetime="2026-02-28T23:30:00+00:00">2026-02-28 23:30</time>'
    assert moment(at.astimezone(UTC)) == moment(at)


def test_an_address_keeps_what_is_not_changed():
    assert with_query("/cohorts?issue=a%20b&after=7", after=None, sort="-size") == "/cohorts?issue=a+b&sort=-size"
