"""The made company: plays its days in order and writes what each of its five sources would hand over.

Every day has its own random numbers, drawn from the seed and the day, so the files do not depend on how the calls
are cut, and a run that was killed writes the same bytes again. Only accepted messages change anything, from the day
after they were accepted. The state is saved after the files of a call are there.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import ConfigError, LedgerError
from simulator import desk, fees, leaving, payments, shop, signups, usage
from simulator.files import Rows, rows_of_day, write_days, write_whole
from simulator.oracle import write_week
from simulator.people import People, at_the_start, from_frame, joining_in_week
from simulator.today import Today
from simulator.truth import Truth, load_truth

START_STREAM, WEEK_STREAM, DAY_STREAM, LOOKS_STREAM = range(4)
STATE = "state.parquet"
BLOCK_DAYS = 28                     # days put into files together


@dataclass
class Company:
    """A made company in a folder; get one from `Company.open`."""

    folder: Path
    customers: int
    seed: int
    first: date
    last: date
    truth: Truth
    people: People
    written_until: date | None = None

    @classmethod
    def open(cls, folder: Path | str, *, customers: int = 20_000, seed: int = 1, first: date, last: date,
             truth: Truth | None = None) -> "Company":
        """Go on with the company saved in `folder`, or start one of `customers` on the day `first`.

        Raise ConfigError when another company (customers, seed, first day or truth) is saved there; `last` may grow.
        """
        folder, truth = Path(folder), truth or load_truth()
        made_of = {"customers": str(customers), "seed": str(seed), "first": first.isoformat(), "truth": truth.sha}
        if not (folder / STATE).exists():
            rng = np.random.default_rng([seed, START_STREAM])
            return cls(folder, customers, seed, first, last, truth, at_the_start(customers, truth, rng))
        saved = pl.read_parquet_metadata(folder / STATE)
        for name, value in made_of.items():
            if saved[name] != value:
                raise ConfigError(f"{folder}: {name} of the made company saved here is {saved[name]}, asked for was "
                                  f"{value}. Ask for that, or start in an empty folder.")  # fmt: skip
        people = from_frame(pl.read_parquet(folder / STATE))
        until = date.fromisoformat(saved["written_until"])
        return cls(folder, customers, seed, first, last, truth, people, until)

    @classmethod
    def saved(cls, folder: Path | str) -> "Company | None":
        """Return the company saved in `folder`, whatever it was made of, or None; its last day is the last one written."""
        state = Path(folder) / STATE
        if not state.exists():
            return None
        of = pl.read_parquet_metadata(state)
        return cls.open(folder, customers=int(of["customers"]), seed=int(of["seed"]),
                        first=date.fromisoformat(of["first"]), last=date.fromisoformat(of["written_until"]))

    @property
    def days_written(self) -> int:
        """How many days of the calendar have their files."""
        return 0 if self.written_until is None else (self.written_until - self.first).days + 1

    def write_until(self, day: date, *, contacts: pl.DataFrame | None = None) -> int:
        """Write every source's files for the days not yet written up to `day`; return how many days those were.

        `contacts` are all messages accepted so far: customer_id, issue, at (UTC). Raise LedgerError if columns are missing.
        """
        if day > self.last:
            raise ConfigError(f"{day}: the made company's calendar ends on {self.last}. Open it with a later last day.")
        accepted = self._accepted(contacts)
        asked = self._questions(accepted)
        changing = accepted.filter(pl.col("issue").is_in(list(self.truth.effects)))
        messages = leaving.Accepted(changing, self.truth)
        start, end = self.days_written, (day - self.first).days + 1
        for block in range(start, end, BLOCK_DAYS):
            indices = range(block, min(block + BLOCK_DAYS, end))
            rows = [self._play(n, messages, asked.get(n, np.empty(0, dtype=np.int64))) for n in indices]
            write_days([self.first + timedelta(days=n) for n in indices], rows, self.people, self.folder)
        if end > start:
            self.written_until = day
            self._save()
        return max(end - start, 0)

    def rows_of(self, customer_ids: pl.Series) -> np.ndarray:
        """Return the row number of each customer id, -1 for ids that are not this company's."""
        number = customer_ids.str.extract(r"^c(\d+)$").cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
        return np.where(number < len(self.people), number, -1)

    def _play(self, index: int, messages: leaving.Accepted, questions: np.ndarray) -> dict[str, Rows]:
        """Play one day, the first of a week with its newcomers and hazards; return every source's rows."""
        if index % 7 == 0:
            self._begin_week(index // 7)
        on = self.first + timedelta(days=index)
        rng, looks = (np.random.default_rng([self.seed, stream, index]) for stream in (DAY_STREAM, LOOKS_STREAM))
        today = Today(index, on, self.people, self.truth, self.seed, rng, looks)
        leaving.step(today, messages.hazard_times(index, len(self.people)))
        signups.step(today)
        payments.step(today)
        fees.step(today)
        usage.step(today)
        shop.step(today)
        desk.step(today, questions)
        return rows_of_day(today)

    def _begin_week(self, week: int) -> None:
        rng = np.random.default_rng([self.seed, WEEK_STREAM, week])
        self.people = self.people.and_also(joining_in_week(week, self.customers, self.truth, rng))
        leaving.begin_week(self.people, self.truth)
        write_week(self.folder, week, self.people, self.truth)

    def _accepted(self, contacts: pl.DataFrame | None) -> pl.DataFrame:
        """Return the messages to this company's customers as who, issue, day (days since the first, with fraction)."""
        if contacts is None:
            contacts = pl.DataFrame(schema={"customer_id": pl.String, "issue": pl.String, "at": pl.Datetime("us", "UTC")})
        missing = {"customer_id", "issue", "at"} - set(contacts.columns)
        if missing:
            raise LedgerError(f"contacts: column {min(missing)!r} is missing. Known: {', '.join(contacts.columns)}.")
        return with_days(contacts, self).filter(pl.col("who") >= 0).sort("day", "who", "issue")

    def _questions(self, accepted: pl.DataFrame) -> dict[int, np.ndarray]:
        """Return for each day the row numbers of those who then ask about a message of ours."""
        asks = {name: issue.asks for name, issue in self.truth.effects.items()}
        whole = accepted.with_columns(pl.col("day").floor().cast(pl.Int32))
        asked = whole.select("who", on=desk.asked_on(whole, asks, self.seed)).drop_nulls().unique().sort("on", "who")
        return {int(on): who["who"].to_numpy() for (on,), who in asked.group_by("on", maintain_order=True)}

    def _save(self) -> None:
        """Put the whole state down at once; it says itself until which day the files are there."""
        made_of = {"customers": str(self.customers), "seed": str(self.seed), "first": self.first.isoformat(),
                   "truth": self.truth.sha, "written_until": str(self.written_until)}
        write_whole(self.people.frame(), self.folder / STATE, **made_of)


def with_days(messages: pl.DataFrame, company: Company) -> pl.DataFrame:
    """Return messages (customer_id, at, ...) with `who`, the row number, and `day`, days since the calendar's first."""
    midnight = pl.lit(company.first).cast(pl.Datetime("us", "UTC"))
    return messages.with_columns(
        who=pl.Series(company.rows_of(messages["customer_id"])),
        day=(pl.col("at").cast(pl.Datetime("us", "UTC")) - midnight).dt.total_microseconds() / 86_400e6,
    )
