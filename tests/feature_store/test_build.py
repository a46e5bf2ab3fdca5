"""Vectors of a closed day are built once and kept as they were scored."""

import polars as pl
import pytest

from core.errors import MissingError
from feature_store import bookkeeping, lake, tables
from feature_store.build import build_day, feature_set_of, read, vectors

SOURCE = """
role = "{role}"
path = "raw/{name}/{{day}}.csv"
customer_id = "c"
event_id = "i"
[[event]]
kind = {{ column = "k" }}
{when} = "t"
"""


@pytest.fixture
def closed(company, source_file, lake_rows, at, on):
    """Two sources, events of the first three days of January, all closed."""
    source_file("invoices", SOURCE.format(name="invoices", role="billing", when="occurred_at"))
    source_file("customers", SOURCE.format(name="customers", role="customers", when="valid_from"))
    first = [("a", at(1, 8), at(1, 9), on(1), None, False), ("b", at(2, 8), at(2, 9), on(2), None, False)]
    lake.add(company, "invoices", lake_rows(*first), first=on(1), last=on(3))
    lake.add(company, "customers", lake_rows(("a", at(1), at(1), on(1), "gold", False)), first=on(1), last=on(3))
    rows = [(source, on(day), False) for source in ("invoices", "customers") for day in (1, 2, 3)]
    tables.replace_rows(tables.place(company, "_days"), pl.DataFrame(rows, schema=bookkeeping.DAYS, orient="row"))
    return company


def test_every_customer_known_by_then_has_a_row(closed, on):
    assert vectors(closed, on(1))["customer_id"].to_list() == ["customer-a"]
    found = vectors(closed, on(3))

    assert found["customer_id"].to_list() == ["customer-a", "customer-b"]
    assert found["as_of"].to_list() == [on(3), on(3)]
    assert found["customers__plan__is_gold"].to_list() == [1, 0]
    assert found["invoices__changed__count_1d"].to_list() == [0, 0]
    assert found["invoices__changed__count_7d"].to_list() == [1, 1]


def test_a_second_build_changes_nothing_even_when_rows_came_late(closed, lake_rows, at, on):
    path = build_day(day="2026-01-03", settings=closed)
    before = read(path)
    late = lake_rows(("late", at(2, 8), at(4, 9), on(4), None, False))
    lake.add(closed, "invoices", late, first=on(4), last=on(4))

    assert build_day(day=on(3), settings=closed) == path
    assert read(path).equals(before)
    closed.root.joinpath(path).unlink()
    assert read(build_day(day=on(3), settings=closed)).equals(before)


def test_a_path_tells_which_features_it_holds(closed, on):
    path = build_day(day=on(3), settings=closed)

    frozen = feature_set_of(closed, path)

    assert path.endswith(f"vectors/{frozen.version}/2026-01-03.parquet")
    assert read(path).columns == ["customer_id", "as_of", *frozen.names]
    assert any("failed_payments_30d.py: left out, because source 'billing' is not configured" in note for note in frozen.notes)


def test_a_day_that_is_still_open_is_refused(closed, on):
    with pytest.raises(MissingError, match="Vectors as of 2026-01-04: the lake is closed until 2026-01-03"):
        build_day(day=on(4), settings=closed)


def test_what_occurs_at_the_moment_itself_is_not_known_yet(closed, lake_rows, at, on):
    next_day = lake_rows(("first", at(4), at(4), on(4), None, False))
    lake.add(closed, "invoices", next_day, first=on(4), last=on(4))

    assert "customer-first" not in vectors(closed, on(3))["customer_id"].to_list()
