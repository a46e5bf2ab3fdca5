"""Numbers, money and days as the viewer's language writes them; times in UTC, which the browser shows in its own zone."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, parse_pattern
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

NONE = "–"  # what a page shows where there is no figure
PLAIN = Locale("en", "GB")


def locale_of(accept: str | None) -> Locale:
    """Return the first language of an Accept-Language header that Babel knows; British English where there is none."""
    for part in (accept or "").split(","):
        found = _locale(part.split(";")[0].strip())
        if found is not None:
            return found
    return PLAIN


@lru_cache(maxsize=256)
def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-") if tag and tag != "*" else None
    except (ValueError, UnknownLocaleError):
        return None


@lru_cache(maxsize=8192)
def number(locale: Locale, value: float | None, digits: int = 0) -> str:
    """Return 1234.5 as 1,235, or with `digits` behind the point."""
    return NONE if value is None else str(_parsed(_pattern(digits)).apply(round(value, digits), locale))


@lru_cache(maxsize=8192)
def share(locale: Locale, value: float | None, digits: int = 0) -> str:
    """Return 0.123 as 12%, or 12.3% with one digit."""
    return NONE if value is None else str(_parsed(_percent(locale, digits)).apply(round(value, digits + 2), locale))


@lru_cache(maxsize=8192)
def points(locale: Locale, value: float | None, digits: int = 1) -> str:
    """Return a difference of two shares, 0.0123, as +1.2: percentage points with their sign."""
    if value is None:
        return NONE
    shown = number(locale, abs(100 * value), digits)
    return f"{'−' if value < 0 else '+'}{shown}"


@lru_cache(maxsize=8192)
def money(locale: Locale, value: float | None, currency: str, digits: int | None = 0) -> str:
    """Return an amount in whole units of `currency`; `digits` None shows the currency's own small change."""
    if value is None:
        return NONE
    if digits is None:
        return str(format_currency(value, currency, locale=locale))
    return str(_parsed(_money(locale, digits)).apply(round(value, digits), locale, currency=currency, currency_digits=False))


@lru_cache(maxsize=8192)
def day(locale: Locale, value: date | None) -> str:
    """Return a day in words, 25 Nov 2026."""
    return NONE if value is None else str(format_date(value, format="medium", locale=locale))


def moment(value: datetime | None) -> str:
    """Return a `<time>` in UTC, which console.js shows in the viewer's zone with UTC on hover."""
    if value is None:
        return NONE
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(timespec="seconds"), utc.strftime("%Y-%m-%d %H:%M"))


def words(value: str | None) -> str:
    """Return a name of ours, payment_failing, in words."""
    return NONE if value is None else value.replace("_", " ")


def filters() -> dict[str, Callable[..., Any]]:
    """Return what templates may write behind a bar; those with a language take it from the page."""
    told = {formatted.__name__: _in_language(formatted) for formatted in (number, share, points, day, money)}
    return told | {"moment": moment, "words": words}


def _in_language(formatted: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def shown(context: Context, value: Any, *more: Any, **named: Any) -> str:
        return formatted(context["locale"], value, *more, **named)

    return shown


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> Any:
    """Return a pattern as Babel reads it; reading takes ten times as long as writing a number."""
    return parse_pattern(pattern)


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")


def _percent(locale: Locale, digits: int) -> str:
    usual = str(locale.percent_formats[None].pattern)
    return usual.replace("#,##0", _pattern(digits))


def _money(locale: Locale, digits: int) -> str:
    usual = str(locale.currency_formats["standard"].pattern)
    return usual.replace("#,##0.00", _pattern(digits))
