"""What a playbook's file must keep to beyond its form, so that one that loads can run and embarrasses nobody."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import ConfigError, unknown_name
from core.settings import Company
from outreach import words
from outreach.frame import FRAMES, base_language
from outreach.hook import hook

if TYPE_CHECKING:
    from outreach.playbook import Playbook, Words

LATER = ("update", "fixed", "survey")
SUBJECT_AT_MOST = 78
WEBSITE = re.compile(r"\{\{-?\s*website\s*-?\}\}")
ASKS_TO = re.compile(r"log-?in|sign-?in|password|pay\b|payment|checkout|card", re.IGNORECASE)


def check(path: Path, playbook: "Playbook", company: Company) -> None:
    """Raise ConfigError that names file, key and fix for the first thing that cannot stand."""
    if playbook.mode != "shadow" and playbook.remedy is None:
        raise ConfigError(f"{path}: mode: a playbook without an approved [remedy] stays in shadow, got {playbook.mode!r}. "
                          "Add [remedy] with says, approved_by and approved_on.")
    _check_holdout(path, playbook)
    _check_design(path, playbook)
    _check_silence(path, playbook)
    if playbook.action:
        hook(playbook.action.hook, where=f"{path}: action.hook").check(playbook.action.parameters, where=f"{path}: action.with")
    for where, said in _every_message(path, playbook):
        _check_languages(where, said, company)
    for where, text in _every_text(path, playbook):
        words.check(where, text)
        _check_links(where, text, company)
        words.check_not_for_sale(where, text)
    for where, said in _every_message(path, playbook):
        for language, each in said.items():
            for part in ("subject", "preview"):
                seen = words.longest(getattr(each, part), company.name)
                _check_seen_by_others(f"{where}.{language}.{part}", seen, playbook)


def _check_holdout(path: Path, playbook: "Playbook") -> None:
    stated = "holdout" in playbook.model_fields_set
    if playbook.never_hold_out and stated and playbook.holdout > 0:
        raise ConfigError(f"{path}: holdout: contradicts never_hold_out = true, got {playbook.holdout}. Remove one of them.")
    if not playbook.never_hold_out and playbook.holdout == 0:
        raise ConfigError(f"{path}: holdout: without anyone held out nothing can be measured, got 0. "
                          "Say never_hold_out = true if nobody may be held out (safety, money wrongly taken).")


def _check_design(path: Path, playbook: "Playbook") -> None:
    measure, where = playbook.measure, f"{path}: measure"
    if measure.design != "hold_out" and not playbook.never_hold_out:
        raise ConfigError(f"{where}.design: is for what nobody may be held out from, got {measure.design!r}. "
                          "Remove it, or say never_hold_out = true.")
    if (measure.design == "delay") != (measure.promise_hours is not None):
        raise ConfigError(f"{where}.promise_hours: goes with design = \"delay\" and only with it, got design = {measure.design!r} and "
                          f"promise_hours = {measure.promise_hours}. Say within how many hours everybody is told, or remove it.")
    if measure.survey and (measure.design != "hold_out" or playbook.survey or playbook.silent or playbook.topic is None):
        raise ConfigError(f"{where}.survey: asks both arms of a playbook that holds out, writes, names a topic and has no [survey] of its own, "
                          f"got design = {measure.design!r}, topic = {playbook.topic!r}. Remove it, or what stands against it.")
    if measure.design == "delay" and measure.outcome == "days_there":
        raise ConfigError(f"{where}.outcome: nothing of 'days_there' shows within hours. Name what does, such as contacts.")


def _check_silence(path: Path, playbook: "Playbook") -> None:
    """Raise ConfigError where a playbook that says nothing does nothing either, or means to follow on what was never said."""
    if not playbook.silent:
        return
    if playbook.action is None:
        raise ConfigError(f"{path}: message: a playbook says something or does something, got neither [message.xx] nor [action]. "
                          "Add the words, or the [action] that puts the trouble right silently.")
    for kind in LATER:
        if playbook.later(kind):
            raise ConfigError(f"{path}: {kind}: follows on a message, got a playbook without [message.xx]. Add one, or remove [{kind}].")


def _every_message(path: Path, playbook: "Playbook") -> Iterator[tuple[str, dict[str, "Words"]]]:
    if playbook.message:
        yield f"{path}: message", playbook.message
    for kind in LATER:
        if later := playbook.later(kind):
            yield f"{path}: {kind}.message", later.message


def _check_languages(where: str, said: dict[str, "Words"], company: Company) -> None:
    for language in said:
        if language not in FRAMES:
            raise ConfigError(unknown_name(where, "language", language, FRAMES))
    fallback = base_language(company.language)
    if fallback not in said:
        raise ConfigError(f"{where}.{fallback}: the company's language is missing, got "
                          f"{', '.join(sorted(said))}. Customers of other languages are written to in it.")


def _every_text(path: Path, playbook: "Playbook") -> Iterator[tuple[str, str]]:
    for where, said in _every_message(path, playbook):
        for language, each in said.items():
            for part, text in each.model_dump(exclude_none=True).items():
                yield f"{where}.{language}.{part}", text


def _check_links(where: str, text: str, company: Company) -> None:
    """Only our own domain is linked, and never a place where one pays or signs in: that is what a fraud looks like."""
    own = urlsplit(company.website).hostname or ""
    for link in words.LINK.findall(WEBSITE.sub(own, text)):
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
        if host != own and not host.endswith(f".{own}"):
            raise ConfigError(f"{where}: a link may only lead to {own}, got {link!r}. Describe the way in words.")
        if ASKS_TO.search(link):
            raise ConfigError(f"{where}: a message never links to a place to pay or sign in, got {link!r}. "
                              "Describe the way in words.")


def _check_seen_by_others(where: str, seen: str, playbook: "Playbook") -> None:
    """Subject and preview are read on locked screens and over shoulders: no trouble, no amount, one short line."""
    if "\n" in seen or len(seen) > SUBJECT_AT_MOST:
        raise ConfigError(f"{where}: one line of at most {SUBJECT_AT_MOST} characters, got {len(seen)}: {seen!r}. Shorten it.")
    if found := words.AMOUNT.search(seen):
        raise ConfigError(f"{where}: names no amount, got {found.group().strip()!r}. Say it inside the message.")
    for word in {*playbook.words_not_in_subject, *(part for part in playbook.issue.split("_") if len(part) > 3)}:
        if re.search(rf"\b{re.escape(word)}", seen, re.IGNORECASE):
            raise ConfigError(f"{where}: names no trouble, got {word!r} in {seen!r}. Say it inside the message.")
