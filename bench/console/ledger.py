"""A ledger of a stated size, made by the database itself: customers, flags, and all that comes of flags.

Columns that are not named here and may not be empty get nothing of their kind, so that a table may grow a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ledger import database

ISSUES = ("payment_failing", "fee_shock", "app_trouble", "card_running_out", "sudden_call", "something_odd")
DAYS = 540                                     # of history
BIGGEST = 5_000                                # flags of the cohort that waits on the last day
NOTHING = {int: "0", float: "0", bool: "false", str: "''", date: "DATE '2026-01-01'"}


@dataclass(frozen=True)
class Size:
    """How many customers and flags, and the last day."""

    customers: int
    flags: int
    last: date

    @property
    def biggest(self) -> int:
        """How many flags wait in one cohort on the last day."""
        return min(BIGGEST, self.flags // 10)


def fill(engine: sa.Engine, size: Size) -> dict[str, int]:
    """Fill the empty tables of a ledger and analyse them; return how many rows each has."""
    made: dict[str, int] = {}
    with engine.begin() as connection:
        for name, (columns, rows) in _contents(size).items():
            made[name] = made.get(name, 0) + _insert(connection, name.partition(" ")[0], columns, rows)
        for name in {name.partition(" ")[0] for name in made}:
            _count_on(connection, name)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    return made


def _contents(size: Size) -> dict[str, tuple[dict[str, str], str]]:
    """Return the values of each table's columns, as SQL over the rows that stand behind them."""
    return _people(size) | _flagged(size) | _told() | _measured(size)


def _people(size: Size) -> dict[str, tuple[dict[str, str], str]]:
    customer = "'c' || lpad(n::text, 8, '0')"
    return {"customers": ({
        "customer_id": customer, "unit_id": customer, "name": "'Customer ' || n", "address": "'c' || n || '@mail.example'",
        "phone": "'+49 30 ' || lpad(n::text, 8, '0')", "language": f"{_one_of(('de', 'en', 'fr', 'es', 'it', 'nl'))}",
        "time_zone": "'Europe/Berlin'", "country": "'DE'", "consent": "true", "updated_at": "now()",
    }, f"generate_series(1, {size.customers}) AS n")}  # fmt: skip


def _flagged(size: Size) -> dict[str, tuple[dict[str, str], str]]:
    """Return flags, one large cohort that waits and `DAYS` days of small ones, of a tenth of the customers; and the cohorts."""
    small = f"(n - {size.biggest})"
    big = f"n <= {size.biggest}"
    day = f"DATE '{size.last}' - (CASE WHEN {big} THEN 0 ELSE 1 + ({small} / {len(ISSUES)}) % {DAYS} END)"
    issue = f"CASE WHEN {big} THEN '{ISSUES[0]}' ELSE {_one_of(ISSUES, small)} END"
    flag = {
        "id": "n", "customer_id": f"'c' || lpad(((n::bigint * 7919) % {max(size.customers // 10, 1)} + 1)::text, 8, '0')", "issue": issue,
        "day": day, "probability": "0.05 + 0.9 * random()", "days_until": "1 + 20 * random()", "detector": issue, "replay": "false",
        "reasons": f"jsonb_build_array((1 + n % 5) || ' payments failed within 30 days', {_one_of(('A card runs out soon', 'Use fell by half'))})",
        "evidence": "jsonb_build_object('failed_payments_30d', n % 5, 'paid_cents_90d', n % 9000)",
        "state": f"CASE WHEN {day} > DATE '{size.last}' - 14 AND n <= {max(size.customers // 10, 1)} THEN 'open' ELSE {_one_of(('struck', 'over', 'expired', 'rejected'))} END",
        "created_at": f"({day} + 1)::timestamptz + interval '3 hours'",
    }  # fmt: skip
    waiting = f"day > DATE '{size.last}' - 2"
    cohort = {"issue": "issue", "day": "day", "size": "count(*)", "expected_precision": "avg(probability)", "expected_worth": "count(*) * 2.5",
              "state": f"CASE WHEN {waiting} THEN 'waiting' ELSE 'approved' END", "created_at": "max(created_at)",
              "decided_by": f"CASE WHEN {waiting} THEN NULL ELSE 'ada@lumen.example' END",
              "decided_at": f"CASE WHEN {waiting} THEN NULL ELSE max(created_at) END",
              "planned_at": f"CASE WHEN {waiting} THEN NULL ELSE max(created_at) END"}  # fmt: skip
    return {"flags": (flag, f"generate_series(1, {size.flags}) AS n ON CONFLICT DO NOTHING"), "cohorts": (cohort, "flags GROUP BY issue, day")}


def _told() -> dict[str, tuple[dict[str, str], str]]:
    """Return what comes of flags whose cohort was approved: arms, verdicts, messages, and what became of those."""
    planned = "flags AS f JOIN cohorts AS c USING (issue, day) WHERE c.state = 'approved'"
    arm = "CASE WHEN f.id % 5 = 0 THEN 'hold_out' ELSE 'contact' END"
    state = "CASE WHEN f.id % 5 = 0 THEN 'held_out' WHEN f.id % 5000 = 1 THEN 'uncertain' WHEN f.id % 11 = 1 THEN 'suppressed' ELSE 'delivered' END"
    times = {"planned_at": "f.created_at", "due_at": "f.created_at", "claimed_at": "f.created_at", "settled_at": "f.created_at", "moved_at": "f.created_at"}
    message = {"key": "md5('{kind}' || f.id)", "flag_id": "f.id", "kind": "'{kind}'", "issue": "issue", "playbook_version": "'v1'",
               "customer_id": "f.customer_id", "unit_id": "f.customer_id", "channel": "'mailbox'", "day": "day", "state": state, **times}  # fmt: skip
    of_kind = lambda kind: {name: value.replace("{kind}", kind) for name, value in message.items()}
    sent = "messages AS m WHERE state = 'delivered'"
    after = "m.planned_at + interval '1 day'"
    return {
        "assignments": ({"scope": "issue", "unit_id": "f.customer_id", "epoch": "row_number() OVER (PARTITION BY issue, f.customer_id ORDER BY day)",
                         "arm": arm, "share": "0.2", "customer_id": "f.customer_id", "flag_id": "f.id", "playbook_version": "'v1'", "mode": "'live'",
                         "assigned_at": "f.created_at", "assigned_on": "day", "frozen_until": "day + 547"}, planned),
        "verdicts": ({"flag_id": "f.id", "passed": "f.id % 11 <> 1", "reasons": "CASE WHEN f.id % 11 = 1 THEN '[\"consent\"]'::jsonb ELSE '[]' END",
                      "judged_at": "f.created_at"}, planned),
        "messages": (of_kind("notice"), planned),
        "messages again": (of_kind("update"), f"{planned} AND f.id % 2 = 0 AND f.id % 5 <> 0"),
        "transitions": ({"message_id": "m.id", "from_state": "(ARRAY['planned','claimed','accepted'])[step]", "fence": "1",
                         "to_state": "(ARRAY['claimed','accepted','delivered'])[step]", "at": "m.planned_at"},
                        "messages AS m CROSS JOIN generate_series(1, 3) AS step WHERE state = 'delivered'"),
        "outcomes": ({"message_id": "m.id", "kind": "what", "occurred_at": after, "recorded_at": after},
                     "messages AS m CROSS JOIN unnest(ARRAY['delivered','resolved']) AS what WHERE state = 'delivered' AND (what = 'delivered' OR m.id % 2 = 0)"),
        "contacts": ({"source_id": "'s' || m.id", "kind": "'reply'", "customer_id": "m.customer_id", "message_id": "m.id", "flag_id": "m.flag_id",
                      "text": "'Thank you for telling me.'", "received_at": after, "handled_by": "'ada'",
                      "handled_at": f"CASE WHEN m.id % 5000 < 5 THEN NULL ELSE {after} END"}, f"{sent} AND m.id % 4 = 0"),
        "inbox": ({"kind": _one_of(("contact", "outcome"), "m.id"), "customer_id": "m.customer_id", "token": "'crm'", "recorded_at": after,
                   "body": "jsonb_build_object('id', m.id::text, 'topic', 'how_to', 'occurred_at', m.planned_at)"}, f"{sent} AND m.id % 4 = 1"),
        "acts": ({"actor": "'ada@lumen.example'", "act": "'approve'", "subject": "'cohort ' || issue || ' ' || day", "detail": "'{}'::jsonb",
                  "at": "decided_at"}, "cohorts CROSS JOIN generate_series(1, 25) WHERE state = 'approved'"),
        "provider_events": ({"provider": "'sendgrid'", "event_id": "md5('event' || m.id)", "message_key": "key", "known": "true",
                             "kind": "'delivered'", "occurred_at": after, "recorded_at": after, "detail": "'{}'::jsonb"}, sent),
    }  # fmt: skip


def _measured(size: Size) -> dict[str, tuple[dict[str, str], str]]:
    """Return readings of a year and a half, what was missed, and the models."""
    issues = f"unnest(ARRAY{list(ISSUES)}) AS issue"
    months = ("generate_series(0, 17) AS back, LATERAL (SELECT CASE back WHEN 0 THEN 'pooled' "
              f"ELSE to_char(date_trunc('month', DATE '{size.last}') - back * interval '1 month', 'YYYY-MM') END AS month) AS m")
    horizons = "unnest(ARRAY[1, 6, 18]) AS horizon, unnest(ARRAY['retained','revenue','purchases','contacts']) AS outcome"
    reading = {"issue": "issue", "month": "month", "horizon_months": "horizon", "outcome": "outcome", "n_contact": "400", "n_hold_out": "100",
               "state": "CASE WHEN horizon <= back THEN 'readable' ELSE 'not_yet' END", "why": "CASE WHEN horizon <= back THEN NULL ELSE 'too early' END",
               "mean_contact": "0.8", "mean_hold_out": "0.78", "effect": "0.02", "low": "-0.01", "high": "0.05", "p_value": "0.2", "power": "0.6",
               "smallest_seen": "0.04", "data_until": f"DATE '{size.last}'", "issued_at": "now()",
               "detail": "jsonb_build_object('primary', outcome = 'retained', 'promised', outcome = 'retained' AND horizon = 6, "
                         "'smallest_effect', 0.03, 'p_adjusted', 0.2, 'stages', '[]'::jsonb, 'contamination', NULL, 'balance', NULL, "
                         "'breakdown_of', NULL, 'units', 500, 'ready', 500, 'observed', 480)"}  # fmt: skip
    model = {"sha": "md5(issue || back)", "issue": "issue", "detector": "issue", "state": "CASE back WHEN 0 THEN 'champion' ELSE 'retired' END",
             "trained_on": f"DATE '{size.last}' - back * 28", "flag_at": "0.2", "created_at": "now()"}  # fmt: skip
    missed = (f"generate_series(0, {DAYS}) AS back, unnest(ARRAY['billing.payment_failed','contacts.app_broken']) AS event, "
              "unnest(ARRAY['foreseen','no_detector','below_the_line','too_late','no_data']) AS why")  # fmt: skip
    return {
        "readings": (reading, f"{issues}, {months}, {horizons}"),
        "models": (model, f"{issues}, generate_series(0, 17) AS back"),
        "missed": ({"day": f"DATE '{size.last}' - back", "event": "event", "why": "why", "n": "back % 40", "counted_at": "now()"},
                   missed),
        "days": ({"day": f"DATE '{size.last}' - back", "step": "step", "done_at": "now()"},
                 f"generate_series(0, {DAYS}) AS back, unnest(ARRAY['detect','plan','send','measure']) AS step"),
    }  # fmt: skip


def _insert(connection: sa.Connection, name: str, columns: Mapping[str, str], rows: str) -> int:
    given = {**_unstated(database.tables().tables[name], columns), **columns}
    rows, conflict, _ = rows.partition(" ON CONFLICT DO NOTHING")
    statement = f"INSERT INTO {name} ({', '.join(given)}) SELECT {', '.join(given.values())} FROM {rows}{conflict}"
    return connection.exec_driver_sql(statement.replace("%", "%%")).rowcount


def _unstated(table: sa.Table, columns: Mapping[str, str]) -> dict[str, str]:
    """Return nothing of its kind for each column that must not be empty and that nobody states."""
    needed = [column for column in table.columns if column.name not in columns and not column.nullable and column.server_default is None
              and column is not table.autoincrement_column]  # fmt: skip
    return {column.name: _nothing(column) for column in needed}


def _nothing(column: sa.Column[Any]) -> str:
    if isinstance(column.type, JSONB):
        default = column.default.arg if column.default is not None and column.default.is_callable else dict  # type: ignore[attr-defined]
        return "'[]'::jsonb" if default.__name__ == "list" or column.name in ("trimmed", "reasons", "over_represented") else "'{}'::jsonb"
    return "now()" if isinstance(column.type, sa.DateTime) else NOTHING[column.type.python_type]


def _count_on(connection: sa.Connection, name: str) -> None:
    """Let numbers that the database gives out go on after those written here."""
    if "id" in database.tables().tables[name].columns:
        connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")


def _one_of(words: tuple[str, ...], number: str = "n") -> str:
    return f"(ARRAY{list(words)})[1 + ({number}) % {len(words)}]"
