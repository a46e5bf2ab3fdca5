"""`beforehand doctor`: what is wrong with the installation, and what to do about it."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from cli.voice import VOICE, configured
from core.errors import BeforehandError, ConfigError, MissingError
from core.settings import Settings


def doctor() -> None:
    """Check configuration, database, lake, sources and channel; end with status 1 when something is wrong."""
    checks = [_try("settings", lambda: configured().company.name)]
    if checks[0]["ok"]:
        settings = configured()
        checks += [_try(name, partial(check, settings)) for name, check in CHECKS.items()]
    mark = {True: "ok", False: "WRONG"}
    VOICE.table("Doctor", ["what", "", "found"], [[c["what"], mark[c["ok"]], c["found"]] for c in checks])
    wrong = sum(not check["ok"] for check in checks)
    VOICE.result({"checks": checks, "wrong": wrong}, [f"{wrong} things to mend." if wrong else "All is well."])
    if wrong:
        raise typer.Exit(1)


def _try(what: str, check: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"what": what, "ok": True, "found": str(check())}
    except BeforehandError as error:
        return {"what": what, "ok": False, "found": str(error)}


def _sources(settings: Settings) -> str:
    from feature_store.sources.configured import load_sources

    found = load_sources(settings)
    if not found:
        raise ConfigError(f"{settings.folder / 'sources'}: no source, got 0 files. Write one TOML a source; `beforehand init` shows how.")
    return ", ".join(f"{name} ({source.role})" for name, source in sorted(found.items()))


def _issues(settings: Settings) -> str:
    from detectors.issue import load_issues

    found = load_issues(settings)
    if not found:
        raise ConfigError(f"{settings.folder / 'issues'}: no issue, got 0 files. Say what trouble is: `beforehand init` shows how.")
    from detectors.watching import check_all_features

    held = check_all_features(settings)
    checked = f"; conditions fit the {held} features" if held else "; conditions are checked once a day is closed"
    return ", ".join(f"{name} ({', '.join(issue.watching)})" for name, issue in sorted(found.items())) + checked


def _playbooks(settings: Settings) -> str:
    from detectors.issue import load_issues
    from outreach.playbook import load_playbooks

    found, issues = load_playbooks(settings), load_issues(settings)
    silent = sorted(set(issues) - set(found))
    words = ", ".join(f"{name} ({playbook.mode})" for name, playbook in sorted(found.items()))
    return words + (f"; flagged but nothing done about: {', '.join(silent)}" if silent else "")


def _database(settings: Settings) -> str:
    from sqlalchemy import text

    from ledger.database import sessions

    with sessions(settings).begin() as session:
        return f"PostgreSQL {session.scalar(text('show server_version'))}, the ledger's schema is up to date"


def _lake(settings: Settings) -> str:
    from feature_store.lake import last_closed

    probe = settings.place("lake") / ".doctor"
    probe.write_text("can be written")
    probe.unlink()
    day = last_closed(settings)
    return f"{settings.root}: can be written; " + (f"closed up to {day}" if day else "no day is closed yet")


def _channel(settings: Settings) -> str:
    channel = settings.outreach.channel
    if channel == "sendgrid" and not os.environ.get("SENDGRID_API_KEY"):
        raise MissingError("SENDGRID_API_KEY: the channel is sendgrid and no key is set. Export it, or use the mailbox channel.")
    return f"{channel}, from {settings.company.from_address}"


def _words(settings: Settings) -> str:
    from outreach.frame import base_language
    from outreach.lint import lint
    from outreach.playbook import load_playbooks

    playbooks = load_playbooks(settings)
    spoken = {base_language(name) or "" for playbook in playbooks.values() for name in playbook.message}
    found = [finding for playbook in playbooks.values() for finding in lint(playbook, settings, spoken)]
    return "; ".join(f"{each.where} {each.says}" for each in found) or f"{len(playbooks)} playbooks say what they must, plainly"


def _domain(settings: Settings) -> str:
    from outreach.domain import Verdict, look_up
    from outreach.playbook import load_playbooks

    used = {playbook.channel or settings.outreach.channel for playbook in load_playbooks(settings).values()}
    if not used & BY_MAIL:
        return "not asked for: nothing leaves by e-mail"
    found = look_up(settings)
    if settings.outreach.warm_up.since is None:
        found.append(Verdict("warm-up", "no ramp in [outreach.warm_up]: right for a domain that has sent for months, else set `since`"))
    said = "; ".join(f"{each.what}: {each.says}" for each in found)
    if any(each.wrong for each in found):
        raise ConfigError(f"{settings.company.from_address}: {said}.")
    return said


BY_MAIL = {"sendgrid", "smtp"}
CHECKS = {
    "sources": _sources,
    "issues": _issues,
    "playbooks": _playbooks,
    "database": _database,
    "lake": _lake,
    "channel": _channel,
    "words": _words,
    "domain": _domain,
}
