"""Rows of a database are read in batches, by a time column with an overlap; what was seen before is dropped."""

import pytest
import sqlalchemy as sa

from core.errors import ConfigError, SourceError
from feature_store import lake
from feature_store.pull import pull_days
from feature_store.sources.configured import find_source
from feature_store.sources.reader import DAY, reader_of

PAYMENTS = """
role = "billing"
reader = "sql"
%s
cursor = "updated_at"
overlap_days = 2
batch_rows = 2
customer_id = "account"
event_id = "id"
recorded_at = "updated_at"

[[event]]
kind = { column = "state" }
occurred_at = "paid_at"
columns = { amount_cents = { column = "amount", scale = 100, type = "integer" } }
"""
ROWS = [
    ("1", "a", "paid", "2026-01-01 10:00:00", "2026-01-01 10:00:00", 1.5),
    ("2", "b", "paid", "2026-01-02 10:00:00", "2026-01-02 23:59:59", 2.5),
    ("3", "c", "paid", "2026-01-02 12:00:00", "2026-01-03 00:00:00", 3.5),
]


@pytest.fixture(params=["sqlite", "postgresql naive", "postgresql"])
def database(request, tmp_path, monkeypatch):
    """A database with a table of payments: SQLite, and PostgreSQL with and without time zones."""
    url = f"sqlite:///{tmp_path}/shop.db" if request.param == "sqlite" else request.getfixturevalue("database_url")
    monkeypatch.setenv("SHOP_URL", url)
    engine = sa.create_engine(url)
    kind = {"sqlite": "text", "postgresql": "timestamptz", "postgresql naive": "timestamp"}[request.param]
    _run(engine, f"create table payments (id text, account text, state text, paid_at {kind}, updated_at {kind}, amount numeric)")
    yield engine
    engine.dispose()


def _run(engine, statement, rows=()):
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("set time zone 'UTC'"))
        connection.execute(sa.text(statement), *([rows] if rows else []))


def insert(engine, *rows):
    names = ("id", "account", "state", "paid_at", "updated_at", "amount")
    _run(engine, f"insert into payments values ({', '.join(f':{name}' for name in names)})",
         [dict(zip(names, row, strict=True)) for row in rows])  # fmt: skip


def test_a_pull_reads_its_days_and_the_overlap_and_drops_what_it_saw(company, source_file, database, on, at):
    source_file("payments", PAYMENTS % 'url_env = "SHOP_URL"\ntable = "payments"')
    insert(database, *ROWS)
    first = pull_days("payments", first=on(1), last=on(2), settings=company)
    insert(database, ("late", "d", "paid", "2026-01-01 09:00:00", "2026-01-02 09:00:00", 4))
    second = pull_days("payments", first=on(3), last=on(3), settings=company)

    assert (first.read, first.kept) == (2, 2)
    assert (second.read, second.kept, second.dropped) == (4, 2, {"seen_before": 2})
    found = lake.scan(company, "payments", before=at(9)).sort("event_id").collect()
    assert found.select("event_id", "occurred_at", "recorded_on", "amount_cents").rows() == [
        ("1", at(1, 10), on(1), 150), ("2", at(2, 10), on(2), 250), ("3", at(2, 12), on(3), 350), ("late", at(1, 9), on(3), 400),
    ]  # fmt: skip


def test_an_updated_row_is_a_correction_from_the_day_it_was_updated(company, source_file, database, on, at):
    source_file("payments", PAYMENTS % 'url_env = "SHOP_URL"\nquery = "select * from payments;"')
    insert(database, *ROWS)
    pull_days("payments", first=on(1), last=on(3), settings=company)
    _run(database, "update payments set state = 'refunded', updated_at = '2026-01-04 08:00:00' where id = '1'")
    pull_days("payments", first=on(4), last=on(4), settings=company)

    kinds = [dict(lake.scan(company, "payments", before=at(day)).select("event_id", "kind").collect().iter_rows()) for day in (4, 5)]
    assert [kind["1"] for kind in kinds] == ["paid", "refunded"]


def test_days_without_rows_and_an_empty_table_give_none(company, source_file, database, on):
    source_file("payments", PAYMENTS % 'url_env = "SHOP_URL"\ntable = "payments"')
    assert pull_days("payments", first=on(1), last=on(1), settings=company).read == 0
    insert(database, *ROWS)
    assert pull_days("payments", first=on(20), last=on(20), settings=company).read == 0


def test_without_a_cursor_everything_is_read_and_dropped_when_seen(company, source_file, database, on):
    text = PAYMENTS.replace('cursor = "updated_at"\noverlap_days = 2\n', "history_until = 2026-02-01\n")
    source_file("payments", text % 'url_env = "SHOP_URL"\ntable = "payments"')
    insert(database, *ROWS)

    assert pull_days("payments", first=on(1), last=on(5), settings=company).kept == 3
    assert pull_days("payments", first=on(6), last=on(6), settings=company).dropped == {"seen_before": 3}


def test_a_lookup_may_be_a_query_of_the_same_database(company, source_file, database, on, at):
    text = PAYMENTS.replace('customer_id = "account"', 'customer_id = "owner"')
    text += '\n[[lookup]]\nquery = "select account as acc, upper(account) as owner from payments"\nkey = "account"\nmatch = "acc"\nvalue = "owner"\n'
    source_file("payments", text % 'url_env = "SHOP_URL"\ntable = "payments"')
    insert(database, *ROWS)
    pull_days("payments", first=on(1), last=on(3), settings=company)

    found = lake.scan(company, "payments", before=at(9)).collect()
    assert set(found["customer_id"]) == {"A", "B", "C"}


def test_rows_of_the_overlap_count_as_pulled_on_the_last_day(company, source_file, database, on):
    source_file("payments", PAYMENTS % 'url_env = "SHOP_URL"\ntable = "payments"')
    insert(database, *ROWS)
    source = find_source(company, "payments")
    rows = reader_of(source, company).read(source, company, first=on(3), last=on(4))

    assert dict(rows.select("id", DAY).iter_rows()) == {"1": on(4), "2": on(4), "3": on(3)}


@pytest.mark.parametrize(
    ("what", "error", "says"),
    [
        ('table = "payments"', ConfigError, "give either url or url_env"),
        ('url = "sqlite://"', ConfigError, "give either query or table"),
        ('url_env = "NO_SUCH_URL"\ntable = "payments"', ConfigError, "environment variable NO_SUCH_URL is not set"),
        ('url = "sqlite://"\ntable = "payments"', SourceError, "payments: its database refused: .*no such table"),
        ('url = "nodb://x"\ntable = "payments"', SourceError, "payments: its database refused: "),
    ],
)
def test_a_database_that_cannot_be_read_is_named(company, source_file, on, what, error, says):
    source_file("payments", PAYMENTS % what)

    with pytest.raises(error, match=says):
        pull_days("payments", first=on(1), last=on(1), settings=company)


def test_a_cursor_that_is_no_time_is_refused(company, source_file, tmp_path, on):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/n.db")
    _run(engine, "create table payments (id text, account text, state text, paid_at text, updated_at integer, amount numeric)")
    _run(engine, "insert into payments values ('1', 'a', 'paid', '2026-01-01', 7, 1)")
    source_file("payments", PAYMENTS % f'url = "sqlite:///{tmp_path}/n.db"\ntable = "payments"')

    with pytest.raises(ConfigError, match="cursor 'updated_at' holds 7, which is no time"):
        pull_days("payments", first=on(1), last=on(1), settings=company)
