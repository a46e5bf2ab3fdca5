"""A customer is found by what they say, and one page tells everything, blind to arms and careful with what is personal."""

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl
import pytest
from sqlalchemy import select, text

from core import clock
from ledger.assignments import Assignment
from ledger.calls import Call, open_calls
from ledger.cohorts import Cohort
from ledger.contacts import Contact
from ledger.contaminations import Contamination
from ledger.flags import Flag
from ledger.messages import Message
from ledger.notes import Note
from ledger.outcomes import Outcome
from ledger.suppressions import Suppression
from ledger.survey_answers import SurveyAnswer
from ledger.timeline import PAGE, timeline
from ledger.views import View
from outreach.calls import settle
from outreach.erase import erase
from outreach.find import BY_PHONE, find
from outreach.keyed_hash import check_code
from outreach.plan import plan_day
from outreach.send import send_due
from tests.console.house import add_people, browser, csrf_of
from tests.outreach.house import DAY, NOW, House

LATER = timedelta(days=1)


@pytest.fixture
def house(settings):
    add_people(settings)
    return House(settings)


@pytest.fixture
def told(house):
    """Ann was flagged, written to, answered and was asked how it went."""
    house.playbook(holdout=1e-9)
    house.customers("ann", phone="+49 40 555 0142")
    (flag,) = house.flags("ann", evidence={"billing__failed_28d": {"value": 3, "usual": 0}})
    plan_day(day=DAY, now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    message = house.message("ann")
    house.add(Outcome(message_id=message.id, kind="delivered", occurred_at=NOW + LATER, recorded_at=NOW + LATER),
              Contact(source_id="r1", kind="reply", customer_id="ann", message_id=message.id, flag_id=flag,
                      text="Write to ann@example.org or ring +49 40 555 0142.", received_at=NOW + 2 * LATER),
              SurveyAnswer(message_id=message.id, customer_id="ann", score=4, text="quick", answered_at=NOW + 3 * LATER))  # fmt: skip
    return house


def post(client, path, **fields):
    return client.post(path, data={"csrf": csrf_of(client), **fields})


# ------------------------------------------------------------------------------------------------------------ finding


@pytest.mark.parametrize("asked", ["ann", " ANN ", "Ann@Example.org", "+49 40 555 0142", "0049405550142", "040 / 5550142", "(40) 555-0142"])
def test_a_customer_is_found_by_id_address_or_number_however_it_is_written(told, asked):
    with told.open() as session:
        assert [found.customer_id for found in find(session, told.settings, asked)] == ["ann"]


def test_a_customer_is_found_by_the_code_in_their_message(told):
    code = check_code(told.settings, told.message("ann").key)
    with browser(told.settings, "viewer") as client:
        answer = post(client, "/customers", asked=code.lower().replace("-", " "))
    assert (answer.status_code, answer.headers["location"]) == (303, "/customers/ann")


@pytest.mark.parametrize("asked", ["nobody@example.org", "0142", "49", "7K2M-9QXT", "%", "", "\0", "+44 40 555 0142 9"])
def test_who_is_not_known_is_not_guessed(told, asked):
    with browser(told.settings, "viewer") as client:
        answer = post(client, "/customers", asked=asked)
    assert (answer.status_code, "Nobody is found by that" in answer.text) == (404, True)


def test_of_several_who_may_be_meant_each_is_listed_masked(told):
    told.customers("ben", "cem", phone="040 5550142")
    with browser(told.settings, "reviewer") as client:
        page = post(client, "/customers", asked="040 5550142").text
    assert all(f"/customers/{who}" in page for who in ("ann", "ben", "cem"))
    assert "ann@example.org" not in page
    assert "A. A." in page


def test_a_number_is_found_by_its_index(told):
    with told.open() as session:
        session.execute(text("SET enable_seqscan = off"))
        plan = "\n".join(session.scalars(text(f"EXPLAIN {BY_PHONE.text}"), {"end": "40550142", "limit": 5}))
    assert "ix_customers_phone_end" in plan


# ------------------------------------------------------------------------------------------------------- the timeline


def test_one_timeline_tells_everything_newest_first(told):
    with browser(told.settings, "approver") as client:
        page = client.get("/customers/ann").text
    story = ["They gave 4 of 5", "They answered", "Delivered: the notice about payment failing",
             "Notice about payment failing was taken by the provider", "Drawn to be contacted: payment failing",
             "Payment failing, known by the end of 31 Mar 2026"]  # fmt: skip
    places = [page.index(words) for words in story]
    assert places == sorted(places)
    assert all(words in page for words in ("50% likely, in about 9 days", "A payment failed.", "billing: failed 28d", "quick"))


def test_the_timeline_shows_the_kinds_that_are_chosen(told):
    with browser(told.settings, "viewer") as client:
        page = client.get("/customers/ann?kinds=survey,reply").text
        part = client.get("/customers/ann/timeline?kinds=survey").text
    assert "They gave 4" in page
    assert "They answered" in page
    assert "Delivered:" not in page
    assert "They gave 4" in part
    assert "They answered" not in part
    assert "<html" not in part


def test_the_pages_of_a_timeline_hold_every_entry_once(house):
    house.customers("ann")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    house.add(*(Note(customer_id="ann", text=f"note {n:03d}", written_by="x", written_at=at + timedelta(hours=n // 7)) for n in range(2 * PAGE + 5)))
    house.add(*(Contact(source_id=f"c{n}", kind="reply", customer_id="ann", text="", received_at=at) for n in range(9)))
    seen, after = [], None
    with house.open() as session:
        while entries := timeline(session, "ann", after=after, limit=10):
            seen += [(entry.at, entry.kind, entry.id) for entry in entries]
            after = entries[-1].key
    assert len(seen) == len(set(seen)) == 2 * PAGE + 14
    assert [each[0] for each in seen] == sorted((each[0] for each in seen), reverse=True)


def test_the_next_page_comes_as_a_part_and_without_scripts_too(house):
    house.customers("ann")
    house.add(*(Note(customer_id="ann", text=f"note {n:03d}", written_by="x", written_at=NOW + timedelta(minutes=n)) for n in range(PAGE + 3)))
    with browser(house.settings, "viewer") as client:
        first = client.get("/customers/ann").text
        part, whole = (re.search(f'{attribute}="([^"]*after=[^"]*)"', first).group(1).replace("&amp;", "&") for attribute in ("hx-get", "href"))
        pages = [client.get(address).text for address in (part, whole)]
    assert "note 042" in first
    assert "note 002" not in first
    assert all("note 002" in page and "note 003" not in page for page in pages)
    assert ("<html" in pages[0], "<html" in pages[1]) == (False, True)


def test_the_timeline_is_a_file_too(told):
    with browser(told.settings, "reviewer") as client:
        rows = pl.read_parquet(BytesIO(client.get("/customers/ann?as=parquet").content))
        csv = client.get("/customers/ann?kinds=reply&as=csv").text
    assert set(rows["kind"]) == {"flag", "message", "arm", "outcome", "reply", "survey"}
    assert "ann@example.org" not in csv
    assert "[address]" in csv


# ---------------------------------------------------------------------------------------------- what may not be seen


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("reviewer", False), ("approver", True), ("admin", True)])
def test_personal_details_are_masked_unless_the_role_may_see_them_and_each_look_is_written_down(told, role, sees):
    with browser(told.settings, role) as client:
        page = client.get("/customers/ann").text
    assert ("ann@example.org" in page, "+49 40 555 0142" in page, "Ann Ann" in page) == (sees, sees, sees)
    with told.open() as session:
        (view,) = session.scalars(select(View))
    assert (view.customer_id, view.seen_by) == ("ann", f"{role}@lumen.example")
    assert view.unmasked == (["name", "address", "phone"] if sees else [])


GIVEAWAYS = ("held_out", "Drawn", "is not sent", "was not sent", "taken by the provider", "They answered", "Delivered", "They gave")


def flagged_again(house, cohort):
    """The first flag has ended; another stands in a cohort of the next day, to which the same arm would apply."""
    house.change(Flag, {"customer_id": "ann"}, state="struck", closed_on=DAY)
    house.flags("ann", day=DAY + LATER, cohort=cohort)


@pytest.mark.parametrize("arm", ["contact", "hold_out"])
@pytest.mark.parametrize("cohort", ["waiting", "held", "approved"])
def test_the_arm_is_hidden_while_a_cohort_with_the_customer_is_undecided(told, cohort, arm):
    flagged_again(told, cohort)
    if arm == "hold_out":
        told.change(Assignment, {"customer_id": "ann"}, arm=arm)
        told.change(Message, {"customer_id": "ann"}, state="held_out")
    with browser(told.settings, "approver") as client:
        pages = [client.get(f"/customers/ann{more}").text for more in ("", "?as=csv", "/timeline", "?kinds=arm,message,outcome,reply")]
    for page in pages:
        assert not [words for words in GIVEAWAYS if words in page]
    assert "so that nobody decides by arm" in pages[0]


def test_the_arm_is_hidden_while_somebody_of_the_household_waits(told):
    told.customers("ben", unit_id="ann")
    told.flags("ben", day=DAY + LATER, cohort="waiting")
    with browser(told.settings, "admin") as client:
        assert "Drawn" not in client.get("/customers/ann").text


def test_once_planned_the_arm_is_shown(told):
    flagged_again(told, "approved")
    told.change(Cohort, {"day": DAY + LATER}, planned_at=NOW)
    with browser(told.settings, "reviewer") as client:
        assert "Drawn to be contacted" in client.get("/customers/ann").text


# --------------------------------------------------------------------------------------------------------------- acts


def test_a_colleague_leaves_a_note(told):
    with browser(told.settings, "reviewer") as client:
        answer = post(client, "/customers/ann/note", words="Prefers <b>evenings</b>")
        page = client.get(answer.headers["location"]).text
    assert "The note is kept." in page
    assert "Prefers &lt;b&gt;evenings&lt;/b&gt;" in page


def test_a_viewer_may_look_and_do_nothing(told):
    with browser(told.settings, "viewer") as client:
        assert "Write a note" not in client.get("/customers/ann").text
        assert post(client, "/customers/ann/note", words="x").status_code == 403


def test_a_call_that_is_asked_for_twice_is_one_call(told):
    with browser(told.settings, "reviewer") as client:
        done = [post(client, "/customers/ann/call", words="The router").headers["location"] for _ in range(2)]
    assert [where.partition("done=")[2] for where in done] == ["call", "same"]
    with told.open() as session:
        (call,) = open_calls(session)
    assert (call.customer_id, call.says, call.asked_by, call.phone) == ("ann", "The router", "reviewer@lumen.example", "+49 40 555 0142")


def test_a_call_that_reaches_a_held_out_customer_soils_the_holdout(told):
    told.change(Assignment, {"customer_id": "ann"}, arm="hold_out")
    with browser(told.settings, "reviewer") as client:
        post(client, "/customers/ann/call", words="The router")
    told.change(Assignment, {"customer_id": "ann"}, frozen_until=clock.now().date() + LATER)
    with told.open.begin() as session:
        key = session.scalar(select(Call.message_key))
        assert settle(session, key, verdict="reached", by="Ada", now=clock.now())
    assert told.count(Contamination) == 1


def test_messages_are_stopped_for_the_customer_and_their_address(told):
    with browser(told.settings, "reviewer") as client:
        answer = post(client, "/customers/ann/stop", reason="opt_out", words="on the phone")
        page = client.get(answer.headers["location"]).text
    assert "Gets no messages since" in page
    assert "Stop all messages" not in page
    with told.open() as session:
        assert {row.subject for row in session.scalars(select(Suppression))} == {"ann", "ann@example.org"}
        assert session.scalar(select(Note.text)) == "Messages stopped: they asked us to stop. on the phone"


@pytest.mark.parametrize(("act", "fields"), [("note", {"words": " "}), ("call", {}), ("stop", {"reason": "hard_bounce"}), ("stop", {})])
def test_an_act_without_its_words_is_refused_and_changes_nothing(told, act, fields):
    with browser(told.settings, "admin") as client:
        assert post(client, f"/customers/ann/{act}", **fields).status_code == 422
    assert (told.count(Note), told.count(Call), told.count(Suppression)) == (0, 0, 0)


@pytest.mark.parametrize("path", ["", "/scored"])
def test_somebody_nobody_knows_is_said_to_be_unknown(house, path):
    with browser(house.settings, "viewer") as client:
        answer = client.get(f"/customers/nobody{path}")
    assert answer.status_code == (200 if path else 404)
    assert ("Nobody has been scored yet" if path else "is known. Search for them") in answer.text


def test_erasing_a_customer_takes_notes_calls_and_looks_with_them(told):
    with browser(told.settings, "approver") as client:
        post(client, "/customers/ann/note", words="ann said hello")
        post(client, "/customers/ann/call", words="ann again")
        client.get("/customers/ann")
    erase(told.settings, "ann", by="Ada", now=NOW)
    with told.open() as session:
        rows = [row for table in (Note, Call, View) for row in session.execute(select(table.__table__))]
    assert len(rows) == 3
    assert not [row for row in rows if "ann" in str(row).replace("erased:", "")]
