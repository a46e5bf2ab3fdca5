"""An erased customer is nowhere any more but as a keyed hash, and an import does not bring them back."""

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from core.clock import moment_after
from feature_store import lake
from ledger.acts import Act
from ledger.brakes import Brake
from ledger.calls import Call
from ledger.cohorts import Cohort
from ledger.contacts import Contact
from ledger.contaminations import Contamination
from ledger.database import tables
from ledger.event_bodies import EventBody, keep_body
from ledger.flags import Flag
from ledger.labels import Label
from ledger.messages import Message
from ledger.outcomes import Outcome
from ledger.provider_events import ProviderEvent
from ledger.suppressions import Suppression
from ledger.transitions import Transition
from outreach import wishes
from outreach.act import act_due
from outreach.addresses import write
from outreach.erase import erase
from outreach.events import hear_events
from outreach.gestures import give, this_was_wrong
from outreach.keyed_hash import suppression_hash
from outreach.mentions import Mentions
from outreach.plan import plan_day
from outreach.playbook import load_playbooks
from outreach.reconcile import reconcile
from outreach.send import send_due
from tests.outreach.house import DAY, NOW

WHO, NAME, ADDRESS, PHONE = "customer-4711", "Zoë Quellwasser", "zoe@quell.example", "+49 40 555 4711"
THEIRS = "xylophone"  # stands in whatever they said, and in what was noted about it
KNOWN_BY = (WHO, "quellwasser", ADDRESS, "555 4711", THEIRS)
MORE = """
[action]
what = "retry"
hook = "file"
tests = "the message"

[gesture]
what = "credit"
hook = "file"
cents = 500
authority_cents = 1000
four_eyes_above_cents = 5000
budget_cents_a_month = 20000
"""


@pytest.fixture
def lived(house):
    """A house in which a customer has left traces everywhere, beside another one."""
    house.playbook(holdout=1e-9, more=MORE)
    house.customers(WHO, name="Zoë Quellwasser", address=ADDRESS, phone=PHONE)
    house.customers("other", phone="+49 40 12345")
    flag, _ = house.flags(WHO, "other", evidence={"told us": f"{WHO} said so"})
    plan_day(day=DAY, now=NOW, settings=house.settings)
    with house.open.begin() as session:
        claim = this_was_wrong(WHO, f"I was charged for a {THEIRS}.", flag_id=flag)
        give(session, load_playbooks(house.settings)["payment_failing"], claim, settings=house.settings, now=NOW)
        keep_body(session, source="mail", body=f"From: {NAME} <ZOE@quell.example>\n\n\0 {THEIRS}".encode(), content_type="message/rfc822", now=NOW)
        keep_body(session, source="mail", body=b"From: other@example.org", content_type="message/rfc822", now=NOW)
    act_due(now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    say_everywhere(house, flag)
    for day in (DAY - timedelta(days=2), DAY - timedelta(days=1), DAY):
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        rows = [{"event_id": f"{c} {day}", "customer_id": c, "kind": "used", "occurred_at": at, "recorded_at": at, "stated_at": at,
                 "batch": day, "deleted": False} for c in ((WHO, "other") if day < DAY else (WHO,))]  # fmt: skip
        lake.add(house.settings, "usage", pl.DataFrame(rows), first=day, last=day)
    for folder, frame in {"vectors/v1": pl.DataFrame({"customer_id": [WHO, "other"], "x": [1.0, 2.0]}),
                          "quarantine/usage": pl.DataFrame({"original": [json.dumps({"c": WHO}), json.dumps({"c": "other"}), json.dumps({"c": None, "mail": "Zoe@Quell.example"})]})}.items():  # fmt: skip
        frame.write_parquet(house.settings.place(*folder.split("/")) / f"{DAY}.parquet")
    return house


def say_everywhere(house, flag):
    """Name the customer in every table in which somebody may write a word, and in every folder of pages and logs."""
    message = house.message(WHO)
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["In-Reply-To"] = "zoe@work.example", "Re", f"<{message.key}@lumen.example>"
    mail.set_content(f"{NAME} says {THEIRS} again", cte="base64")
    both = json.dumps([{"email": ADDRESS, "event": "delivered", "message": message.key, "sg_event_id": "a", "timestamp": 1775037600},
                       {"email": "other@example.org", "event": "open", "message": "f" * 32, "sg_event_id": "b", "timestamp": 1775037600}])  # fmt: skip
    with house.open.begin() as session:
        keep_body(session, source="mail", body=mail.as_bytes(), content_type="message/rfc822", now=NOW)
        keep_body(session, source="sendgrid", body=both.encode(), content_type="application/json", now=NOW)
    hear_events(now=NOW, settings=house.settings)
    draw = house.assignments(customer_id=WHO)[0].id
    with house.open.begin() as session:
        act = wishes.answer(session, session.get(Message, message.id), "call_me", settings=house.settings, now=NOW)
        assert act
        wishes.fill_in_survey(session, session.get(Message, message.id), score=1, text=f"A {THEIRS}", now=NOW)
        wishes.set_preferences(session, session.get(Message, message.id), {("account notices", "email"): False}, now=NOW)
    house.add(
        Contact(source_id="x", kind="reply", customer_id=WHO, flag_id=flag, text=f"It is me, {WHO}, and my {THEIRS}", received_at=NOW),
        Contact(source_id="y", kind="reply", text=f"I write for {ADDRESS}", note=f"about {WHO}", received_at=NOW),
        Suppression(subject=ADDRESS, topic="all", reason="opt_out", since=NOW),
        ProviderEvent(provider="mail", event_id="z", message_key=message.key, known=True, kind="bounced", occurred_at=NOW,
                      recorded_at=NOW, detail={"reason": f"{ADDRESS} is full of {THEIRS}s"}),
        ProviderEvent(provider="mail", event_id="aside", known=False, kind="bounced", occurred_at=NOW, recorded_at=NOW,
                      detail={"reason": f"<{ADDRESS}> is unknown", "code": 550}),
        Outcome(message_id=message.id, kind="left", occurred_at=NOW, recorded_at=NOW, detail=f"{NAME} and the {THEIRS}"),
        Transition(message_id=message.id, from_state="planned", to_state="refused", fence=0, reasons=[f"HTTP 400: {ADDRESS} is bad"], at=NOW),
        Label(flag_id=flag, label="not_trouble", source="customer", said_by=WHO, said_at=NOW),
        Contamination(assignment_id=draw, scope="payment_failing", unit_id=WHO, customer_id=WHO, source="told by Mia",
                      event_id=f"{WHO} {DAY}", occurred_at=NOW, found_at=NOW, note=f"called {PHONE} about the {THEIRS}"),
        Brake(issue="fee_shock", kind="person", reason=f"{WHO} complained", at=NOW),
        Act(actor="Mia", act="handle_contact", subject="contact 1", detail={"note": f"explained the {THEIRS} to {NAME}"}, at=NOW),
        Act(actor="Mia", act="decline", subject="gesture 1", detail={"why": f"the {THEIRS} was paid back"}, at=NOW),
        Act(actor="Mia", act="hold", subject="cohort payment_failing", detail={"note": f"ask {ADDRESS.upper()} first", "n": 4711}, at=NOW),
    )  # fmt: skip
    house.change(Message, {"id": message.id}, reasons=[f"redirected from {ADDRESS}"])
    house.change(Call, {"message_key": message.key}, says=f"Hello {NAME}")
    house.change(Cohort, {}, note=f"{WHO} is trimmed")
    for place in (f"replies/read/1.eml:From: {ADDRESS}\n\nhello", f"shadow/{DAY}.html:<td>{WHO}</td>",
                  f'validations/usage.json:{{"partial_unexpected_list": ["{ADDRESS}"]}}', f"airflow/logs/run.log:read {WHO}\nread other\n",
                  f"pg/data/server.log:ERROR: ({ADDRESS}) is there already\n"):  # fmt: skip
        path, _, text = place.partition(":")
        house.settings.place(*path.split("/")[:-1]).joinpath(path.split("/")[-1]).write_text(text)


def in_ledger(house):
    """Return every table in which the customer is known by anything, in whatever column, whatever an encoding hides."""
    with house.open() as session:
        return {table.name for table in tables().sorted_tables for row in session.execute(sa.select(table)).mappings()
                if any(name in plain(value) for value in row.values() for name in KNOWN_BY) and row.get("customer_id") != "other"}  # fmt: skip


def plain(value):
    """Return a value as one reads it; of a mail its decoded parts too."""
    if not isinstance(value, bytes):
        return str(value).lower()
    parts = [part.get_payload(decode=True) or b"" for part in message_from_bytes(value).walk() if not part.is_multipart()]
    return b" ".join([value, *parts]).decode("utf-8", "replace").lower()


def on_disk(house):
    """Return every file in which the customer is known by anything, packed or not."""
    found = []
    for path in Path(str(house.settings.root)).rglob("*"):
        if path.is_file() and "/config/" not in str(path):
            text = str(pl.read_parquet(path).to_dicts()) if path.suffix == ".parquet" and "_delta_log" not in str(path) else ""
            if any(name in (text + path.read_bytes().decode("utf-8", "replace") + path.name).lower() for name in KNOWN_BY):
                found.append(path)
    return found


def test_nothing_is_left_of_them_in_table_file_or_log(lived):
    assert in_ledger(lived) == {
        "actions", "acts", "assignments", "brakes", "calls", "cohorts", "contacts", "contaminations", "customers", "event_bodies", "flags",
        "gestures", "labels", "messages", "needs", "outcomes", "preferences", "provider_events", "suppressions", "survey_answers",
        "transitions"}  # fmt: skip
    assert len(on_disk(lived)) >= 11
    counts = erase(lived.settings, WHO, by="Mia", now=NOW)

    assert in_ledger(lived) == set()
    assert on_disk(lived) == []
    assert (counts["lake"], counts["vectors"], counts["quarantine"], counts["files"]) == (3, 1, 2, 8)


def test_what_tells_of_others_too_keeps_what_is_theirs(lived):
    erase(lived.settings, WHO, by="Mia", now=NOW)
    with lived.open() as session:
        (told,) = session.scalars(sa.select(EventBody.body).where(EventBody.source == "sendgrid"))
        assert [each["event"] for each in json.loads(told)] == ["delivered", "open"]
        assert json.loads(told)[1]["email"] == "other@example.org"
        held = session.scalar(sa.select(Act.detail).where(Act.act == "hold"))
        assert held["n"] == 4711
        assert held["note"].startswith("ask erased:")
        (aside,) = session.scalars(sa.select(ProviderEvent.detail).where(ProviderEvent.event_id == "aside"))
        assert aside["code"] == 550
    log = (Path(str(lived.settings.root)) / "airflow/logs/run.log").read_text()
    assert log.endswith("read other\n")


@pytest.mark.parametrize(
    ("text", "named"),
    [("c17 came", True), ("C17, again", True), ("c171", False), ("xc17", False), ("Re: <c17>", True), ("17 came", False)],
)  # fmt: skip
def test_a_name_is_found_whole_and_a_short_number_names_nobody(text, named):
    assert Mentions(("c17", "17"), (), "gone").in_text(text) is named
    assert Mentions(("c17", "17"), (), "gone").without({"said": [text, 17]})["said"][1] == 17


def test_others_keep_what_is_theirs_and_the_counts_stay(lived):
    erase(lived.settings, WHO, by="Mia", now=NOW)

    assert lived.message("other").state == "accepted"
    rows = lake.scan(lived.settings, "usage", before=moment_after(DAY)).collect()
    assert rows["customer_id"].to_list() == ["other", "other"]
    assert reconcile(lived.settings)["flagged"].to_list() == [2]
    assert reconcile(lived.settings)["sent"].to_list() == [2]
    assert len(lived.mailbox()) == 1


def test_a_keyed_hash_keeps_them_suppressed_when_an_import_brings_them_back(lived):
    erase(lived.settings, WHO, by="Mia", now=NOW)
    details = pl.DataFrame({"customer_id": [WHO, "third"], "address": ["new@example.org", ADDRESS]})
    with lived.open.begin() as session:
        assert write(session, details, settings=lived.settings, now=NOW) == 0
    later = timedelta(days=60)
    (flag,) = lived.flags(WHO, day=DAY + later)
    plan_day(day=DAY + later, now=NOW + later, settings=lived.settings)

    assert "erased" in lived.verdict(flag).reasons


def test_again_and_for_a_stranger_it_ends_the_same(lived):
    erase(lived.settings, WHO, by="Mia", now=NOW)
    again = erase(lived.settings, WHO, by="Mia", now=NOW)
    stranger = erase(lived.settings, "nobody", by="Mia", now=NOW)

    assert sum(again.values()) == sum(stranger.values()) == 0
    with lived.open() as session:
        assert session.get(Suppression, (suppression_hash(lived.settings, WHO), "all")).reason == "erased"


def test_an_address_that_another_customer_shares_is_still_theirs(lived):
    lived.customers("partner", address=ADDRESS)
    erase(lived.settings, WHO, by="Mia", now=NOW)
    later = timedelta(days=60)
    lived.change(Flag, {}, state="over")
    (flag,) = lived.flags("partner", day=DAY + later)
    plan_day(day=DAY + later, now=NOW + later, settings=lived.settings)

    assert "erased" not in lived.verdict(flag).reasons
