"""The service desk: every contact opens and closes a ticket on one day. Also the trouble `sudden_call`, without any sign."""

import numpy as np
import polars as pl

from simulator.people import Column
from simulator.today import Today
from simulator.truth import per_day

TOPICS = ("how_to", "feature_request", "address_change", "sudden_call", "app_broken", "billing_dispute", "about_message")
SMALL_TALK = TOPICS[:3]
CLOSES_WITHIN_HOURS = 1.5
ASK_WITHIN_DAYS = 5


def step(today: Today, questions: Column) -> None:
    """Open today's sudden calls, small talk, and the questions of `questions` (row numbers) about a message of ours."""
    open_tickets(today, "sudden_call", np.flatnonzero(today.chance(per_day(today.truth.sudden.calls))))
    talk = np.flatnonzero(today.chance(per_day(today.truth.desk.small_talk)))
    about = today.rng.integers(0, len(SMALL_TALK), len(talk))
    for number, topic in enumerate(SMALL_TALK):
        open_tickets(today, topic, talk[about == number])
    open_tickets(today, "about_message", questions)


def open_tickets(today: Today, topic: str, who: Column) -> None:
    """Write a ticket for each row number of `who` that has not left; its amount is the minutes waited."""
    who = who[today.active[who]]
    waited = today.looks.exponential(6.0, len(who)).round(1)
    today.sheets["contacts"].add(TOPICS.index(topic), who, today.seconds(len(who), 8, 20), value=waited)


def asked_on(messages: pl.DataFrame, asks: dict[str, float], seed: int) -> pl.Series:
    """Return for each message (columns who, issue, day) the day on which its reader asks about it, or null.

    Drawn from a hash of who, issue and day, so that the answer is the same whenever and with whatever others it is asked.
    """
    share = pl.col("issue").replace_strict(asks, default=0.0, return_dtype=pl.Float64)
    drawn = _hashed(messages, seed)
    late = pl.col("drawn").mul(1e6).cast(pl.Int32) % ASK_WITHIN_DAYS + 1
    return (messages.with_columns(drawn.alias("drawn"))
            .select(pl.when(pl.col("drawn") < share).then(pl.col("day") + late))
            .to_series().alias("asked_on"))


def _hashed(messages: pl.DataFrame, seed: int) -> pl.Series:
    """Return a number in [0, 1) for each message (SplitMix64, so that it is the same on every machine and version)."""
    letters = np.array([sum(ord(c) * 31**n for n, c in enumerate(issue[:10])) for issue in messages["issue"]], np.uint64)
    x = messages["who"].to_numpy().astype(np.uint64) * np.uint64(1_000_003)
    x = x + messages["day"].to_numpy().astype(np.uint64) * np.uint64(7919) + letters + np.uint64(seed)
    for shift, times in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(times)
    x = x ^ (x >> np.uint64(31))
    return pl.Series((x >> np.uint64(11)).astype(np.float64) / 2**53)
