"""What other systems posted comes through the gate into the lake like any other source, known since we received it."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.errors import ConfigError
from feature_store import lake
from feature_store.pull import pull_days
from feature_store.sources.configured import find_source
from feature_store.sources.reader import reader_of
from ledger.inbox import receive

GUIDE = Path(__file__).parents[3] / "docs" / "api.md"
EXAMPLES = dict(re.findall(r"```toml\n# config/sources/(\w+)\.toml\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL))


def at(day, hour=0):
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def contact(number, day, *, customer="c1", topic="billing_dispute", **more):
    return customer, {"id": f"T-{number}", "occurred_at": at(day, 9).isoformat(), "topic": topic, "channel": "call", **more}


@pytest.fixture
def company(settings):
    """A company with the sources that the guide shows."""
    for name, text in EXAMPLES.items():
        (settings.folder / "sources" / f"{name}.toml").write_text(text)
    return settings


@pytest.fixture
def post(session):
    """Write rows as the API does, received at an instant."""

    def write(*rows, at, kind="contact", token="desk"):
        receive(session, kind, rows, token=token, idempotency_key="k", now=at)
        session.commit()

    return write


def found(company, name, before):
    return lake.scan(company, name, before=before).sort("event_id").collect()


def test_posted_rows_are_events_known_since_they_were_received(company, post):
    post(contact(1, 5), contact(2, 5, facts={"waited_minutes": 7}), at=at(6, 15))
    report = pull_days("told_contacts", first=date(2026, 1, 6), last=date(2026, 1, 6), settings=company)

    assert (report.read, report.kept, report.quarantined) == (2, 2, 0)
    rows = found(company, "told_contacts", at(7)).select("event_id", "kind", "occurred_at", "recorded_at", "waited_minutes").rows()
    assert rows == [("desk|T-1", "billing_dispute", at(5, 9), at(6, 15), None), ("desk|T-2", "billing_dispute", at(5, 9), at(6, 15), 7.0)]


def test_a_day_reads_what_was_received_on_it_and_doing_so_again_changes_nothing(company, post):
    post(contact(1, 5), at=at(6, 23))
    post(contact(2, 5), at=at(7))
    reports = [pull_days("told_contacts", first=date(2026, 1, day), last=date(2026, 1, day), settings=company) for day in (5, 6, 7, 7)]
    assert [report.kept for report in reports] == [0, 1, 1, 1]
    assert found(company, "told_contacts", at(9)).height == 2


def test_a_row_sent_again_corrects_and_one_withdrawn_is_gone_from_then_on(company, post):
    post(contact(1, 5), contact(2, 5), at=at(5, 12))
    post(contact(1, 5, topic="how_to"), contact(2, 5, withdrawn=True), at=at(6, 12))
    pull_days("told_contacts", first=date(2026, 1, 5), last=date(2026, 1, 6), settings=company)

    assert found(company, "told_contacts", at(6))["kind"].to_list() == ["billing_dispute", "billing_dispute"]
    assert found(company, "told_contacts", at(7))["kind"].to_list() == ["how_to"]


def test_two_systems_may_use_the_same_ids(company, post):
    post(contact(1, 5), at=at(5, 12))
    post(contact(1, 5), at=at(5, 12), token="shop")
    assert pull_days("told_contacts", first=date(2026, 1, 5), last=date(2026, 1, 5), settings=company).kept == 2


def test_the_gate_stands_before_the_inbox_too(company, post):
    post(*(("c1", {"id": f"S-{n}", "occurred_at": at(5).isoformat(), "outcome": "bought", "amount_cents": 1990, "currency": currency})
           for n, currency in enumerate(["EUR", "USD"])), at=at(5, 12), kind="outcome")  # fmt: skip
    report = pull_days("told_outcomes", first=date(2026, 1, 5), last=date(2026, 1, 5), settings=company)
    assert (report.kept, report.quarantined) == (1, 1)
    assert found(company, "told_outcomes", at(9)).select("kind", "amount_cents").rows() == [("bought", 1990)]


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('options     = { kind = "contact" }', "", r"told_contacts\.toml: options: say which rows.*Known: contact, outcome"),
        ('"recorded_at"  # when', '"occurred_at"  # when', 'cursor must be "recorded_at"'),
    ],
)
def test_a_file_that_does_not_say_which_rows_or_when_is_refused(company, right, wrong, says):
    file = company.folder / "sources" / "told_contacts.toml"
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))
    with pytest.raises(ConfigError, match=says):
        reader_of(find_source(company, "told_contacts"), company)


def test_a_column_the_inbox_does_not_have_names_the_nearest(company, post):
    file = company.folder / "sources" / "told_contacts.toml"
    file.write_text(file.read_text().replace('column = "topic"', 'column = "topics"'))
    post(contact(1, 5), at=at(5, 12))
    with pytest.raises(ConfigError, match="Did you mean 'topic'"):
        pull_days("told_contacts", first=date(2026, 1, 5), last=date(2026, 1, 5), settings=company)
