"""Sixty-four bits that stand for a value: the same on every machine and with every version of every library.

They are stored in the lake, so that a row seen before is known without reading the history's texts. (Polars' own
`hash` may change from version to version and cannot be stored.)
"""

import numpy as np
import polars as pl

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ONCE, _TWICE = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ROWS = 200_000  # at a time, so that padding texts to one width stays small


def fingerprint(texts: pl.Series) -> pl.Series:
    """Return one Int64 for each text; no text is 0."""
    return pl.Series(texts.name, _of_texts(texts).view(np.int64))


def content_fingerprint(rows: pl.DataFrame) -> pl.Series:
    """Return one Int64 for each row over all its columns; an empty column counts as one that is not there."""
    total = np.zeros(rows.height, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in rows.iter_columns():
            salt = _of_texts(pl.Series([column.name]))[0]
            there = column.is_not_null().to_numpy()
            total += np.where(there, _mix(_values(column) ^ salt), np.uint64(0))
    return pl.Series("content_hash", total.view(np.int64))


def _values(column: pl.Series) -> Hashes:
    if column.dtype == pl.String:
        return _of_texts(column)
    if column.dtype.is_float():
        return (column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0).view(np.uint64)  # + 0.0: one zero, not two
    return column.to_physical().cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)


def _of_texts(texts: pl.Series) -> Hashes:
    parts = [_of_some(texts.slice(start, _ROWS)) for start in range(0, max(len(texts), 1), _ROWS)]
    return np.concatenate(parts)


def _of_some(texts: pl.Series) -> Hashes:
    """Mix the words of eight bytes of each text into one; all rows at once."""
    lengths = texts.str.len_bytes().fill_null(0).to_numpy().astype(np.int64)
    words = int(lengths.max(initial=0)) // 8 + 1
    padded = np.zeros((len(texts), words * 8), dtype=np.uint8)
    padded[np.arange(words * 8) < lengths[:, None]] = np.frombuffer(
        texts.str.join("", ignore_nulls=True).item().encode(), dtype=np.uint8
    )
    grid = padded.view("<u8")
    with np.errstate(over="ignore"):
        found = _mix(lengths.astype(np.uint64) + _GOLDEN)
        for word in range(words):
            used = lengths >= word * 8
            found = np.where(used, _mix((found ^ grid[:, word]) + _GOLDEN * np.uint64(word + 1)), found)
    return np.where(texts.is_not_null().to_numpy(), found, np.uint64(0))


def _mix(value: Hashes) -> Hashes:
    """Spread every bit over all others (the finisher of splitmix64)."""
    value = (value ^ (value >> np.uint64(30))) * _ONCE
    value = (value ^ (value >> np.uint64(27))) * _TWICE
    return value ^ (value >> np.uint64(31))
