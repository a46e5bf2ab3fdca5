"""`beforehand calls`: whom a person is to call, what to say, and how it went."""

from typing import Annotated

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.settings import Settings


def calls(
    settle: Annotated[str | None, typer.Option(metavar="KEY", help="Say how a call went.")] = None,
    verdict: Annotated[str, typer.Option("--as", help="reached | not_reached | wrong_number | wants_no_calls, with --settle.")] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who called.")] = "",
) -> None:
    """List the calls to be made, the longest waiting first; or settle one."""
    settings = configured()
    if settle is None:
        _list(settings)
        return
    from ledger.database import sessions
    from outreach import calls as made

    with sessions(settings).begin() as session:
        moved = made.settle(session, settle, verdict=verdict, by=by, now=now())
    word = f"is settled: {verdict.replace('_', ' ')}" if moved else "was not open; nothing changed"
    VOICE.result({"call": settle, "moved": moved}, [f"Call {settle} {word}."])


def _list(settings: Settings) -> None:
    from ledger.calls import open_calls
    from ledger.database import sessions

    with sessions(settings).begin() as session:
        rows = open_calls(session)
    for row in rows:
        VOICE.say(f"{row.message_key}  {row.name or row.customer_id}, {row.phone or 'no telephone number'}, "
                  f"{row.issue or f'asked for by {row.asked_by}'}, {'they asked for it, ' if row.asked else ''}"
                  f"since {row.listed_at:%Y-%m-%d %H:%M}\n\n    " + row.says.replace("\n", "\n    "))  # fmt: skip
    facts = [{"call": r.message_key, "customer_id": r.customer_id, "issue": r.issue, "asked_by": r.asked_by, "name": r.name, "phone": r.phone,
              "language": r.language, "says": r.says, "listed_at": r.listed_at, "asked": r.asked} for r in rows]  # fmt: skip
    VOICE.result({"calls": facts}, [f"{len(facts)} calls are to be made." if facts else "Nobody is to be called."])
