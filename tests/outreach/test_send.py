"""Each message goes out once, however many senders race; a doubt stays a doubt; the gate has the last word."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes

import pytest

from cli.play import Pace, morning_after
from core.errors import ConfigError, DeliveryError, MissingError
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.messages import Message, State, claim_due, record, settle
from ledger.suppressions import Suppression
from outreach.kill_switch import pause
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW, minutes


@pytest.fixture
def planned(house):
    """A house with twelve messages planned, nobody held out."""
    house.playbook(holdout=1e-9)
    house.crowd(12)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    return house


def send(house, now=NOW, **also):
    return send_due(now=now, settings=house.settings, **also)


def test_every_planned_message_becomes_a_file_a_person_can_open(planned):
    assert send(planned) == {"accepted": 12}
    files = planned.mailbox()

    assert [file.stem for file in files] == sorted(m.key for m in planned.messages())
    assert {message_from_bytes(file.read_bytes())["To"] for file in files} == {f"Ann C{n:05d} <c{n:05d}@example.org>" for n in range(12)}
    assert planned.messages()[0].receipt == f"mailbox/2026-03-31/{planned.messages()[0].key}.eml"


def test_sending_again_sends_nothing(planned):
    send(planned)
    before = {file: file.stat().st_mtime_ns for file in planned.mailbox()}

    assert send(planned) == send(planned, now=NOW + timedelta(days=1)) == {}
    assert {file: file.stat().st_mtime_ns for file in planned.mailbox()} == before


def test_eight_senders_racing_over_two_thousand_messages_send_each_once(house, provider):
    provider.settings(house, timeout=30)
    house.playbook(holdout=1e-9)
    house.crowd(2000)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: send(house), range(8)))

    assert sum(each.get("accepted", 0) for each in results) == 2000
    assert house.states() == {"accepted": 2000}
    assert provider.received == {m.key: 1 for m in house.messages()}


@pytest.mark.parametrize(
    ("reason", "happens"),
    [
        ("suppressed", lambda h: h.add(Suppression(subject="c00003@example.org", topic="all", reason="opt_out", since=NOW))),
        ("no_consent", lambda h: h.change(Customer, {"customer_id": "c00003"}, consent=False)),
        ("no_address", lambda h: h.change(Customer, {"customer_id": "c00003"}, address=None)),
        ("trouble_over", lambda h: h.change(Flag, {"customer_id": "c00003"}, state="over")),
    ],
)
def test_what_happens_after_planning_stops_the_message(planned, reason, happens):
    happens(planned)

    assert send(planned) == {"accepted": 11, "suppressed": 1}
    assert planned.message("c00003").reasons == [reason]
    assert not [file for file in planned.mailbox() if "c00003" in file.read_text()]


def test_a_message_that_waited_too_long_is_not_sent(planned):
    assert send(planned, now=NOW + timedelta(days=6)) == {"suppressed": 12}
    assert {tuple(m.reasons) for m in planned.messages()} == {("stale_score",)}


def test_a_playbook_taken_back_into_shadow_sends_nothing_more(planned):
    planned.playbook(mode="shadow")

    assert send(planned) == {"suppressed": 12}
    assert {tuple(m.reasons) for m in planned.messages()} == {("back_in_shadow",)}


def test_a_playbook_taken_away_sends_nothing_more(planned):
    (planned.settings.folder / "playbooks" / "payment_failing.toml").unlink()

    assert send(planned) == {"suppressed": 12}


def test_what_was_sent_is_recorded_with_the_words_it_was_sent_with(planned):
    before = planned.messages()[0].playbook_version
    planned.playbook(holdout=0.3)
    send(planned)

    assert {m.playbook_version for m in planned.messages()} != {before}


def test_the_kill_switch_stops_a_planned_day(planned):
    with planned.open.begin() as session:
        pause(session, actor="mia", note="wrong words", now=NOW)

    assert send(planned) == {}
    assert planned.states() == {"planned": 12}


def test_a_paused_configuration_stops_it_too(planned):
    planned.configure("[outreach]\npaused = true")

    assert send(planned) == {}


def test_a_message_that_fell_into_the_night_moves_and_is_not_copied(planned):
    night = NOW.replace(hour=20)

    assert send(planned, now=night) == {"deferred": 12}
    assert planned.states() == {"planned": 12}
    assert {m.due_at for m in planned.messages()} == {NOW.replace(day=2, hour=6)}
    assert send(planned, now=NOW.replace(day=2, hour=6)) == {"accepted": 12}


def test_of_two_at_one_address_the_last_moment_lets_one_through(planned):
    """Two customers came to share an address after both were planned."""
    planned.change(Customer, {"customer_id": "c00001"}, address="home@example.org")
    planned.change(Customer, {"customer_id": "c00002"}, address="home@example.org")

    assert send(planned) == {"accepted": 11, "suppressed": 1}


def test_held_out_and_shadow_messages_are_never_claimed(house):
    house.crowd(30)
    house.playbook("other", mode="shadow")
    house.customers("ann")
    house.flags("ann", issue="other")
    plan_day(day=DAY, now=NOW, settings=house.settings)
    held = {m.key for m in house.messages(state="held_out")}
    send(house)

    assert house.states()["held_out"] == len(held)
    assert house.states()["shadow"] == 1
    assert not held & {file.stem for file in house.mailbox()}


def test_a_rehearsal_sends_everything_to_one_address(planned):
    planned.configure("[outreach]\nredirect_all_to = 'rehearsal@lumen.example'")
    send(planned)

    assert {message_from_bytes(file.read_bytes())["To"] for file in planned.mailbox()} == {"rehearsal@lumen.example"}
    assert planned.messages()[0].reasons == ["redirected to rehearsal@lumen.example"]


def test_a_played_past_may_only_use_the_mailbox(house, provider):
    provider.settings(house)
    house.crowd(3)
    plan_day(day=DAY, now=NOW, settings=house.settings)

    with pytest.raises(ConfigError, match="a past day may only be played to the mailbox, got 'sendgrid'"):
        send(house, played=True)
    assert not provider.requests
    assert "claimed" not in house.states()


def test_a_played_clock_runs_on_to_what_is_due_later_that_day(house):
    house.playbook(holdout=1e-9)
    house.customers("west", time_zone="America/Los_Angeles")
    house.customers("here")
    house.flags("west", "here")
    plan_day(day=DAY, now=NOW, settings=house.settings)

    assert send(house) == {"accepted": 1}
    assert send(house, played=True) == {"accepted": 1}
    assert house.message("west").settled_at == NOW.replace(hour=15)


def test_without_a_key_nothing_is_claimed(house, provider, monkeypatch):
    provider.settings(house)
    house.crowd(3)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    monkeypatch.delenv("SENDGRID_API_KEY")

    with pytest.raises(MissingError, match="SENDGRID_API_KEY: the sendgrid channel has no key"):
        send(house)
    assert "claimed" not in house.states()


# ------------------------------------------------------------------------------------------------- doubts and zombies


def claim(house):
    with house.open.begin() as session:
        return claim_due(session, now=NOW, lease=minutes(5), limit=100)


def test_a_lost_claim_at_a_real_provider_is_a_doubt_for_good(house, provider):
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.crowd(5)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    claim(house)

    assert send(house, now=NOW + minutes(1)) == {}
    assert send(house, now=NOW + minutes(6)) == {"expired": 5}
    assert [send(house, now=NOW + minutes(n)) for n in (12, 60, 600)] == [{}, {}, {}]
    assert house.states() == {"uncertain": 5}
    assert not provider.requests


def test_a_lost_claim_at_the_mailbox_settles_itself_by_what_lies_there(planned):
    first, *_ = claim(planned)
    (planned.settings.root / "mailbox" / "2026-03-31").mkdir(parents=True)
    (planned.settings.root / "mailbox" / "2026-03-31" / f"{first.key}.eml").write_text("written before the crash")

    assert send(planned, now=NOW + minutes(6)) == {"expired": 12, "accepted": 11}
    assert planned.states() == {"accepted": 12}
    assert len(planned.mailbox()) == 12
    assert planned.message(first.customer_id).receipt == f"mailbox: found {first.key}"


def test_what_is_planned_on_a_played_saturday_goes_out_on_the_working_day_before_the_next_morning(house):
    friday, saturday = date(2026, 4, 17), datetime(2026, 4, 18, 10, tzinfo=UTC)
    house.playbook(holdout=1e-9)
    house.crowd(5, day=friday)
    plan_day(day=friday, now=saturday, settings=house.settings)

    assert send(house, saturday, played=True) == {}
    assert send(house, saturday, played=True, until=saturday + timedelta(days=7, seconds=-1)) == {"accepted": 5}
    assert {m.settled_at.date() for m in house.messages()} == {date(2026, 4, 20)}


def test_the_next_morning_of_a_pace_is_that_of_the_step_after():
    pace = Pace(DAY, DAY + timedelta(days=16), every_days=7)
    ends = [last for _, last in pace.steps()]

    assert [pace.next_morning(end) for end in ends] == [morning_after(later) - timedelta(seconds=1) for later in ends[1:]] + [None]


def test_a_player_that_was_killed_goes_on_at_the_same_played_hour(planned):
    claim(planned)

    assert send(planned, played=True) == {"expired": 12, "accepted": 12}


def test_a_sender_that_comes_back_late_changes_nothing(planned):
    (late, *_) = claim(planned)
    send(planned, now=NOW + minutes(6))
    with planned.open.begin() as session:
        assert not record(session, late.id, late.fence, state=State.REFUSED, now=NOW + minutes(7))

    assert planned.states() == {"accepted": 12}


def test_a_doubt_is_settled_once_by_a_person(house, provider):
    provider.settings(house)
    house.playbook(holdout=1e-9)
    house.crowd(1)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    claim(house)
    send(house, now=NOW + minutes(6))
    (doubt,) = house.messages(state="uncertain")
    with house.open.begin() as session:
        moved = [settle(session, doubt.id, state=state, now=NOW) for state in (State.ACCEPTED, State.REFUSED)]

    assert moved == [True, False]
    assert house.states() == {"accepted": 1}


def test_a_full_disk_gives_messages_back_and_says_so(planned):
    (planned.settings.root / "mailbox").mkdir()
    blocked = planned.settings.root / "mailbox" / "2026-03-31"
    blocked.mkdir()
    for message in planned.messages():
        (blocked / f"{message.key}.eml").mkdir()

    with pytest.raises(DeliveryError, match="mailbox: .*12 messages were given back"):
        send(planned)
    assert planned.states() == {"planned": 12}


def test_keys_are_unique_for_good(planned):
    send(planned)
    keys = [m.key for m in planned.messages()]

    assert len(set(keys)) == 12
    assert planned.count(Message) == 12
    assert date.fromisoformat(planned.mailbox()[0].parent.name) == DAY
