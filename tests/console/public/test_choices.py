"""What a customer no longer wants: one topic, one channel or everything, stopped by a button and never by a look."""

from datetime import timedelta

from ledger.outcomes import Outcome
from ledger.preferences import Preference
from ledger.suppressions import Suppression
from outreach.plan import plan_day
from tests.console.public.letter import link, rows
from tests.outreach.house import DAY, NOW


def test_looking_at_the_page_stops_nothing_and_the_button_stops_the_topic(house, client):
    address = link(house, "stop")
    assert "account notices" in client.get(address).text
    assert rows(house, Suppression) == []

    assert client.post(address).status_code == 200
    assert {(s.subject, s.topic, s.reason) for s in rows(house, Suppression)} == {
        ("ann", "account notices", "opt_out"), ("ann@example.org", "account notices", "opt_out")}  # fmt: skip


def test_one_click_of_a_mailbox_provider_stops_without_cookie_or_redirect_and_once(house, client):
    address = link(house, "stop")
    body = {"List-Unsubscribe": "One-Click"}
    first, second = client.post(address, data=body), client.post(address, data=body)
    assert [first.status_code, second.status_code] == [200, 200]
    assert "set-cookie" not in first.headers
    assert len(rows(house, Suppression)) == 2
    assert [o.kind for o in rows(house, Outcome) if o.kind == "unsubscribed"] == ["unsubscribed"]


def test_all_service_messages_can_be_stopped_at_once(house, client):
    client.post(link(house, "stop"), data={"everything": "yes"})
    assert {s.topic for s in rows(house, Suppression)} == {"all"}


def test_what_is_not_ticked_is_not_sent_by_that_channel(house, client):
    address = link(house, "preferences")
    assert client.get(address).text.count("checked") == 2
    client.post(address, data={"want": ["phone account notices"]})
    assert {(p.topic, p.channel, p.wanted) for p in rows(house, Preference)} == {
        ("account notices", "email", False), ("account notices", "phone", True)}  # fmt: skip

    house.flags("ann", day=DAY + timedelta(days=30), issue="fee_shock")
    house.playbook("fee_shock", more="never_hold_out = true", holdout=0.0)
    later = NOW + timedelta(days=30)
    plan_day(day=DAY + timedelta(days=30), now=later, settings=house.settings)
    (message,) = house.messages(issue="fee_shock")
    assert (message.state, message.reasons) == ("suppressed", ["not_wanted_this_way"])


def test_wanting_a_topic_again_ends_an_opt_out_but_no_complaint(house, client):
    client.post(link(house, "stop"))
    house.add(Suppression(subject="ann", topic="all", reason="complaint", since=NOW))
    client.post(link(house, "preferences"), data={"want": ["email account notices"]})
    assert [s.reason for s in rows(house, Suppression)] == ["complaint"]
