"""Lint of a finished letter: the headers mailbox providers ask for, and links that lead nowhere but home."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from core.settings import Settings
from outreach import words
from outreach.letter import Letter
from outreach.playbook_checks import ASKS_TO, SUBJECT_AT_MOST

HREF, SRC, IMAGE = re.compile(r'href="([^"]*)"'), re.compile(r'src="([^"]*)"'), re.compile(r"<img\b[^>]*>")
NO_REPLY = re.compile(r"no-?_?reply", re.IGNORECASE)
LONGEST_LINE = 998  # octets, RFC 5322, 2.1.1


def lint_letter(letter: Letter, settings: Settings) -> list[str]:
    """Return what is wrong with a letter as it would leave; nothing, for a letter that may."""
    return [*_headers(letter), *_links(letter, settings), *_shape(letter)]


def _headers(letter: Letter) -> Iterator[str]:
    mail, domain = letter.email(), letter.skeleton.sender[1].rpartition("@")[2]
    one_click = re.fullmatch(r"<(https://[^>]+)>", str(mail.get("List-Unsubscribe", "")))
    if one_click is None or one_click.group(1) != letter.stop_url:
        yield "List-Unsubscribe: one https address is needed (RFC 8058)"
    if mail.get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click":
        yield "List-Unsubscribe-Post: must be List-Unsubscribe=One-Click (RFC 8058)"
    if not re.fullmatch(rf"<[\w.-]+\.{re.escape(domain)}>", str(mail.get("List-Id", ""))):
        yield f"List-Id: must lie below {domain} (RFC 2919)"
    if len(str(mail.get("Feedback-ID", "")).split(":")) != 4:
        yield "Feedback-ID: four parts are needed: campaign, customer, kind, sender"
    if not re.fullmatch(rf"<[^@\s]+@{re.escape(domain)}>", str(mail.get("Message-ID", ""))):
        yield f"Message-ID: must end in @{domain}"
    if mail.get("Auto-Submitted") != "auto-generated":
        yield "Auto-Submitted: must be auto-generated (RFC 3834)"
    for name in ("From", "Reply-To"):
        if NO_REPLY.search(str(mail.get(name, ""))):
            yield f"{name}: must be an address at which a person reads, got {mail[name]}"
    if len(mail.get_all("To", [])) != 1 or mail.get("Cc") or mail.get("Bcc"):
        yield "To: one recipient, and no copies"


def _links(letter: Letter, settings: Settings) -> Iterator[str]:
    own = urlsplit(settings.company.website).hostname or ""
    in_html, in_text = set(HREF.findall(letter.html)), set(re.findall(r"https?://\S+", letter.text))
    for link in in_html | in_text | set(SRC.findall(letter.html)):
        host = urlsplit(link).hostname or ""
        if not link.startswith("https://") or not (host == own or host.endswith(f".{own}")):
            yield f"link: leads to {host or link}, not to {own}"
        path = urlsplit(link).path.rpartition("/service-messages/")[0] or urlsplit(link).path
        if "/service-messages/" not in link and ASKS_TO.search(path):
            yield f"link: leads to a place to pay or sign in: {link}"
    if in_html != in_text:
        yield f"links: HTML and text differ: {sorted(in_html ^ in_text)}"


def _shape(letter: Letter) -> Iterator[str]:
    if len(letter.subject) > SUBJECT_AT_MOST or "\n" in letter.subject:
        yield f"Subject: one line of at most {SUBJECT_AT_MOST} characters"
    if words.AMOUNT.search(letter.subject):
        yield "Subject: names an amount"
    if f'lang="{letter.skeleton.language}"' not in letter.html:
        yield "HTML: does not say its language"
    if "prefers-color-scheme" not in letter.html:
        yield "HTML: has no dark mode"
    if any('alt="' not in image or 'alt=""' in image for image in IMAGE.findall(letter.html)):
        yield "HTML: a picture says nothing in words"
    if "[%" in letter.html + letter.text + letter.subject:
        yield "a value is missing"
    if max(map(len, letter.as_bytes().split(b"\r\n"))) > LONGEST_LINE:
        yield f"a line is longer than {LONGEST_LINE} octets"
