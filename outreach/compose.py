"""Compose: a playbook's words in the customer's language, framed, as a letter. No link to pay or sign in, ever."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.settings import Company, Settings
from outreach import words
from outreach.frame import FRAMES, Frame, base_language
from outreach.keyed_hash import check_code, stop_token
from outreach.letter import Letter, Skeleton, html_token, token, wrapped
from outreach.playbook import Playbook, Words

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
PERSONAL = ("first_name", "check_code", "stop_url")
SECTIONS = ("what_happened", "what_we_did", "what_you_do")
NAME_AT_MOST = 40


@dataclass(frozen=True)
class Recipient:
    """Whom a message is for."""

    key: str
    address: str
    name: str | None
    language: str | None
    day: date


@dataclass
class Composer:
    """Composes letters; each skeleton is rendered once."""

    settings: Settings
    _skeletons: dict[tuple[str, str, bool], Skeleton] = field(default_factory=dict)

    def letter(self, playbook: Playbook, to: Recipient, *, now: datetime) -> Letter:
        """Return the letter for one recipient, in their language or else the company's."""
        called = first_name(to.name)
        skeleton = self.skeleton(playbook, to.language, named=called is not None)
        stop = stop_url(self.settings, to.key)
        values = {"check_code": check_code(self.settings, to.key), "stop_url": stop}
        if called is not None:
            values["first_name"] = called
        aside = self.settings.outreach.redirect_all_to
        return Letter(to.key, aside or to.address, None if aside else _clean(to.name), to.day.isoformat(), skeleton,
                      values, stop, now)  # fmt: skip

    def skeleton(self, playbook: Playbook, language: str | None, *, named: bool) -> Skeleton:
        """Return what the letters of one playbook version, language and branch share."""
        spoken = base_language(language)
        chosen = spoken if spoken in playbook.message else base_language(self.settings.company.language) or "en"
        slot = (f"{playbook.issue} {playbook.version}", chosen, named)
        if slot not in self._skeletons:
            self._skeletons[slot] = _skeleton(self.settings, playbook, chosen, named=named)
        return self._skeletons[slot]


def first_name(name: str | None) -> str | None:
    """Return what to call a customer by, or None: a name that holds a link or a number is not greeted."""
    clean = _clean(name)
    called = next((part for part in (clean or "").split() if not part.endswith(".")), None)
    return called if called and len(called) <= NAME_AT_MOST and re.fullmatch(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", called) else None


def stop_url(settings: Settings, key: str) -> str:
    """Return the one-click address at which messages of this kind are stopped."""
    return f"{settings.company.website.rstrip('/')}/service-messages/stop/{key}-{stop_token(settings, key)}"


def _clean(name: str | None) -> str | None:
    """Return a name as one line of printable text without tokens, or None."""
    line = unicodedata.normalize("NFC", name or "")
    if not line.isprintable():
        line = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in line)
    line = " ".join(line.split())
    return None if not line or len(line) > 2 * NAME_AT_MOST or re.search(r"[%\[\]<>@/:]|www\.", line) else line


def _skeleton(settings: Settings, playbook: Playbook, language: str, *, named: bool) -> Skeleton:
    company, frame = settings.company, FRAMES[language]
    said = playbook.message[language]
    host = urlsplit(company.website).hostname or company.website
    known = {"company": company.name, "website": host, "check_code": token("check_code")}
    if named:
        known["first_name"] = token("first_name")
    context = {"company": company, "language": language, "frame": frame, **_said(said, known)}
    context |= _framed(frame, known | {"phone": (company.phone or "").replace(" ", "\N{NO-BREAK SPACE}")}, named=named) | {"stop_url": token("stop_url")}
    context["sender"] = _sender(company)
    text = wrapped(TEMPLATES.get_template("letter.txt").render(context).replace("\r", "")).strip() + "\n"
    html = TEMPLATES.get_template("letter.html").render(context)
    for name in PERSONAL:
        html = html.replace(token(name), html_token(name))
    domain = company.from_address.rpartition("@")[2]
    topic = re.sub(r"[^a-z0-9]+", "-", playbook.subject_of_wish.lower()).strip("-")
    headers = (
        ("List-Id", f"<{topic}.service-messages.{domain}>"),
        ("Auto-Submitted", "auto-generated"),
        ("Feedback-ID", f"{playbook.version}:{topic}:notice:{domain.replace('.', '-')}"),
    )
    return Skeleton(playbook.issue, playbook.version, language, words.render(said.subject, known), text, html,
                    (company.name, company.from_address), company.reply_to, headers)  # fmt: skip


def _sender(company: Company) -> str:
    """Return name and postal address in one line."""
    line = ", ".join(part.strip() for part in company.postal_address.splitlines() if part.strip())
    return line if line.startswith(company.name) else f"{company.name}, {line}"


def _said(said: Words, known: Mapping[str, str]) -> dict[str, object]:
    """Return the words as paragraphs; line breaks inside one are the file's, not the reader's."""
    sections = {part: [" ".join(each.split()) for each in re.split(r"\n\s*\n", words.render(getattr(said, part), known))]
                for part in SECTIONS}  # fmt: skip
    return {**sections, "subject": words.render(said.subject, known), "preview": words.render(said.preview, known)}


def _framed(frame: Frame, known: Mapping[str, str], *, named: bool) -> dict[str, object]:
    check = frame.check_or_call if known["phone"] else frame.check_on_site
    call = [frame.or_call.format(**known)] if known["phone"] else []
    return {
        "greeting": f"{frame.hello} {known['first_name']}," if named else f"{frame.hello},",
        "check": check.format(**known),
        "person": " ".join([frame.reply, *call]),
        "why": frame.why.format(**known),
    }
