"""Read times as sources write them: instants with a zone, local times, bare dates, seconds since 1970."""

from collections.abc import Sequence

import polars as pl

INSTANT = pl.Datetime("us", "UTC")
_UNIX = {"unix_seconds": 1_000_000, "unix_milliseconds": 1_000}
_WITH_ZONE = "%Y-%m-%dT%H:%M:%S%.f%:z"
_ZONE = r"T.*([Zz]|[+-]\d\d:?(\d\d)?)$"
_LOCAL = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")


def read_times(given: pl.Series, formats: Sequence[str], zone: str) -> tuple[pl.Series, pl.Series]:
    """Return the instants (UTC, microseconds; what is not understood is empty) and where only a date was given."""
    if given.dtype == pl.Date:
        return given.cast(INSTANT), given.is_not_null()
    if isinstance(given.dtype, pl.Datetime):
        return _in_utc(given, zone), _nowhere(given)
    if given.dtype.is_numeric():
        return _since_1970(given, formats), _nowhere(given)
    return _from_text(given.cast(pl.String).str.strip_chars(), formats, zone)


def end_of_day(instants: pl.Expr) -> pl.Expr:
    """Return the last microsecond of each instant's day, UTC."""
    return instants.dt.truncate("1d") + pl.duration(days=1) - pl.duration(microseconds=1)


def _from_text(given: pl.Series, formats: Sequence[str], zone: str) -> tuple[pl.Series, pl.Series]:
    instants = pl.repeat(None, len(given), dtype=INSTANT, eager=True).alias(given.name)
    bare = _nowhere(given)
    for style in [*formats, "%Y-%m-%d", "iso"]:
        if instants.null_count() == given.null_count():
            break
        found = _iso(given, zone) if style == "iso" else _one_format(given, style, zone)
        if "%d" in style and "%H" not in style and "%I" not in style:
            bare |= instants.is_null() & found.is_not_null()
        instants = instants.zip_with(instants.is_not_null(), found)
    return instants, bare


def _one_format(given: pl.Series, style: str, zone: str) -> pl.Series:
    if style in _UNIX:
        return _since_1970(given.cast(pl.Float64, strict=False), [style])
    if "%H" not in style and "%I" not in style:
        return given.str.to_date(style, strict=False).cast(INSTANT)
    return _in_utc(given.str.to_datetime(style, strict=False, time_unit="us"), zone)


def _iso(given: pl.Series, zone: str) -> pl.Series:
    """Read ISO 8601, with or without a zone, with `T` or a space."""
    plain = given.str.replace(" ", "T", literal=True)
    found = pl.repeat(None, len(given), dtype=INSTANT, eager=True).alias(given.name)
    if plain.str.contains(_ZONE).any():
        zoned = plain.str.replace("[Zz]$", "+00:00").str.replace(r"(T.*[+-]\d\d)$", "${1}:00")
        zoned = zoned.str.replace(r"(T.*[+-]\d\d)(\d\d)$", "${1}:${2}")
        found = zoned.str.to_datetime(_WITH_ZONE, strict=False, time_unit="us").cast(INSTANT)
    for style in _LOCAL:
        if found.null_count() > given.null_count():
            local = plain.str.to_datetime(style, strict=False, time_unit="us")
            found = found.zip_with(found.is_not_null(), _in_utc(local, zone))
    return found


def _in_utc(given: pl.Series, zone: str) -> pl.Series:
    """Read local times in `zone`: an hour that happens twice is its first, one that is skipped is the hour after."""
    if given.dtype.time_zone:  # type: ignore[attr-defined]
        return given.cast(INSTANT)
    local = given.cast(pl.Datetime("us"))
    if zone == "UTC":
        return local.dt.replace_time_zone("UTC")
    found = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    later = (local + pl.duration(hours=1)) if found.null_count() > local.null_count() else None
    if later is not None:
        shifted = pl.select(later).to_series().dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        found = found.zip_with(found.is_not_null(), shifted)
    return found.cast(INSTANT)


def _since_1970(given: pl.Series, formats: Sequence[str]) -> pl.Series:
    factor = next((_UNIX[style] for style in formats if style in _UNIX), None)
    if factor is None:
        return pl.repeat(None, len(given), dtype=INSTANT, eager=True).alias(given.name)
    return (given.cast(pl.Float64) * factor).round().cast(pl.Int64).cast(INSTANT)


def _nowhere(given: pl.Series) -> pl.Series:
    return pl.repeat(False, len(given), dtype=pl.Boolean, eager=True)
