"""`beforehand send`: plan approved cohorts, send what is due, reconcile."""

from typing import Annotated

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError
from core.settings import Settings


def send(
    approve: Annotated[int | None, typer.Option(metavar="MESSAGE", help="Let a message go out that needs a person's word.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves or settles.")] = "operator",
    settle: Annotated[int | None, typer.Option(metavar="MESSAGE", help="Settle an uncertain message by hand.")] = None,
    verdict: Annotated[str | None, typer.Option("--as", help="accepted | refused, with --settle.")] = None,
) -> None:
    """Plan what was approved, send every due message once, and check that the counts reconcile."""
    settings = configured()
    if approve is not None:
        _approve(settings, approve, by)
        return
    if settle is not None:
        _settle(settings, settle, verdict, by)
        return
    from cli.run import tell_modes
    from outreach.act import act_due
    from outreach.plan import plan_approved
    from outreach.reconcile import reconcile_all
    from outreach.send import send_due

    tell_modes(settings)
    planned = plan_approved(now=now(), settings=settings)
    acted = act_due(now=now(), settings=settings)
    sent = send_due(now=now(), settings=settings)
    cohorts = reconcile_all(settings=settings)
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sent.items() if count) or "nothing was due"
    VOICE.result({"planned": planned, "acted": acted, "sent": sent, "cohorts": cohorts}, [f"Sending: {words}. {cohorts} cohorts reconcile."])


def _approve(settings: Settings, message: int, by: str) -> None:
    from ledger.acts import Act
    from ledger.database import sessions
    from ledger.messages import approve

    instant = now()
    with sessions(settings).begin() as session:
        moved = approve(session, [message], now=instant) == 1
        session.add(Act(actor=by, act="approve_message", subject=f"message {message}", detail={"moved": moved}, at=instant))
    word = "may go out" if moved else "does not wait for anybody's word; nothing changed"
    VOICE.result({"message": message, "moved": moved}, [f"Message {message} {word}."])


def _settle(settings: Settings, message: int, verdict: str | None, by: str) -> None:
    from ledger.database import sessions
    from outreach.doubts import VERDICTS, settle_doubt

    if verdict not in VERDICTS:
        raise ConfigError(f"send --settle {message}: --as must be accepted or refused, got {verdict!r}. Ask the provider first.")
    with sessions(settings).begin() as session:
        moved = settle_doubt(session, message, verdict=verdict, by=by, now=now())
    word = f"is now {verdict}" if moved else "was not uncertain; nothing changed"
    VOICE.result({"message": message, "moved": moved}, [f"Message {message} {word}."])
