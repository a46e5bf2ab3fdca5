"""What a day's events say closes flags, notes needs, hears complaints and finds held-out customers who were contacted."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select

from core.errors import ConfigError, LedgerError
from feature_store import lake
from ledger.contaminations import Contamination
from ledger.flags import Flag
from ledger.needs import Need
from ledger.outcomes import Outcome
from ledger.suppressions import Suppression
from outreach.contact import record_contact
from outreach.heldout import heldout
from outreach.news import read_news
from outreach.plan import plan_day
from outreach.send import send_due
from tests.outreach.house import DAY, NOW

SOURCE = 'role = "telemetry"\npath = "{root}/x-{day}.csv"\n[[event]]\nkind = "x"\ncustomer_id = "c"\noccurred_at = "t"\nevent_id = "e"\n'
PAID = '[resolved_when]\nevent = "desk.paid"\nwithin_days = 14\n'


def happened(house, day, *events):
    """Record (customer, kind, instant) of a source on a day."""
    (house.settings.folder / "sources" / "desk.toml").write_text(SOURCE)
    rows = [{"event_id": f"{customer} {kind} {at:%d %H}", "customer_id": customer, "kind": kind, "occurred_at": at,
             "recorded_at": at + timedelta(minutes=1), "stated_at": at, "batch": day, "deleted": False}
            for customer, kind, at in events]  # fmt: skip
    lake.add(house.settings, "desk", pl.DataFrame(rows), first=day, last=day)


def news(house, day):
    return read_news(day=day, now=NOW, settings=house.settings)


def at(day, hour=9):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def rows(house, table):
    with house.open() as session:
        return list(session.scalars(select(table)))


def states(house):
    return {flag.customer_id: flag.state for flag in rows(house, Flag)}


@pytest.mark.parametrize(
    ("days", "state"),
    [(0, "open"), (1, "over"), (14, "over"), (15, "open")],  # as of DAY is the midnight after it
)
def test_a_trouble_that_is_over_in_time_closes_its_flag(house, days, state):
    house.playbook(more=PAID)
    house.customers("ann")
    house.flags("ann")
    when = DAY + timedelta(days=days)
    happened(house, when, ("ann", "paid", at(when)))
    for n in range(16):
        news(house, DAY + timedelta(days=n))

    assert states(house) == {"ann": state}


def test_both_arms_are_closed_alike_and_the_outcome_is_written_once(house):
    house.playbook(more=PAID)
    crowd = house.crowd(20)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    tomorrow = DAY + timedelta(days=1)
    happened(house, tomorrow, *((c, "paid", at(tomorrow)) for c in crowd))
    assert news(house, tomorrow)["over"] == 20
    assert news(house, tomorrow)["over"] == 0

    assert set(states(house).values()) == {"over"}
    assert {outcome.kind for outcome in rows(house, Outcome)} == {"resolved"}
    assert house.count(Outcome) == 20


def test_what_was_recorded_later_is_not_known_yet(house):
    house.playbook(more=PAID)
    house.customers("ann")
    house.flags("ann")
    happened(house, DAY + timedelta(days=3), ("ann", "paid", at(DAY + timedelta(days=3))))

    assert news(house, DAY + timedelta(days=2))["over"] == 0
    assert news(house, DAY + timedelta(days=3))["over"] == 1


def test_who_is_vulnerable_or_asked_for_a_person_is_noted_once(house):
    house.configure('[outreach]\nneeds_events = { "desk.marked" = "vulnerable", "desk.call_me" = "asked" }')
    happened(house, DAY, ("ann", "marked", at(DAY)), ("bob", "call_me", at(DAY)), ("bob", "call_me", at(DAY, 11)), ("eve", "other", at(DAY)))
    news(house, DAY)
    news(house, DAY)

    assert {(need.customer_id, need.kind, need.source) for need in rows(house, Need)} == {
        ("ann", "vulnerable", "desk.marked"), ("bob", "asked", "desk.call_me")}  # fmt: skip


def test_complaints_that_come_as_a_source_count_like_those_of_a_provider(house):
    house.configure('[outreach]\ncomplaint_events = ["desk.spam"]')
    house.playbook(holdout=1e-9)
    house.crowd(5)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    tomorrow = DAY + timedelta(days=1)
    happened(house, tomorrow, *((f"c0000{n}", "spam", at(tomorrow, 15)) for n in range(3)), ("stranger", "spam", at(tomorrow)))
    assert news(house, tomorrow)["complaints"] == 3
    assert news(house, tomorrow)["complaints"] == 0

    assert {each.subject for each in rows(house, Suppression)} == {"c00000", "c00001", "c00002", "stranger"}
    later = NOW + timedelta(days=1)
    house.customers("late")
    house.flags("late", day=tomorrow)
    assert plan_day(day=tomorrow, now=later, settings=house.settings)["cohorts"] == 0, "three in five: the brake is on"


@pytest.fixture
def split(house):
    """Forty customers, half of them held out, and which."""
    house.configure('[outreach]\noutbound_events = ["desk.campaign"]\nglobal_holdout = 0.2')
    house.crowd(40)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    return house, {m.customer_id for m in house.messages(state="held_out")}


def test_held_out_customers_whom_a_campaign_reached_are_found_once(split):
    house, held_out = split
    tomorrow = DAY + timedelta(days=2)
    happened(house, tomorrow, *((f"c{n:05d}", "campaign", at(tomorrow)) for n in range(40)))
    found = news(house, tomorrow)["contaminated"]
    again = news(house, tomorrow)["contaminated"]

    assert {row.customer_id for row in rows(house, Contamination)} == held_out
    assert (found, again) == (len(held_out), 0)
    assert {row.scope for row in rows(house, Contamination)} == {"payment_failing", "programme"}


def test_a_contact_before_the_draw_soils_nothing(split):
    house, _ = split
    happened(house, DAY, *((f"c{n:05d}", "campaign", at(DAY)) for n in range(40)))

    assert news(house, DAY)["contaminated"] == 0


def test_a_colleague_may_tell_that_they_called(split):
    house, held_out = split
    with house.open.begin() as session:
        soiled = record_contact(session, min(held_out), "called about an invoice", by="Mia", now=NOW + timedelta(days=1))
        clean = record_contact(session, "somebody else", "called", by="Mia", now=NOW + timedelta(days=1))

    assert (soiled, clean) == (1, 0)
    (row,) = rows(house, Contamination)
    assert (row.customer_id, row.source, row.note) == (min(held_out), "told by Mia", "called about an invoice")


def test_nobody_tells_it_without_a_name(split):
    house, held_out = split
    with house.open.begin() as session, pytest.raises(LedgerError, match="got no name"):
        record_contact(session, min(held_out), "called", by="", now=NOW)


def test_an_event_of_a_source_that_is_not_there_is_named(house):
    house.configure('[outreach]\noutbound_events = ["deks.campaign"]')
    (house.settings.folder / "sources" / "desk.toml").write_text(SOURCE)

    with pytest.raises(ConfigError, match=r"settings\.toml: outreach\.outbound_events: source 'deks' does not exist\. Did you mean 'desk'"):
        news(house, DAY)


def test_every_door_gives_the_same_answer(split):
    house, held_out = split
    for customer in [f"c{n:05d}" for n in range(40)]:
        with house.open() as session:
            found = heldout(session, customer, day=DAY, settings=house.settings)
            of_issue = heldout(session, customer, day=DAY, settings=house.settings, issue="payment_failing")
        assert found["held_out"] == of_issue["held_out"] == (customer in held_out)
        assert len(found["scopes"]) == found["held_out"]


def test_whoever_was_never_drawn_is_not_held_out_and_an_unknown_issue_is_named(split):
    house, _ = split
    with house.open() as session:
        assert not heldout(session, "nobody", day=DAY, settings=house.settings)["held_out"]
        with pytest.raises(LedgerError, match="heldout: issue 'payment_filing' does not exist. Did you mean 'payment_failing'"):
            heldout(session, "nobody", day=DAY, settings=house.settings, issue="payment_filing")
