"""The pages of a customer and of loyalty in a real browser: readable by everybody, and usable with the keyboard alone."""

import os
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from bench.screenshots import PASSWORD, served
from console.sign_in import HASHER
from feature_store import feature_set
from feature_store.feature import Feature, Measure
from ledger.brakes import pull_brake
from ledger.cohorts import Cohort
from ledger.contacts import Contact
from ledger.customers import Customer
from ledger.flags import Flag
from ledger.forecasts import keep_forecasts
from ledger.messages import Message
from ledger.notes import Note
from ledger.outcomes import Outcome
from ledger.people import add_person
from ledger.survey_answers import SurveyAnswer
from loyalty.reading import measure_day
from tests.browser.test_pages import CHROMIUM, browser, look, page  # noqa: F401 - the browser of the other pages
from tests.loyalty.past import Past, say_what_loyalty_means
from tests.loyalty.test_reading import month_of
from tests.outreach.conftest import database_url, outreach_ledger  # noqa: F401 - one emptied ledger for all tests of this file

pytestmark = pytest.mark.needs("chromium")
NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)
DAY = date(2026, 3, 31)
PATHS = ("/customers", "/customers/ann", "/customers/ben", "/loyalty", "/loyalty/fee_shock")
EVIDENCE = {"billing__payment_failed__count_28d": {"value": 3.0, "usual": 0.0}, "usage__used__count_28d": {"value": 4.0, "usual": 21.5}}


@pytest.fixture
def settings(settings):
    return say_what_loyalty_means(settings)


@pytest.fixture
def house(settings, session):
    """A company with seven months of assignments read, a customer with a story, and one about whom is still decided."""
    for role in ("reviewer", "approver"):
        add_person(session, email=f"{role}@lumen.example", name=role.title(), role=role, now=NOW).password_hash = HASHER.hash(PASSWORD)
    _story(session)
    _vectors(settings)
    past = Past(settings, session)
    past.promises(date(2025, 9, 1), smallest_effect=0.05, stop={"outcome": "retained", "horizon_months": 1})
    past.promises(date(2025, 9, 1), issue="app_trouble", version="m2")
    for month in range(7):
        first = date(2025 + (8 + month) // 12, (8 + month) % 12 + 1, 3)
        month_of(past, first, contact=(60, 50 - month % 3), held=(60, 40 + month % 2))
    month_of(past, date(2026, 2, 3), contact=(12, 11), held=(11, 9), issue="app_trouble", prefix="app")
    past.write(DAY)
    measure_day(day=DAY, now=NOW, settings=settings)
    told = {"issue": "fee_shock", "outcome": "retained", "made_in": "2026-04", "months": ["2025-12", "2026-01"], "n_contact": 120, "n_hold_out": 120,
            "detail": {"mature_months": 6}, "data_until": DAY, "made_at": NOW, "why": None, "low": None, "high": None}  # fmt: skip
    keep_forecasts(session, [told | {"horizon_months": 6, "state": "forecast", "effect": 0.12, "low": 0.03, "high": 0.21},
                             told | {"horizon_months": 18, "state": "withheld", "effect": None, "why": "fewer than six months are that old"}])  # fmt: skip
    pull_brake(session, issue="app_trouble", kind="harm", reason="retained after 1 month: those contacted did worse, -0.12 (-0.2 to -0.03)", now=NOW)
    session.commit()
    with served(settings) as address:
        yield address


def _story(session):
    def flag(who, issue, day, **more):
        row = {"probability": 0.41, "days_until": 9.0, "reasons": ["3 failed payments in 28 days; customers like this one: 0",
               "4 days with use in 28 days; customers like this one: 21.5"], "evidence": EVIDENCE, "detector": "learned", "state": "open"} | more  # fmt: skip
        made = Flag(customer_id=who, issue=issue, day=day, created_at=datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(days=1), **row)
        session.add(made)
        session.flush()
        return made.id

    for who, name in (("ann", "Ann Marie Körner"), ("ben", "Ben Otieno")):
        session.add(Customer(customer_id=who, unit_id=who, name=name, address=f"{who}@example.org", phone="+49 40 555 0142", language="de",
                             country="DE", time_zone="Europe/Berlin", updated_at=NOW))  # fmt: skip
    old = flag("ann", "payment_failing", date(2026, 1, 12), state="over", closed_on=date(2026, 1, 20))
    new = flag("ann", "app_trouble", date(2026, 3, 10))
    flag("ben", "payment_failing", DAY)
    session.add_all([Cohort(issue="payment_failing", day=date(2026, 1, 12), size=40, state="approved", created_at=NOW, planned_at=NOW),
                     Cohort(issue="app_trouble", day=date(2026, 3, 10), size=40, state="approved", created_at=NOW, planned_at=NOW),
                     Cohort(issue="payment_failing", day=DAY, size=180, state="waiting", created_at=NOW)])  # fmt: skip
    for n, (flag_id, issue, day, state) in enumerate([(old, "payment_failing", date(2026, 1, 12), "delivered"), (new, "app_trouble", date(2026, 3, 10), "held_out")]):
        sent = datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + timedelta(days=1)
        message = Message(key=f"{n:032x}", flag_id=flag_id, kind="notice", issue=issue, playbook_version="4f2a91c07b3e55d1", customer_id="ann", unit_id="ann",
                          channel="mailbox", day=day, state=state, planned_at=sent, due_at=sent, settled_at=sent)  # fmt: skip
        session.add(message)
        session.flush()
        if state == "delivered":
            session.add_all([
                Outcome(message_id=message.id, kind="delivered", occurred_at=sent + timedelta(minutes=2), recorded_at=NOW),
                Contact(source_id="r", kind="reply", customer_id="ann", message_id=message.id, text="Thank you! The new card is in.\nCall me on +49 40 555 0142 if not.",
                        received_at=sent + timedelta(hours=5), handled_at=sent + timedelta(hours=8), handled_by="Ada"),
                SurveyAnswer(message_id=message.id, customer_id="ann", score=5, text="Quick and clear", answered_at=sent + timedelta(days=9)),
            ])  # fmt: skip
    session.add(Note(customer_id="ann", text="Prefers to be called in the evening.", written_by="reviewer@lumen.example", written_at=NOW))


def _vectors(settings):
    """Two scored days, four weeks apart."""
    features = [Feature("usage__used__days_28d", Measure("usage", "distinct_days", 28, kind="used")),
                Feature("usage__crash__count_28d", Measure("usage", "count", 28, kind="crash")),
                Feature("billing__paid__sum_28d", Measure("billing", "sum", 28, column="amount_cents", kind="paid")),
                Feature("billing__payment_failed__count_28d", Measure("billing", "count", 28, kind="payment_failed"))]  # fmt: skip
    frozen = feature_set.store(settings, feature_set.make_set(features, frozen_on=date(2026, 1, 1), notes=[]))
    for day, values in ((DAY, (4.0, 6.0, 2990.0, 3.0)), (DAY - timedelta(weeks=4), (22.0, 0.0, 2990.0, 0.0))):
        rows = {"customer_id": ["ann", "zoe"], "as_of": [day] * 2} | {name: [value, 1.0] for name, value in zip(frozen.names, values, strict=True)}
        pl.DataFrame(rows).write_parquet(settings.place("vectors", frozen.version) / f"{day}.parquet")


def sign_in(page, address, role):  # noqa: F811
    page.goto(f"{address}/sign-in")
    page.fill("#email", f"{role}@lumen.example")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_page_can_be_read_by_everybody_on_a_phone_and_a_desk_in_light_and_dark(house, page):  # noqa: F811
    sign_in(page, house, "approver")
    for path in PATHS:
        page.goto(f"{house}{path}")
        page.wait_for_load_state("networkidle")
        page.evaluate("document.querySelectorAll('main details').forEach(each => each.open = true)")
        for width, height in ((640, 450), (1280, 900), (390, 844)):  # 640: 1280 at 200 % zoom
            page.set_viewport_size({"width": width, "height": height})
            assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), (path, width)
            if folder := os.environ.get("PICTURES"):
                page.screenshot(path=f"{folder}/{path.strip('/').replace('/', '-')}-{width}.png", full_page=True)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert look(page) == [], (path, scheme)


def test_a_customer_is_found_and_a_note_is_left_with_the_keyboard_alone(house, page):  # noqa: F811
    sign_in(page, house, "reviewer")
    page.goto(f"{house}/customers")
    page.keyboard.press("Escape")
    page.keyboard.type("ANN@example.org")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house}/customers/ann")
    page.wait_for_selector("text=Days with used events in 28 days")
    assert "A. M. K." in page.inner_text("main")
    assert "ann@example.org" not in page.content()
    page.focus("summary:has-text('Write a note')")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Wants the invoice by post")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The note is kept.")
    page.focus("nav.choices a:has-text('Notes')")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house}/customers/ann?kinds=note")
    page.wait_for_function("document.querySelectorAll('.entry').length === 2")
    assert "Wants the invoice by post" in page.inner_text("#timeline")
    assert page.complaints == []
