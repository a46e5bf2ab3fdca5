"""A playbook that loads can run; one that cannot run names the file, the key and the fix."""

from datetime import date
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import load_settings
from outreach.playbook import load_playbook, load_playbooks
from tests.outreach.house import PLAYBOOK

GOOD = PLAYBOOK.format(mode="live", holdout=0.5, more='words_not_in_subject = ["invoice"]')
SHIPPED = sorted(Path("config").rglob("playbooks/*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: "/".join(path.parts[1:]))
def test_every_shipped_playbook_loads(path):
    company = load_settings(path.parents[1]).company

    assert load_playbook(path, company).issue == path.stem


def test_every_issue_of_the_made_company_has_a_playbook():
    issues = {path.stem for path in Path("config/issues").glob("*.toml")}

    assert load_playbooks(load_settings("config")).keys() >= issues


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("quiet_days", "quite_days", r"key 'quite_days' does not exist\. Did you mean 'quiet_days'\?"),
        ("smallest_effect", "smalest_effect", r"key 'measure\.smalest_effect' does not exist|key 'measure\.smallest_effect' is missing"),
        ('mode       = "live"', 'mode = "alive"', r"mode: Input should be 'shadow', 'pilot' or 'live', got 'alive'"),
        ("{{ company }}", "{{ compny }}", r"message\.en\.preview: field 'compny' does not exist\. Did you mean 'company'\?"),
        ("message.de", "message.dee", r"message: language 'dee' does not exist\. Did you mean 'de'\? Known: de, en,"),
        ("message.en", "message.fr", r"message\.en: the company's language is missing, got de, fr"),
        ("{% endif %}", "", r"message\.en\.what_you_do: .*got"),
        ("{% if first_name is defined %}{{ first_name }}, you{% else %}You{% endif %}", "{{ first_name }}",
         r"message\.en\.what_you_do: a customer may have no first_name.*default\('there'\)"),
        ("{{ company }}", "{{ company | uper }}", r"filter 'uper' does not exist"),
        ("{{ company }}", "{{ ''.__class__.__mro__ }}", r"getattr is not understood in a message's words"),
        ("{{ company }}", "{% for i in range(9) %}x{% endfor %}", r"for is not understood in a message's words"),
        ("Everything stays switched on", "About the € 20 you owe", r"message\.en\.subject: names no amount, got '€ 20'"),
        ("Everything stays switched on", "19.90 EUR are open", r"message\.en\.subject: names no amount"),
        ("Everything stays switched on", "Your invoice", r"message\.en\.subject: names no trouble, got 'invoice'"),
        ("Everything stays switched on", "Your payments", r"message\.en\.subject: names no trouble, got 'payment'"),
        ("Everything stays switched on", "x" * 79, r"message\.en\.subject: one line of at most 78 characters, got 79"),
        ("We try again by ourselves.", "See https://lumen.example.evil.com/a", r"a link may only lead to lumen\.example, got"),
        ("We try again by ourselves.", "See https://lumen.example/login", r"never links to a place to pay or sign in, got"),
        ("We try again by ourselves.", "", r"message\.en\.what_we_did: it says nothing, got ''"),
        ("holdout    = 0.5", "holdout = 0", r"holdout: without anyone held out nothing can be measured, got 0"),
        ("holdout    = 0.5", "holdout = 0.5\nnever_hold_out = true", r"holdout: contradicts never_hold_out = true, got 0\.5"),
        ("holdout    = 0.5", "holdout = 0.6", r"holdout: Input should be less than or equal to 0\.5, got 0\.6"),
    ],
)  # fmt: skip
def test_a_wrong_playbook_names_its_file_and_the_fix(settings, old, new, says):
    path = settings.folder / "playbooks" / "payment_failing.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))

    with pytest.raises(ConfigError, match=says) as caught:
        load_playbooks(settings)

    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("mode", ["pilot", "live"])
def test_without_an_approved_remedy_it_stays_in_shadow(settings, mode):
    path = settings.folder / "playbooks" / "payment_failing.toml"
    head, _, rest = PLAYBOOK.format(mode=mode, holdout=0.5, more="").partition("[remedy]")
    path.write_text(head + rest[rest.index("[pilot]"):])

    with pytest.raises(ConfigError, match=r"mode: a playbook without an approved \[remedy\] stays in shadow, got"):
        load_playbooks(settings)


def test_shadow_is_what_it_is_when_nothing_is_said(settings):
    path = settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(GOOD.replace('mode       = "live"', ""))

    assert load_playbooks(settings)["payment_failing"].mode == "shadow"


def test_its_version_is_its_words_and_the_measures_version_only_what_it_promises(settings):
    path = settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(GOOD)
    before = load_playbooks(settings)["payment_failing"]
    path.write_text(GOOD.replace("again by ourselves", "again"))
    reworded = load_playbooks(settings)["payment_failing"]
    path.write_text(GOOD.replace("0.02", "0.03"))
    other_promise = load_playbooks(settings)["payment_failing"]

    assert reworded.version != before.version
    assert reworded.measure.version == before.measure.version != other_promise.measure.version
    assert before.remedy.approved_on == date(2026, 1, 10)
