"""The true effect of assigning a message, from the hazards the company was made with; no luck of the draw is in it.

For every unit of both arms: the chance of still being there at a horizon with the issue's messages and without, given
its weekly hazards and the messages of other issues it truly got. Held-out units count the messages that were held back.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from core.clock import add_months
from simulator.company import Company, with_days
from simulator.leaving import times
from simulator.oracle import hazards
from simulator.people import Column

HORIZONS_MONTHS = (1, 6, 18)
SCHEMA = {"issue": pl.String, "month": pl.String, "horizon_months": pl.Int64, "n": pl.Int64,
          "retained_with": pl.Float64, "retained_without": pl.Float64, "effect": pl.Float64}  # fmt: skip


ACCEPTED = pl.col("state") == "accepted"
SINCE_THE_DRAW = pl.col("live") & (pl.col("day") >= pl.col("drawn"))


@dataclass(frozen=True)
class Told:
    """When each unit was told about one issue: days since the first day, a row a unit, infinity where there is none."""

    days: Column
    hazard_times: float

    def factor(self, day: Column, fades_days: float) -> Column:
        """Return the multiplier on each unit's own `day`; the latest message before it counts."""
        if self.hazard_times == 1.0 or not self.days.shape[1]:
            return np.ones(len(day))
        latest = np.where(self.days < day[:, None], self.days, -np.inf).max(axis=1)
        return times(day - latest, self.hazard_times, fades_days)


@dataclass(frozen=True)
class Study:
    """The units of one issue and everything anybody was told: both with `who`, a row number, and `day`, since the first."""

    company: Company
    issue: str
    units: pl.DataFrame
    told: pl.DataFrame

    @property
    def start(self) -> Column:
        """The day of each unit's draw."""
        return np.floor(self.units["day"].to_numpy())


def true_effects(company: Company, assignments: pl.DataFrame, messages: pl.DataFrame, day: date) -> pl.DataFrame:
    """Return issue, month ("2025-03" or "pooled"), horizon_months, n, retained_with, retained_without and effect.

    `assignments`: customer_id, issue, arm (contact | hold_out), at, live (would a message really go out).
    `messages`: customer_id, issue, at, state (accepted | held_out). Only units whose horizon has passed by `day` count.
    """
    units = with_days(assignments, company).filter(pl.col("who") >= 0)
    told = with_days(messages, company)
    found = [_of_issue(Study(company, issue, units.filter(pl.col("issue") == issue), told), day)
             for issue in sorted(company.truth.effects)]  # fmt: skip
    return pl.concat([pl.DataFrame(schema=SCHEMA), *found])


def _of_issue(study: Study, day: date) -> pl.DataFrame:
    """Average the units of one issue whose horizon has passed, by month of assignment and pooled."""
    retained = pl.concat(_retained(study)).filter(pl.col("until") <= day + timedelta(days=1))
    by = ["month", "horizon_months"]
    cuts = [retained.with_columns(month=month) for month in (pl.col("at").dt.strftime("%Y-%m"), pl.lit("pooled"))]
    means = {"n": pl.len().cast(pl.Int64), "retained_with": pl.col("with").mean(), "retained_without": pl.col("without").mean()}
    found = pl.concat([cut.group_by(by).agg(**means) for cut in cuts]).sort(by)
    effect = pl.col("retained_with") - pl.col("retained_without")
    return found.with_columns(issue=pl.lit(study.issue), effect=effect).select(*SCHEMA)


def _retained(study: Study) -> list[pl.DataFrame]:
    """Return for each horizon the units with `until`, its end, and their chances of being there `with` and `without`."""
    drawn_at = study.units["at"].dt.date()
    ends = {months: pl.Series("until", [add_months(on, months) for on in drawn_at], dtype=pl.Date)
            for months in HORIZONS_MONTHS}  # fmt: skip
    lengths = {months: (until - study.company.first).dt.total_days().to_numpy() - study.start
               for months, until in ends.items()}  # fmt: skip
    arms = {
        "with": _told(study, study.issue, keep=ACCEPTED | SINCE_THE_DRAW, draw_counts=True),
        "without": _told(study, study.issue, keep=ACCEPTED & (pl.col("day") < pl.col("drawn"))),
    }
    lived = _hazard_lived(study, arms, lengths)
    left = study.company.people.left[study.units["who"].to_numpy()]
    there = left >= study.start                     # who had left before the draw is gone in both arms
    return [
        study.units.select("at", until=ends[months], horizon_months=pl.lit(months, pl.Int64),
                           **{name: pl.Series(np.exp(-lived[name, months]) * there) for name in arms})
        for months in HORIZONS_MONTHS
    ]  # fmt: skip


def _hazard_lived(study: Study, arms: dict[str, Told], lengths: dict[int, Column]) -> dict[tuple[str, int], Column]:
    """Add up each unit's daily hazard from its draw, for each arm and horizon; other issues' messages act as they did."""
    written, effects = study.company.days_written, study.company.truth.effects
    fades, units = study.company.truth.message.fades_days, np.arange(len(study.units))
    weekly = hazards(study.company.folder, -(-written // 7), study.units["who"].to_numpy())
    others = [_told(study, name, keep=ACCEPTED) for name in effects if name != study.issue]
    lived = {(name, months): np.zeros(len(units)) for name in arms for months in lengths}
    for after in range(int(max(length.max(initial=0) for length in lengths.values()))):
        day = study.start + after
        daily = weekly[units, np.minimum(day // 7, weekly.shape[1] - 1).astype(int)] / 7 * (day < written)
        for other in others:
            daily = daily * other.factor(day, fades)
        for name, arm in arms.items():
            told_daily = daily * arm.factor(day, fades)
            for months, length in lengths.items():
                lived[name, months] += told_daily * (after < length)
    return lived


def _told(study: Study, issue: str, *, keep: pl.Expr, draw_counts: bool = False) -> Told:
    """Return when each unit was told about `issue`, a column for its first, second, ... message that `keep` keeps.

    With `draw_counts`, a unit held out in earnest without any message on record since counts as told at its draw.
    """
    drawn = study.units.with_row_index("unit").select("unit", "customer_id", "arm", "live", drawn="day")
    told = study.told.filter(pl.col("issue") == issue).select("customer_id", "state", "day")
    kept = drawn.join(told, on="customer_id").filter(keep).select("unit", "drawn", "day")
    if draw_counts:
        held = drawn.filter((pl.col("arm") == "hold_out") & pl.col("live"))
        unsaid = held.join(kept.filter(pl.col("day") >= pl.col("drawn")), on="unit", how="anti")
        kept = pl.concat([kept, unsaid.select("unit", "drawn", day="drawn")])
    ranked = kept.sort("unit", "day").with_columns(nth=pl.int_range(pl.len()).over("unit"))
    days = np.full((len(study.units), int(ranked["nth"].to_numpy().max(initial=-1)) + 1), np.inf)
    days[ranked["unit"].to_numpy(), ranked["nth"].to_numpy()] = ranked["day"].to_numpy()
    return Told(days, study.company.truth.effects[issue].hazard_times)
