"""Told now against told later: unbiased over the hours between them, for a known effect and for none, and named so."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from ledger.readings import Reading
from loyalty.drawn import Checks, Drawn, drawn_rows
from loyalty.readable import Cut
from loyalty.reading import measure_day, table
from loyalty.row import DELAY, HOURS
from loyalty.wording import after, measured
from tests.loyalty.past import at

START = date(2025, 3, 10)
WORLDS, UNITS = 300, 400


def worlds(effect, seed):
    """Read `WORLDS` programmes in which being told now changes the share who call within the hours by `effect`."""
    draw = np.random.default_rng(seed)
    n = WORLDS * UNITS
    later = draw.random(n) < 0.5
    calls = (draw.random(n) < 0.3 + effect * ~later).astype(float)
    spread = pl.DataFrame({
        "assignment_id": np.arange(n), "issue": [f"w{k // UNITS:03}" for k in range(n)], "unit_id": [str(k) for k in range(n)],
        "arm": np.where(later, "hold_out", "contact"), "share": 0.5,
    }).with_columns(
        pl.lit("2025-03").alias("month"), pl.lit(HOURS, pl.Int64).alias("horizon_months"), pl.lit(True).alias("first"), pl.lit(True).alias("counts"),
        pl.lit(START).alias("starts_on"), pl.lit(START + timedelta(days=2)).alias("ends_on"),
    )  # fmt: skip
    values = spread.select("assignment_id", "horizon_months", pl.lit("contacts").alias("outcome"), pl.Series("value", calls),
                           pl.lit(None, pl.Float64).alias("covariate"))  # fmt: skip
    cut = Cut(datetime(2025, 5, 1, tzinfo=UTC), date(2025, 5, 1), 3)
    issues = {issue: ["contacts"] for issue in spread["issue"].unique()}
    return [row for row in drawn_rows(Drawn(DELAY, spread, lambda ripe: values, lambda units, starts: {}, (HOURS,), Checks({}, {})), issues, cut, {})
            if row["month"] == "pooled"]  # fmt: skip


def test_a_known_effect_is_found_without_bias_and_covered():
    rows = worlds(-0.1, 1)
    effects = np.array([row["effect"] for row in rows])
    assert abs(effects.mean() + 0.1) < 3 * effects.std() / np.sqrt(WORLDS)
    assert np.mean([row["low"] <= -0.1 <= row["high"] for row in rows]) >= 0.92


def test_where_it_makes_no_difference_when_one_is_told_few_find_one():
    assert np.mean([row["p_value"] < 0.05 for row in worlds(0.0, 2)]) <= 0.08


@pytest.fixture
def told(past):
    """Sixty units a arm: of those told now a few call within their 48 hours, of those told later most; all call after them."""
    past.promises(START, design="delay", promise_hours=48, outcome="contacts")
    for arm, calling in (("contact", 12), ("later", 48)):
        for number in range(60):
            name = f"{arm}-{number}"
            past.draws(name, START, arm=arm, design="delay", later_at=at(START) + timedelta(hours=48))
            if number < calling:
                past.happens(name, "contacts.call", START + timedelta(days=1))
            past.happens(name, "contacts.call", START + timedelta(days=3))
    past.write(date(2025, 4, 10))
    measure_day(day=date(2025, 4, 10), now=at(date(2025, 4, 11)), settings=past.settings)
    past.session.expire_all()
    return past


def test_only_the_hours_between_the_two_are_read(told):
    found = told.session.scalar(select(Reading).filter_by(month="pooled", outcome="contacts", design="delay"))
    assert (found.state, found.n_contact, found.n_hold_out, found.horizon_months) == ("readable", 60, 60, 0)
    assert (found.mean_contact, found.mean_hold_out) == (pytest.approx(0.2), pytest.approx(0.8))
    assert found.high < 0
    assert (found.detail["promised"], found.detail["promise_hours"]) == (True, 48)


def test_the_design_is_named_wherever_it_is_shown_and_no_other_is_claimed(told):
    rows = table(told.settings)
    assert {row["design"] for row in rows} == {"delay"}
    (main,) = [row for row in rows if row["promised"]]
    assert "told now against told 48 h later at most" in measured(main)
    assert after(main) == "up to 48 hours"
    assert "randomised delay" in main["said"]["outcome"]


def test_what_is_not_over_waits_as_a_row(past):
    past.promises(START, design="delay", promise_hours=48, outcome="contacts")
    past.draws("ann", START, arm="later", design="delay", later_at=at(START) + timedelta(hours=48))
    past.write(START)
    measure_day(day=START, now=at(START + timedelta(days=1)), settings=past.settings)
    waiting = past.session.scalar(select(Reading).filter_by(month="pooled", outcome="contacts"))
    assert waiting.state == "not_yet"
    assert "have had their hours" in waiting.why
