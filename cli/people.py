"""`beforehand people`: who may sign in to the console, and as what."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from cli.voice import VOICE, configured
from console import people as acts
from core.clock import now
from core.errors import ConfigError, unknown_name
from core.settings import Settings
from ledger import people as ledger
from ledger.database import sessions
from ledger.people import Person

BY = "operator"


def people(
    act: Annotated[str, typer.Argument(help="add | list | role | disable | link")] = "list",
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help="The person's e-mail address.")] = None,
    name: Annotated[str | None, typer.Option(help="With add: what to call them; the address when not stated.")] = None,
    role: Annotated[str | None, typer.Option(help="With add and role: viewer | reviewer | approver | admin.")] = None,
) -> None:
    """Add people, list them, change what they may do, keep them out, or make a one-time link to choose a password."""
    settings = configured()
    if act == "list":
        _list(settings)
        return
    if act not in ACTS:
        raise ConfigError(unknown_name("people", "act", act, ["list", *ACTS]))
    if address is None:
        raise ConfigError(f"people {act}: whom? Add an e-mail address: beforehand people {act} ann@company.example")
    with sessions(settings).begin() as session:
        facts, sentences = ACTS[act](session, settings, address, name=name, role=role)
    VOICE.result(facts, sentences)


def _list(settings: Settings) -> None:
    with sessions(settings).begin() as session:
        rows = session.scalars(select(Person).order_by(Person.email)).all()
    facts = [{"address": p.email, "name": p.name, "role": p.role, "disabled_at": p.disabled_at} for p in rows]
    VOICE.table("People", ["address", "name", "role", ""],
                [[p.email, p.name, p.role, "disabled" if p.disabled_at else ""] for p in rows])  # fmt: skip
    none = [] if rows else ["Nobody yet. The first: beforehand people add ADDRESS --role admin"]
    VOICE.result({"people": facts}, none)


Said = tuple[dict[str, Any], list[str]]


def _add(session: Session, settings: Settings, address: str, *, name: str | None, role: str | None) -> Said:
    person = acts.add(session, email=address, name=name or "", role=role or "viewer", by=BY, now=now())
    facts, sentences = _link(session, settings, person.email, name=None, role=None)
    return facts | {"role": person.role}, [f"{person.email} is a {person.role} now.", *sentences]


def _link(session: Session, settings: Settings, address: str, *, name: str | None, role: str | None) -> Said:
    person = ledger.known_person(session, address)
    link = acts.link(session, settings, person, by=BY, now=now())
    return {"address": person.email, "link": link}, ["To choose a password, once, within 24 hours:", link]


def _role(session: Session, settings: Settings, address: str, *, name: str | None, role: str | None) -> Said:
    if role is None:
        raise ConfigError("people role: which one? Add --role. Known: " + ", ".join(ledger.ROLES) + ".")
    ledger.check_role(role)
    person = ledger.known_person(session, address)
    before = acts.change_role(session, person, role, by=BY, now=now())
    return {"address": person.email, "role": role, "before": before}, [f"{person.email} is a {role} now (was {before}), and signs in anew."]


def _disable(session: Session, settings: Settings, address: str, *, name: str | None, role: str | None) -> Said:
    person = ledger.known_person(session, address)
    acts.disable(session, person, by=BY, now=now())
    return {"address": person.email, "disabled_at": str(person.disabled_at)}, [f"{person.email} is signed out everywhere and may not sign in."]


ACTS: dict[str, Callable[..., Said]] = {"add": _add, "link": _link, "role": _role, "disable": _disable}
