"""Contact details arrive in one form, once, and the erased do not come back."""

from datetime import date, timedelta

import polars as pl
import pytest
from sqlalchemy import select

from core.errors import ConfigError
from feature_store.pull import pull_days
from ledger.customers import Customer
from ledger.suppressions import Suppression
from outreach.addresses import sync_day, write
from outreach.keyed_hash import suppression_hash
from tests.outreach.house import NOW

DETAILS = pl.DataFrame({
    "customer_id": ["c1", "c2", "c3"], "name": ["Ann", " Bob ", ""], "address": [" Ann@Example.ORG ", "home@example.org", ""],
    "language": ["de", None, "en"], "time_zone": ["Europe/Berlin", None, None], "country": ["de", "us", None],
})  # fmt: skip

SOURCE = """
role        = "customers"
path        = "{root}/{day}.csv"
customer_id = "account"

[contact_details]
name    = "name"
address = "mail"
"""


def sync(house, details=DETAILS, now=NOW):
    with house.open.begin() as session:
        return write(session, details, settings=house.settings, now=now)


def customers(house):
    with house.open() as session:
        return {c.customer_id: c for c in session.scalars(select(Customer).order_by(Customer.customer_id))}


def test_details_are_kept_in_one_form(house):
    assert sync(house) == 3
    found = customers(house)

    assert [c.address for c in found.values()] == ["ann@example.org", "home@example.org", None]
    assert [c.name for c in found.values()] == ["Ann", "Bob", None]
    assert [c.country for c in found.values()] == ["DE", "US", None]
    assert [c.unit_id for c in found.values()] == ["c1", "c2", "c3"]
    assert all(c.consent for c in found.values())


def test_only_what_changed_is_written(house):
    sync(house)
    later = NOW + timedelta(days=1)

    assert sync(house, now=later) == 0
    assert sync(house, DETAILS.with_columns(name=pl.Series(["Ann", "Bert", None])), now=later) == 1
    assert [c.updated_at for c in customers(house).values()] == [NOW, later, NOW]


def test_consent_that_is_unknown_is_none_where_a_source_states_it(house):
    sync(house, DETAILS.with_columns(consent=pl.Series([True, False, None])))

    assert [c.consent for c in customers(house).values()] == [True, False, False]


def test_those_who_share_an_address_are_one_unit_where_settings_say_so(house):
    house.configure("[outreach]\ncontact_unit = 'address'")
    sync(house, DETAILS.with_columns(address=pl.Series(["Home@example.org", "home@example.org ", None])))

    assert [c.unit_id for c in customers(house).values()] == ["home@example.org", "home@example.org", "c3"]


def test_an_account_is_the_unit_where_settings_say_so(house):
    house.configure("[outreach]\ncontact_unit = 'account'")
    with pytest.raises(ConfigError, match="no source maps unit_id"):
        sync(house)
    sync(house, DETAILS.with_columns(unit_id=pl.Series(["a1", "a1", None])))

    assert [c.unit_id for c in customers(house).values()] == ["a1", "a1", "c3"]


def test_what_a_later_day_does_not_say_stays_as_it_was(house):
    house.configure("[outreach]\ncontact_unit = 'address'")
    sync(house)
    sync(house, pl.DataFrame({"customer_id": ["c1"], "phone": ["+49 40 1"], "consent": [False]}))
    found = customers(house)["c1"]

    assert (found.address, found.unit_id, found.phone, found.consent) == ("ann@example.org", "ann@example.org", "+49 40 1", False)


def test_a_day_brings_what_its_sources_say_since_the_last_one(house):
    root = house.settings.root
    (house.settings.folder / "sources" / "customers.toml").write_text(SOURCE)
    for day, rows in {"2026-03-30": "a1,Ann,ANN@example.org\na2,Bob,bob@example.org\n", "2026-03-31": "a2,Bob,bert@example.org\n"}.items():
        (root / f"{day}.csv").write_text("account,name,mail\n" + rows)
    first = date(2026, 3, 30)
    pull_days("customers", first=first, last=first, settings=house.settings)

    assert sync_day(day=first, now=NOW, settings=house.settings) == 2
    assert sync_day(day="2026-03-31", now=NOW, settings=house.settings) == 1
    assert sync_day(day="2026-03-31", now=NOW, settings=house.settings) == 0
    assert [c.address for c in customers(house).values()] == ["ann@example.org", "bert@example.org"]
    assert all(c.consent for c in customers(house).values())


@pytest.mark.parametrize("subject", ["c1", "ann@example.org"])
def test_whoever_was_erased_does_not_come_back_by_an_import(house, subject):
    hashed = suppression_hash(house.settings, subject)
    house.add(Suppression(subject=hashed, topic="all", reason="erased", since=NOW))

    assert sync(house) == 2
    assert customers(house).keys() == {"c2", "c3"}
