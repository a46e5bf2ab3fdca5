"""A row becomes our events: each with its own time, only the columns known then, and its customer found by lookups."""

from datetime import UTC, datetime

import polars as pl
import pytest

from core.errors import ConfigError, SourceError
from feature_store.sources.configured import find_source
from feature_store.sources.lookups import PROBLEM, follow
from feature_store.sources.mapping import to_events
from feature_store.sources.reader import reader_of

HEAD = 'role = "contacts"\npath = "{root}/raw/{day}.csv"\ncustomer_id = "account"\nevent_id = "id"\n'


@pytest.fixture
def events(company, source_file, deliver, on):
    """Map the rows of one delivered CSV as a source's file says."""

    def read(text, csv, kinds=None):
        source_file("desk", text)
        deliver("2026-01-05.csv", csv)
        source = find_source(company, "desk")
        reader = reader_of(source, company)
        rows = follow(source, company, reader, reader.read(source, company, first=on(5), last=on(5)))
        return to_events(source, rows, kinds or {})

    return read


TICKETS = HEAD + """
[[event]]
kind = "opened"
occurred_at = "opened_at"
columns = { priority = "priority" }

[[event]]
kind = "closed"
occurred_at = "closed_at"
when = { closed_at = { present = true } }
columns = { score = "score" }
"""


def test_one_row_gives_two_events_with_their_own_times_and_columns(events):
    mapped = events(TICKETS, "id,account,opened_at,closed_at,priority,score\nT1,a,2026-01-01 10:00,2026-01-02 11:00,high,4\n"
                             "T2,b,2026-01-03 10:00,,low,\n")  # fmt: skip

    told = mapped.events.select("event_id", "kind", "occurred_at", "priority", "score").sort("event_id")
    assert told.rows() == [
        ("T1", "opened", datetime(2026, 1, 1, 10, tzinfo=UTC), "high", None),
        ("T1:closed", "closed", datetime(2026, 1, 2, 11, tzinfo=UTC), None, 4.0),
        ("T2", "opened", datetime(2026, 1, 3, 10, tzinfo=UTC), "low", None),
    ]
    assert mapped.dropped == {"not_this_event": 1}


def test_values_become_what_the_file_says_and_misfits_are_problems(events):
    text = HEAD + (
        '[[event]]\nkind = { column = "type" }\noccurred_at = "at"\nconstants = { channel = "phone" }\ncolumns = '
        '{ cents = { column = "eur", scale = 100, type = "integer" }, ok = { column = "ok", type = "boolean" }, code = "code" }\n'
    )
    mapped = events(text, "id,account,type,at,eur,ok,code\n1,a,call,2026-01-01,12.345,yes,007\n2,a,call,never,x,no,8\n")

    assert mapped.events.select("kind", "channel", "cents", "ok", "code").rows() == [
        ("call", "phone", 1234, True, "007"), ("call", "phone", None, False, "8"),
    ]  # fmt: skip
    assert mapped.events[PROBLEM].to_list() == [None, "occurred_at: at 'never' is no time we can read"]


def test_a_type_the_lake_has_settled_on_is_kept(events):
    text = HEAD + '[[event]]\nkind = "call"\noccurred_at = "at"\ncolumns = { minutes = "minutes", team = "team" }\n'
    kinds = {"minutes": pl.Int64(), "team": pl.String()}
    mapped = events(text, "id,account,at,minutes,team\n1,a,2026-01-01,3,7\n2,a,2026-01-01,3.5,8\n", kinds)

    assert mapped.events.select("minutes", "team").rows() == [(3, "7"), (None, "8")]
    assert "minutes '3.5' does not fit its type (Int64)" in mapped.events[PROBLEM][1]


def test_when_it_was_recorded_is_what_it_says_or_the_end_of_its_day(events):
    text = HEAD + '[[event]]\nkind = "call"\noccurred_at = "at"\n%s'
    csv = "id,account,at,seen\n1,a,2026-01-01 10:00,2026-01-02 08:00\n2,a,2026-01-01,2026-01-03\n3,a,2026-01-01,\n"
    end = {day: datetime(2026, 1, day, 23, 59, 59, 999999, tzinfo=UTC) for day in (1, 3)}

    assert events(text % "", csv).events["stated_at"].to_list() == [end[1]] * 3
    assert events(text % 'recorded_at = "seen"\n', csv).events["stated_at"].to_list() == [
        datetime(2026, 1, 2, 8, tzinfo=UTC), end[3], end[1],
    ]  # fmt: skip


def test_an_id_may_be_made_of_several_columns(events):
    text = HEAD.replace('"id"', '["id", "line"]') + '[[event]]\nkind = "call"\noccurred_at = "at"\n'
    mapped = events(text, "id,line,account,at\n1,1,a,2026-01-01\n1,2,a,2026-01-01\n1,,a,2026-01-01\n,,a,2026-01-01\n")

    assert mapped.events["event_id"].to_list() == ["1|1", "1|2", "1|", None]


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ('{ status = "done" }', ["1"]),
        ('{ status = ["done", "open"] }', ["1", "2"]),
        ('{ status = { none_of = ["done"] } }', ["2", "3"]),
        ("{ score = { at_least = 4 } }", ["1"]),
        ("{ score = { at_most = 4 } }", ["1", "2"]),
        ("{ score = { present = false } }", ["3"]),
        ("{ urgent = true }", ["2"]),
        ("{ score = 4 }", ["1"]),
        ('{ closed = { not_before = "at" } }', ["1"]),
        ('{ status = "open", urgent = true }', ["2"]),
    ],
)
def test_conditions_choose_rows(events, condition, chosen):
    text = HEAD + f'[[event]]\nkind = "call"\noccurred_at = "at"\nwhen = {condition}\n'
    csv = ("id,account,at,closed,status,score,urgent\n1,a,2026-01-02,2026-01-03,done,4,false\n"
           "2,a,2026-01-02,2026-01-01,open,3.5,TRUE\n3,a,2026-01-02,,,,\n")  # fmt: skip

    mapped = events(text, csv)
    assert mapped.events["event_id"].to_list() == chosen
    assert mapped.dropped["not_this_event"] == 3 - len(chosen)


def test_rows_that_take_an_event_back_are_marked(events):
    text = HEAD + '[[event]]\nkind = "call"\noccurred_at = "at"\ndeleted = { status = "void" }\n'
    mapped = events(text, "id,account,at,status\n1,a,2026-01-01,ok\n2,a,2026-01-01,void\n")

    assert mapped.events["deleted"].to_list() == [False, True]


CHAIN = HEAD.replace('"account"', '"owner"') + """
static = ["country"]
[[lookup]]
path  = "{root}/raw/subscriptions.csv"
key   = "sub"
match = "subscription"
value = ["contract"]

[[lookup]]
path  = "{root}/raw/contracts.csv"
key   = "contract"
value = ["owner", "country"]

[[event]]
kind = "used"
occurred_at = "at"
columns = { country = "country" }
"""


def test_a_chain_of_lookups_reaches_the_customer(events, deliver):
    deliver("subscriptions.csv", "subscription,contract\nS1,K1\nS2,K2\nS3,K9\nS4,K1\nS4,K2\n")
    deliver("contracts.csv", "contract,owner,country\nK1,anna,DE\nK2,ben,FR\n")
    mapped = events(CHAIN, "id,sub,at\n1,S1,2026-01-01\n2,S2,2026-01-01\n3,S3,2026-01-01\n4,S4,2026-01-01\n5,S5,2026-01-01\n6,,2026-01-01\n")

    assert mapped.events["customer_id"].to_list() == ["anna", "ben", None, None, None, None]
    assert mapped.events["country"].to_list() == ["DE", "FR", None, None, None, None]
    assert mapped.events[PROBLEM].to_list() == [
        None, None, "contract 'K9' is not in contracts.csv", "sub 'S4' is in subscriptions.csv with different answers",
        "sub 'S5' is not in subscriptions.csv", "sub is empty, so its customer cannot be found",
    ]  # fmt: skip


def test_a_lookup_without_its_file_or_column_is_named(events, deliver):
    csv = "id,sub,at\n1,S1,2026-01-01\n"
    with pytest.raises(SourceError, match=r"desk: \[\[lookup\]\] sub: no file at .*subscriptions\.csv"):
        events(CHAIN, csv)
    deliver("subscriptions.csv", "subscription,contrat\nS1,K1\n")
    with pytest.raises(ConfigError, match=r"desk\.toml: \[\[lookup\]\] sub: column 'contract' .* Did you mean 'contrat'"):
        events(CHAIN, csv)
