"""Watch the models in use: drift by effect size with a minimum of cases, live precision, staleness; a bad one stops sending.

scores       population stability index of the probabilities against the days judged on: it sees any change of shape, also
             in the tail that is flagged
features     standardized differences, the largest: hundreds of features are compared by moments that fit on a card
calibration  observed over expected trouble on the newest day whose outcome is settled, those we told left out
precision    of the flagged who were held out and are settled; a customer we wrote to who stays is no false alarm
stale        days since the model was last held against what happened
failed       the model cannot be loaded, or does not fit the features

A model that failed or is stale pulls the issue's brake; drift alarms, and a person decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import as_day, moment_after
from core.errors import BeforehandError, ModelError
from core.settings import Settings, Watching, current
from detectors import models
from detectors.champion import IN_USE
from detectors.detector import Detector, numbers_of, unit_code
from detectors.examples import at_risk
from detectors.intervened import contact_units, intervened, shared_units
from detectors.issue import Issue, load_issues
from detectors.reference import population_stability, shares, standardized_differences
from detectors.trouble import label, strikes, window_end
from detectors.watching import kinds_of, with_signs
from feature_store.build import vectors
from feature_store.feature_set import in_use
from ledger.base import add_once
from ledger.brakes import pull_brake
from ledger.database import sessions
from ledger.days import Day, mark_done
from ledger.flags import Flag
from ledger.messages import Message, State
from ledger.models import Model as ModelRow
from ledger.watches import Watch

STEP = "watch"
STOPS = ("failed", "stale")


@dataclass(frozen=True)
class Look:
    """One thing seen of a model: an effect size (None: too few cases), how many cases, whether it alarms, and why."""

    kind: str
    value: float | None
    n: int
    alarm: bool
    why: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """One model in use on one day, and what is needed to look at it."""

    settings: Settings
    session: Session
    issue: Issue
    kind: Detector
    row: ModelRow
    day: date

    @property
    def limits(self) -> Watching:
        """The limits from which a look alarms."""
        return self.settings.watch

    def at_risk(self, day: date) -> pl.DataFrame:
        """Return the rows of the customers at risk on a day, in today's features, with all that the detector looks up."""
        frozen = in_use(self.settings, self.day)
        rows = vectors(self.settings, day, frozen.version if frozen else None)
        return at_risk(self.settings, self.issue, with_signs(self.settings, [self.kind], rows))


def watch_day(*, day: date | str, now: datetime, settings: Settings | None = None) -> dict[str, int]:
    """Look at every model in use as of a day, once; return how many looks were taken and how many alarm."""
    settings, day = settings or current(), as_day(day)
    with sessions(settings).begin() as session:
        looked = [(each, look) for each in _in_use(settings, session, day) for look in looks(each)]
        rows = [{"day": day, "issue": each.issue.name, "detector": each.kind.name, "model_sha": each.row.sha, "at": now,
                 **vars(look)} for each, look in looked]  # fmt: skip
        add_once(session, Watch, rows, key=["day", "issue", "detector", "kind"])
        for each, look in looked:
            if look.alarm and look.kind in STOPS:
                pull_brake(session, issue=each.issue.name, kind="model", reason=look.why, now=now)
        counts = {"looks": len(rows), "alarms": sum(look.alarm for _, look in looked)}
        mark_done(session, day, STEP, now=now, counts=counts)
    return counts


def _in_use(settings: Settings, session: Session, day: date) -> Iterator[Watched]:
    for issue in load_issues(settings).values():
        for name, kind in kinds_of(settings, issue).items():
            mine = (ModelRow.issue == issue.name, ModelRow.detector == name, ModelRow.trained_on <= day)
            for row in session.scalars(select(ModelRow).where(*mine, ModelRow.state.in_(IN_USE))):
                yield Watched(settings, session, issue, kind, row, day)


def looks(watched: Watched) -> list[Look]:
    """Return what is seen of one model; of one that cannot be loaded only that it failed."""
    frozen = in_use(watched.settings, watched.day)
    try:
        if frozen is None:
            raise ModelError(f"{watched.issue.name}: no features are drawn as of {watched.day}.")
        stored = models.load(watched.settings, watched.row.sha, watched.kind, frozen)
        return [_stale(watched), *_drift(watched, stored), _calibration(watched, stored), _precision(watched)]
    except BeforehandError as error:
        return [Look("failed", None, 0, True, f"the model in use cannot be used: {error}", {})]


def _stale(watched: Watched) -> Look:
    judged = watched.row.judged_on or watched.row.trained_on
    days, most = (watched.day - judged).days, watched.limits.stale_days
    why = f"last held against what happened on {judged}, {days} days ago (at most {most})"
    return Look("stale", float(days), 1, days > most, why, {})


def _drift(watched: Watched, stored: models.Stored) -> list[Look]:
    """Hold today's scores and features against those of the days judged on."""
    rows, before, limits = watched.at_risk(watched.day), stored.card["reference"], watched.limits
    if rows.height < limits.least_rows:
        few = f"{rows.height} customers at risk are too few to tell (at least {limits.least_rows})"
        return [Look(kind, None, rows.height, False, few, {}) for kind in ("scores", "features")]
    numbers = numbers_of(rows, stored.model.features)
    probability = stored.model.probability(numbers, _half(watched, rows))
    moved = population_stability(before["shares"], shares(np.array(before["edges"]), probability))
    apart = standardized_differences(before["features"], before["rows"], numbers)
    most = dict(sorted(apart.items(), key=lambda each: -abs(each[1]))[:5])
    name, largest = next(iter(most.items()))
    return [
        Look("scores", round(moved, 4), rows.height, moved > limits.score_shift,
             f"population stability index {moved:.2f} (alarm above {limits.score_shift})", {}),
        Look("features", largest, rows.height, abs(largest) > limits.feature_shift,
             f"{name} moved by {largest:+.2f} of its standard deviations (alarm above {limits.feature_shift})", most),
    ]  # fmt: skip


def _half(watched: Watched, rows: pl.DataFrame) -> Any:
    return unit_code(contact_units(rows["customer_id"], shared_units(watched.session))) & 1


def _calibration(watched: Watched, stored: models.Stored) -> Look:
    """Hold the trouble expected on the newest settled day against what came, those we told left out."""
    issue, limits = watched.issue, watched.limits
    settled = watched.day - timedelta(days=issue.gap_days + issue.horizon_days)
    day = watched.session.scalar(select(func.max(Day.day)).where(Day.step == "detect", Day.day <= settled))
    rows = watched.at_risk(day) if day else pl.DataFrame()
    if day is None or rows.is_empty():
        return Look("calibration", None, 0, False, "no scored day is settled yet", {})
    moment, known = moment_after(day), moment_after(watched.day)
    struck = strikes(watched.settings, issue, after=moment, before=window_end(issue, moment), known_before=known)
    units = contact_units(rows["customer_id"], shared_units(watched.session))
    weight = intervened(watched.session, issue, known).weights(issue, units, moment).to_numpy()
    hit = label(issue, rows["customer_id"], struck, moment)["struck"].to_numpy()
    p = stored.model.probability(numbers_of(rows, stored.model.features), _half(watched, rows))
    observed, expected = float((weight * hit).sum()), float((weight * p).sum())
    if expected < limits.least_troubles:
        few = f"{expected:.0f} troubles expected as of {day} are too few to tell (at least {limits.least_troubles})"
        return Look("calibration", None, len(p), False, few, {})
    ratio, spread = observed / expected, float(np.sqrt((weight**2 * p * (1 - p)).sum())) / expected
    off = abs(ratio - 1) > 2 * spread and not 1 / limits.calibration_off <= ratio <= limits.calibration_off
    why = f"{observed:.0f} troubles came of {expected:.0f} expected as of {day} ({ratio:.2f}, give or take {2 * spread:.2f})"
    return Look("calibration", round(ratio, 4), len(p), off, why, {"day": str(day), "spread": round(spread, 4)})


def _precision(watched: Watched) -> Look:
    """Estimate how often a flag was right from those held out, whose story is over."""
    until = watched.day - timedelta(days=watched.issue.lifetime_days)
    held = (Flag.issue == watched.issue.name, Flag.detector == watched.kind.name, Flag.day <= until, ~Flag.replay,
            Flag.day > until - timedelta(days=watched.limits.precision_days), Message.state == State.HELD_OUT)  # fmt: skip
    asked = select(func.count(), func.count().filter(Flag.state == "struck"), func.sum(Flag.probability))
    n, right, expected = watched.session.execute(asked.select_from(Flag).join(Message, Message.flag_id == Flag.id).where(*held)).one()
    if n < watched.limits.least_held_out:
        return Look("precision", None, n, False, f"{n} held-out flags are settled, too few (at least {watched.limits.least_held_out})", {})
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(right, n, method="wilson")
    claimed = expected / n
    why = f"{right} of {n} held-out flags were right, {right / n:.0%} ({low:.0%} to {high:.0%}); {claimed:.0%} were claimed"
    wide = {"low": round(low, 4), "high": round(high, 4), "claimed": round(claimed, 4)}
    return Look("precision", round(right / n, 4), n, bool(high < claimed / watched.limits.calibration_off), why, wide)
