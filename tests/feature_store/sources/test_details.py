"""How a customer is reached is the newest of what the sources say, and never enters the lake."""

import polars as pl
import pytest

from core.errors import ConfigError
from feature_store import lake
from feature_store.pull import pull_days
from feature_store.sources import contact_details

CUSTOMERS = """
role = "customers"
path = "{root}/raw/%s.csv"
history_until = 2026-02-01
customer_id = "id"

[[event]]
kind = "attribute"
valid_from = "since"
columns = { plan = "plan" }

[contact_details]
name = "first"
address = "mail"
consent = "ok"
unit_id = "house"
%s
"""
HEAD = "id,since,plan,first,mail,ok,house\n"


def told(company, on, first=1, last=9):
    found = contact_details(company, first=on(first), last=on(last))
    return {row["customer_id"]: row for row in found.iter_rows(named=True)}


def test_the_newest_row_of_a_customer_counts(company, source_file, deliver, on):
    source_file("customers", CUSTOMERS % ("all", 'changed_at = "since"'))
    deliver("all.csv", HEAD + "1,2026-01-05,gold,Anna,new@x.example,yes,H1\n1,2026-01-02,gold,Anna,old@x.example,no,H1\n2,2026-01-01,gold,,b@x.example,,\n")

    found = told(company, on)
    assert (found["1"]["address"], found["1"]["consent"], found["1"]["unit_id"]) == ("new@x.example", True, "H1")
    assert (found["2"]["name"], found["2"]["consent"], found["2"]["time_zone"]) == (None, None, None)


def test_of_daily_files_the_last_day_counts(company, source_file, deliver, on):
    source_file("customers", CUSTOMERS % ("{day}", ""))
    for day in (1, 2):
        deliver(f"2026-01-0{day}.csv", HEAD + f"1,2026-01-01,gold,Anna,mail{day}@x.example,yes,\n")

    assert told(company, on, 1, 1)["1"]["address"] == "mail1@x.example"
    assert told(company, on, 1, 2)["1"]["address"] == "mail2@x.example"


def test_a_whole_file_is_read_anew_when_it_has_changed(company, source_file, deliver, on):
    source_file("customers", CUSTOMERS % ("all", ""))
    for address in ("a@x.example", "other@x.example"):
        deliver("all.csv", HEAD + f"1,2026-01-01,gold,Anna,{address},yes,\n")
        assert told(company, on)["1"]["address"] == address


def test_an_address_may_be_put_together(company, source_file, deliver, on):
    source_file("customers", (CUSTOMERS % ("all", "")).replace('"mail"', '"{house}.{id}@x.example"'))
    deliver("all.csv", HEAD + "7,2026-01-01,gold,Anna,,yes,H1\n")

    assert told(company, on)["7"]["address"] == "H1.7@x.example"


def test_contact_details_are_neither_in_the_lake_nor_in_quarantine(company, source_file, deliver, on):
    source_file("customers", "quarantine_at_most = 1\n" + CUSTOMERS % ("all", ""))
    deliver("all.csv", HEAD + "1,2026-01-01,gold,Anna,anna@x.example,yes,\n,2026-01-01,gold,Nobody,nobody@x.example,yes,\n")
    pull_days("customers", first=on(1), last=on(1), settings=company)

    bad = pl.read_parquet(company.root / "quarantine" / "customers" / "2026-01-01.parquet")
    assert '"mail": "(withheld)"' in bad["original"][0]
    assert "plan" in lake.schema(company, "customers")
    written = b"".join(file.read_bytes() for file in (company.root).rglob("*") if file.is_file() and "raw" not in file.parts)
    assert b"anna@x.example" not in written
    assert b"nobody@x.example" not in written


def test_a_column_of_details_that_is_missing_is_named(company, source_file, deliver, on):
    source_file("customers", (CUSTOMERS % ("all", "")).replace('"mail"', '"male"'))
    deliver("all.csv", HEAD)

    with pytest.raises(ConfigError, match=r"customers\.toml: all\.csv: column 'male' does not exist\. Did you mean 'mail'"):
        told(company, on)
