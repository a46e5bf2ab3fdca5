"""Score a day: close the flags whose story ended, open new ones where capacity and money allow, form the cohorts.

One transaction a day: a killed run leaves nothing, a second one adds nothing. A backfilled day writes replay flags,
which nobody acts on; they never stand in the way of a real one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from core.clock import as_day, moment_after
from core.errors import ModelError
from core.settings import Settings, current
from detectors import explain, models
from detectors.champion import IN_USE
from detectors.choose import Chosen, Ready, Seen, by_model, choose
from detectors.detector import Detector, Probabilities, numbers_of, unit_code
from detectors.examples import at_risk
from detectors.intervened import contact_units, shared_units
from detectors.issue import Issue, load_issues
from detectors.near import keep_near_misses, margin_of
from detectors.over_represented import over_represented, said
from detectors.threshold import Level, lowest, worth
from detectors.trouble import strikes
from detectors.watching import check_features, kinds_of, with_signs
from feature_store import build, lake
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
        opened = {name: flag_issue(scoring, issue) for name, issue in issues.items()}
        total = sum(opened.values())
        mark_done(session, day, STEP, now=now, counts={"opened": total, "issues": opened, "replay": replay})
    return total


def _days_since_last(session: Session, day: date) -> int:
    last = session.scalar(select(func.max(Day.day)).where(Day.step == STEP, Day.day < day))
    return max((day - last).days, 1) if last else 1


def flag_issue(scoring: Scoring, issue: Issue) -> int:
    """Close and open one issue's flags; return how many were opened."""
    check_features(scoring.settings, issue, scoring.frozen.names)
    close(scoring, issue)
    kinds = kinds_of(scoring.settings, issue).values()
    ready = [one for kind in kinds if (one := in_use(scoring, issue, kind))]
    if not ready:
        return 0
    rows = at_risk(scoring.settings, issue, with_signs(scoring.settings, kinds, scoring.vectors))
    seen = Seen(rows, unit_code(contact_units(rows["customer_id"], scoring.shared)) & 1)
    chosen = choose(issue, ready, seen, _flagged_or_resting(scoring, issue), most=round(issue.capacity * scoring.days),
                    say=partial(_probability, scoring))  # fmt: skip
    flags = _flags(scoring, issue, chosen, seen)
    columns = list(flags[0]) if flags else []
    new = copy_once(scoring.session, Flag, columns, (list(f.values()) for f in flags),
                    key=["customer_id", "issue", "day"]) if flags else 0  # fmt: skip
    if new:
        _form_cohort(scoring, issue, ready, chosen, seen)
    if not scoring.replay:
        keep_near_misses(scoring.session, issue, scoring.day, chosen, seen, most=max(round(issue.capacity * scoring.days), 1))
    return new


def close(scoring: Scoring, issue: Issue) -> None:
    """Close the open flags the trouble has struck since, those whose time has passed, and those a person took out.

    Replays only on a replay.
    """
    day, session = scoring.day, scoring.session
    if not scoring.replay:
        _set(session, _trimmed(session, issue), "trimmed", day)
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


def _trimmed(session: Session, issue: Issue) -> list[int]:
    """Return the flags taken out of their cohorts by a person."""
    cohorts = select(Cohort.trimmed).where(Cohort.issue == issue.name, func.jsonb_array_length(Cohort.trimmed) > 0)
    return sorted(int(flag) for trimmed in session.scalars(cohorts) for flag in trimmed)


def _set(session: Session, ids: Any, state: str, day: date) -> None:
    here = (Flag.id.in_(ids), Flag.state == "open")
    session.execute(update(Flag).where(*here).values(state=state, closed_on=day))


def in_use(scoring: Scoring, issue: Issue, kind: Detector) -> Ready | None:
    """Return an issue's detector of a kind as of the day, or None when it has none (yet); a replay takes the one of its time."""
    of_issue = (ModelRow.issue == issue.name, ModelRow.detector == kind.name, ModelRow.trained_on <= scoring.day)
    states = (*IN_USE, "not_predictable", *(("retired",) if scoring.replay else ()))
    in_use_first = case((ModelRow.state.in_(IN_USE) & (not scoring.replay), 0), else_=1)
    newest = select(ModelRow).where(*of_issue, ModelRow.state.in_(states))
    newest = newest.order_by(in_use_first, ModelRow.trained_on.desc(), ModelRow.sha)
    row = scoring.session.scalars(newest.limit(1)).first()
    if row is None:
        model = kind.untrained(issue)
        return None if model is None else Ready(kind, model, lowest(issue, 1e-6), None, [])
    if row.state == "not_predictable":
        return None
    stored = models.load(scoring.settings, row.sha, kind, scoring.frozen)
    return Ready(kind, stored.model, Level(row.flag_at, row.scores.get("set_by", "")), row.sha, stored.card["lags"])


def _probability(scoring: Scoring, ready: Ready, seen: Seen) -> Probabilities:
    """Return what a detector says of every row: on the cluster where it can see the vectors alone, else here."""
    if scoring.settings.features.engine != "spark" or ready.sha is None or not set(ready.model.features) <= set(scoring.frozen.names):
        return by_model(ready, seen)
    from detectors.score_spark import probabilities

    path = build.place(scoring.settings, scoring.day, scoring.frozen)
    found = probabilities(scoring.settings, ready.sha, ready.model.features, ready.kind, path=path, shared=scoring.shared)
    everybody = seen.rows.select("customer_id").join(found, on="customer_id", how="left", maintain_order="left")
    return everybody["probability"].to_numpy()


def _flagged_or_resting(scoring: Scoring, issue: Issue) -> list[str]:
    """Return customers with an open flag of the issue, or with one that expired, was over or was taken out less than an
    episode ago."""
    rested = scoring.day - timedelta(days=issue.rest_days)
    resting = Flag.state.in_(("expired", "over", "trimmed")) & (Flag.closed_on > rested) & (Flag.closed_on <= scoring.day)
    here = (Flag.issue == issue.name, or_(Flag.state == "open", resting & (Flag.replay == scoring.replay)))
    return list(scoring.session.scalars(select(Flag.customer_id).where(*here)))


def _flags(scoring: Scoring, issue: Issue, chosen: Chosen, seen: Seen) -> list[dict[str, Any]]:
    """Return the new flags as ledger rows, each with its reasons, most probable first."""
    ids, flags = seen.rows["customer_id"].to_list(), []
    found = {place: one for ready, places in chosen.by_detector()
             for place, one in zip(places, _told(scoring, issue, ready, seen, places), strict=True)}  # fmt: skip
    for place, probability in zip(chosen.places, chosen.probability, strict=True):
        told = found[place]
        also = [said for said in chosen.others_say(seen, place) if said not in told.reasons]
        flags.append({
            "customer_id": ids[place], "issue": issue.name, "day": scoring.day, "probability": round(float(probability), 6),
            "days_until": chosen.days_until(issue, place, float(probability)), "margin": margin_of(chosen, place), "reasons": [*told.reasons, *also],
            "evidence": told.evidence, "detector": told.detector, "model_sha": told.sha, "replay": scoring.replay,
            "state": "open", "created_at": scoring.now,
        })  # fmt: skip
    return flags


@dataclass(frozen=True)
class Told:
    """What the detector that flagged a customer says of them."""

    reasons: list[str]
    evidence: dict[str, Any]
    detector: str
    sha: str | None


def _told(scoring: Scoring, issue: Issue, ready: Ready, seen: Seen, places: np.ndarray) -> list[Told]:
    """Return sentences and evidence for the customers one detector flagged; its own words come first."""
    drawn = [name for name in ready.model.features if name in set(scoring.frozen.names)]
    features = [scoring.frozen.named(name, issue.name) for name in drawn]
    columns = [ready.model.features.index(name) for name in drawn]
    numbers = numbers_of(seen.rows[places], ready.model.features)
    moved = ready.model.moved_by(numbers, seen.half[places])
    strongest = [explain.strongest(features, row[columns]) if columns else [] for row in moved]
    spoken = sorted({place for each in strongest for place in each})
    usual = dict(zip(spoken, explain.peers(seen.rows, [features[place] for place in spoken]), strict=True))
    found = []
    for about, row, place in zip(strongest, numbers[:, columns], places, strict=True):
        named = [features[p] for p in about]
        values = [None if np.isnan(row[p]) else float(row[p]) for p in about]
        said = [explain.sentence(f, v, usual[p], scoring.settings.company.currency)
                for f, v, p in zip(named, values, about, strict=True)]  # fmt: skip
        lead = ready.model.said(seen.rows.row(int(place), named=True))
        evidence = explain.evidence(named, values, [usual[p] for p in about])
        found.append(Told([*lead, *said], evidence, ready.kind.name, ready.sha))
    return found


def _form_cohort(scoring: Scoring, issue: Issue, ready: Sequence[Ready], chosen: Chosen, seen: Seen) -> None:
    """Write the day's cohort, waiting for review, with the levels it was cut at and what it is expected to be worth.

    How many will be struck is the mean of their probabilities; unknown where a detector does not know how often it is right.
    """
    known = all(one.sha and one.model.proven for one, _ in chosen.by_detector())
    levels = {one.kind.name: {"flag_at": round(one.level.flag_at, 6), "set_by": one.level.set_by} for one in ready}
    row = {"issue": issue.name, "day": scoring.day, "size": len(chosen.places),
           "expected_precision": round(float(chosen.probability.mean()), 6) if known else None,
           "thresholds": levels, "expected_worth": worth(issue, chosen.probability) if known else None,
           "over_represented": [{**trait.as_dict(), "said": said(trait, scoring.frozen.features)} for trait in
                                over_represented(seen.rows, chosen.places, scoring.frozen.features)],
           "state": "waiting", "replay": scoring.replay, "created_at": scoring.now, "trimmed": []}  # fmt: skip
    add_once(scoring.session, Cohort, [row], key=["issue", "day"])
