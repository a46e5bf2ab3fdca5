"""What only the maker knows, kept a week a file beside the sources: hazards and how far each trouble's signs have come.

No source maps these files. They serve to say the true effect of messages, and to judge detectors.
"""

from pathlib import Path

import numpy as np
import polars as pl

from simulator.files import write_whole
from simulator.leaving import weekly_hazard
from simulator.people import NEVER, Column, People
from simulator.truth import Truth

SIGNS = "truth"


def write_week(folder: Path, week: int, people: People, truth: Truth) -> None:
    """Write everybody's hazard of leaving in `week` without messages, and the stage of each issue's signs as it begins."""
    write_whole(pl.DataFrame({"hazard": weekly_hazard(people), **stages(week * 7, people, truth)}), week_file(folder, week))


def week_file(folder: Path, week: int) -> Path:
    """Return the file of one week, counted from 0."""
    return folder / SIGNS / f"week-{week:04d}.parquet"


def stages(index: int, people: People, truth: Truth) -> dict[str, Column]:
    """Return for each issue with signs how far they have come at the beginning of day `index`; 0 is no sign.

    payment_failing: 1 the card is about to expire or has expired, 2 payments fail. app_trouble: 1 things are broken.
    fee_shock: 1 a fee was charged and use fell. In `..._days`, the days until the trouble strikes, or -1 if it will not.
    """
    card = people.card_expires - truth.payment.notice_days < index
    failing = (people.pay_began < index) & (people.pay_ends >= index)
    broken = (people.app_began < index) & (people.app_ends >= index)
    resents = (people.fee_began < index) & (index <= people.fee_began + truth.fee.lasts_days)
    return {
        "payment_failing": np.where(failing, 2, card).astype(np.int8),
        "app_trouble": broken.astype(np.int8),
        "fee_shock": resents.astype(np.int8),
        "payment_failing_days": _until(people.pay_ends, index, failing & people.pay_strikes),
        "app_trouble_days": _until(people.app_ends, index, broken & people.app_strikes),
        "fee_shock_days": _until(people.fee_disputed, index, (people.fee_disputed >= index) & (people.fee_disputed < NEVER)),
    }


def hazards(folder: Path, weeks: int, who: Column) -> Column:
    """Return the weekly hazards of the row numbers `who`, one column a week; 0 before a customer joined."""
    found = np.zeros((len(who), weeks))
    for week in range(weeks):
        hazard = pl.read_parquet(week_file(folder, week), columns=["hazard"])["hazard"].to_numpy()
        known = who < len(hazard)
        found[known, week] = hazard[who[known]]
    return found


def _until(day: Column, index: int, will: Column) -> Column:
    return np.where(will, np.minimum(day - index, 2**14), -1).astype(np.int16)
