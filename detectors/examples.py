"""Examples to learn from: past days' vectors of the customers at risk, with labels that were settled in time.

The past days lie on a fixed grid, so that the next training meets the same vectors again and issues share them.
"""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
from sqlalchemy.orm import Session

from core.clock import moment_after
from core.settings import Settings, Training
from detectors.condition import all_hold
from detectors.detector import Examples, drawn, numbers_of, unit_code
from detectors.intervened import contact_units, intervened, shared_units
from detectors.issue import Issue
from detectors.trouble import free, label, strikes, window_end

CALM_A_DAY = 5_000  # customers without trouble kept of each day to learn from
Vectors = Callable[[date], pl.DataFrame]


def past_days(issue: Issue, training: Training, *, day: date, first: date) -> list[date]:
    """Return the grid's days, oldest first, whose labels are settled as of `day` and which lie after `first`."""
    settled = day - timedelta(days=issue.gap_days + issue.horizon_days)
    newest = settled - timedelta(days=settled.toordinal() % training.every_days)
    grid = (newest - timedelta(days=n * training.every_days) for n in range(training.cutoffs))
    return sorted(d for d in grid if d > first)


def at_risk(settings: Settings, issue: Issue, vectors: pl.DataFrame) -> pl.DataFrame:
    """Return the vectors of those the trouble can strike: every at_risk condition holds, and it is not on them already."""
    exposed = vectors.filter(all_hold(issue.exposed_when))
    if exposed.is_empty():
        return exposed
    moment = moment_after(exposed["as_of"][0])
    ready = free(settings, issue, exposed["customer_id"], moment)
    return exposed.filter(pl.col("customer_id").is_in(ready.implode()))


def later_days(cutoffs: int, training: Training) -> int:
    """Return how many of the newest cutoffs are kept from learning: at least two, one to calibrate and one to judge."""
    return min(max(training.calibrate_on, 2), cutoffs - 1)


def _kept(struck: np.ndarray, weight: np.ndarray, most_calm: int) -> np.ndarray:
    """Return the rows to keep, in order: everybody of some weight, or so many of the calm, whose `weight` then grows."""
    calm, hit = np.flatnonzero(~struck & (weight > 0)), np.flatnonzero(struck & (weight > 0))
    if len(calm) > most_calm:
        every = drawn(calm, most_calm, np.ones(len(struck)))
        weight[every] *= weight[calm].sum() / weight[every].sum()
        calm = every
    return np.sort(np.concatenate([hit, calm]))


def collect(
    settings: Settings, session: Session, issue: Issue, cutoffs: list[date], vectors: Vectors, *, day: date
) -> Examples:
    """Return the labelled rows of every cutoff, as known as of `day`; those we told of the trouble are left out.

    Of the customers without trouble a day to learn from keeps some thousands, weighted up to stand for all; the later
    days, which are judged on, keep everybody.
    """
    whole = later_days(len(cutoffs), settings.training)
    known_before = moment_after(day)
    moments = [moment_after(cutoff) for cutoff in cutoffs]
    struck = strikes(settings, issue, after=moments[0], before=window_end(issue, moments[-1]), known_before=known_before)
    told, shared = intervened(session, issue, known_before), shared_units(session)
    features: list[str] = []
    parts: list[dict[str, np.ndarray]] = []
    for number, (cutoff, moment) in enumerate(zip(cutoffs, moments, strict=True)):
        rows = at_risk(settings, issue, vectors(cutoff))
        features = features or [name for name, kind in rows.schema.items() if kind.is_numeric()]
        units = contact_units(rows["customer_id"], shared)
        labels = label(issue, rows["customer_id"], struck, moment)
        hit, weight = labels["struck"].to_numpy(), told.weights(issue, units, moment).to_numpy().copy()
        kept = _kept(hit, weight, CALM_A_DAY if number < len(cutoffs) - whole else len(rows))
        parts.append({
            "numbers": numbers_of(rows[kept], features),
            "struck": hit[kept],
            "lag_days": labels["lag_days"].fill_null(float("nan")).to_numpy()[kept],
            "weight": weight[kept],
            "cutoff": np.full(len(kept), number),
            "unit": unit_code(units[kept]),
            "exposed": np.array([len(rows)]),
        })  # fmt: skip
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Examples(features=tuple(features), cutoffs=tuple(cutoffs), **joined)
