"""A playbook's letters as a customer would see them, for a frame on a page: nobody is named, and no link in them works."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from fastapi.responses import HTMLResponse

from core.errors import MissingError
from core.settings import Settings
from outreach.compose import Composer, Recipient
from outreach.lint import lint
from outreach.playbook import Playbook
from outreach.playbook_checks import LATER

EXAMPLE = "0" * 32
KINDS = ("notice", *LATER)
# A letter brings its own style, as mail does; it may load nothing, run nothing, and be framed by our pages alone.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'; sandbox"
_FINDINGS: dict[tuple[str, str, str], list[str]] = {}


@dataclass(frozen=True)
class Shown:
    """One letter that can be looked at: which kind, in which language, and what mail programs show of it."""

    kind: str
    language: str
    subject: str
    preview: str


def shown(playbook: Playbook) -> Iterator[Shown]:
    """Yield every letter that a playbook has words for, as its file has them."""
    for kind in KINDS:
        for language, said in playbook.words(kind).items() if kind == "notice" or playbook.later(kind) else ():
            yield Shown(kind, language, said.subject, said.preview)


def letter(settings: Settings, playbook: Playbook, kind: str, language: str, *, now: datetime) -> HTMLResponse:
    """Return one letter as a page of its own. Raise MissingError where the playbook has no such words."""
    if not any(each.kind == kind and each.language == language for each in shown(playbook)):
        raise MissingError(f"playbooks/{playbook.issue}.toml: no words of the kind {kind!r} in {language!r}. Known: "
                           f"{', '.join(f'{each.kind} {each.language}' for each in shown(playbook)) or 'none'}.")  # fmt: skip
    to = Recipient(EXAMPLE, "customer@example.com", "Alex Example", language, now.date())
    html = Composer(settings).letter(playbook.spoken(kind, done=True), to, now=now).html
    return HTMLResponse(html, headers={"content-security-policy": POLICY})


def findings(settings: Settings, playbook: Playbook) -> list[str]:
    """Return what should be better about a playbook's letters; each version is read through once."""
    key = (str(settings.folder), playbook.issue, playbook.version)
    if key not in _FINDINGS:
        _FINDINGS[key] = [f"{each.where}: {each.says}" for each in lint(playbook, settings)]
    return _FINDINGS[key]
