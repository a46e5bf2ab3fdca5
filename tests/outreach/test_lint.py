"""The lint finds what makes a message not worth reading; every shipped message passes it, headers and links too."""

from datetime import date
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import load_settings
from outreach.compose import Composer, Recipient
from outreach.letter import Letter
from outreach.lint import lint
from outreach.lint_headers import lint_letter
from outreach.playbook import load_playbook, load_playbooks
from outreach.playbook_checks import LATER
from outreach.reading_ease import FORMULAS, reading_ease
from tests.outreach.house import NOW

CONFIG = Path(__file__).resolve().parents[2] / "config"
FOLDERS = [CONFIG, *sorted((CONFIG / "examples").iterdir())]
TO = {"key": "0123456789abcdef" * 2, "address": "zoe@example.org", "day": date(2026, 3, 31)}


def shipped():
    """Yield (settings, playbook, language, name) of every letter that can be written from a shipped configuration."""
    for folder in FOLDERS:
        settings = load_settings(folder)
        for issue, playbook in load_playbooks(settings).items():
            for kind in ("notice", *LATER):
                if kind in LATER and not playbook.later(kind):
                    continue
                for done in (True, False):
                    spoken = playbook.spoken(kind, done=done)
                    for language in spoken.message:
                        for name in ("Zoë Müller", None):
                            yield pytest.param(settings, spoken, language, name, id=f"{folder.name}-{issue}-{kind}-{done}-{language}-{name}")


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("BEFOREHAND_SECRET", "a secret for this test alone")


@pytest.mark.parametrize(("settings", "playbook", "language", "name"), list(shipped()))
def test_a_shipped_letter_has_every_header_and_leads_nowhere_else(settings, playbook, language, name):
    letter = Composer(settings).letter(playbook, Recipient(**TO, name=name, language=language), now=NOW)
    assert lint_letter(letter, settings) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_shipped_words_are_worth_reading(folder):
    settings = load_settings(folder)
    for playbook in load_playbooks(settings).values():
        assert lint(playbook, settings) == []


@pytest.fixture
def letter():
    settings = load_settings(CONFIG)
    playbook = load_playbooks(settings)["payment_failing"]
    return settings, Composer(settings).letter(playbook, Recipient(**TO, name="Zoë", language="en"), now=NOW)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"headers": ()}, "List-Id"),
        ({"reply_to": "no-reply@lumen.example"}, "at which a person reads"),
        ({"subject": "You owe 20 EUR"}, "names an amount"),
        ({"subject": "x" * 79}, "at most 78"),
        ({"html": '<html lang="en">prefers-color-scheme <a href="https://evil.example/x">x</a>'}, "leads to evil.example"),
        ({"html": '<html lang="en">prefers-color-scheme <a href="https://lumen.example/login">x</a>'}, "pay or sign in"),
        ({"html": '<html lang="en">prefers-color-scheme <img src="https://lumen.example/a.png">'}, "says nothing in words"),
        ({"text": "[%amount%]"}, "a value is missing"),
        ({"html": "<html>"}, "no dark mode"),
    ],
)  # fmt: skip
def test_what_may_not_leave_is_found(letter, change, said):
    settings, good = letter
    values = {name: getattr(good, name) for name in good.__dataclass_fields__}
    skeleton = type(good.skeleton)(**{name: getattr(good.skeleton, name) for name in good.skeleton.__dataclass_fields__} | change)
    bad = Letter(**values | {"skeleton": skeleton})
    assert any(said in each for each in lint_letter(bad, settings)), lint_letter(bad, settings)


def playbook_with(tmp_path, **changes):
    settings = load_settings(CONFIG)
    path = tmp_path / "payment_failing.toml"
    text = (CONFIG / "playbooks" / "sudden_call.toml").read_text()
    for part, said in changes.items():
        lines = [f'{part} = "{said}"' if line.startswith(part) else line for line in text.splitlines()]
        text = "\n".join(lines)
    path.write_text(text)
    return load_playbook(path, settings.company), settings


@pytest.mark.parametrize(
    ("part", "said", "found"),
    [
        ("what_happened", "word " * 71, "71 words"),
        ("what_happened", ("Notwithstanding organizational considerations, infrastructural interdependencies necessitated "
                          "comprehensive reconfiguration activities throughout geographically distributed facilities."), "reads hard"),
        ("what_you_do", "We are very sorry about it all.", "whether the customer needs to act"),
        ("preview", "Hello.", "mail programs fill it"),
    ],
)  # fmt: skip
def test_words_that_are_hard_to_take_in_are_found(tmp_path, part, said, found):
    playbook, settings = playbook_with(tmp_path, **{part: said})
    says = [each.says for each in lint(playbook, settings)]
    assert any(found in each for each in says), says


def test_a_language_that_customers_speak_and_a_playbook_does_not_is_missing(tmp_path):
    playbook, settings = playbook_with(tmp_path)
    assert [each.where for each in lint(playbook, settings, {"en", "nl", "xx"})] == ["playbooks/payment_failing.toml: message.nl"]


@pytest.mark.parametrize("said", ["Upgrade now and save.", "20 % off for you.", "Jetzt bestellen!", "Une remise pour vous.", "Koop nu."])
def test_a_message_that_sells_is_refused(tmp_path, said):
    with pytest.raises(ConfigError, match="sells nothing"):
        playbook_with(tmp_path, what_we_did=said)


def test_easy_sentences_read_easier_than_hard_ones_in_every_language():
    pairs = {
        "en": ("We fixed it. You need not do anything.", "Comprehensive rectification of the malfunction has been accomplished satisfactorily."),
        "de": ("Wir haben es behoben. Sie müssen nichts tun.", "Die vollumfängliche Fehlerbehebung wurde zufriedenstellend abgeschlossen."),
        "fr": ("Nous avons tout réglé. Vous n’avez rien à faire.", "La rectification intégrale du dysfonctionnement constaté a été effectuée."),
        "es": ("Ya está todo bien. No haga nada.", "La rectificación integral del funcionamiento defectuoso ha finalizado satisfactoriamente."),
        "it": ("Ora va tutto bene. Non deve fare nulla.", "La rettificazione integrale del malfunzionamento riscontrato è terminata positivamente."),
        "nl": ("Het is weer goed. U hoeft niets te doen.", "De volledige rectificatie van de geconstateerde onregelmatigheden is afgerond."),
    }
    assert set(pairs) == set(FORMULAS)
    for language, (easy, hard) in pairs.items():
        assert reading_ease(easy, language) > 60, language
        assert reading_ease(hard, language) < 40, language


def test_what_has_no_words_or_no_formula_has_no_ease():
    assert reading_ease("...", "en") is None
    assert reading_ease("Hej", "sv") is None
