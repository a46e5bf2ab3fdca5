"""Turn one column of theirs into one of ours: numbers, words, yes or no, times, ids; what does not fit is marked."""

import polars as pl

from feature_store.sources.source import Condition, Value
from feature_store.sources.times import INSTANT, read_times

TYPES = {"integer": pl.Int64(), "number": pl.Float64(), "text": pl.String(), "boolean": pl.Boolean(), "time": INSTANT}
_YES, _NO = ["true", "t", "yes", "y", "1"], ["false", "f", "no", "n", "0"]


def as_ids(given: pl.Series) -> pl.Series:
    """Return ids as text without blanks around them; a whole number stored as a decimal one loses its `.0`."""
    if given.dtype.is_float():
        whole = given.fill_nan(None).cast(pl.Int64, strict=False)
        given = whole if (whole.cast(pl.Float64) == given).all() else given
    text = given.cast(pl.String).str.strip_chars() if given.dtype != pl.Boolean else given.cast(pl.String)
    return text.replace("", None)


def as_yes_or_no(given: pl.Series) -> pl.Series:
    """Return true, false, or empty where it is neither; 1 and 0, yes and no, t and f are understood."""
    if given.dtype == pl.Boolean:
        return given
    words = as_ids(given).str.to_lowercase()
    yes, no = words.is_in(_YES), words.is_in(_NO)
    return pl.select(pl.when(yes).then(True).when(no).then(False)).to_series().alias(given.name)


def convert(given: pl.Series, value: Value, kind: pl.DataType | None, formats: tuple[str, ...], zone: str) -> pl.Series:
    """Return `given` as the type the file or the lake settles (`kind`), else as what it looks like; misfits are empty."""
    target = TYPES[value.type] if value.type else kind or looks_like(given, scaled=value.scale is not None)
    if target is None:
        return pl.Series(given.name, [None], dtype=pl.Null).new_from_index(0, len(given))
    if target == INSTANT:
        return read_times(given, formats, zone)[0]
    if target == pl.Boolean:
        return as_yes_or_no(given)
    if target == pl.String:
        return given.cast(pl.String)
    numbers = given.str.strip_chars().cast(pl.Float64, strict=False) if given.dtype == pl.String else given
    if value.scale is not None:
        numbers = numbers.cast(pl.Float64) * value.scale
        numbers = numbers.round(0) if target == pl.Int64 else numbers
    numbers = numbers.fill_nan(None) if numbers.dtype.is_float() else numbers
    if target == pl.Int64 and not numbers.dtype.is_integer():
        decimal = numbers.cast(pl.Float64, strict=False)
        whole = decimal.cast(pl.Int64, strict=False)
        return whole.set(whole.cast(pl.Float64) != decimal, None)
    return numbers.cast(target, strict=False)


def misfits(given: pl.Series, converted: pl.Series) -> pl.Series:
    """Return where something was given and nothing could be made of it."""
    there = given.is_not_null()
    if given.dtype.is_float():
        there &= given.is_not_nan().fill_null(False)
    if given.dtype == pl.String:
        there &= given.str.strip_chars().str.len_bytes().fill_null(0) > 0
    return there & converted.is_null()


def looks_like(given: pl.Series, *, scaled: bool = False) -> pl.DataType | None:
    """Return the type of a column nobody settled; None when it is empty throughout."""
    if given.null_count() == len(given):
        return None
    kind = given.dtype
    if kind == pl.Boolean:
        return pl.Boolean()
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return INSTANT
    if kind.is_integer() and not scaled:
        return pl.Int64()
    if kind.is_numeric():
        return pl.Float64()
    words = given.cast(pl.String).drop_nulls().str.strip_chars()
    if words.cast(pl.Float64, strict=False).null_count() == 0 and not words.str.contains(r"^[+-]?0\d").any():
        return pl.Float64()
    return pl.Boolean() if words.str.to_lowercase().is_in(["true", "false"]).all() else pl.String()


def holds(rows: pl.DataFrame, conditions: dict[str, Condition], formats: tuple[str, ...], zone: str) -> pl.Series:
    """Return for which rows all of `conditions` hold."""
    found = pl.repeat(True, rows.height, dtype=pl.Boolean, eager=True)
    for column, condition in conditions.items():
        found &= _holds(rows[column], condition, rows, formats, zone).fill_null(False)
    return found


def _holds(
    given: pl.Series, condition: Condition, rows: pl.DataFrame, formats: tuple[str, ...], zone: str
) -> pl.Series:
    there = given.is_not_null() & ((given.cast(pl.String).str.len_bytes() > 0) if given.dtype == pl.String else True)
    found = pl.repeat(True, len(given), dtype=pl.Boolean, eager=True)
    if condition.present is not None:
        found &= there == condition.present
    if condition.any_of is not None:
        found &= _same(given, condition.any_of)
    if condition.none_of is not None:
        found &= ~_same(given, condition.none_of)
    for bound, sign in ((condition.at_least, 1), (condition.at_most, -1)):
        if bound is not None:
            found &= (given.cast(pl.Float64, strict=False) * sign >= bound * sign).fill_null(False)
    if condition.not_before is not None:
        mine, _ = read_times(given, formats, zone)
        found &= (mine >= read_times(rows[condition.not_before], formats, zone)[0]).fill_null(False)
    return found


def _same(given: pl.Series, wanted: tuple[object, ...]) -> pl.Series:
    """Compare as numbers where numbers are asked for, as yes or no where those are, else as text."""
    found = pl.repeat(False, len(given), dtype=pl.Boolean, eager=True)
    for one in wanted:
        if isinstance(one, bool):
            found |= (as_yes_or_no(given) == one).fill_null(False)
        elif isinstance(one, int | float):
            found |= (given.cast(pl.Float64, strict=False) == one).fill_null(False)
        else:
            found |= (given.cast(pl.String) == str(one)).fill_null(False)
    return found
