"""The pages of the playbooks: how far each goes and why, whom the shadow holds, what it says, and who may change it."""

import pytest
from sqlalchemy import select

from ledger.acts import Act
from ledger.brakes import pull_brake
from ledger.database import sessions
from ledger.messages import Message
from outreach.modes import playbooks_in_force
from tests.console.house import browser, csrf_of


def change(client, issue, mode, note="The pilot's week was calm"):
    return client.post(f"/playbooks/{issue}/mode", data={"csrf": csrf_of(client), "mode": mode, "note": note})


def last_act(settings):
    with sessions(settings)() as session:
        return session.scalars(select(Act).order_by(Act.id.desc()).limit(1)).one()


def test_what_is_flagged_often_and_has_no_remedy_stands_first(operating):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        page = client.get("/playbooks").text
    gaps = page.partition("Flagged often, and no remedy")[2].partition("Every issue")[0]
    assert "card running out" in gaps
    assert "payment failing" not in gaps
    assert "contacts: cannot sign in" in page.partition("Trouble that nobody looks for")[2]


def test_a_playbook_runs_as_far_as_its_file_says_and_was_approved(operating):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        page = client.get("/playbooks/fee_shock").text
    assert "Its file says live, and so far it was approved as pilot: it runs as pilot." in page
    assert "18 of 402 messages of a week bounced" in page
    assert "Change how far it may go" not in page  # a viewer may not


def test_an_approver_raises_a_mode_and_the_evidence_stands_beside_the_note(operating):
    settings, _ = operating
    with browser(settings, "approver") as client:
        assert change(client, "sudden_call", "shadow").status_code == 303  # already so: no act
        assert change(client, "app_trouble", "pilot", "Back to a few").status_code == 303
    act = last_act(settings)
    assert (act.actor, act.subject, act.detail["mode"], act.detail["note"]) == ("approver@lumen.example", "playbook app_trouble", "pilot", "Back to a few")
    assert act.detail["evidence"]["flags"] > 0
    assert playbooks_in_force(settings)["app_trouble"].mode == "pilot"


@pytest.mark.parametrize(("issue", "mode", "note", "says"), [
    ("fee_shock", "live", "now", "a brake is on"),
    ("card_running_out", "pilot", "now", "without an approved [remedy]"),
    ("app_trouble", "pilot", "  ", "Say in a few words why"),
    ("app_trouble", "loud", "now", "loud"),
])  # fmt: skip
def test_a_mode_is_not_changed_against_the_rules(operating, issue, mode, note, says):
    settings, _ = operating
    before = last_act(settings).id
    with browser(settings, "approver") as client:
        answer = change(client, issue, mode, note)
    assert answer.status_code >= 400
    assert says in answer.text
    assert last_act(settings).id == before


def test_a_mode_can_always_be_taken_back_also_while_a_brake_is_on(operating):
    settings, _ = operating
    with browser(settings, "approver") as client:
        assert change(client, "fee_shock", "shadow", "It bounces").status_code == 303
    assert playbooks_in_force(settings)["fee_shock"].mode == "shadow"


def test_the_shadow_can_be_walked_to_its_end_and_narrowed(operating):
    settings, _ = operating
    with sessions(settings)() as session:
        keys = session.scalars(select(Message.customer_id).where(Message.issue == "card_running_out", Message.state == "shadow")).all()
    seen, where = [], "/playbooks/card_running_out/shadow"
    with browser(settings, "viewer") as client:
        while where:
            page = client.get(where).text
            seen += [part.partition('"')[0] for part in page.split('href="/customers/')[1:]]
            where = page.partition('class="button second" href="')[2].partition('"')[0].replace("&amp;", "&")
        struck = client.get("/playbooks/card_running_out/shadow?became=struck").text
        table = client.get("/playbooks/card_running_out/shadow?as=csv").text
    assert sorted(seen) == sorted(keys)
    assert "the trouble came</td>" in struck
    assert "it did not come</td>" not in struck
    assert len(table.splitlines()) == len(keys) + 1


def test_a_letter_is_framed_by_us_alone_runs_nothing_and_names_nobody(operating):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        page = client.get("/playbooks/payment_failing").text
        letter = client.get("/playbooks/payment_failing/letter/notice/de")
    assert 'src="/playbooks/payment_failing/letter/notice/de"' in page
    assert "Guten Tag Alex" in letter.text
    assert "script-src" not in letter.headers["content-security-policy"]
    assert "frame-ancestors 'self'; sandbox" in letter.headers["content-security-policy"]


def test_versions_and_the_frozen_measure_are_told(operating):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        page = client.get("/playbooks/payment_failing").text
    versions = page.partition("<h2>Versions</h2>")[2]
    assert "4f0c19d2a7be" in versions
    assert "retained after 6 months" in versions.partition("Frozen measures")[2]


@pytest.mark.parametrize("path", ["/playbooks/payment_faling", "/playbooks/payment_failing/letter/notice/xx", "/playbooks/card_running_out/shadow?became=lost",
                                  "/playbooks/card_running_out/shadow?after=2026", "/playbooks?as=xlsx"])  # fmt: skip
def test_what_does_not_exist_is_not_there_and_the_nearest_is_named(operating, path):
    settings, _ = operating
    with browser(settings, "viewer") as client:
        assert client.get(path).status_code == 404


def test_a_company_without_a_past_is_told_what_will_appear(settings):
    from tests.console.house import add_people

    add_people(settings)
    with browser(settings, "viewer") as client:
        assert "they appear here" in client.get("/playbooks").text


def test_a_brake_on_everything_stops_every_playbook_on_the_page(operating):
    settings, _ = operating
    with sessions(settings).begin() as session:
        from core import clock

        pull_brake(session, issue=None, kind="person", reason="ann: the provider is down", now=clock.now())
    with browser(settings, "viewer") as client:
        assert "the provider is down" in client.get("/playbooks/app_trouble").text
