"""`beforehand brake`: what has stopped sending and why; stop it yourself, or let it go on."""

from typing import Annotated

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError
from core.settings import Settings
from ledger.database import sessions


def brake(
    pull: Annotated[str | None, typer.Option(metavar="ISSUE", help="Stop an issue's messages and actions; `all` stops everything.")] = None,
    why: Annotated[str, typer.Option(help="Why, with --pull.")] = "",
    lift: Annotated[int | None, typer.Option(metavar="NUMBER", help="Let a brake go.")] = None,
    actor: Annotated[str, typer.Option("--as", metavar="NAME", help="Who; goes into the audit trail.")] = "",
) -> None:
    """List the brakes that are on, and how recipient domains take our mail; pull one, or lift one."""
    settings = configured()
    if pull is not None:
        _pull(settings, pull, why, actor)
    elif lift is not None:
        _lift(settings, lift, actor)
    else:
        _list(settings)


def _pull(settings: Settings, issue: str, why: str, actor: str) -> None:
    from outreach.kill_switch import pause

    if not actor or not why:
        raise ConfigError(f"brake --pull {issue}: says who and why, got --as {actor!r} --why {why!r}. Both go into the audit trail.")
    with sessions(settings).begin() as session:
        pause(session, actor=actor, note=why, now=now(), issue=None if issue == "all" else issue)
    VOICE.result({"pulled": issue}, [f"Nothing more is planned, done or sent {'at all' if issue == 'all' else f'about {issue}'}."])


def _lift(settings: Settings, number: int, actor: str) -> None:
    from outreach.kill_switch import let_go

    with sessions(settings).begin() as session:
        let_go(session, number, by=actor, now=now(), settings=settings)
    VOICE.result({"lifted": number}, [f"Brake {number} is let go; what became stale meanwhile is not sent."])


def _list(settings: Settings) -> None:
    from ledger.brakes import open_brakes
    from outreach.brake import reputation

    with sessions(settings).begin() as session:
        on = open_brakes(session)
        domains = reputation(session, now=now())
    rows = [[b.id, b.issue or "everything", b.kind, b.reason, f"{b.at:%Y-%m-%d %H:%M}"] for b in on]
    if rows:
        VOICE.table("Brakes that are on", ["number", "stops", "kind", "why", "since"], rows)
    if domains:
        unknown = "never told us"
        VOICE.table("Recipient domains, seven days", ["domain", "sent", "bounced for good", "complaints"],
                    [[d.domain, d.sent, d.bounced, unknown if d.complaints is None else d.complaints] for d in domains])  # fmt: skip
    facts = {"brakes": [dict(zip(("number", "stops", "kind", "why", "since"), row, strict=True)) for row in rows],
             "domains": [vars(d) for d in domains]}  # fmt: skip
    VOICE.result(facts, ["`beforehand brake --lift NUMBER --as NAME` lets one go." if rows else "No brake is on."])
