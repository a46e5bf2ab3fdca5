"""`beforehand tokens`: the keys by which other systems are let in."""

from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy import select

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError, unknown_name
from core.settings import Settings
from ledger import api_tokens
from ledger.acts import Act
from ledger.api_tokens import ApiToken
from ledger.database import sessions

ACTS = ("list", "make", "revoke")


def tokens(
    act: Annotated[str, typer.Argument(help="make | list | revoke")] = "list",
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which system it is for.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="With make: what it may do; may be repeated.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="With make: how many days it is good for; for ever when not stated.")] = None,
) -> None:
    """Make a token for another system, list them, or end one."""
    settings = configured()
    if act not in ACTS:
        raise ConfigError(unknown_name("tokens", "act", act, ACTS))
    if act == "list":
        _list(settings)
    elif name is None:
        raise ConfigError(f"tokens {act}: which one? Add a name: beforehand tokens {act} crm")
    elif act == "make":
        _make(settings, name, scope or [], days)
    else:
        _revoke(settings, name)


def _make(settings: Settings, name: str, scopes: list[str], days: int | None) -> None:
    if not scopes:
        raise ConfigError(f"tokens make {name}: for what? Add --scope. Known: {', '.join(api_tokens.SCOPES)}.")
    lasts = timedelta(days=days) if days else None
    with sessions(settings).begin() as session:
        secret = api_tokens.make_token(session, name=name, scopes=scopes, by="operator", now=now(), lasts=lasts)
        session.add(Act(actor="operator", act="tokens make", subject=f"token {name}", detail={"scopes": scopes, "days": days}, at=now()))
    VOICE.result({"name": name, "scopes": scopes, "token": secret},
                 [f"The token of {name}, for {', '.join(scopes)}. It is shown this once:", secret])  # fmt: skip


def _revoke(settings: Settings, name: str) -> None:
    with sessions(settings).begin() as session:
        api_tokens.revoke(session, name, now=now())
        session.add(Act(actor="operator", act="tokens revoke", subject=f"token {name}", detail={}, at=now()))
    VOICE.result({"name": name, "revoked": True}, [f"The token of {name} lets nobody in any more."])


def _list(settings: Settings) -> None:
    with sessions(settings).begin() as session:
        rows = session.scalars(select(ApiToken).order_by(ApiToken.name)).all()
    facts = [{"name": t.name, "scopes": t.scopes, "made_at": t.made_at, "expires_at": t.expires_at, "used_at": t.used_at,
              "revoked_at": t.revoked_at} for t in rows]  # fmt: skip
    VOICE.table("Tokens", ["name", "for", "made", "used", "ends"],
                [[t.name, ", ".join(t.scopes), f"{t.made_at:%Y-%m-%d}", f"{t.used_at:%Y-%m-%d}" if t.used_at else "never", _end(t)]
                 for t in rows])  # fmt: skip
    VOICE.result({"tokens": facts}, [] if rows else ["No tokens yet: beforehand tokens make NAME --scope SCOPE"])


def _end(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    return f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "never"
