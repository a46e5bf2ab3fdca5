"""A forecast is made once a month, stands apart, and is scored when its months are read."""

from datetime import date, timedelta

import numpy as np
from sqlalchemy import select

from core.clock import add_months
from ledger.forecasts import Forecast
from loyalty.album import picture
from loyalty.forecasts import scored
from loyalty.reading import measure_day
from tests.loyalty.past import at

FIRST = date(2025, 1, 6)


def a_past(past, months, *, until, units=60):
    """Months of assignments whose held-out customers leave more often, early ones first."""
    rng = np.random.default_rng(1)
    past.promises(FIRST - timedelta(days=1))
    for month in range(months):
        drawn = add_months(FIRST, month)
        for unit in range(units):
            customer, held_out = f"c{month}-{unit}", unit % 2 == 0
            past.draws(customer, drawn, arm="hold_out" if held_out else "contact")
            bought = int(rng.poisson(2))
            for each in range(bought):
                past.happens(customer, "billing.paid", drawn + timedelta(days=3 + each), amount=1000)
            stays = rng.random() < (0.55 if held_out else 0.7) + 0.05 * min(bought, 4)
            if not stays:
                gone = drawn + timedelta(days=int(rng.integers(5, 170)))
                if gone <= until:
                    past.happens(customer, "billing.left", gone)
    past.write(until)


def made(session):
    return {(f.outcome, f.horizon_months): f for f in session.scalars(select(Forecast))}


def test_before_six_months_have_reached_a_horizon_it_is_too_early_and_says_so(settings, session, past):
    a_past(past, 5, until=date(2025, 8, 31))
    measure_day(day=date(2025, 8, 31), now=at(date(2025, 9, 1)), settings=settings)
    told = made(session)["retained", 6]
    assert told.state == "too_early"
    assert "6 are needed" in told.why
    assert told.effect is None


def test_with_enough_months_over_the_younger_ones_are_forecast_once_a_month(settings, session, past):
    until = date(2026, 1, 31)
    a_past(past, 12, until=until)
    first = measure_day(day=until, now=at(until + timedelta(days=1)), settings=settings)
    again = measure_day(day=until, now=at(until + timedelta(days=2)), settings=settings)
    assert first["forecasts"] > 0
    assert again["forecasts"] == 0
    told = made(session)["retained", 6]
    assert told.detail["mature_months"] >= 6
    assert told.state in ("forecast", "withheld")
    assert (told.effect is None) == (told.state != "forecast")
    assert told.months == ["2025-08", "2025-09", "2025-10", "2025-11", "2025-12"]
    assert made(session)["retained", 18].state == "too_early"


def test_a_forecast_is_scored_when_its_months_are_read(settings, session, past):
    until, later = date(2026, 1, 31), date(2026, 7, 31)
    a_past(past, 12, until=later)
    measure_day(day=until, now=at(until + timedelta(days=1)), settings=settings)
    for made_in, effect in (("2025-12", 0.1), ("2025-11", 0.4), ("2025-10", 3.0)):
        session.add(Forecast(issue="fee_shock", outcome="retained", horizon_months=6, made_in=made_in, state="forecast", why=None,
                             months=["2025-08"], n_contact=30, n_hold_out=30, effect=effect, low=effect - 0.1, high=effect + 0.1, detail={},
                             data_until=until, made_at=at(until)))  # fmt: skip
    session.commit()
    measure_day(day=later, now=at(later + timedelta(days=1)), settings=settings)
    known = {each["made_in"]: each for each in scored(session)}
    assert known["2025-12"]["agrees"]
    assert not known["2025-10"]["agrees"]
    between = known["2025-11"]
    assert between["agrees"] == (abs(0.4 - between["read"]) <= np.hypot(0.1, between["read_high"] - between["read"]))


def test_a_forecast_is_drawn_dashed_beside_the_readings_and_a_withheld_one_is_not(settings, session, past):
    until = date(2025, 3, 31)
    a_past(past, 2, until=until)
    for months, state in ((6, "withheld"), (18, "forecast")):
        effect = 0.1 if state == "forecast" else None
        session.add(Forecast(issue="fee_shock", outcome="retained", horizon_months=months, made_in="2025-03", state=state, why=None,
                             months=["2025-01"], n_contact=30, n_hold_out=30, effect=effect, low=effect and 0.0, high=effect and 0.2, detail={},
                             data_until=until, made_at=at(until)))  # fmt: skip
    session.commit()
    measure_day(day=until, now=at(until + timedelta(days=1)), settings=settings)
    drawn = picture(settings, "fee_shock", "effects")
    assert drawn.count('stroke-dasharray="4,3"') == 1
