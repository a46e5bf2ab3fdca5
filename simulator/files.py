"""The files the made company hands over: one Parquet file a source a day, in its own words, with delays and some dirt.

Their column names are theirs; config/sources/ says what they mean to us.
"""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from simulator import desk, payments, shop, signups, usage
from simulator.people import DEVICES, LANGUAGES, PLANS, REGIONS, Column, People
from simulator.today import DAY_SECONDS, Today

CURRENCY = "EUR"
ZONES = ("Europe/Copenhagen", "Europe/Brussels", "Europe/Madrid", "Europe/Vienna")
COUNTRIES = ("DK", "BE", "ES", "AT")
FIRST_NAMES = ("Ada", "Bruno", "Clara", "David", "Elif", "Femke", "Goran", "Hanna", "Ivan", "Jonas", "Katya", "Lena",
               "Marta", "Nils", "Olga", "Pavel", "Rosa", "Samir", "Tove", "Yusuf")
LAST_NAMES = ("Aalto", "Berger", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ivanov", "Jansen", "Keller",
              "Larsen", "Moreno", "Novak", "Olsen", "Peeters", "Ricci", "Schmidt", "Torres", "Weber")
DELAY_SECONDS = {"telemetry": 1200, "billing": 300, "contacts": 120, "purchases": 1800, "customers": 600}  # mean
Rows = dict[str, Column]
MOST_BAD = 0.04                     # of a small day's rows, so that a small company's day is not stopped by one bad row


def rows_of_day(today: Today) -> dict[str, Rows]:
    """Return today's rows of every source, with arrival times and dirt."""
    return {name: _with_dirt(today, _timed(today, name, sheet.columns())) for name, sheet in today.sheets.items()}


def write_days(days: list[date], rows: list[dict[str, Rows]], people: People, folder: Path) -> None:
    """Write every source's file of each of `days`; each appears whole or not at all.

    The days are put into the source's words together, which is several times faster than one by one.
    """
    for source, shape in SHAPES.items():
        ends = np.cumsum([len(day[source]["row"]) for day in rows])
        together = {name: np.concatenate([day[source][name] for day in rows]) for name in rows[0][source]}
        theirs = shape(together, people)
        for day, end, day_rows in zip(days, ends, rows, strict=True):
            length = len(day_rows[source]["row"])
            write_whole(theirs.slice(end - length, length), folder / source / f"{day.isoformat()}.parquet")


def write_whole(frame: pl.DataFrame, path: Path, **metadata: str) -> None:
    """Write a Parquet file under another name, then give it its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    frame.write_parquet(beside, compression="zstd", compression_level=1, statistics=False, metadata=metadata or None)
    os.replace(beside, path)


def customer_ids(rows: pl.Expr) -> pl.Expr:
    """Return the company's customer id of a row number."""
    return pl.lit("c") + rows.cast(pl.String).str.zfill(6)


def _timed(today: Today, source: str, columns: Rows) -> Rows:
    """Sort by second and draw when each row arrived: after a delay, but within today."""
    order = np.argsort(columns["second"], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    n = len(order)
    arrived = np.maximum(columns["second"], 0) + _lasts(source, columns) + today.looks.exponential(DELAY_SECONDS[source], n)
    midnight = int(datetime(today.on.year, today.on.month, today.on.day, tzinfo=UTC).timestamp())
    return {
        **columns,
        "row": today.index * 1_000_000_000 + np.arange(n, dtype=np.int64),
        "arrived": (midnight + np.minimum(arrived.astype(np.int64), DAY_SECONDS - 1)) * 1_000_000,
        "second": (midnight + columns["second"]) * 1_000_000,
        "bad": np.zeros(n, dtype=np.int8),
    }


def _lasts(source: str, columns: Rows) -> Column:
    """Return the seconds a row's own fact takes: a session, a ticket from opening to closing."""
    if source == "contacts":
        return np.full(len(columns["value"]), int(desk.CLOSES_WITHIN_HOURS * 3600))
    return np.nan_to_num(columns["value"]) * 60 if source == "telemetry" else np.zeros(len(columns["value"]))


def _with_dirt(today: Today, rows: Rows) -> Rows:
    """Add broken copies of a few rows: 1 no customer, 2 unknown kind, 3 negative amount or wrong currency."""
    n = len(rows["row"])
    bad = min(int(today.looks.binomial(n, today.truth.dirt.bad_share)), int(n * MOST_BAD))
    copied = today.looks.integers(0, max(n, 1), bad)
    broken = {name: column[copied] for name, column in rows.items()}
    broken["row"] = today.index * 1_000_000_000 + n + np.arange(bad, dtype=np.int64)
    broken["bad"] = today.looks.integers(1, 4, bad).astype(np.int8)
    return {name: np.concatenate([column, broken[name]]) for name, column in rows.items()}


def _frame(rows: Rows) -> pl.DataFrame:
    stamp = pl.Datetime("us", "UTC")
    return pl.DataFrame(rows).with_columns(
        pl.col("second").cast(stamp), pl.col("arrived").cast(stamp), pl.col("value").fill_nan(None),
        account=pl.when(pl.col("bad") != 1).then(customer_ids(pl.col("who"))),
    )  # fmt: skip


def _word(words: tuple[str, ...], column: str, unknown: str) -> pl.Expr:
    """Return the word a number stands for, or `unknown` where the row is broken in that way."""
    named = pl.col(column).replace_strict(dict(enumerate(words)), return_dtype=pl.String)
    return pl.when(pl.col("bad") == 2).then(pl.lit(unknown)).otherwise(named)


def _currency() -> pl.Expr:
    return pl.when(pl.col("bad") == 3).then(pl.lit("USD")).otherwise(pl.lit(CURRENCY))


def _telemetry(rows: Rows, people: People) -> pl.DataFrame:
    frame = _frame(rows | {"platform": people.device[rows["who"]]})
    releases = {number: usage.release_name(number) for number in range(int(rows["tag"].max(initial=0)) + 1)}
    return frame.select(
        row_id=pl.lit("t") + pl.col("row").cast(pl.String), user="account", action=_word(usage.KINDS, "kind", "???"),
        started_at="second", minutes=pl.when(pl.col("bad") == 3).then(-1.0).otherwise("value"),
        app_version=pl.col("tag").replace_strict(releases, default=None, return_dtype=pl.String),
        platform=pl.col("platform").replace_strict(dict(enumerate(DEVICES)), return_dtype=pl.String),
        received_at="arrived",
    )  # fmt: skip


def _billing(rows: Rows, people: People) -> pl.DataFrame:
    return _frame(rows).select(
        id=pl.lit("b") + pl.col("row").cast(pl.String), account="account", type=_word(payments.KINDS, "kind", "invoice_isued"),
        created="second", amount=pl.col("value").cast(pl.Int64), currency=_currency(), ingested="arrived",
    )  # fmt: skip


def _contacts(rows: Rows, people: People) -> pl.DataFrame:
    """One row a ticket, exported when it is closed: it says when it was opened and when it was closed."""
    closed = pl.col("second") + pl.duration(seconds=(pl.col("row") % 89 + 1) * int(desk.CLOSES_WITHIN_HOURS * 3600) // 90)
    return _frame(rows).select(
        ticket=pl.lit("k") + pl.col("row").cast(pl.String), caller="account", topic=_word(desk.TOPICS, "kind", "n/a"),
        channel=pl.when(pl.col("who") % 3 == 0).then(pl.lit("chat")).otherwise(pl.lit("call")), opened="second",
        closed=closed, waited_minutes=pl.when(pl.col("bad") == 3).then(-1.0).otherwise("value"), exported="arrived",
    )  # fmt: skip


def _purchases(rows: Rows, people: People) -> pl.DataFrame:
    """One row an order; a corrected or voided one comes again under its number."""
    frame = _frame(rows | {"item": shop.item_of(rows["tag"])})
    number = pl.when(pl.col("bad") > 0).then(pl.col("row")).otherwise("tag")
    return frame.select(
        order=pl.lit("o") + number.cast(pl.String), buyer="account",
        item=pl.col("item").replace_strict(dict(enumerate(shop.ITEMS)), return_dtype=pl.String),
        state=_word(shop.KINDS, "kind", "?"), ordered="second", price=pl.col("value") / 100, currency=_currency(),
        booked="arrived",
    )  # fmt: skip


def _customers(rows: Rows, people: People) -> pl.DataFrame:
    """One row a signup, change of plan or closed account, with how the customer is reached."""
    who = rows["who"]
    of = {"plan": PLANS, "region": REGIONS, "device": DEVICES, "language": LANGUAGES}
    unchanging = {name: getattr(people, name)[who] for name in ("region", "device", "language", "yearly")}
    frame = _frame(rows | {"plan": rows["tag"]} | unchanging)
    words = {name: pl.col(name).replace_strict(dict(enumerate(w)), return_dtype=pl.String) for name, w in of.items()}
    words["plan"] = pl.when(pl.col("bad") > 1).then(pl.lit("???")).otherwise(words["plan"])
    return frame.select(
        change_id=pl.lit("m") + pl.col("row").cast(pl.String), account="account", change=_word(signups.KINDS, "kind", "?"),
        status=pl.when(pl.col("kind") == signups.CLOSED).then(pl.lit("closed")).otherwise(pl.lit("active")),
        changed="second", **words,
        cycle=pl.when("yearly").then(pl.lit("yearly")).otherwise(pl.lit("monthly")),
        name=_name(), email=pl.lit("c") + pl.col("who").cast(pl.String) + pl.lit("@customers.example"),
        time_zone=pl.col("region").replace_strict(dict(enumerate(ZONES)), return_dtype=pl.String),
        country=pl.col("region").replace_strict(dict(enumerate(COUNTRIES)), return_dtype=pl.String), loaded="arrived",
    )  # fmt: skip


def _name() -> pl.Expr:
    first = (pl.col("who") * 7 % len(FIRST_NAMES)).replace_strict(dict(enumerate(FIRST_NAMES)), return_dtype=pl.String)
    last = (pl.col("who") // 20 % len(LAST_NAMES)).replace_strict(dict(enumerate(LAST_NAMES)), return_dtype=pl.String)
    return first + pl.lit(" ") + last


SHAPES = {"telemetry": _telemetry, "billing": _billing, "contacts": _contacts, "purchases": _purchases,
          "customers": _customers}  # fmt: skip
