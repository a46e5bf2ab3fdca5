"""What the ledger says was done to the made company's customers, and what that truly changed."""

from datetime import date

import polars as pl
from sqlalchemy import literal, select

from core.settings import Settings
from ledger.assignments import Assignment
from ledger.database import sessions
from ledger.messages import SENT, Message, State
from ledger.verdicts import Verdict
from simulator.company import Company
from simulator.effect import true_effects

STAMP = pl.Datetime("us", "UTC")
Schema = dict[str, pl.DataType | pl.datatypes.DataTypeClass]
MESSAGES: Schema = {"customer_id": pl.String, "issue": pl.String, "at": STAMP, "state": pl.String}
ASSIGNMENTS: Schema = {"customer_id": pl.String, "issue": pl.String, "arm": pl.String, "at": STAMP, "live": pl.Boolean}  # fmt: skip


def accepted_messages(settings: Settings) -> pl.DataFrame:
    """Return customer_id, issue and `at` of every message a provider accepted, oldest first."""
    found = _messages(settings, State.ACCEPTED)
    return found.select("customer_id", "issue", "at").sort("at", "customer_id", "issue")


def known_truth(settings: Settings, company: Company, day: date | None = None) -> dict[str, dict[int, float]]:
    """Return each issue's true average effect on retention by horizon in months, over both arms of the ledger's draws."""
    known: dict[str, dict[int, float]] = {}
    for row in truth_by_month(settings, company, day).filter(month="pooled").iter_rows(named=True):
        known.setdefault(row["issue"], {})[row["horizon_months"]] = row["effect"]
    return known


def truth_by_month(settings: Settings, company: Company, day: date | None = None) -> pl.DataFrame:
    """Return the true average effect on retention of the ledger's assignments that passed the gate, over both arms.

    Columns: issue, month (of assignment, or "pooled"), horizon_months (1, 6, 18), n, retained_with, retained_without,
    effect. A row is there once some unit's horizon has passed by the end of `day` (the last day written when not given).
    """
    told = pl.concat([_messages(settings, State.ACCEPTED), _messages(settings, State.HELD_OUT)])
    return true_effects(company, _assignments(settings), told, day or company.written_until or company.first)


def _messages(settings: Settings, state: State) -> pl.DataFrame:
    at = Message.settled_at if state == State.ACCEPTED else Message.planned_at
    states = SENT if state == State.ACCEPTED else (state,)
    asked = select(Message.customer_id, Message.issue, at, literal(str(state))).where(Message.state.in_(states), Message.kind != "survey")
    with sessions(settings).begin() as session:
        return pl.DataFrame(session.execute(asked).all(), schema=MESSAGES, orient="row")


def _assignments(settings: Settings) -> pl.DataFrame:
    live = Assignment.mode != "shadow"
    asked = (
        select(Assignment.customer_id, Assignment.scope, Assignment.arm, Assignment.assigned_at, live)
        .join(Verdict, Verdict.flag_id == Assignment.flag_id)
        .where(Verdict.passed)
    )
    with sessions(settings).begin() as session:
        return pl.DataFrame(session.execute(asked).all(), schema=ASSIGNMENTS, orient="row")
