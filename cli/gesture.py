"""`beforehand gesture`: what customers were given, what waits for somebody's word, and how quickly mistakes were put right."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError, LedgerError, unknown_name
from core.settings import Settings
from ledger.database import sessions

COLUMNS = ("id", "issue", "customer_id", "kind", "cents", "because", "why_waiting", "asked_by", "first_by")


def gesture(
    issue: Annotated[str | None, typer.Argument(help="Give something under this issue's playbook ...")] = None,
    customer: Annotated[str | None, typer.Argument(help="... to this customer.")] = None,
    because: Annotated[str, typer.Option(help="What the customer said, or why.")] = "",
    mistake: Annotated[bool, typer.Option("--mistake", help="The customer says that we were wrong: believed as said.")] = False,
    cents: Annotated[int | None, typer.Option(min=1, help="How much; the playbook's usual amount when not stated.")] = None,
    approve: Annotated[int | None, typer.Option(metavar="NUMBER", help="Approve one that waits.")] = None,
    decline: Annotated[int | None, typer.Option(metavar="NUMBER", help="Say no to one that waits; --because says why.")] = None,
    actor: Annotated[str, typer.Option("--as", metavar="NAME", help="Who; goes into the audit trail.")] = "",
) -> None:
    """Give a gesture, decide on one that waits, or list them with the month's budgets."""
    settings = configured()
    if approve is not None or decline is not None:
        _decide(settings, approve, decline, because, actor)
    elif issue is not None:
        _give(settings, issue, customer, because, mistake=mistake, cents=cents, actor=actor)
    else:
        _list(settings)


def _give(
    settings: Settings, issue: str, customer: str | None, because: str, *, mistake: bool, cents: int | None, actor: str
) -> None:
    from outreach.gestures import GOODWILL, MISTAKE, Claim, give
    from outreach.playbook import load_playbooks

    playbooks = load_playbooks(settings)
    if issue not in playbooks:
        raise ConfigError(unknown_name("gesture", "playbook", issue, playbooks))
    if not customer or not because or not actor:
        raise ConfigError(f"gesture {issue}: a customer, --because and --as are needed, got {customer!r}, {because!r}, {actor!r}. "
                          "All three go into the audit trail.")
    claim = Claim(customer, because, actor, MISTAKE if mistake else GOODWILL, None, cents)
    with sessions(settings).begin() as session:
        made = give(session, playbooks[issue], claim, settings=settings, now=now())
        facts = {"gesture": made.id, "state": made.state, "cents": made.cents, "why_waiting": made.why_waiting}
    waits = f"waits ({str(facts['why_waiting']).replace('_', ' ')}): `beforehand gesture --approve {facts['gesture']} --as NAME`"
    word = "is granted and will be carried out" if facts["state"] == "granted" else waits
    VOICE.result(facts, [f"Gesture {facts['gesture']} of {facts['cents']} cents {word}."])


def _decide(settings: Settings, approved: int | None, declined: int | None, because: str, actor: str) -> None:
    from ledger.gestures import Gesture
    from outreach.gestures import approve, decline
    from outreach.playbook import load_playbooks

    playbooks, number = load_playbooks(settings), approved if approved is not None else declined or 0
    with sessions(settings).begin() as session:
        found = session.get(Gesture, number)
        if found is None or found.issue not in playbooks:
            raise LedgerError(f"gesture {number}: does not exist, or its playbook is gone. `beforehand gesture` lists those that wait.")
        options: dict[str, Any] = {"by": actor, "settings": settings, "now": now()}
        made = (approve(session, number, playbooks[found.issue], **options) if approved is not None
                else decline(session, number, why=because, **options))  # fmt: skip
        state = made.state
    word = "needs another person's word too" if state == "waiting" else f"is {state}"
    VOICE.result({"gesture": number, "state": state}, [f"Gesture {number} {word}."])


def _list(settings: Settings) -> None:
    from ledger.gestures import undecided
    from outreach.gestures import put_right, spent
    from outreach.playbook import load_playbooks

    instant = now()
    with sessions(settings).begin() as session:
        rows = [[getattr(each, name) for name in COLUMNS] for each in undecided(session)]
        budgets = [
            [name, spent(session, name, instant.date().replace(day=1)), playbook.gesture.budget_cents_a_month,
             *vars(put_right(session, issue=name, since=instant - timedelta(days=30), until=instant)).values()]
            for name, playbook in sorted(load_playbooks(settings).items()) if playbook.gesture
        ]  # fmt: skip
    header = ("issue", "spent_cents", "budget_cents", "mistakes_told", "put_right", "within_a_day")
    if rows:
        VOICE.table("Gestures that wait", COLUMNS, rows)
    if budgets:
        VOICE.table("This month's budgets; mistakes of 30 days", [name.replace("_", " ") for name in header], budgets)
    facts = {"waiting": [dict(zip(COLUMNS, row, strict=True)) for row in rows], "budgets": [dict(zip(header, b, strict=True)) for b in budgets]}
    VOICE.result(facts, [f"{len(rows)} gestures wait." if rows else "No gesture waits for anybody."])
