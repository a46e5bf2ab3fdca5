"""Flagged just above against scored just below: the jump is read, its limits are said, and a unit counts once."""

from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import insert, select

from ledger.flags import Flag
from ledger.near_misses import NearMiss
from ledger.readings import Reading
from loyalty.reading import measure_day
from loyalty.threshold import near_threshold
from loyalty.wording import measured
from tests.loyalty.past import at

START, END = date(2025, 3, 3), date(2025, 6, 1)
ISSUE = "fee_shock"
UNITS = 3_000


def scored(past, *, effect, seed=0, pushed=False):
    """Customers scored once in March, flagged from 0.4 on; who is likelier to be struck leaves likelier, the flagged less by `effect`."""
    draw = np.random.default_rng(seed)
    past.promises(START, design="discontinuity", horizon_months=1)
    p = draw.beta(2, 3, UNITS)
    if pushed:
        p = np.where((p > 0.37) & (p < 0.4), 0.8 - p, p)
    leaves = draw.random(UNITS) < 0.2 + 0.4 * p - effect * (p >= 0.4)
    days = [START + timedelta(days=int(n % 14)) for n in range(UNITS)]
    flags = [{"customer_id": f"c{n}", "issue": ISSUE, "day": days[n], "probability": p[n], "margin": p[n] - 0.4, "reasons": [], "evidence": {},
              "detector": "boosted", "state": "expired", "created_at": at(days[n])} for n in range(UNITS) if p[n] >= 0.4]  # fmt: skip
    near = [{"customer_id": f"c{n}", "issue": ISSUE, "day": days[n], "probability": p[n], "margin": p[n] - 0.4} for n in range(UNITS) if p[n] < 0.4]
    past.session.execute(insert(Flag), flags)
    past.session.execute(insert(NearMiss), near)
    for n in np.flatnonzero(leaves):
        past.happens(f"c{n}", "billing.left", days[n] + timedelta(days=10))
    past.happens("c1", "contacts.call", START)
    past.write(END)
    measure_day(day=END, now=at(END + timedelta(days=1)), settings=past.settings)
    past.session.expire_all()
    return past.session.scalar(select(Reading).filter_by(outcome="retained", horizon_months=1, month="pooled"))


def test_a_known_jump_is_found_and_named(past):
    found = scored(past, effect=0.25)
    assert (found.state, found.design) == ("readable", "discontinuity")
    assert 0 < found.low <= 0.25 <= found.high
    assert found.effect == pytest.approx(found.mean_contact - found.mean_hold_out)
    assert found.detail["promised"]
    assert found.detail["told"] == {"above": 0.0, "below": 0.0}, "nobody was written to in this past, and the page can say so"
    assert "near the threshold" in measured({"design": found.design, "detail": found.detail})


def test_where_nothing_jumps_none_is_claimed(past):
    found = scored(past, effect=0.0, seed=5)
    assert found.low <= 0 <= found.high


def test_scores_that_were_pushed_over_the_threshold_make_it_unreadable(past):
    found = scored(past, effect=0.25, pushed=True)
    assert found.state == "unreadable"
    assert "pushed over it" in found.why


def test_a_unit_counts_on_the_first_day_it_came_near_on_whichever_side(past):
    past.promises(START, design="discontinuity")
    past.shares_inbox("ann", "home")
    past.shares_inbox("bob", "home")
    past.session.add_all([NearMiss(customer_id="ann", issue=ISSUE, day=START, probability=0.39, margin=-0.01),
                          Flag(customer_id="bob", issue=ISSUE, day=START + timedelta(days=7), probability=0.5, margin=0.1, reasons=[], evidence={},
                               detector="boosted", created_at=at(START))])  # fmt: skip
    past.session.commit()
    units = near_threshold(past.session, [ISSUE], before=at(END))
    assert units.select("unit_id", "arm", "flagged_on").rows() == [("home", "hold_out", START)]


def test_before_the_measure_said_so_nobody_counts(past):
    past.promises(START + timedelta(days=30), design="discontinuity")
    past.session.add(NearMiss(customer_id="ann", issue=ISSUE, day=START, probability=0.39, margin=-0.01))
    past.session.commit()
    assert near_threshold(past.session, [ISSUE], before=at(END)).is_empty()
