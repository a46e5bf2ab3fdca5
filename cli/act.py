"""`beforehand act`: do what is due for customers, and settle what nobody knows the fate of."""

from typing import Annotated

import typer
from sqlalchemy import select

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError
from core.settings import Settings
from ledger.database import sessions


def act(
    settle: Annotated[int | None, typer.Option(metavar="ACTION", help="Settle an uncertain action by hand.")] = None,
    verdict: Annotated[str | None, typer.Option("--as", help="done | refused, with --settle.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who settles.")] = "operator",
) -> None:
    """Carry out every due action once through its hook, and list those whose fate is unknown."""
    from outreach import act as acting

    settings = configured()
    if settle is not None:
        if verdict not in ("done", "refused"):
            raise ConfigError(f"act --settle {settle}: --as must be done or refused, got {verdict!r}. Ask the other side first.")
        acting.settle(settings, settle, as_done=verdict == "done", by=by, now=now())
        VOICE.result({"action": settle, "state": verdict}, [f"Action {settle} is now {verdict}."])
        return
    done = acting.act_due(settings=settings)
    doubts = _doubts(settings)
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.items()) or "nothing was due"
    if doubts:
        VOICE.table("Nobody knows whether these were done", ["action", "what", "customer", "since", "why"], doubts)
    facts = [dict(zip(("action", "what", "customer", "since", "why"), row, strict=True)) for row in doubts]
    VOICE.result({"acted": done, "doubts": facts}, [f"Acting: {words}.", *(
        ["`beforehand act --settle ACTION --as done` settles one, once the other side was asked."] if doubts else [])])  # fmt: skip


def _doubts(settings: Settings) -> list[list[object]]:
    from ledger.actions import Action, ActionState

    with sessions(settings).begin() as session:
        found = session.scalars(select(Action).where(Action.state == ActionState.UNCERTAIN).order_by(Action.settled_at, Action.id))
        return [[a.id, a.what, a.customer_id, a.settled_at, "; ".join(a.reasons) or "no answer"] for a in found]
