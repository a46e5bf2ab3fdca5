"""`beforehand preview ISSUE`: the very message a customer would get, and what the lint says of it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import func, select

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError, LedgerError, unknown_name
from core.settings import Settings
from ledger.customers import Customer
from ledger.database import sessions
from outreach.frame import base_language
from outreach.letter import Letter
from outreach.lint import lint
from outreach.lint_headers import lint_letter
from outreach.playbook import Playbook, load_playbooks
from outreach.playbook_checks import LATER
from outreach.sample import ANN, sample_letter

KINDS = ("notice", *LATER)


def preview(
    issue: Annotated[str, typer.Argument(help="The issue whose message to show.")],
    customer: Annotated[str | None, typer.Option(metavar="ID", help="Whose message; a made-up customer when not stated.")] = None,
    language: Annotated[str | None, typer.Option(metavar="xx", help="In this language instead of the customer's.")] = None,
    kind: Annotated[str, typer.Option(help="notice | update | fixed | survey")] = "notice",
    doing: Annotated[bool, typer.Option("--doing", help="As it reads before the action's receipt is there.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write message.html, .txt, .eml and headers.txt there.")] = None,
) -> None:
    """Show a message as a customer would get it; nothing is sent, and the links work only once it is."""
    settings = configured()
    playbooks = load_playbooks(settings)
    playbook = _spoken(playbooks, issue, kind, done=not doing)
    letter = sample_letter(settings, playbook, now=now(), customer=_customer(settings, customer), language=language)
    spoken = {base_language(name) for each in playbooks.values() for name in each.message} | _spoken_by_customers(settings)
    findings = [f"{each.where}: {each.says}" for each in lint(playbooks[issue], settings, {each for each in spoken if each})]
    findings += lint_letter(letter, settings)
    files = _write(letter, out) if out else []
    VOICE.result(_facts(letter, findings, files), _sentences(letter, findings, files))


def _spoken(playbooks: dict[str, Playbook], issue: str, kind: str, *, done: bool) -> Playbook:
    if issue not in playbooks:
        raise ConfigError(unknown_name("preview", "issue", issue, playbooks))
    if kind not in KINDS:
        raise ConfigError(unknown_name("preview", "kind", kind, KINDS))
    playbook = playbooks[issue]
    has = [name for name in KINDS if (playbook.later(name) if name in LATER else playbook.message)]
    if kind not in has:
        raise ConfigError(f"preview {issue}: the playbook says nothing of the kind {kind!r}. It has: {', '.join(has) or 'no words at all'}.")
    return playbook.spoken(kind, done=done)


def _customer(settings: Settings, customer_id: str | None) -> Customer:
    if customer_id is None:
        return ANN
    with sessions(settings).begin() as session:
        found = session.get(Customer, customer_id)
    if found is None:
        raise LedgerError(f"preview: customer {customer_id!r} is not known, got no contact details. `beforehand pull` brings them.")
    return found


def _spoken_by_customers(settings: Settings) -> set[str | None]:
    """Return the languages of at least one customer in a hundred."""
    with sessions(settings).begin() as session:
        counts = session.execute(select(Customer.language, func.count()).group_by(Customer.language)).all()
    total = sum(count for _, count in counts)
    return {base_language(name) for name, count in counts if 100 * count >= total}


def _write(letter: Letter, folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    whole = letter.as_bytes()
    parts = {"message.html": letter.html.encode(), "message.txt": letter.text.encode(), "message.eml": whole,
             "headers.txt": whole.partition(b"\r\n\r\n")[0] + b"\r\n"}  # fmt: skip
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in parts]


def _facts(letter: Letter, findings: list[str], files: list[str]) -> dict[str, Any]:
    return {"subject": letter.subject, "language": letter.skeleton.language, "headers": dict(letter.email().items()),
            "text": letter.text, "html": letter.html, "findings": findings, "files": files}  # fmt: skip


def _sentences(letter: Letter, findings: list[str], files: list[str]) -> list[str]:
    headers = [f"{name}: {value}" for name, value in letter.email().items()]
    said = findings or ["Nothing to mend."]
    return [*headers, "", letter.text, "", *[f"lint: {each}" for each in said], *[f"written: {each}" for each in files]]
