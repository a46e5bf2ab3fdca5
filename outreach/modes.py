"""Modes: how far a playbook may go. The file says what is wanted, the ledger what a person approved; the lower one holds.

shadow (all but the call) -> pilot (a share, so many a day, or a list) -> live. Every step is an act with its evidence.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import ConfigError, LedgerError, unknown_name
from core.settings import Settings
from ledger.acts import Act
from ledger.database import sessions
from outreach.playbook import Playbook, load_playbooks

MODES = ("shadow", "pilot", "live")
ACT = "mode"


def approved_modes(session: Session) -> dict[str, str]:
    """Map each issue to the mode that was approved last; an issue that is not in it was never let out of the shadow."""
    newest = select(Act.subject, Act.detail["mode"].as_string()).where(Act.act == ACT).distinct(Act.subject)
    rows = session.execute(newest.order_by(Act.subject, Act.id.desc()))
    return {subject.removeprefix("playbook "): mode for subject, mode in rows}


def in_force(session: Session, playbooks: Mapping[str, Playbook]) -> dict[str, Playbook]:
    """Return the playbooks in the mode in which they run: what the file says, as far as it was approved."""
    approved = approved_modes(session)
    return {issue: playbook.model_copy(update={"mode": lower(playbook.mode, approved.get(issue, "shadow"))})
            for issue, playbook in playbooks.items()}  # fmt: skip


def playbooks_in_force(settings: Settings) -> dict[str, Playbook]:
    """Read the playbooks, each in the mode in which it runs."""
    with sessions(settings)() as session:
        return in_force(session, load_playbooks(settings))


def held_back(playbooks: Mapping[str, Playbook], approved: Mapping[str, str]) -> list[str]:
    """Return a sentence for each playbook that runs lower than its file says, with the way out."""
    found = []
    for issue, playbook in sorted(playbooks.items()):
        runs = lower(playbook.mode, approved.get(issue, "shadow"))
        if runs != playbook.mode:
            found.append(f"{issue}: its file says {playbook.mode}, approved is {runs}, so it runs as {runs}. "
                         f"`beforehand mode {issue} {playbook.mode} --as NAME` shows the evidence and raises it.")
    return found


def set_mode(
    session: Session, playbook: Playbook, mode: str, *, by: str, evidence: Mapping[str, Any], now: datetime, settings: Settings,
    note: str = "",
) -> bool:  # fmt: skip
    """Record that `by` lets a playbook go as far as `mode`, what they saw, and their note; False where that was so already.

    Raise ConfigError where it has no approved remedy, and LedgerError where `by` may not, or a brake of the issue is open.
    """
    where = f"mode of {playbook.issue}"
    if mode not in MODES:
        raise ConfigError(unknown_name(where, "mode", mode, MODES))
    before = approved_modes(session).get(playbook.issue, "shadow")
    if mode == before:
        return False
    if lower(mode, before) == before:
        _check_raise(where, playbook, mode, by, evidence, settings)
    detail = {"mode": mode, "before": before, "version": playbook.version, "evidence": dict(evidence)}
    detail |= {"note": note} if note else {}
    session.add(Act(actor=by, act=ACT, subject=f"playbook {playbook.issue}", detail=detail, at=now))
    session.flush()
    return True


def check_approver(where: str, by: str, settings: Settings) -> None:
    """Raise LedgerError unless `by` names somebody who may approve."""
    known = settings.outreach.approvers
    if not by.strip():
        raise LedgerError(f"{where}: somebody must stand for it, got no name. Say --as NAME.")
    if known and by not in known:
        raise LedgerError(unknown_name(where, "approver", by, known))


def lower(*modes: str) -> str:
    """Return the lowest of some modes."""
    return min(modes, key=MODES.index)


def _check_raise(where: str, playbook: Playbook, mode: str, by: str, evidence: Mapping[str, Any], settings: Settings) -> None:
    check_approver(where, by, settings)
    if playbook.remedy is None:
        path = settings.folder / "playbooks" / f"{playbook.issue}.toml"
        raise ConfigError(f"{path}: remedy: a playbook without an approved [remedy] stays in shadow, got {mode!r}. "
                          "Add [remedy] with says, approved_by and approved_on.")
    brakes: Iterable[str] = evidence.get("brakes", ())
    if brakes := list(brakes):
        raise LedgerError(f"{where}: a brake is on: {brakes[0]}. `beforehand brake` lists them and lifts them.")
