"""Outcomes are counted in whole days from the assignment to the horizon, once a unit, from what was known at the cut."""

from datetime import date, timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.clock import add_months, moment_after
from core.errors import ConfigError
from core.settings import load_settings
from ledger.suppressions import Suppression
from loyalty.outcomes import unit_outcomes
from loyalty.units import analysis_set, windows
from tests.loyalty.past import at

START = date(2025, 3, 10)
LATE = date(2026, 12, 31)


def outcomes(past, day=LATE, *, months=6):
    """Return {(assignment id, outcome): (value, covariate)} at one horizon."""
    units = analysis_set(past.session, before=moment_after(day))
    spread = windows(units).filter(pl.col("horizon_months") == months)
    found = unit_outcomes(past.settings, past.session, spread, before=moment_after(day))
    return {(row["assignment_id"], row["outcome"]): (row["value"], row["covariate"]) for row in found.to_dicts()}


@given(st.dates(date(2023, 1, 1), date(2026, 12, 31)))
def test_horizons_are_calendar_months_in_short_and_leap_months_too(start):
    units = pl.DataFrame({"issue": "a", "unit_id": "u", "starts_on": [start]})
    ends = dict(windows(units).select("horizon_months", "ends_on").rows())
    assert ends == {months: add_months(start, months) for months in (1, 6, 18)}


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [(date(2024, 1, 31), 1, date(2024, 2, 29)), (date(2025, 1, 31), 1, date(2025, 2, 28)),
     (date(2024, 8, 31), 6, date(2025, 2, 28)), (date(2024, 2, 29), 18, date(2025, 8, 29))],
)  # fmt: skip
def test_some_horizons_by_hand(start, months, end):
    units = pl.DataFrame({"issue": "a", "unit_id": "u", "starts_on": [start]})
    assert dict(windows(units).select("horizon_months", "ends_on").rows())[months] == end


def test_money_counts_from_the_day_of_assignment_to_the_day_before_the_horizon(past):
    drawn = past.draws("ann", START)
    for on, cents in ((date(2024, 12, 9), 1), (date(2024, 12, 10), 10), (date(2025, 3, 9), 100), (START, 1_000),
                      (date(2025, 9, 9), 10_000), (date(2025, 9, 10), 100_000)):  # fmt: skip
        past.happens("ann", "billing.paid", on, amount=cents)
    past.happens("ann", "billing.refused", START, amount=7)
    past.happens("ben", "billing.paid", START, amount=5)
    past.write(LATE)
    found = outcomes(past)
    assert found[drawn, "revenue"] == (11_000, 110)
    assert found[drawn, "purchases"] == (2, 2)
    assert outcomes(past, months=1)[drawn, "revenue"] == (1_000, 100)
    assert outcomes(past, months=18)[drawn, "revenue"] == (111_000, 110)


@pytest.mark.parametrize(("said", "asked"), [("contacts", 3), ("contacts.ticket", 2)])
def test_contacts_are_all_of_a_source_or_one_kind_of_it(past, said, asked):
    path = past.settings.folder / "settings.toml"
    path.write_text(path.read_text().replace('contacts_source = "contacts"', f'contacts_source = "{said}"'))
    past.settings = load_settings(past.settings.folder)
    drawn = past.draws("ann", START)
    for what in ("contacts.ticket", "contacts.ticket", "contacts.closed"):
        past.happens("ann", what, START)
    past.write(LATE)
    assert outcomes(past)[drawn, "contacts"] == (asked, 0)


def test_who_leaves_on_the_horizon_day_was_still_there_and_who_leaves_the_day_before_was_not(past):
    stays, leaves, at_once, never = (past.draws(name, START) for name in ("stays", "leaves", "at_once", "never"))
    past.happens("stays", "billing.left", date(2025, 9, 10))
    past.happens("leaves", "billing.left", date(2025, 9, 9))
    past.happens("at_once", "billing.left", START)
    past.write(LATE)
    found = outcomes(past)
    assert {name: found[name, "retained"][0] for name in (stays, leaves, at_once, never)} == {
        stays: 1.0, leaves: 0.0, at_once: 0.0, never: 1.0}  # fmt: skip


def test_who_left_and_came_back_before_the_flag_is_a_customer(past):
    drawn = past.draws("ann", START)
    past.happens("ann", "billing.left", date(2024, 5, 1))
    past.write(LATE)
    assert outcomes(past)[drawn, "retained"][0] == 1.0


def test_a_unit_adds_up_its_customers_and_is_retained_while_any_of_them_stays(past):
    drawn = past.draws("ann", START, unit="home")
    for name in ("ann", "bob", "cid"):
        past.shares_inbox(name, "home")
    past.happens("bob", "billing.left", date(2024, 1, 1))
    for name in ("ann", "cid"):
        past.happens(name, "contacts.call", date(2025, 4, 1))
        past.happens(name, "billing.paid", date(2025, 4, 1), amount=50)
    past.happens("ann", "billing.left", date(2025, 5, 1))
    past.write(LATE)
    found = outcomes(past)
    assert (found[drawn, "contacts"][0], found[drawn, "revenue"][0], found[drawn, "retained"][0]) == (2, 100, 1.0)
    past.happens("cid", "billing.left", date(2025, 6, 1), recorded_on=LATE + timedelta(days=1))
    past.write(LATE + timedelta(days=5))
    assert outcomes(past, LATE + timedelta(days=5))[drawn, "retained"][0] == 0.0
    assert outcomes(past)[drawn, "retained"][0] == 1.0, "what was recorded after the cut was not known"


def test_nobody_is_left_out_for_want_of_facts(past):
    drawn = past.draws("ann", START)
    past.happens("ben", "billing.paid", START, amount=5)
    past.happens("ben", "contacts.call", START)
    past.write(LATE)
    found = outcomes(past)
    assert {name: found[drawn, name][0] for name in ("retained", "revenue", "purchases", "contacts")} == {
        "retained": 1.0, "revenue": 0.0, "purchases": 0.0, "contacts": 0.0}  # fmt: skip


def test_a_correction_counts_once_and_only_from_when_it_was_known(past):
    drawn = past.draws("ann", START)
    past.happens("ann", "billing.paid", date(2025, 4, 1), amount=100, event_id="p1")
    past.happens("ann", "billing.paid", date(2025, 4, 1), amount=80, event_id="p1", recorded_on=date(2025, 11, 1))
    past.write(LATE)
    assert outcomes(past)[drawn, "revenue"][0] == 80
    assert outcomes(past, date(2025, 10, 1))[drawn, "revenue"][0] == 100


def test_only_units_that_passed_the_gate_in_pilot_or_live_and_before_the_cut_are_analysed(past):
    kept = {past.draws("live", START), past.draws("pilot", START, mode="pilot", arm="hold_out")}
    past.draws("refused", START, passed=False)
    past.draws("refused_too", START, passed=False, arm="hold_out")
    past.draws("shadow", START, mode="shadow")
    past.draws("everybody", START, issue="programme", arm="hold_out")
    past.draws("tomorrow", LATE + timedelta(days=1))
    past.session.commit()
    assert set(analysis_set(past.session, before=moment_after(LATE))["assignment_id"]) == kept


def test_a_second_draw_before_the_horizon_of_the_first_is_not_counted_there(past):
    past.draws("ann", START, arm="hold_out")
    past.draws("ann", date(2025, 6, 1), arm="contact", epoch=1)
    past.draws("ann", START, issue="other")
    past.session.commit()
    units = analysis_set(past.session, before=moment_after(LATE))
    counted = windows(units).filter(issue="fee_shock").sort("starts_on", "horizon_months")
    assert counted["counts"].to_list() == [True, True, True, True, False, False]
    assert units.filter(issue="fee_shock")["first"].to_list() == [True, False]


def test_a_company_without_a_leaving_event_asks_who_was_active_lately(past):
    text = (past.settings.folder / "settings.toml").read_text()
    text = text.replace('left_event = "billing.left"', 'active_source = "billing"\nactive_within_days = 30')
    (past.settings.folder / "settings.toml").write_text(text)
    past.settings = load_settings(past.settings.folder)
    active, silent = past.draws("active", START), past.draws("silent", START)
    past.happens("active", "billing.paid", date(2025, 8, 11), amount=1)
    past.happens("silent", "billing.paid", date(2025, 8, 10), amount=1)
    past.happens("silent", "billing.paid", date(2025, 9, 10), amount=1)
    past.happens("silent", "billing.paid", date(2025, 3, 1), amount=1)
    past.write(LATE)
    found = outcomes(past)
    assert (found[active, "retained"], found[silent, "retained"]) == ((1.0, 0.0), (0.0, 1.0))


def test_a_wrong_name_in_the_settings_is_told_with_the_right_ones(past):
    past.draws("ann", START)
    past.happens("ann", "billing.paid", START, amount=1)
    path = past.settings.folder / "settings.toml"
    path.write_text(path.read_text().replace("amount_cents", "amount"))
    past.settings = load_settings(past.settings.folder)
    past.write(LATE)
    with pytest.raises(ConfigError, match=r"loyalty.revenue: billing: column 'amount' .* Did you mean 'amount_cents'"):
        outcomes(past)


def test_a_source_nobody_knows_is_an_error_not_a_zero(past):
    past.draws("ann", START)
    past.write(LATE)
    (past.settings.folder / "sources" / "billing.toml").rename(past.settings.folder / "sources" / "bills.toml")
    with pytest.raises(ConfigError, match=r"settings.toml: loyalty: source 'billing' does not exist. Did you mean 'bills'"):
        outcomes(past)


def test_days_until_leaving_count_up_to_the_horizon(past):
    stays, leaves, later = (past.draws(name, START) for name in ("stays", "leaves", "later"))
    past.happens("leaves", "billing.left", date(2025, 3, 20))
    past.happens("later", "billing.left", date(2025, 12, 1))
    past.write(LATE)
    horizon = (add_months(START, 6) - START).days
    found = outcomes(past)
    assert [found[drawn, "days_there"][0] for drawn in (stays, leaves, later)] == [horizon, 10, horizon]


def test_unsubscribing_is_counted_in_both_arms_by_customer_or_address(past):
    told, held = past.draws("ann", START), past.draws("ben", START, arm="hold_out")
    past.shares_inbox("ann", "ann")
    past.shares_inbox("ben", "ben")
    past.session.flush()
    past.session.execute(sa.text("UPDATE customers SET address = customer_id || '@lumen.example'"))
    past.session.add_all([
        Suppression(subject="ann", topic="all", reason="opt_out", since=at(date(2025, 4, 1))),
        Suppression(subject="ben@lumen.example", topic="fee_shock", reason="opt_out", since=at(date(2025, 9, 10))),
        Suppression(subject="ben", topic="all", reason="hard_bounce", since=at(date(2025, 4, 1))),
    ])  # fmt: skip
    past.write(LATE)
    assert (outcomes(past)[told, "unsubscribes"], outcomes(past)[held, "unsubscribes"]) == ((1, 0), (0, 0))
    assert outcomes(past, months=18)[held, "unsubscribes"] == (1, 0)


def test_contacts_our_message_brought_about_stand_beneath_all_contacts_and_are_not_taken_off(past):
    path = past.settings.folder / "settings.toml"
    path.write_text(path.read_text() + 'induced = ["contacts.about_message"]\ncomplaints = "contacts.complaint"\n')
    past.settings = load_settings(past.settings.folder)
    drawn = past.draws("ann", START)
    for kind in ("about_message", "complaint", "how_to"):
        past.happens("ann", f"contacts.{kind}", date(2025, 4, 1))
    past.write(LATE)
    found = outcomes(past)
    assert {name: found[drawn, name][0] for name in ("contacts", "contacts_induced", "complaints")} == {
        "contacts": 3, "contacts_induced": 1, "complaints": 1}  # fmt: skip
