"""A source's file says exactly what is meant; anything else is named with file, key and the nearest valid one."""

import re
from pathlib import Path

import pytest

from core.errors import ConfigError
from feature_store.sources.configured import load_sources

GOOD = """
role = "billing"
path = "{root}/raw/{day}.csv"
customer_id = "account"
event_id = "id"

[[event]]
kind = "paid"
occurred_at = "paid_at"
columns = { amount_cents = { column = "amount", scale = 100 } }
"""


def test_a_good_file_is_a_source_named_like_the_file(company, source_file):
    source_file("billing", GOOD)

    source = load_sources(company)["billing"]
    assert (source.name, source.role, source.by_day) == ("billing", "billing", True)
    assert source.events[0].columns["amount_cents"].scale == 100


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("customer_idd", "customer_id", r"billing\.toml: key 'customer_idd' does not exist\. Did you mean 'customer_id'\?"),
        ("occured_at", "occurred_at", r"billing\.toml: key 'event\.0\.occured_at' does not exist\. Did you mean 'occurred_at'\?"),
        ("scal =", "scale =", r"billing\.toml: key 'event\.0\.columns\.amount_cents\.scal' .* Did you mean 'scale'\?"),
        ('"bills"', '"billing"', r"billing\.toml: role: .*'billing'.*got 'bills'"),
    ],
)
def test_a_wrong_key_names_the_file_the_key_and_the_nearest(company, source_file, wrong, right, says):
    source_file("billing", GOOD.replace(right, wrong))

    with pytest.raises(ConfigError, match=says):
        load_sources(company)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (GOOD.replace('event_id = "id"', ""), "event_id is missing"),
        (GOOD.replace('customer_id = "account"', ""), "customer_id is missing"),
        (GOOD.replace("/{day}", ""), "history_until is missing"),
        (GOOD.replace("amount_cents", "recorded_on"), "recorded_on is one of our own columns"),
        ('currency = "USD"\n' + GOOD, "currency is 'USD' and the company's is 'EUR'"),
        ('ignore = ["amount"]\n' + GOOD, "'amount' is listed in `ignore` and used"),
        ('time_zone = "Europe/Berlim"\n' + GOOD, "Did you mean 'Europe/Berlin'"),
        (GOOD.partition("[[event]]")[0], r"it maps nothing\. Add an \[\[event\]\] block"),
        (GOOD + GOOD.partition("[[event]]")[1] + '\nkind = "paid"\nsuffix = ""\noccurred_at = "b"\n'
         + '[[event]]\nkind = "c"\nsuffix="d"\noccurred_at = "b"\n[[event]]\nkind = "d"\noccurred_at = "b"\n',
         "would give one event_id"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_before_anything_is_read(company, source_file, changed, says):
    source_file("billing", changed)

    with pytest.raises(ConfigError, match=says):
        load_sources(company)


CUSTOMERS = """
role = "customers"
path = "{root}/customers.csv"
history_until = 2026-01-01
customer_id = "id"
%s
[[event]]
kind = "attribute"
%s
columns = { plan = "plan", country = "country" }
"""


@pytest.mark.parametrize(
    ("static", "dated", "refused"),
    [
        ("", 'valid_from = "since"', None),
        ("", 'occurred_at = "signed_up"', "country"),
        ('static = ["country"]', "", "plan"),
        ('static = ["country", "plan"]', "", None),
    ],
)
def test_an_undated_attribute_is_refused_unless_it_never_changes(company, source_file, static, dated, refused):
    source_file("customers", CUSTOMERS % (static, dated))

    if refused is None:
        assert load_sources(company)["customers"].role == "customers"
    else:
        with pytest.raises(ConfigError, match=rf"'{refused}' has no date of its own.*leak it into the past.*static ="):
            load_sources(company)


def test_a_fact_from_a_lookup_has_no_date_either(company, source_file):
    looked_up = GOOD + '\n[[lookup]]\npath = "{root}/plans.csv"\nkey = "account"\nvalue = ["plan"]\n'
    source_file("billing", looked_up.replace("columns = {", 'columns = { plan = "plan",'))

    with pytest.raises(ConfigError, match=r"'plan' has no date of its own"):
        load_sources(company)


def test_every_example_in_the_guide_is_a_valid_source(company, source_file):
    guide = (Path(__file__).parents[3] / "docs" / "sources.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", guide, flags=re.DOTALL)
    for number, example in enumerate(examples):
        source_file(f"example_{number}", example)

    assert len(load_sources(company)) == len(examples) == 3
