"""An erased customer is nowhere any more but as a keyed hash, and an import does not bring them back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from core.clock import moment_after
from feature_store import lake
from ledger.contacts import Contact
from ledger.database import tables
from ledger.event_bodies import keep_body
from ledger.flags import Flag
from ledger.needs import Need
from ledger.suppressions import Suppression
from outreach.act import act_due
from outreach.addresses import write
from outreach.erase import erase
from outreach.gestures import give, this_was_wrong
from outreach.keyed_hash import suppression_hash
from outreach.plan import plan_day
from outreach.playbook import load_playbooks
from outreach.reconcile import reconcile
from outreach.send import send_due
from tests.outreach.house import DAY, NOW

WHO = "customer-4711"
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
    house.customers(WHO, "other", phone="+49 40 4711")
    flag, _ = house.flags(WHO, "other", evidence={"told us": f"{WHO} said so"})
    plan_day(day=DAY, now=NOW, settings=house.settings)
    with house.open.begin() as session:
        claim = this_was_wrong(WHO, "I was charged twice.", flag_id=flag)
        give(session, load_playbooks(house.settings)["payment_failing"], claim, settings=house.settings, now=NOW)
        keep_body(session, source="mail", body=b"From: Customer-4711@Example.org\n\n\0 hello", content_type="message/rfc822", now=NOW)
        keep_body(session, source="mail", body=b"From: other@example.org", content_type="message/rfc822", now=NOW)
    act_due(now=NOW, settings=house.settings)
    send_due(now=NOW, settings=house.settings)
    house.add(Need(customer_id=WHO, kind="asked", since=NOW, source="reply"),
              Contact(source_id="x", kind="reply", customer_id=WHO, flag_id=flag, text=f"It is me, {WHO}", received_at=NOW),
              Suppression(subject=f"{WHO}@example.org", topic="all", reason="opt_out", since=NOW))  # fmt: skip
    for day in (DAY - timedelta(days=2), DAY - timedelta(days=1), DAY):
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        rows = [{"event_id": f"{c} {day}", "customer_id": c, "kind": "used", "occurred_at": at, "recorded_at": at, "stated_at": at,
                 "batch": day, "deleted": False} for c in ((WHO, "other") if day < DAY else (WHO,))]  # fmt: skip
        lake.add(house.settings, "usage", pl.DataFrame(rows), first=day, last=day)
    for folder, frame in {"vectors/v1": pl.DataFrame({"customer_id": [WHO, "other"], "x": [1.0, 2.0]}),
                          "quarantine/usage": pl.DataFrame({"original": [json.dumps({"c": WHO}), json.dumps({"c": "other"})]})}.items():  # fmt: skip
        frame.write_parquet(house.settings.place(*folder.split("/")) / f"{DAY}.parquet")
    return house


def in_ledger(house):
    """Return every table in which a name of the customer stands, in whatever column."""
    with house.open() as session:
        return {table.name for table in tables().sorted_tables for row in session.execute(sa.select(table)).mappings()
                if any(name in f"{value!r}".lower() for value in row.values() for name in (WHO, "49 40 4711"))
                and row.get("customer_id") != "other"}  # fmt: skip


def on_disk(house):
    """Return every file in which the customer's id stands, packed or not."""
    found = []
    for path in Path(str(house.settings.root)).rglob("*"):
        if path.is_file() and "/config/" not in str(path):
            text = str(pl.read_parquet(path).to_dicts()) if path.suffix == ".parquet" and "_delta_log" not in str(path) else ""
            if WHO in text + path.read_bytes().decode("latin-1") + path.name:
                found.append(path)
    return found


def test_nothing_is_left_of_them_in_table_file_or_log(lived):
    assert len(in_ledger(lived)) >= 8
    assert len(on_disk(lived)) >= 6
    counts = erase(lived.settings, WHO, by="Mia", now=NOW)

    assert in_ledger(lived) == set()
    assert on_disk(lived) == []
    assert (counts["lake"], counts["vectors"], counts["quarantine"], counts["files"]) == (3, 1, 1, 3)


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
    details = pl.DataFrame({"customer_id": [WHO, "third"], "address": ["new@example.org", f"{WHO}@example.org"]})
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
    lived.customers("partner", address=f"{WHO}@example.org")
    erase(lived.settings, WHO, by="Mia", now=NOW)
    later = timedelta(days=60)
    lived.change(Flag, {}, state="over")
    (flag,) = lived.flags("partner", day=DAY + later)
    plan_day(day=DAY + later, now=NOW + later, settings=lived.settings)

    assert "erased" not in lived.verdict(flag).reasons
