"""`beforehand send`: plan approved cohorts, send what is due, reconcile."""

from typing import Annotated

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError
from core.settings import Settings


def send(
    settle: Annotated[int | None, typer.Option(metavar="MESSAGE", help="Settle an uncertain message by hand.")] = None,
    verdict: Annotated[str | None, typer.Option("--as", help="accepted | refused, with --settle.")] = None,
) -> None:
    """Plan what was approved, send every due message once, and check that the counts reconcile."""
    settings = configured()
    if settle is not None:
        _settle(settings, settle, verdict)
        return
    from outreach.act import act_due
    from outreach.plan import plan_approved
    from outreach.reconcile import reconcile_all
    from outreach.send import send_due

    planned = plan_approved(now=now(), settings=settings)
    acted = act_due(now=now(), settings=settings)
    sent = send_due(now=now(), settings=settings)
    cohorts = reconcile_all(settings=settings)
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sent.items() if count) or "nothing was due"
    VOICE.result({"planned": planned, "acted": acted, "sent": sent, "cohorts": cohorts}, [f"Sending: {words}. {cohorts} cohorts reconcile."])


def _settle(settings: Settings, message: int, verdict: str | None) -> None:
    from ledger.acts import Act
    from ledger.database import sessions
    from ledger.messages import State, settle

    if verdict not in ("accepted", "refused"):
        raise ConfigError(f"send --settle {message}: --as must be accepted or refused, got {verdict!r}. Ask the provider first.")
    instant = now()
    with sessions(settings).begin() as session:
        moved = settle(session, message, state=State(verdict), now=instant)
        detail = {"verdict": verdict, "moved": moved}
        session.add(Act(actor="operator", act="settle", subject=f"message {message}", detail=detail, at=instant))
    word = f"is now {verdict}" if moved else "was not uncertain; nothing changed"
    VOICE.result({"message": message, "moved": moved}, [f"Message {message} {word}."])
