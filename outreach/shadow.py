"""The page of what would have been sent: whom we would have written to, why, when, and the very message."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from upath import UPath

from core.clock import as_day, moment_after
from core.settings import Settings
from ledger.database import sessions
from ledger.messages import Message, State
from outreach.compose import Composer, Recipient
from outreach.local_time import company_zone
from outreach.modes import in_force
from outreach.playbook import Playbook, load_playbooks
from outreach.skeleton import TEMPLATES

FOLDER = "shadow"
HAPPENED = {"open": "nothing yet", "struck": "the trouble came", "over": "it was over by itself", "expired": "it did not come",
            "rejected": "a person said no"}  # fmt: skip
SHOWN = 200  # customers listed of each playbook; the ledger holds them all


@dataclass
class Silent:
    """One playbook whose messages were not sent, the messages, and those the gate would have stopped."""

    playbook: Playbook
    messages: list[dict[str, Any]] = field(default_factory=list)
    stopped: dict[str, int] = field(default_factory=dict)
    preview: str = ""
    subject: str = ""


def write_page(settings: Settings, day: date | str | None = None) -> UPath:
    """Write the page of `day` (the newest one with shadow messages when not stated) and return where it lies."""
    with sessions(settings).begin() as session:
        chosen = as_day(day) if day is not None else _newest(session)
        silent = _silent(session, settings, chosen) if chosen else []
    context = {"company": settings.company, "day": chosen, "silent": silent, "shown": SHOWN, "happened": HAPPENED,
               "total": sum(len(each.messages) for each in silent)}  # fmt: skip
    path = settings.place(FOLDER) / f"{chosen.isoformat() if chosen else 'nothing-yet'}.html"
    path.write_text(TEMPLATES.get_template("shadow.html").render(context), encoding="utf-8")
    return path


def _newest(session: Session) -> date | None:
    newest: date | None = session.scalar(select(func.max(Message.day)).where(Message.state == State.SHADOW))
    return newest or session.scalar(select(func.max(Message.day)))


def _silent(session: Session, settings: Settings, day: date) -> list[Silent]:
    """Return, for each playbook in shadow or pilot, what it would have said that day."""
    running = in_force(session, load_playbooks(settings))
    found = {issue: Silent(playbook) for issue, playbook in running.items() if playbook.mode != "live"}
    here = company_zone(settings)
    for row in session.execute(OF_DAY, {"day": day, "issues": list(found)}).mappings():
        each = found[row["issue"]]
        if row["state"] == State.SHADOW:
            local = row["due_at"].astimezone(here)
            each.messages.append({**row, "due": f"{local:%H:%M}", "masked": _masked(row["address"])})
        else:
            for reason in row["refused"]:
                each.stopped[reason] = each.stopped.get(reason, 0) + 1
    composer = Composer(settings)
    for each in found.values():
        _preview(composer, each, day)
    return [found[issue] for issue in sorted(found)]


def _preview(composer: Composer, silent: Silent, day: date) -> None:
    """Compose the message for somebody made up, so that the page names nobody."""
    example = Recipient("0" * 32, "customer@example.com", "Alex Example", None, day)
    letter = composer.letter(silent.playbook, example, now=moment_after(day))
    silent.preview, silent.subject = letter.html, letter.subject


def _masked(address: str | None) -> str:
    name, _, domain = (address or "").partition("@")
    return f"{name[:1]}…@{domain}" if domain else "no address"


OF_DAY = text("""
    SELECT m.issue, m.state, m.reasons AS refused, m.customer_id, m.due_at, f.probability, f.days_until, f.reasons, c.address,
           f.state AS became, f.closed_on
    FROM messages m JOIN flags f ON f.id = m.flag_id LEFT JOIN customers c ON c.customer_id = m.customer_id
    WHERE m.day = :day AND m.issue = ANY(:issues) AND m.state IN ('shadow', 'suppressed')
    ORDER BY m.issue, f.probability DESC, m.customer_id
""")
