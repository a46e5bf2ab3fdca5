"""A reading is issued once, waits in the open until it can be read, and changes only by a numbered revision."""

from datetime import date, timedelta

import numpy as np
import pytest
import scipy.stats
from sqlalchemy import func, select

from core.clock import add_months
from ledger.days import is_done
from ledger.readings import Reading
from loyalty.reading import latest, measure_day, table
from tests.loyalty.past import at

MARCH = date(2025, 3, 3)
ISSUE = "fee_shock"


def month_of(past, first, *, contact=(60, 50), held=(60, 36), share=0.5, prefix="", **also):
    """Draw (units, of whom stay) in each arm over a fortnight; who leaves does so after 20 days."""
    drawn = []
    for arm, (units, stay) in (("contact", contact), ("hold_out", held)):
        for number in range(units):
            name = f"{prefix}{first:%y%m}-{arm}-{number}"
            on = first + timedelta(days=number % 14)
            drawn.append(past.draws(name, on, arm=arm, share=share, **also))
            if number >= stay:
                past.happens(name, "billing.left", on + timedelta(days=20))
            past.happens(name, "billing.paid", on + timedelta(days=5), amount=1_000 + 10 * (number % 7) + 3 * (number % 5))
            past.happens(name, "billing.paid", on - timedelta(days=5), amount=1_000 + 10 * (number % 7))
    past.happens("somebody", "contacts.call", first)
    return drawn


def measure(past, day):
    past.session.commit()
    counts = measure_day(day=day, now=at(day + timedelta(days=1)), settings=past.settings)
    past.session.expire_all()
    return counts


def reading(past, *, month="2025-03", months=1, outcome="retained"):
    found = [r for r in latest(past.session) if (r.month, r.horizon_months, r.outcome) == (month, months, outcome)]
    assert len(found) == 1, "every configured outcome is a row, never missing"
    return found[0]


def stored(past):
    rows = past.session.execute(select(Reading.__table__).order_by(Reading.id)).all()
    return [tuple(row) for row in rows]


@pytest.fixture
def march(past):
    past.promises(MARCH)
    month_of(past, MARCH)
    past.write(date(2025, 4, 18))
    return past


def test_a_small_example_by_hand(march):
    measure(march, date(2025, 4, 18))
    found = reading(march)
    stays = [[1.0] * 50 + [0.0] * 10, [1.0] * 36 + [0.0] * 24]
    welch = scipy.stats.ttest_ind(*stays, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert (found.state, found.why, found.n_contact, found.n_hold_out) == ("readable", None, 60, 60)
    assert found.mean_contact == pytest.approx(50 / 60)
    assert found.mean_hold_out == pytest.approx(36 / 60)
    assert (found.effect, found.low, found.high) == (pytest.approx(14 / 60), pytest.approx(low), pytest.approx(high))
    assert found.p_value == pytest.approx(welch.pvalue)
    assert 0.2 < found.power < 0.3  # sd about 0.45: 60 an arm see 0.1 one time in four
    assert found.detail["smallest_effect"] == 0.1
    assert found.detail["sample_ratio_p"] == pytest.approx(1.0)
    assert (found.data_until, found.issued_at) == (date(2025, 4, 18), at(date(2025, 4, 19)))


def test_the_promised_outcome_and_horizon_are_marked_and_all_else_is_exploratory(march):
    measure(march, date(2025, 4, 18))
    promised = {(r.month, r.horizon_months, r.outcome) for r in latest(march.session) if r.detail["promised"]}
    assert promised == {("2025-03", 6, "retained"), ("pooled", 6, "retained")}
    assert {r.outcome for r in latest(march.session) if r.detail["primary"]} == {"retained"}
    assert reading(march, outcome="revenue").power is None


def test_every_month_horizon_and_outcome_is_a_row(march):
    counts = measure(march, date(2025, 4, 18))
    assert march.session.scalar(select(func.count()).select_from(Reading)) == 2 * 3 * 6
    assert counts == {"day": "2025-04-18", "readable": 6, "not_yet": 24, "unreadable": 6, "issued": 36, "updated": 0, "revised": 0,
                      "looks": 1, "harm": 0, "benefit": 0, "pictures": 4, "forecasts": 8, "asked": 0}  # fmt: skip
    assert is_done(march.session, date(2025, 4, 18), "measure")


def test_a_month_waits_until_its_last_unit_had_the_horizon_and_the_days_to_settle(march):
    last_unit_starts = MARCH + timedelta(days=13)
    readable_from = add_months(last_unit_starts, 1) + timedelta(days=3)  # 19 April
    measure(march, readable_from - timedelta(days=2))  # data until the 17th
    waiting = reading(march)
    assert (waiting.state, waiting.effect) == ("not_yet", None)
    assert waiting.why == "can be read from 2025-04-19: 112 of 120 units have had their 1 month"
    assert reading(march, months=6).why == "can be read from 2025-09-19: 0 of 120 units have had their 6 months"
    measure(march, readable_from - timedelta(days=1))
    issued = reading(march)
    assert (issued.state, issued.revision, issued.id) == ("readable", 0, waiting.id), "updated in place"


def test_a_month_that_is_not_over_says_so(march):
    measure(march, date(2025, 3, 20))
    waiting = reading(march)
    assert waiting.why == "can be read from 2025-05-03: 0 of 120 units so far have had their 1 month"


def test_a_horizon_that_passed_waits_for_the_lake_to_be_closed(past):
    month_of(past, MARCH)
    past.write(date(2025, 4, 10))
    measure(past, date(2025, 4, 30))
    assert reading(past).why.startswith("waits for the lake: every day before 2025-04-19 must be closed")


def test_measuring_a_day_again_changes_nothing(march):
    measure(march, date(2025, 4, 18))
    before = stored(march)
    assert measure(march, date(2025, 4, 18))["updated"] == 0
    assert stored(march) == before


def test_measuring_an_earlier_day_after_a_later_one_changes_nothing(march):
    measure(march, date(2025, 4, 18))
    before = stored(march)
    measure(march, date(2025, 3, 20))
    assert stored(march) == before


def test_a_late_fact_makes_a_numbered_revision_and_leaves_the_issued_one(march):
    measure(march, date(2025, 4, 18))
    first = reading(march)
    march.happens("2503-contact-0", "billing.left", date(2025, 3, 20), recorded_on=date(2025, 4, 20))
    march.write(date(2025, 4, 21))
    counts = measure(march, date(2025, 4, 21))
    second = reading(march)
    assert (second.revision, second.mean_contact) == (1, pytest.approx(49 / 60))
    assert (first.revision, first.mean_contact) == (0, pytest.approx(50 / 60))
    assert counts["revised"] >= 1
    unchanged = reading(march, outcome="contacts")
    assert (unchanged.revision, unchanged.data_until) == (0, date(2025, 4, 18))


def test_units_drawn_after_the_cut_are_not_there_yet(march):
    month_of(march, date(2025, 4, 19), prefix="later")
    measure(march, date(2025, 4, 18))
    assert {r.month for r in latest(march.session)} == {"2025-03", "pooled"}


def test_a_flag_that_the_gate_refused_is_in_neither_arm(march):
    for number in range(20):
        march.draws(f"refused-{number}", MARCH, arm="contact" if number % 2 else "hold_out", passed=False)
    measure(march, date(2025, 4, 18))
    assert (reading(march).n_contact, reading(march).n_hold_out) == (60, 60)


def test_pooling_two_shares_weighs_the_strata_by_what_both_arms_tell(past):
    past.promises(MARCH, horizon_months=1)
    month_of(past, MARCH)
    month_of(past, date(2025, 5, 5), contact=(320, 260), held=(80, 50), share=0.2)
    past.write(date(2025, 7, 1))
    measure(past, date(2025, 7, 1))
    pooled, parts = reading(past, month="pooled"), [reading(past), reading(past, month="2025-05")]
    weights = np.array([120 * 0.5 * 0.5, 400 * 0.2 * 0.8]) / (120 * 0.25 + 400 * 0.16)
    effect = weights @ [part.effect for part in parts]
    se = np.sqrt(weights**2 @ [part.detail["se"] ** 2 for part in parts])
    df = se**4 / (weights**4 @ [part.detail["se"] ** 4 / part.detail["df"] for part in parts])
    assert pooled.state == "readable"
    assert pooled.effect == pytest.approx(effect, rel=1e-9)
    assert (pooled.detail["se"], pooled.detail["df"]) == (pytest.approx(se, rel=1e-9), pytest.approx(df, rel=1e-9))
    assert pooled.low == pytest.approx(effect - scipy.stats.t(df).ppf(0.975) * se, abs=0.2 * se), "less a little skewness"
    assert (pooled.n_contact, pooled.n_hold_out, pooled.detail["strata"]) == (380, 140, 2)
    assert (pooled.detail["months"], pooled.detail["months_read"]) == (2, 2)


def test_pooling_uses_the_months_that_can_be_read_and_says_how_many(past):
    month_of(past, MARCH)
    month_of(past, date(2025, 5, 5))
    past.write(date(2025, 5, 25))
    measure(past, date(2025, 5, 25))
    pooled = reading(past, month="pooled")
    assert (pooled.detail["months"], pooled.detail["months_read"], pooled.n_contact) == (2, 1, 60)
    assert pooled.effect == pytest.approx(reading(past).effect)
    assert reading(past, month="pooled", months=6).why == (
        "no month of 2 is readable. The first is 2025-03: "
        "can be read from 2025-09-19: 0 of 120 units have had their 6 months"
    )


def test_a_unit_drawn_twice_is_pooled_once(past):
    month_of(past, MARCH)
    for number in range(60):
        past.draws(f"2503-hold_out-{number}", date(2025, 5, 5), arm="contact", epoch=1)
        past.draws(f"2503-contact-{number}", date(2025, 5, 5), arm="hold_out", epoch=1)
    past.write(date(2025, 12, 1))
    measure(past, date(2025, 12, 1))
    assert [reading(past, month=month).n_hold_out for month in ("2025-03", "2025-05", "pooled")] == [60, 60, 60]
    six = [reading(past, month=month, months=6) for month in ("2025-03", "2025-05", "pooled")]
    assert [each.n_hold_out for each in six] == [60, 0, 60], "its second draw lies within the first one's six months"
    assert six[1].state == "unreadable"
    assert six[1].why.startswith("every unit of this month was drawn before and had not had this horizon yet")


def test_too_little_is_a_row_with_the_reason(past):
    past.promises(MARCH)
    month_of(past, MARCH, contact=(10, 8), held=(9, 7))
    past.write(date(2025, 4, 18))
    measure(past, date(2025, 4, 18))
    found = reading(past)
    assert (found.state, found.n_contact, found.n_hold_out, found.effect) == ("unreadable", 10, 9, None)
    assert found.why.startswith("too few: ")


def test_an_issue_that_promised_what_nobody_can_find_says_so(past):
    path = past.settings.folder / "settings.toml"
    path.write_text(path.read_text().replace('contacts_source = "contacts"\n', ""))
    from core.settings import load_settings

    past.settings = load_settings(past.settings.folder)
    past.promises(MARCH, outcome="contacts")
    month_of(past, MARCH)
    past.write(date(2025, 4, 18))
    measure(past, date(2025, 4, 18))
    found = reading(past, outcome="contacts")
    assert (found.state, found.why) == ("unreadable", "settings.toml does not say how to find it: set loyalty.contacts_source")


def test_an_issue_nobody_was_drawn_for_has_its_rows_too(past):
    past.promises(MARCH, issue="idle")
    past.write(date(2025, 4, 18))
    measure(past, date(2025, 4, 18))
    rows = latest(past.session)
    assert len(rows) == 3 * 6
    assert {row.why for row in rows} == {"nobody has been drawn in pilot or live mode, so there is nobody to compare"}


def test_capped_money_stands_beside_the_raw(past):
    past.promises(MARCH, outcome="revenue", cap=1_500.0, smallest_effect=100.0)
    month_of(past, MARCH)
    for number, arm in ((number, arm) for number in range(0, 60, 2) for arm in ("contact", "hold_out")):
        past.happens(f"2503-{arm}-{number}", "billing.paid", MARCH + timedelta(days=20), amount=400)
    past.happens("2503-contact-0", "billing.paid", MARCH + timedelta(days=2), amount=900_000)
    past.write(date(2025, 4, 18))
    measure(past, date(2025, 4, 18))
    found = reading(past, outcome="revenue")
    assert found.detail["cap"] == 1_500
    assert found.mean_contact < 1_500 < found.detail["raw"]["mean_contact"]
    assert "too few decide it" in found.detail["raw"]["why"]
    assert found.power > 0.6


def test_the_covariate_narrows_what_it_explains(march):
    measure(march, date(2025, 4, 18))
    money = reading(march, outcome="revenue")
    unexplained = money.detail["sd"] * np.sqrt(4 / 120)
    assert money.detail["se"] < 0.4 * unexplained, "what each paid before explains most of what they pay after"


def test_a_measure_changed_later_holds_for_later_months(past):
    past.promises(MARCH, version="m1", smallest_effect=0.1)
    month_of(past, MARCH)
    past.promises(date(2025, 5, 1), version="m2", smallest_effect=0.2)
    month_of(past, date(2025, 5, 5))
    past.write(date(2025, 7, 1))
    measure(past, date(2025, 7, 1))
    versions = [reading(past, month=month).detail["measure"] for month in ("2025-03", "2025-05", "pooled")]
    assert versions == ["m1", "m2", "m2"]


def test_readings_print_as_a_table_of_plain_text(march):
    measure(march, date(2025, 4, 18))
    rows = table(march.settings)
    assert all(isinstance(cell, str) for row in rows for cell in row["said"].values())
    assert rows[0]["said"] | {"power": "", "p": "", "p adjusted": ""} == {
        "issue": ISSUE, "outcome": "retained", "assigned in": "1 month pooled", "after": "1 month", "contacted": "60",
        "held out": "60", "mean contacted": "83.3 %", "mean held out": "60.0 %", "effect": "+23.3 points",
        "95 % interval": "+7.5 to +39.2 points", "p": "", "p adjusted": "", "power": "", "reading": "more stayed of those contacted",
    }  # fmt: skip
    assert rows[1]["said"]["reading"].startswith("not yet: no month of 1 is readable")
    assert [row["horizon_months"] for row in rows if row["primary"]] == [1, 6, 18]
    assert {row["month"] for row in rows} == {"pooled"}
    assert len(table(march.settings, months=True)) == 36
