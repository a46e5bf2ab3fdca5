"""What stands in the ledger and the lake, in figures: for `status`, the report, and anybody who asks for JSON."""

from collections import defaultdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import detectors
from core.errors import LedgerError
from core.registry import discover
from core.settings import Settings
from feature_store import lake
from feature_store.bookkeeping import dropped_of
from feature_store.feature_set import in_use
from ledger.assignments import Assignment
from ledger.calls import Call
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.flags import Flag
from ledger.gestures import undecided
from ledger.messages import Message, State
from ledger.models import Model
from outreach.reconcile import COUNTS, PARTS, audit

ROWS = ("read", "kept", "quarantined")
IN_USE = ("champion", "unproven")
FLAG_STATES = ("open", "struck", "over", "expired")
EVERYTHING = {"issue": None, "days": None}


def figures(settings: Settings) -> dict[str, Any]:
    """Return sources, features, models, issues, cohorts and whether the counts reconcile, as plain JSON values."""
    closed = lake.last_closed(settings)
    with sessions(settings)() as session:
        models, cohorts = _models(session), _cohorts(session)
        return {
            "company": settings.company.name,
            "last_closed": closed.isoformat() if closed else None,
            "sources": _sources(settings),
            "features": _features(settings),
            "models": models,
            "issues": _issues(session, settings, models),
            "cohorts": cohorts,
            "cohorts_waiting": len(cohorts),
            "waiting": _waiting(session),
            "problem": _problem(session),
        }


def _sources(settings: Settings) -> list[dict[str, Any]]:
    """Return one row a source: the pulled days, and its rows, with those dropped by rule."""
    found: dict[str, dict[str, Any]] = {}
    for pull in lake.pulls(settings).to_dicts():
        name = pull["source"]
        counts: dict[str, Any] = dict.fromkeys(ROWS, 0)
        new = {"source": name, "first": str(pull["first"]), "last": "", **counts, "dropped": 0, "dropped_by": {}}
        row = found.setdefault(name, new)
        row["first"], row["last"] = min(row["first"], str(pull["first"])), max(row["last"], str(pull["last"]))
        for rows in ROWS:
            row[rows] += pull[rows]
        for rule, number in dropped_of(pull).items():
            row["dropped"] += number
            row["dropped_by"][rule] = row["dropped_by"].get(rule, 0) + number
    return [row | {"reconciles": row["read"] == row["kept"] + row["quarantined"] + row["dropped"]}
            for _, row in sorted(found.items())]  # fmt: skip


def _features(settings: Settings) -> dict[str, Any]:
    """Return the feature set in use, and for how many days vectors were built."""
    closed = lake.last_closed(settings)
    frozen = in_use(settings, closed) if closed else None
    days = {path.stem for path in settings.root.joinpath("vectors").glob("*/*.parquet")}
    return {
        "version": frozen.version if frozen else None,
        "frozen_on": frozen.frozen_on.isoformat() if frozen else None,
        "count": len(frozen.features) if frozen else 0,
        "notes": list(frozen.notes) if frozen else [],
        "days": len(days),
    }


def _models(session: Session) -> list[dict[str, Any]]:
    """Return what holds of each issue and kind of detector: the model in use, else its newest judgement."""
    newest = select(Model).distinct(Model.issue, Model.detector).order_by(
        Model.issue, Model.detector, Model.state.in_(IN_USE).desc(), Model.trained_on.desc(), (Model.state == "retired"),
        Model.created_at.desc())  # fmt: skip
    trained: dict[str, int] = {row[0]: row[1] for row in session.execute(select(Model.issue, func.count()).group_by(Model.issue))}
    return [
        {"issue": model.issue, "detector": model.detector, "state": model.state, "trained_on": model.trained_on.isoformat(),
         "scores": model.scores, "flag_at": model.flag_at, "trained": trained[model.issue]}
        for model in session.scalars(newest)
    ]  # fmt: skip


def _issues(session: Session, settings: Settings, models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row an issue: its flags by state, what became of them, and how many units were drawn into which arm."""
    from detectors.issue import load_issues

    counted: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("flags", *PARTS), 0))
    for row in session.execute(COUNTS, EVERYTHING).mappings():
        for part in PARTS:
            counted[row["issue"]][part] += row[part] or 0
        counted[row["issue"]]["flags"] += row["flagged"]
    states = _by_issue(session, Flag.issue, Flag.state)
    arms = _by_issue(session, Assignment.scope, Assignment.arm)
    known: dict[str, str] = {}
    for model in models:
        known[model["issue"]] = "; ".join(filter(None, (known.get(model["issue"]), _said(model))))
    configured = load_issues(settings)
    return [
        {"issue": name, "model": known.get(name) or _untrained(configured.get(name)), **counted[name],
         **{state: states.get((name, state), 0) for state in FLAG_STATES},
         "drawn_contact": arms.get((name, "contact"), 0), "drawn_hold_out": arms.get((name, "hold_out"), 0),
         "reconciles": counted[name]["flags"] == sum(counted[name][part] for part in PARTS)}
        for name in sorted({*configured, *counted})
    ]  # fmt: skip


def _by_issue(session: Session, issue: Any, what: Any) -> dict[tuple[str, str], int]:
    rows = session.execute(select(issue, what, func.count()).group_by(issue, what))
    return {(name, value): number for name, value, number in rows}


def _said(model: dict[str, Any]) -> str:
    if model["state"] == "not_predictable":
        return "not predictable"
    return f"{model['detector']}, trained as of {model['trained_on']}"


def _untrained(issue: Any) -> str:
    """Return the kinds that flag without having learned; else that nothing is trained yet."""
    kinds = discover(detectors, "DETECTOR")
    return ", ".join(name for name in (issue.watching if issue is not None else ()) if not kinds[name].learns) or "not trained yet"


def _cohorts(session: Session) -> list[dict[str, Any]]:
    """Return the cohorts that wait for a person, oldest first."""
    waiting = select(Cohort).where(Cohort.state.in_(("waiting", "held")), ~Cohort.replay).order_by(Cohort.day, Cohort.issue)
    return [{"issue": cohort.issue, "day": cohort.day.isoformat(), "size": cohort.size, "state": cohort.state,
             "expected_precision": cohort.expected_precision} for cohort in session.scalars(waiting)]  # fmt: skip


def _waiting(session: Session) -> dict[str, Any]:
    """Return what else waits for a person's word: gestures, messages that need one of their own, and calls asked for."""
    gestures = [{"gesture": each.id, "issue": each.issue, "customer_id": each.customer_id, "cents": each.cents, "why": each.why_waiting,
                 "asked_by": each.asked_by, "first_by": each.first_by} for each in undecided(session)]  # fmt: skip
    held = select(Message.id).where(Message.state == State.PLANNED, Message.needs_approval).order_by(Message.id)
    calls = select(func.count()).select_from(Call).where(Call.verdict.is_(None))
    return {"gestures": gestures, "messages": list(session.scalars(held)), "calls": session.scalar(calls) or 0}


def _problem(session: Session) -> str | None:
    """Return what does not reconcile in the ledger, or nothing."""
    try:
        audit(session)
    except LedgerError as error:
        return str(error)
    return None
