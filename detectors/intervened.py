"""Whom we already told: their outcome shows our message too, so it teaches nothing about the trouble left alone.

A customer reached by an accepted message (or one that may have arrived) about the issue is left out from one horizon
before the cutoff until the label is settled. Those held out by the same draw stay, and stand for the others as well.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from detectors.issue import Issue
from detectors.trouble import window_end
from ledger.assignments import Assignment
from ledger.customers import Customer
from ledger.messages import SENT, Message, State

REACHED = (*SENT, State.UNCERTAIN)
HOLD_OUT, PROGRAMME = "hold_out", "programme"  # an arm, and the scope of the holdout over all issues


@dataclass(frozen=True)
class Intervened:
    """An issue's messages (unit_id, at) and held-out units (unit_id, at, share), as of one moment."""

    told: pl.DataFrame
    held_out: pl.DataFrame

    def weights(self, issue: Issue, unit_ids: pl.Series, moment: datetime) -> pl.Series:
        """Return each unit's weight for the cutoff at `moment`: 0 told, 1 / share held out, else 1."""
        first, end = moment - timedelta(days=issue.horizon_days), window_end(issue, moment)
        during = (pl.col("at") >= first) & (pl.col("at") < end)
        told = self.told.filter(during)["unit_id"].unique()
        held = self.held_out.filter(during).group_by("unit_id").agg(pl.col("share").max())
        frame = unit_ids.to_frame("unit_id").join(held, on="unit_id", how="left", maintain_order="left")
        weight = pl.when(pl.col("unit_id").is_in(told.implode())).then(0.0).otherwise(1 / pl.col("share").fill_null(1.0))
        return frame.select(weight.alias("weight")).to_series()


def intervened(session: Session, issue: Issue, known_before: datetime) -> Intervened:
    """Read what the ledger knows by a moment of who was told of the issue and who was held out while others were."""
    told = session.execute(
        select(Message.unit_id, Message.claimed_at).where(
            Message.issue == issue.name, Message.state.in_(REACHED), Message.claimed_at < known_before, Message.kind != "survey"
        )
    )
    drawn = (Assignment.unit_id == Message.unit_id) & Assignment.scope.in_([issue.name, PROGRAMME])
    held = session.execute(
        select(Message.unit_id, Message.planned_at, Assignment.share)
        .join(Assignment, drawn & (Assignment.arm == HOLD_OUT))
        .where(Message.issue == issue.name, Message.state == State.HELD_OUT, Message.planned_at < known_before,
               Assignment.mode != "shadow", Assignment.share > 0)
    )  # fmt: skip
    at: dict[str, pl.DataType] = {"unit_id": pl.String(), "at": pl.Datetime("us", "UTC")}
    return Intervened(
        pl.DataFrame(told.all(), schema=at, orient="row"),
        pl.DataFrame(held.all(), schema={**at, "share": pl.Float64()}, orient="row"),
    )


def shared_units(session: Session) -> pl.DataFrame:
    """Return customer_id and unit_id of the customers whose contact unit is not theirs alone."""
    shared = select(Customer.customer_id, Customer.unit_id).where(Customer.unit_id != Customer.customer_id)
    schema = {"customer_id": pl.String, "unit_id": pl.String}
    return pl.DataFrame(session.execute(shared).all(), schema=schema, orient="row")


def contact_units(customers: pl.Series, known: pl.DataFrame) -> pl.Series:
    """Return each customer's contact unit, in order; one without contact details is a unit alone."""
    joined = customers.to_frame("customer_id").join(known, on="customer_id", how="left", maintain_order="left")
    return joined.select(pl.coalesce("unit_id", "customer_id").alias("unit_id")).to_series()
