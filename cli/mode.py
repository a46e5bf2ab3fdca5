"""`beforehand mode`: how far each playbook may go, and the act of letting one go further."""

from typing import Annotated, Any

import typer

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError, unknown_name
from core.settings import Settings
from ledger.database import sessions


def mode(
    issue: Annotated[str | None, typer.Argument(help="The issue whose playbook it is.")] = None,
    to: Annotated[str | None, typer.Argument(metavar="[MODE]", help="shadow | pilot | live")] = None,
    actor: Annotated[str, typer.Option("--as", metavar="NAME", help="Who approves; goes into the audit trail.")] = "",
) -> None:
    """List the modes in which playbooks run; show the evidence of one; or let it go as far as MODE."""
    from outreach.evidence import evidence, sentences
    from outreach.modes import approved_modes, held_back, set_mode
    from outreach.playbook import load_playbooks

    settings = configured()
    playbooks = load_playbooks(settings)
    if issue is not None and issue not in playbooks:
        raise ConfigError(unknown_name("mode", "playbook", issue, playbooks))
    with sessions(settings).begin() as session:
        if issue is None:
            _list(settings, playbooks, approved_modes(session))
            return
        found, moved = evidence(session, issue), False
        if to is not None:
            moved = set_mode(session, playbooks[issue], to, by=actor, evidence=found, now=now(), settings=settings)
        approved = approved_modes(session)
        words = [f"{issue} may now go as far as {to}, by {actor}."] if moved else []
        words += held_back({issue: playbooks[issue]}, approved) + _file_is_lower(issue, playbooks[issue].mode, approved)
        facts = {"issue": issue, "approved": approved.get(issue, "shadow"), "file": playbooks[issue].mode, "moved": moved}
        VOICE.result(facts | {"evidence": found}, [*sentences(issue, found), *words])


def _list(settings: Settings, playbooks: dict[str, Any], approved: dict[str, str]) -> None:
    from outreach.modes import held_back, lower

    rows = [[name, playbook.mode, approved.get(name, "shadow"), lower(playbook.mode, approved.get(name, "shadow"))]
            for name, playbook in sorted(playbooks.items())]  # fmt: skip
    VOICE.table("Playbooks", ["issue", "its file says", "approved", "runs as"], rows)
    facts = [dict(zip(("issue", "file", "approved", "runs"), row, strict=True)) for row in rows]
    VOICE.result({"playbooks": facts}, held_back(playbooks, approved) or ["Every playbook runs as its file says."])


def _file_is_lower(issue: str, stated: str, approved: dict[str, str]) -> list[str]:
    from outreach.modes import lower

    may = approved.get(issue, "shadow")
    return [f"{issue}: its file says {stated}, so it runs as {stated}; mode = \"{may}\" there lets it go further."] if lower(
        stated, may) != may else []  # fmt: skip
