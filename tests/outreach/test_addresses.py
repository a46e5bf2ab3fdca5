"""Contact details arrive in one form, once, and the erased do not come back."""

from datetime import timedelta

import polars as pl
import pytest
from sqlalchemy import select

from core.errors import ConfigError
from ledger.customers import Customer
from ledger.suppressions import Suppression
from outreach.addresses import write
from outreach.keyed_hash import suppression_hash
from tests.outreach.house import NOW

DETAILS = pl.DataFrame({
    "customer_id": ["c1", "c2", "c3"], "name": ["Ann", " Bob ", ""], "address": [" Ann@Example.ORG ", "home@example.org", ""],
    "language": ["de", None, "en"], "time_zone": ["Europe/Berlin", None, None], "country": ["de", "us", None],
})  # fmt: skip


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


@pytest.mark.parametrize("subject", ["c1", "ann@example.org"])
def test_whoever_was_erased_does_not_come_back_by_an_import(house, subject):
    hashed = suppression_hash(house.settings, subject)
    house.add(Suppression(subject=hashed, topic="all", reason="erased", since=NOW))

    assert sync(house) == 2
    assert customers(house).keys() == {"c2", "c3"}
