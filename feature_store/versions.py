"""Which rows of a pull are new, which correct an earlier row, and which were seen before.

Every row in the lake carries two fingerprints: of its event_id, and of everything it says (event_id included). They are
written in the same commit as the row, so they are never out of step with it; a process reads them once and then only
those of files that are new. A row is dropped only when both agree with an earlier row, 128 bits in all.
"""

import polars as pl

from feature_store import tables
from feature_store.fingerprints import content_fingerprint, fingerprint

KEYS = ("event_hash", "content_hash", "recorded_at", "batch")
NOT_CONTENT = ("recorded_at", "stated_at", "recorded_on", "batch", "n", "undated")
_KNOWN: dict[str, tuple[set[str], pl.DataFrame]] = {}


def with_fingerprints(rows: pl.DataFrame) -> pl.DataFrame:
    """Add event_hash, content_hash and customer_hash to rows of events; of `undated` rows the day says nothing."""
    content = rows.select(sorted(set(rows.columns) - set(NOT_CONTENT) | {"undated"} & set(rows.columns)))
    if "undated" in rows.columns:
        content = content.with_columns(occurred_at=pl.when(~pl.col("undated")).then("occurred_at")).drop("undated")
    hashes = {name: fingerprint(rows[f"{name}_id"]).alias(f"{name}_hash") for name in ("event", "customer")}
    return rows.with_columns(*hashes.values(), content_hash=content_fingerprint(content))


def known(uri: str) -> pl.DataFrame:
    """Return event_hash, content_hash, recorded_at and batch of every row in the table at its newest version."""
    files = tables.live_files(uri)
    live = set(files["path"]) if files.height else set()
    seen, rows = _KNOWN.get(uri, (set(), _none()))
    if not seen <= live:  # files were replaced: what was read of them no longer counts
        seen, rows = set(), _none()
    if live - seen:
        rows = rows.vstack(_read(sorted(live - seen)))
        rows = rows.rechunk() if rows.n_chunks() > 64 else rows
    _KNOWN[uri] = (live, rows)
    return rows


def decide(new: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return `new` with `rule` (why a row is dropped, null: kept) and `corrects` (another row of its event exists).

    `new` needs event_id, n (its order) and the fingerprints; `known` are the rows that stay in the lake.
    """
    of_interest = known.lazy().join(new.lazy().select("event_hash").unique(), on="event_hash", how="semi").collect()
    twice = new["event_hash"].is_duplicated() | new["event_hash"].is_in(of_interest["event_hash"].implode())
    alone = new.filter(~twice).with_columns(rule=pl.lit(None, dtype=pl.String), corrects=pl.lit(False))
    if alone.height == new.height:
        return alone
    return pl.concat([alone, _decide_each(new.filter(twice), of_interest)])


def _decide_each(new: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Decide on rows whose event has several: by the order in which they became known."""
    moment = ["event_id", "recorded_at", "batch"]
    pulled = known.select("event_hash", "content_hash", "batch").unique().with_columns(again=pl.lit(True))
    new = new.join(pulled, on=["event_hash", "content_hash", "batch"], how="left").sort(*moment, "stated_at", "n")
    not_last = pl.int_range(pl.len()).over(moment) < pl.len().over(moment) - 1
    same = pl.col("content_hash") == pl.col("content_hash").last().over(moment)
    new = new.with_columns(
        rule=pl.when(pl.col("again") | (not_last & same)).then(pl.lit("seen_before")).when(not_last).then(pl.lit("superseded"))
    ).drop("again")
    repeats = _repeats(new.filter(pl.col("rule").is_null()), known)
    new = new.with_columns(rule=pl.when(pl.col("n").is_in(repeats.implode())).then(pl.lit("seen_before")).otherwise("rule"))
    kept = pl.col("rule").is_null()
    others = pl.col("event_hash").is_in(known["event_hash"].implode()) | (kept.sum().over("event_hash") > 1)
    return new.with_columns(corrects=kept & others)


def _repeats(new: pl.DataFrame, known: pl.DataFrame) -> pl.Series:
    """Return `n` of the rows that say what the row known just before them said.

    Only rows of the same or an earlier pulled day are built on: when such a day changes, the later ones are pulled again.
    """
    chain = pl.concat([known.with_columns(n=pl.lit(None, dtype=pl.Int64)), new.select(*KEYS, pl.col("n").cast(pl.Int64))])
    chain = chain.sort("event_hash", "recorded_at", "batch", "n", nulls_last=False)
    before = {name: pl.col(name).shift(1).over("event_hash") for name in ("content_hash", "batch")}
    same = (pl.col("content_hash") == before["content_hash"]) & (before["batch"] <= pl.col("batch"))
    return chain.filter(pl.col("n").is_not_null() & same)["n"]


def _read(paths: list[str]) -> pl.DataFrame:
    return tables.scan_files(paths).select(pl.col(name).cast(kind) for name, kind in _none().schema.items()).collect()


def _none() -> pl.DataFrame:
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(schema={"event_hash": pl.Int64, "content_hash": pl.Int64, "recorded_at": instant, "batch": pl.Date})
