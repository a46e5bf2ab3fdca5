"""Score a day: close the flags whose story ended, open new ones where capacity and money allow, form the cohorts.

One transaction a day: a killed run leaves nothing, a second one adds nothing. A backfilled day writes replay flags,
which nobody acts on; they never stand in the way of a real one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

import detectors
from core.clock import as_day, moment_after
from core.errors import ModelError
from core.registry import discover
from core.settings import Settings, current
from detectors import explain, models
from detectors.detector import Detector, Model, numbers_of, unit_code
from detectors.examples import at_risk
from detectors.intervened import contact_units, shared_units
from detectors.issue import Issue, check_features, load_issues
from detectors.threshold import days_until
from detectors.trouble import strikes
from feature_store import lake
from feature_store.build import feature_set_of, read
from feature_store.feature_set import FeatureSet
from ledger.base import add_once
from ledger.bulk import copy_once
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.days import Day, mark_done
from ledger.flags import Flag
from ledger.models import Model as ModelRow

STEP = "detect"
LOCK = 0x0BEF0DA7  # one scoring at a time


@dataclass(frozen=True)
class Scoring:
    """What all issues share on one day."""

    settings: Settings
    session: Session
    day: date
    now: datetime
    vectors: pl.DataFrame
    frozen: FeatureSet
    replay: bool
    days: int              # since the last scored day
    shared: pl.DataFrame   # customers whose contact unit is not theirs alone

    @property
    def moment(self) -> datetime:
        """The as-of moment of the day."""
        return moment_after(self.day)


@dataclass(frozen=True)
class Ready:
    """A detector in use: its model, the level from which it flags, and the usual lags."""

    model: Model
    flag_at: float
    sha: str | None
    lags: list[dict[str, Any]]


def flag_day(vectors: str, *, day: date | str, now: datetime, settings: Settings | None = None) -> int:
    """Score every issue on the day's vectors (the path that build_day returned); return how many flags were opened."""
    settings, day = settings or current(), as_day(day)
    issues, rows, frozen = load_issues(settings), read(vectors), feature_set_of(settings, vectors)
    if rows.height and rows["as_of"][0] != day:
        raise ModelError(f"{vectors}: holds vectors as of {rows['as_of'][0]}, not of {day}. Pass the day's own path.")
    with sessions(settings).begin() as session:
        session.execute(select(func.pg_advisory_xact_lock(LOCK)))
        if (done := session.scalar(select(Day.counts).where(Day.day == day, Day.step == STEP))) is not None:
            return int(done["opened"])
        replay, days = lake.is_replay(settings, day), _days_since_last(session, day)
        scoring = Scoring(settings, session, day, now, rows, frozen, replay, days, shared_units(session))
        opened = {name: _flag_issue(scoring, issue) for name, issue in issues.items()}
        total = sum(opened.values())
        mark_done(session, day, STEP, now=now, counts={"opened": total, "issues": opened, "replay": replay})
    return total


def _days_since_last(session: Session, day: date) -> int:
    last = session.scalar(select(func.max(Day.day)).where(Day.step == STEP, Day.day < day))
    return max((day - last).days, 1) if last else 1


def _flag_issue(scoring: Scoring, issue: Issue) -> int:
    """Close and open one issue's flags; return how many were opened."""
    check_features(scoring.settings, issue, scoring.frozen.names)
    close(scoring, issue)
    ready = in_use(scoring, issue)
    if ready is None:
        return 0
    rows = at_risk(scoring.settings, issue, scoring.vectors)
    chosen = _choose(scoring, issue, ready, rows)
    flags = _flags(scoring, issue, ready, rows, chosen)
    columns = list(flags[0]) if flags else []
    new = copy_once(scoring.session, Flag, columns, (list(f.values()) for f in flags),
                    key=["customer_id", "issue", "day"]) if flags else 0  # fmt: skip
    if new:
        _form_cohort(scoring, issue, ready, flags)
    return new


def close(scoring: Scoring, issue: Issue) -> None:
    """Close the open flags the trouble has struck since, and those whose time has passed; replays only on a replay."""
    day, session = scoring.day, scoring.session
    if not scoring.replay:  # nobody may act on a past day's flag, and it must not keep a real one from being opened
        _set(session, select(Flag.id).where(Flag.issue == issue.name, Flag.state == "open", Flag.replay), "expired", day)
    mine = (Flag.issue == issue.name, Flag.state == "open", Flag.replay == scoring.replay, Flag.day < day)
    open_flags = session.execute(select(Flag.id, Flag.customer_id, Flag.day).where(*mine)).all()
    if not open_flags:
        return
    first = moment_after(min(flag.day for flag in open_flags))
    struck = strikes(scoring.settings, issue, after=first, before=scoring.moment, known_before=scoring.moment)
    last = dict(struck.group_by("customer_id").agg(pl.col("occurred_at").max()).iter_rows())
    hit = [f.id for f in open_flags if f.customer_id in last and last[f.customer_id] >= moment_after(f.day)]
    old = {f.id for f in open_flags if f.day + timedelta(days=issue.lifetime_days) <= day} - set(hit)
    _set(session, hit, "struck", day)
    _set(session, sorted(old), "expired", day)


def _set(session: Session, ids: Any, state: str, day: date) -> None:
    session.execute(update(Flag).where(Flag.id.in_(ids)).values(state=state, closed_on=day))


def in_use(scoring: Scoring, issue: Issue) -> Ready | None:
    """Return the issue's detector as of the day, or None when it has none (yet); a replay takes the one of its time."""
    detector: Detector = discover(detectors, "DETECTOR")[issue.detector]
    of_issue = (ModelRow.issue == issue.name, ModelRow.detector == detector.name, ModelRow.trained_on <= scoring.day)
    states = ("champion", "retired", "not_predictable") if scoring.replay else ("champion",)
    newest = select(ModelRow).where(*of_issue, ModelRow.state.in_(states)).order_by(ModelRow.trained_on.desc(), ModelRow.sha)
    row = scoring.session.scalars(newest.limit(1)).first()
    if row is None:
        model = detector.untrained(issue)
        floor = max(1e-6, issue.value.break_even if issue.value else 0.0)
        return None if model is None else Ready(model, floor, None, [])
    if row.state == "not_predictable":
        return None
    stored = models.load(scoring.settings, row.sha, detector, scoring.frozen)
    return Ready(stored.model, row.flag_at, row.sha, stored.card["lags"])


@dataclass(frozen=True)
class Chosen:
    """The customers to flag, most probable first: their places among the rows, probabilities, numbers and halves."""

    places: np.ndarray
    probability: np.ndarray
    numbers: np.ndarray
    half: np.ndarray


def _choose(scoring: Scoring, issue: Issue, ready: Ready, rows: pl.DataFrame) -> Chosen:
    """Take the most probable customers at or above the level who are not flagged already, as many as capacity allows."""
    numbers = numbers_of(rows, ready.model.features)
    half = unit_code(contact_units(rows["customer_id"], scoring.shared)) & 1
    probability = ready.model.probability(numbers, half)
    spoken_for = _flagged_or_resting(scoring, issue)
    eligible = np.flatnonzero((probability >= ready.flag_at) & ~rows["customer_id"].is_in(spoken_for).to_numpy())
    ids = rows["customer_id"].to_numpy()[eligible]
    most = round(issue.capacity * scoring.days)
    places = eligible[np.lexsort((ids, -probability[eligible]))][:most]
    return Chosen(places, probability[places], numbers[places], half[places])


def _flagged_or_resting(scoring: Scoring, issue: Issue) -> list[str]:
    """Return customers with an open flag of the issue, or with one that expired or was over less than an episode ago."""
    rested = scoring.day - timedelta(days=issue.rest_days)
    resting = Flag.state.in_(("expired", "over")) & (Flag.closed_on > rested) & (Flag.closed_on <= scoring.day)
    here = (Flag.issue == issue.name, or_(Flag.state == "open", resting & (Flag.replay == scoring.replay)))
    return list(scoring.session.scalars(select(Flag.customer_id).where(*here)))


def _flags(scoring: Scoring, issue: Issue, ready: Ready, rows: pl.DataFrame, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the new flags as ledger rows, each with its reasons."""
    why = _reasons(scoring, issue, ready, rows, chosen)
    ids = rows["customer_id"].to_list()
    return [
        {"customer_id": ids[place], "issue": issue.name, "day": scoring.day, "probability": round(float(p), 6),
         "days_until": days_until(issue, ready.lags, float(p)), "reasons": said, "evidence": evidence,
         "detector": issue.detector, "model_sha": ready.sha, "replay": scoring.replay, "state": "open",
         "created_at": scoring.now}
        for place, p, (said, evidence) in zip(chosen.places, chosen.probability, why, strict=True)
    ]  # fmt: skip


def _reasons(
    scoring: Scoring, issue: Issue, ready: Ready, rows: pl.DataFrame, chosen: Chosen
) -> list[tuple[list[str], dict[str, Any]]]:
    """Return sentences and evidence for every chosen customer; a rule's own words come first."""
    if not len(chosen.places):
        return []
    features = [scoring.frozen.named(name, issue.name) for name in ready.model.features]
    moved = ready.model.moved_by(chosen.numbers, chosen.half)
    strongest = [explain.strongest(features, row) for row in moved]
    spoken = sorted({place for places in strongest for place in places})
    usual = dict(zip(spoken, explain.peers(rows, [features[place] for place in spoken]), strict=True))
    lead = [issue.rule.reason] if issue.rule else []
    found = []
    for places, numbers in zip(strongest, chosen.numbers, strict=True):
        about = [features[p] for p in places]
        values = [None if np.isnan(numbers[p]) else float(numbers[p]) for p in places]
        said = [explain.sentence(f, v, usual[p], scoring.settings.company.currency)
                for f, v, p in zip(about, values, places, strict=True)]  # fmt: skip
        found.append(([*lead, *said], explain.evidence(about, values, [usual[p] for p in places])))
    return found


def _form_cohort(scoring: Scoring, issue: Issue, ready: Ready, flags: Sequence[dict[str, Any]]) -> None:
    """Write the day's cohort, waiting for review; how many will be struck is the mean of their probabilities."""
    precision = round(float(np.mean([f["probability"] for f in flags])), 6) if ready.sha else None
    row = {"issue": issue.name, "day": scoring.day, "size": len(flags), "expected_precision": precision,
           "state": "waiting", "replay": scoring.replay, "created_at": scoring.now, "trimmed": []}  # fmt: skip
    add_once(scoring.session, Cohort, [row], key=["issue", "day"])
