"""The most that anybody could read from the sources: every rule of the made company known, and nothing that no source says.

The oracle sees whom a fee hurts and for whom things are broken. A reader sees fees, sessions, minutes, versions, errors and
contacts, and weighs them by the company's own rules (Bayes). What the oracle has beyond that no detector can win.
"""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import gamma

from simulator.company import Company
from simulator.people import DEVICES
from simulator.usage import MINUTES_LOG_MEAN, MINUTES_LOG_SPREAD, bad_device, release_name

Numbers = NDArray[np.float64]
PACE_DAYS, PACE_WEIGHT = 180, 15   # of sessions before the fee; days that the mean pace of all counts for
SPELL_DAYS = 75                    # that a spell may have lasted
LONG_AGO = -(10**6)


class Reader:
    """Reads the files of a made company; asked for chances as of the morning after a day."""

    def __init__(self, company: Company) -> None:
        """Name the company; its files are read when first needed."""
        self.company, self.rules = company, company.truth
        self.size = len(company.people)
        self._start = datetime(company.first.year, company.first.month, company.first.day, tzinfo=UTC)

    def chance(self, issue: str, index: int, *, gap: int, horizon: int) -> Numbers | None:
        """Return every customer's chance of a strike in the window, as of the beginning of day `index`; None if not read."""
        known = {"fee_shock": self._fee, "app_trouble": self._app}
        return known[issue](index, gap, horizon) if issue in known else None

    @cached_property
    def _telemetry(self) -> pl.DataFrame:
        return self._read("telemetry", "user", "action", "started_at", "received_at", "minutes", "app_version", "platform")

    @cached_property
    def _fees(self) -> pl.DataFrame:
        return self._read("billing", "account", "type", "created", "ingested").filter(pl.col("kind") == "fee_charged")

    @cached_property
    def _contacts(self) -> pl.DataFrame:
        return self._read("contacts", "caller", "topic", "opened", "exported")

    def _read(self, source: str, who: str, kind: str, at: str, told: str, *more: str) -> pl.DataFrame:
        """Return row numbers of customers, kinds, days and when a row reached us; broken rows are nobody's."""
        files = sorted(Path(self.company.folder, source).glob("*.parquet"))
        rows = pl.concat([pl.read_parquet(f, columns=[who, kind, at, told, *more]) for f in files], how="diagonal_relaxed")
        number = pl.col(who).str.slice(1).cast(pl.Int64, strict=False)
        found = rows.select(number.alias("who"), pl.col(kind).alias("kind"), (pl.col(at) - self._start).dt.total_days().alias("day"),
                            (pl.col(told) - self._start).dt.total_days().alias("told"), *more).drop_nulls(["who", "day", "told"])  # fmt: skip
        return found.filter(pl.col("who") < self.size, pl.col("day") >= 0)

    def _known(self, rows: pl.DataFrame, index: int) -> pl.DataFrame:
        return rows.filter(pl.col("day") < index, pl.col("told") < index)

    def _newest(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        found = np.full(self.size, LONG_AGO)
        np.maximum.at(found, rows["who"].to_numpy(), rows["day"].to_numpy())
        return found

    def _fee(self, index: int, gap: int, horizon: int) -> Numbers:
        """Weigh how use went since the newest fee: that it fell to a quarter, that all is as ever, that it is a lull."""
        rules, use, n = self.rules.fee, self.rules.telemetry, self.size
        charged = self._newest(self._known(self._fees, index))
        since = index - charged
        rows = self._known(self._telemetry, index).filter(pl.col("kind") == "session", pl.col("minutes") > 0)
        who, day, minutes = rows["who"].to_numpy(), rows["day"].to_numpy(), np.log(rows["minutes"].to_numpy())
        concerned = since <= rules.lasts_days
        end = np.where(concerned, charged, index)
        first = np.maximum(end - PACE_DAYS, 0)
        before, after = (day < end[who]) & (day >= first[who]), concerned[who] & (day >= charged[who])
        pace = (np.bincount(who[before], minlength=n) + use.sessions_per_day * PACE_WEIGHT) / (end - first + PACE_WEIGHT)
        many, spent = np.bincount(who[after], minlength=n), np.bincount(who[after], minutes[after], minlength=n)
        days, less = np.minimum(since, rules.lasts_days), np.log(rules.use_times)
        shorter = (less * spent - many * (MINUTES_LOG_MEAN * less + less**2 / 2)) / MINUTES_LOG_SPREAD**2
        hurt = many * less - pace * rules.use_times * days + shorter
        lulled = use.lull * use.lull_days / 30
        calm = np.logaddexp(np.log1p(-lulled) - pace * days, np.log(lulled) + many * np.log(use.lull_times) - pace * use.lull_times * days)
        left = rules.strikes * self._lasting(since, np.inf, rules) + 1 - rules.strikes
        odds = np.log(rules.hurts * left) - np.log1p(-rules.hurts) + hurt - calm
        disputed = self._newest(self._known(self._contacts, index).filter(pl.col("kind") == "billing_dispute")) >= charged
        resents = np.where(concerned & ~disputed, 1 / (1 + np.exp(-np.clip(odds, -500, 500))), 0.0)
        last = rules.lasts_days + 1
        come = self._lasting(np.minimum(since + gap, last), np.minimum(since + gap + horizon, last), rules)
        come = come + ((since + gap < last) & (last <= since + gap + horizon)) * self._lasting(last, np.inf, rules)
        return np.maximum(resents * rules.strikes * come / left, 1e-4)

    def _app(self, index: int, gap: int, horizon: int) -> Numbers:
        """Weigh the days with errors since a bad release was taken up: broken still, broken and mended, never broken."""
        rules, n = self.rules.app, self.size
        began = self._newest(self._known(self._taken_up, index))
        age = np.clip(index - began, 1, SPELL_DAYS)
        errors = self._known(self._telemetry, index).filter(pl.col("kind") == "error", pl.col("day") >= index - SPELL_DAYS)
        met = np.zeros((n, SPELL_DAYS), dtype=np.bool_)
        met[errors["who"], index - 1 - errors["day"].to_numpy()] = True
        usual = self.rules.telemetry.background_errors
        each = np.where(met, np.log(rules.errors_per_day / usual), np.log((1 - rules.errors_per_day) / (1 - usual)))
        back = np.cumsum(each, axis=1)     # of the newest day, the newest two, ...
        row, whole = np.arange(n), back[np.arange(n), age - 1]
        going = np.log(rules.breaks) + whole + np.log(np.maximum(self._lasting(age, np.inf, rules), 1e-300))
        mended = np.full(n, -np.inf)
        for lasted in range(rules.least_days, SPELL_DAYS):
            then = np.where(age > lasted, back[row, np.maximum(age - lasted - 1, 0)], 0.0)
            chance = rules.breaks * (1 - rules.strikes) * self._lasting(lasted, lasted + 1, rules)
            mended = np.where(age > lasted, np.logaddexp(mended, np.log(max(float(chance), 1e-300)) + whole - then), mended)
        broken = np.exp(going - np.logaddexp(np.logaddexp(going, mended), np.log1p(-rules.breaks)))
        called = self._newest(self._known(self._contacts, index).filter(pl.col("kind") == "app_broken")) >= began
        broken = np.where((index - began <= SPELL_DAYS) & ~called, broken, 0.0)
        ends = self._lasting(age + gap, age + gap + horizon, rules) / np.maximum(self._lasting(age, np.inf, rules), 1e-9)
        return broken * rules.strikes * ends + 1e-4 * self.company.people.pace[:n]

    @cached_property
    def _taken_up(self) -> pl.DataFrame:
        """The first session of each customer on each release that breaks things on their device."""
        releases = range(int(self._telemetry["day"].to_numpy().max(initial=0)) // self.rules.app.release_every_days + 1)
        device = [bad_device(r, self.company.seed, self.rules) for r in releases]
        bad = pl.DataFrame([(release_name(r), DEVICES[d]) for r, d in zip(releases, device, strict=True) if d >= 0],
                           schema=["app_version", "platform"], orient="row")  # fmt: skip
        rows = self._telemetry.filter(pl.col("kind") == "session").join(bad, on=["app_version", "platform"], how="semi")
        return rows.sort("day").unique(["who", "app_version"], keep="first", maintain_order=True)

    @staticmethod
    def _lasting(first: Any, last: Any, rules: Any) -> Numbers:
        """Return the chance that the days until it hurts, least_days and a gamma of shape 2, lie from `first` to before `last`."""
        begun, ended = (np.asarray(edge, dtype=float) - rules.least_days for edge in (first, last))
        return np.asarray(gamma.sf(begun, 2, scale=rules.mean_more_days / 2) - gamma.sf(ended, 2, scale=rules.mean_more_days / 2))
