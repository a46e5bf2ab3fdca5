"""Bad rows are named, a bad day stops, and a check that broke is never taken for bad data."""

from datetime import date

import polars as pl
import pytest

from core.errors import CheckBrokeError, ConfigError, GateError, MissingError
from feature_store import gate
from feature_store.pull import pull_days
from feature_store.sources.configured import find_source

BILLING = """
role = "billing"
path = "{root}/raw/{day}.csv"
customer_id = "account"
event_id = "id"
quarantine_at_most = 0.5
currency = { column = "currency" }

[[event]]
kind = { column = "type" }
occurred_at = "paid_at"
columns = { amount = "amount", plan = "plan" }
"""
DAY = date(2026, 1, 1)


@pytest.fixture
def checked(company, source_file, lake_rows, at, on):
    """Check rows against BILLING and some [[expect]] entries; return the reasons."""

    def check(expect="", **changes):
        source_file("billing", BILLING + expect)
        rows = lake_rows(*[(f"e{n}", at(1, 8), at(1, 9), on(1), "gold", False) for n in range(4)])
        rows = rows.with_columns(future=pl.lit(False), currency=pl.lit("EUR"), amount=pl.Series([1.0, 2.0, 3.0, 40.0]))
        rows = rows.with_columns(pl.when(pl.int_range(pl.len()) == 1).then(v).otherwise(k).alias(k) for k, v in changes.items())
        source = find_source(company, "billing")
        reasons = gate.check_rows(source, company, rows, day=DAY)
        gate.check_days(source, company, rows, [DAY])
        return reasons.to_list()

    return check


def expect(kind, **arguments):
    lines = "\n".join(f"{name} = {value!r}" for name, value in arguments.items())
    return f'\n[[expect]]\ntype = "{kind}"\n{lines}\n'


def test_good_rows_pass_in_silence(checked):
    assert checked() == [None] * 4


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("customer_id", None, "customer_id is empty"),
        ("event_id", None, "event_id is empty"),
        ("kind", None, "kind is empty"),
        ("occurred_at", None, "occurred_at is empty"),
        ("occurred_at", pl.col("recorded_at") + pl.duration(seconds=1), "from the future"),
        ("currency", pl.lit("USD"), "currency is USD, not EUR"),
        ("currency", None, "currency is empty"),
    ],
)
def test_what_must_always_hold_needs_no_configuration(checked, column, value, says):
    good, bad, *others = checked(**{column: value})

    assert says in bad
    assert [good, *others] == [None] * 3


def test_an_event_that_may_lie_in_the_future_may(checked):
    assert checked(future=pl.lit(True), occurred_at=pl.col("recorded_at") + pl.duration(days=9)) == [None] * 4


def test_a_row_that_breaks_an_expectation_is_named_with_it(checked):
    reasons = checked(expect("ExpectColumnValuesToBeBetween", column="amount", max_value=10))

    assert reasons[:3] == [None] * 3
    assert reasons[3].startswith("breaks ExpectColumnValuesToBeBetween(column='amount', max_value=10")


def test_some_failures_are_allowed_where_the_entry_says_mostly(checked):
    assert checked(expect("ExpectColumnValuesToBeBetween", column="amount", max_value=10, mostly=0.7)) == [None] * 4


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (expect("ExpectTableRowCountToBeBetween", min_value=5), r"billing 2026-01-01: ExpectTableRowCountToBeBetween\(min_value=5\.0\) does not hold, observed 4"),
        (expect("ExpectColumnMeanToBeBetween", column="amount", max_value=2), r"billing 2026-01-01: ExpectColumnMeanToBeBetween.*observed 11\.5"),
    ],
)  # fmt: skip
def test_an_expectation_about_the_day_stops_the_day(checked, entry, says):
    with pytest.raises(GateError, match=says):
        checked(entry)


def test_a_check_that_broke_says_nothing_about_the_data(checked):
    with pytest.raises(CheckBrokeError, match=r"billing: ExpectColumnValuesToBeBetween.* could not be evaluated"):
        checked(expect("ExpectColumnValuesToBeBetween", column="plan", min_value=1))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (expect("ExpectColumnValueToBeInSet", column="plan"), r"billing\.toml: \[\[expect\]\] 1: expectation .* Did you mean 'ExpectColumnValuesToBeInSet'"),
        (expect("ExpectColumnValuesToBeInSet", column="plam", value_set=["gold"]), r"column 'plam' does not exist\. Did you mean 'plan'"),
        (expect("ExpectColumnValuesToBeBetween", column="amount", minimum=1), r"\[\[expect\]\] 1: ExpectColumnValuesToBeBetween: .*minimum"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_meant_is_a_wrong_configuration(checked, entry, says):
    with pytest.raises(ConfigError, match=says):
        checked(entry)


def test_data_docs_show_the_last_validation_of_each_source(company, source_file, deliver, on):
    with pytest.raises(MissingError, match="nothing was validated yet"):
        gate.build_docs(company)
    source_file("billing", BILLING + expect("ExpectColumnValuesToBeInSet", column="plan", value_set=["gold"]))
    deliver("2026-01-01.csv", "id,account,type,paid_at,amount,plan,currency\n1,c,paid,2026-01-01,1,gold,EUR\n2,c,paid,2026-01-01,1,iron,EUR\n")
    pull_days("billing", first=on(1), last=on(1), settings=company)

    index = gate.build_docs(company)
    pages = [file.read_text() for file in (company.root / "data_docs").rglob("*.html")]
    assert index.endswith("data_docs/index.html")
    assert any("billing_rows" in page for page in pages)
    assert any("iron" in page for page in pages)
