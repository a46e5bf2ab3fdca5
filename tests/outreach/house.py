"""A company with customers, flags and playbooks, written straight into the test's ledger and configuration."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, insert, select, update

from core.settings import load_settings
from ledger.acts import Act
from ledger.assignments import Assignment
from ledger.cohorts import Cohort
from ledger.customers import Customer
from ledger.database import sessions
from ledger.flags import Flag
from ledger.messages import Message
from ledger.verdicts import Verdict

DAY = date(2026, 3, 31)
NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)

PLAYBOOK = """
mode       = "{mode}"
holdout    = {holdout}
quiet_days = 14
topic      = "account notices"
{more}
[remedy]
says        = "We try again and leave everything switched on."
approved_by = "Head of Service"
approved_on = 2026-01-10

[pilot]
share     = 0.5
daily_cap = 20

[measure]
outcome         = "retained"
smallest_effect = 0.02

[message.en]
subject       = "Everything stays switched on"
preview       = "A short note from {{{{ company }}}}."
what_happened = "Something went wrong with your last payment."
what_we_did   = "We try again by ourselves."
what_you_do   = "{{% if first_name is defined %}}{{{{ first_name }}}}, you{{% else %}}You{{% endif %}} need not do anything."

[message.de]
subject       = "Alles bleibt eingeschaltet"
preview       = "Eine kurze Nachricht von {{{{ company }}}}."
what_happened = "Mit Ihrer letzten Zahlung ging etwas schief."
what_we_did   = "Wir versuchen es von selbst noch einmal."
what_you_do   = "Sie müssen nichts tun."
"""


class House:
    """Writes the facts a test needs, and reads what came of them."""

    def __init__(self, settings):
        self.settings = settings
        self.open = sessions(settings)
        self.playbook()

    def configure(self, toml):
        """Add to settings.toml and read it again."""
        path = self.settings.folder / "settings.toml"
        path.write_text(path.read_text() + "\n" + toml)
        self.settings = load_settings(self.settings.folder)
        return self.settings

    def any_day(self):
        """Let messages leave on weekends and holidays too, for tests whose days are not the point."""
        return self.configure("[outreach]\nwrite_on_weekends = true\nwrite_on_holidays = true\n")

    def playbook(self, issue="payment_failing", *, mode="live", holdout=0.5, more="", measure="", approved="live"):
        """Write a playbook, and who let it go as far as `approved` (None: nobody)."""
        text = PLAYBOOK.format(mode=mode, holdout=holdout, more=more)
        text = text.replace("smallest_effect = 0.02\n", f"smallest_effect = 0.02\n{measure}", 1)
        (self.settings.folder / "playbooks" / f"{issue}.toml").write_text(text)
        if approved:
            self.add(Act(actor="Head of Service", act="mode", subject=f"playbook {issue}", detail={"mode": approved}, at=NOW))

    def customers(self, *ids, **details):
        """Write customers; by default each has an address of their own and lives where it is not night at NOW."""
        rows = [{"customer_id": c, "unit_id": c, "name": f"Ann {c.capitalize()}", "address": f"{c}@example.org",
                 "language": "en", "time_zone": "Europe/Berlin", "country": "DE", "consent": True, "updated_at": NOW} | details
                for c in ids]  # fmt: skip
        with self.open.begin() as session:
            session.execute(insert(Customer), rows)

    def flags(self, *customers, issue="payment_failing", day=DAY, cohort="approved", **details):
        """Flag customers of one cohort; return the flags' ids in the same order."""
        with self.open.begin() as session:
            session.add(Cohort(issue=issue, day=day, size=len(customers), state=cohort, created_at=NOW, trimmed=[],
                               replay=details.get("replay", False)))  # fmt: skip
            rows = [{"customer_id": c, "issue": issue, "day": day, "probability": 0.5, "days_until": 9.0, "detector": "rule",
                     "reasons": ["a payment failed"], "evidence": {}, "state": "open", "created_at": NOW} | details
                    for c in customers]  # fmt: skip
            statement = insert(Flag).returning(Flag.id, sort_by_parameter_order=True)
            return list(session.scalars(statement, rows)) if rows else []

    def crowd(self, size, **details):
        """Write `size` customers with a flag each; return their ids."""
        ids = [f"c{n:05d}" for n in range(size)]
        self.customers(*ids)
        self.flags(*ids, **details)
        return ids

    def messages(self, **where):
        """Return messages by customer."""
        with self.open() as session:
            wanted = select(Message).filter_by(**where).order_by(Message.customer_id, Message.id)
            return list(session.scalars(wanted))

    def states(self):
        """Return how many messages are in each state."""
        return Counter(message.state for message in self.messages())

    def message(self, customer):
        """Return the one message of a customer."""
        (found,) = self.messages(customer_id=customer)
        return found

    def verdict(self, flag_id):
        """Return what the gate said of a flag."""
        with self.open() as session:
            return session.get(Verdict, flag_id)

    def assignments(self, **where):
        """Return assignments in the order of their units."""
        with self.open() as session:
            return list(session.scalars(select(Assignment).filter_by(**where).order_by(Assignment.unit_id, Assignment.epoch)))

    def count(self, table):
        """Return how many rows a table has."""
        with self.open() as session:
            return session.scalar(select(func.count()).select_from(table))

    def change(self, table, where, **values):
        """Change rows behind everybody's back."""
        with self.open.begin() as session:
            session.execute(update(table).filter_by(**where).values(**values))

    def add(self, *rows):
        """Write rows of any table."""
        with self.open.begin() as session:
            session.add_all(rows)

    def mailbox(self):
        """Return the mailbox's files."""
        return sorted((self.settings.root / "mailbox").glob("*/*"))


def minutes(n):
    """Return a stretch of time."""
    return timedelta(minutes=n)
