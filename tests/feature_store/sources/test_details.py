"""Contact details: made from columns, and consent said once for everybody."""

from datetime import date

import pytest

from feature_store.sources.details import contact_details

PEOPLE = """
role = "customers"
path = "{{root}}/raw/people.csv"
history_until = 2026-01-01
customer_id = "id"

[contact_details]
address = "{{id}}.{{town}}@customers.example"
{consent}
"""
DAYS = {"first": date(2026, 1, 1), "last": date(2026, 1, 2)}


@pytest.mark.parametrize(("said", "found"), [("consent = true", True), ("consent = false", False), ("", None)])
def test_consent_may_be_said_once_for_everybody_and_is_never_assumed(company, source_file, deliver, said, found):
    source_file("people", PEOPLE.format(consent=said))
    deliver("people.csv", "id,town\n7,Bonn\n8,Kiel\n")

    details = contact_details(company, **DAYS)

    assert details["consent"].to_list() == [found, found]


def test_an_address_may_be_put_together_from_columns(company, source_file, deliver):
    source_file("people", PEOPLE.format(consent=""))
    deliver("people.csv", "id,town\n7,Bonn\n")

    assert contact_details(company, **DAYS)["address"].to_list() == ["7.Bonn@customers.example"]


def test_consent_may_be_a_column_with_yes_and_no(company, source_file, deliver):
    source_file("people", PEOPLE.format(consent='consent = "ok"'))
    deliver("people.csv", "id,town,ok\n7,Bonn,yes\n8,Kiel,0\n9,Ulm,\n")

    assert contact_details(company, **DAYS)["consent"].to_list() == [True, False, None]
