"""Skeletons: a playbook's words in one language, framed, as HTML from MJML and as text, with tokens for what differs.

MJML is compiled once for a playbook version, language and branch; a customer's own values are put in afterwards.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mjml import mjml2html

from core.errors import ConfigError
from core.settings import Company, Settings
from outreach import words
from outreach.frame import FRAMES, Frame
from outreach.letter import Skeleton, html_token, token, wrapped
from outreach.links import check_page
from outreach.playbook import Playbook, Words

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
PERSONAL = ("first_name", "check_code", "stop_url", "answer_url", "survey_url", "why_url")
TOKEN = re.compile(r"\[%([\w.]*)%\]")
SECTIONS = ("what_happened", "what_we_did", "what_you_do")
ANYTHING = ("do_it", "call_me", "wrong", "solved", "not_mine")
ANSWERS = {"notice": ANYTHING, "update": ANYTHING, "fixed": ("call_me", "wrong"), "survey": ()}
BEFORE_A_LINE = re.compile(r"(?=<(?:table|tbody|tr|td|div|style|body|meta|!--\[if)[ >\]])")


def write_skeleton(settings: Settings, playbook: Playbook, language: str, *, named: bool) -> Skeleton:
    """Return what all letters share that are of this playbook version and language, with or without a name to greet.

    Raise ConfigError when a word has no value, or the template is no MJML: nothing is sent then.
    """
    company, frame, said = settings.company, FRAMES[language], playbook.message[language]
    known = _known(settings, named=named)
    context = {"company": company, "language": language, "frame": frame, "sender": _sender(company),
               "stop_url": token("stop_url"), "why_url": token("why_url")}  # fmt: skip
    context |= _said(frame, said, known) | _framed(frame, known, named=named) | _links(frame, playbook)
    text = wrapped(TEMPLATES.get_template("letter.txt").render(context).replace("\r", "")).strip() + "\n"
    html = _compiled(TEMPLATES.get_template("letter.mjml").render(context))
    for name in PERSONAL:
        html = html.replace(token(name), html_token(name))
    subject = words.render(said.subject, known)
    _check_tokens(f"{playbook.issue} {playbook.version} {language}", subject + text + html)
    return Skeleton(playbook.issue, playbook.version, language, subject, text, html, (company.name, company.from_address),
                    company.reply_to, _headers(playbook, company))  # fmt: skip


def _known(settings: Settings, *, named: bool) -> dict[str, str]:
    company = settings.company
    known = {
        "company": company.name, "website": urlsplit(company.website).hostname or company.website,
        "check_code": token("check_code"), "check_page": check_page(settings),
        "phone": (company.phone or "").replace(" ", "\N{NO-BREAK SPACE}"),
    }  # fmt: skip
    return known | ({"first_name": token("first_name")} if named else {})


def _compiled(mjml: str) -> str:
    """Return the HTML, with lines short enough for mail: none may be longer than 998 octets (RFC 5322, 2.1.1)."""
    try:
        html = mjml2html(mjml)
    except ValueError as error:
        raise ConfigError(f"outreach/templates/letter.mjml: it is no MJML: {error}. Nothing is sent until it is mended.") from error
    return BEFORE_A_LINE.sub("\n", html)


def _check_tokens(where: str, text: str) -> None:
    unknown = {name for name in TOKEN.findall(text) if name.removesuffix(".html") not in PERSONAL}
    if unknown:
        raise ConfigError(f"{where}: no value for {min(unknown)!r}. Known: {', '.join(PERSONAL)}.")


def _headers(playbook: Playbook, company: Company) -> tuple[tuple[str, str], ...]:
    domain = company.from_address.rpartition("@")[2]
    topic = re.sub(r"[^a-z0-9]+", "-", playbook.subject_of_wish.lower()).strip("-")
    return (
        ("List-Id", f"<{topic}.service-messages.{domain}>"),
        ("Auto-Submitted", "auto-generated"),
        ("Feedback-ID", f"{playbook.version}:{topic}:{playbook.kind}:{domain.replace('.', '-')}"),
    )


def _sender(company: Company) -> str:
    """Return name and postal address in one line."""
    line = ", ".join(part.strip() for part in company.postal_address.splitlines() if part.strip())
    return line if line.startswith(company.name) else f"{company.name}, {line}"


def _said(frame: Frame, said: Words, known: Mapping[str, str]) -> dict[str, object]:
    """Return the words as paragraphs; line breaks inside one are the file's, not the reader's."""
    sampled = not said.what_we_did                # the survey of both arms: a question alone, with nothing that happened above it
    parts = [("" if sampled else getattr(frame, part), paragraphs(words.render(getattr(said, part), known)))
             for part in SECTIONS if getattr(said, part)]  # fmt: skip
    return {"parts": parts, "subject": words.render(said.subject, known), "preview": words.render(said.preview, known)}


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, each on one line."""
    return [" ".join(each.split()) for each in re.split(r"\n\s*\n", text)]


def _framed(frame: Frame, known: Mapping[str, str], *, named: bool) -> dict[str, object]:
    check = frame.check_or_call if known["phone"] else frame.check_on_site
    call = [frame.or_call.format(**known)] if known["phone"] else []
    return {
        "greeting": f"{frame.hello} {known['first_name']}," if named else f"{frame.hello},",
        "check": check.format(**known),
        "person": " ".join([frame.reply, *call]),
        "why": frame.why.format(**known),
    }


def _links(frame: Frame, playbook: Playbook) -> dict[str, object]:
    """Return what one click can say; each leads to a page that asks once more, so that no scanner of links answers."""
    kind = playbook.kind
    if kind == "survey":
        return {"links_title": frame.survey_link if playbook.measure.survey else frame.survey, "links": [(frame.survey_link, token("survey_url"))]}
    links = [(getattr(frame, answer), f"{token('answer_url')}/{answer}") for answer in ANSWERS[kind]]
    return {"links_title": frame.one_click, "links": links}
