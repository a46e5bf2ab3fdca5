"""Lint: is a message worth reading? Length, ease, languages, and whether it says what every message must say.

What may not be said at all (a sale, an amount in the subject, a foreign link) is refused when the playbook is loaded.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from core.settings import Settings
from outreach import words
from outreach.frame import FRAMES
from outreach.playbook import Playbook, Words
from outreach.playbook_checks import LATER
from outreach.reading_ease import reading_ease
from outreach.skeleton import SECTIONS, write_skeleton

WORDS_AT_MOST = 160       # of the three parts together: a minute's reading
PART_AT_MOST = 70
EASE_AT_LEAST = 45.0      # between "plain" and "fairly difficult"; a letter to a customer has no business below
PREVIEW_AT_LEAST = 20     # characters; a mail program fills a shorter one with the first words it finds
ACT = {
    "en": r"\b(?:need|needs|please|must|have to|nothing|answer|can)\b",
    "de": r"\b(?:müssen|muss|bitte|brauchen|nichts|antworten|können)\b",
    "fr": r"\b(?:devez|rien|veuillez|répondez|pouvez|besoin)\b",
    "es": r"\b(?:tiene que|nada|responda|puede|necesita|por favor)\b",
    "it": r"\b(?:deve|nulla|niente|risponda|può|per favore)\b",
    "nl": r"\b(?:moet|hoeft|niets|antwoord|kunt|alstublieft)\b",
}


@dataclass(frozen=True)
class Finding:
    """What should be better about a message, and where it is written."""

    where: str
    says: str


def lint(playbook: Playbook, settings: Settings, languages: Collection[str] = ()) -> list[Finding]:
    """Return what should be better about every message of a playbook; `languages` are those that customers speak."""
    found = []
    for kind, said in _messages(playbook):
        where = f"playbooks/{playbook.issue}.toml: {'message' if kind == 'notice' else f'{kind}.message'}"
        missing = [each for each in sorted(set(languages) & set(FRAMES)) if each not in said]
        found += [Finding(f"{where}.{each}", f"is missing; customers who speak it get {settings.company.language!r}") for each in missing]
        for language, each in said.items():
            found += _lint_words(f"{where}.{language}", language, each)
            found += _lint_frame(f"{where}.{language}", playbook, kind, language, settings)
    return found


def _messages(playbook: Playbook) -> Iterator[tuple[str, dict[str, Words]]]:
    if playbook.message:
        yield "notice", playbook.message
    for kind in LATER:
        if playbook.later(kind):
            yield kind, playbook.words(kind)


def _lint_words(where: str, language: str, said: Words) -> Iterator[Finding]:
    parts = {part: words.render(getattr(said, part), words.SAMPLE) for part in SECTIONS}
    counts = {part: len(text.split()) for part, text in parts.items()}
    for part, count in counts.items():
        if count > PART_AT_MOST:
            yield Finding(f"{where}.{part}", f"has {count} words, more than {PART_AT_MOST}: say it shorter")
    if sum(counts.values()) > WORDS_AT_MOST:
        yield Finding(where, f"has {sum(counts.values())} words, more than {WORDS_AT_MOST}: nobody reads them")
    ease = reading_ease(" ".join(parts.values()), language)
    if ease is not None and ease < EASE_AT_LEAST:
        yield Finding(where, f"reads hard: {ease:.0f} on Flesch's scale, at least {EASE_AT_LEAST:.0f} is plain. Shorter sentences, shorter words")
    if len(words.render(said.preview, words.SAMPLE)) < PREVIEW_AT_LEAST:
        yield Finding(f"{where}.preview", "is so short that mail programs fill it with other words")
    if not re.search(ACT[language], parts["what_you_do"], re.IGNORECASE):
        yield Finding(f"{where}.what_you_do", "does not say whether the customer needs to act")


def _lint_frame(where: str, playbook: Playbook, kind: str, language: str, settings: Settings) -> Iterator[Finding]:
    """Look at the finished letter: whatever the template became, these stand in it."""
    frame = FRAMES[language]
    skeleton = write_skeleton(settings, playbook.spoken(kind, done=True), language, named=False)
    must = {
        "what happened": frame.what_happened, "what we did": frame.what_we_did, "whether to act": frame.what_you_do,
        "how to check that it is us": "[%check_code", "how to reach a person": frame.reply, "how to stop": "[%stop_url",
        "why it was sent": "[%why_url",
    }  # fmt: skip
    text, html = " ".join(skeleton.text.split()), " ".join(skeleton.html.split())
    for what, mark in must.items():
        if mark.lower() not in text.lower():
            yield Finding(where, f"the text does not say {what}")
        if mark not in html:
            yield Finding(where, f"the HTML does not say {what}")
