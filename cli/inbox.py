"""`beforehand inbox`: what customers wrote to us, and who took care of it."""

from typing import Annotated

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError
from core.settings import Settings

SHOWN = 70


def inbox(
    handle: Annotated[int | None, typer.Option(metavar="CONTACT", help="Mark a contact as handled.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who handled it.")] = "",
    note: Annotated[str | None, typer.Option(help="What was done.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="The customer wants no more messages: opt them out.")] = False,
) -> None:
    """List the replies that wait for a person, a wish to stop first; or mark one as handled."""
    from ledger.database import sessions
    from outreach.inbox import settle

    settings = configured()
    if handle is None:
        if by or note or stop:
            raise ConfigError("inbox: --by, --note and --stop say something about one contact. Add --handle CONTACT.")
        _list(settings)
        return
    with sessions(settings).begin() as session:
        settle(session, handle, by=by, note=note, stop=stop, now=now())
    more = " The customer is opted out of everything." if stop else ""
    VOICE.result({"contact": handle, "handled_by": by, "stop": stop}, [f"Contact {handle} is handled.{more}"])


def _list(settings: Settings) -> None:
    from ledger.contacts import open_contacts
    from ledger.database import sessions

    with sessions(settings).begin() as session:
        waiting = open_contacts(session)
        VOICE.table("Waiting for a person", ["contact", "kind", "customer", "message", "since", "they say", "note"],
                    [[c.id, c.kind, c.customer_id or "unknown", c.message_id, f"{c.received_at:%Y-%m-%d %H:%M}", _short(c.text), c.note]
                     for c in waiting])  # fmt: skip
        facts = [{"contact": c.id, "kind": c.kind, "customer_id": c.customer_id, "message": c.message_id, "flag": c.flag_id,
                  "received_at": c.received_at, "text": c.text, "note": c.note} for c in waiting]  # fmt: skip
    VOICE.result({"waiting": facts}, [f"{len(facts)} contacts wait." if facts else "Nobody waits for an answer."])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "\N{HORIZONTAL ELLIPSIS}"
