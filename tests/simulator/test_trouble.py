"""Trouble comes at the rates that were planted, with signs where there are to be signs and with none where not."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

TROUBLES = {
    "payment_failing": ("billing", "service_suspended"),
    "app_trouble": ("contacts", "app_broken"),
    "fee_shock": ("contacts", "billing_dispute"),
    "sudden_call": ("contacts", "sudden_call"),
}
SIGNS = {
    "payment_failing": ("billing", "payment_failed", 16),
    "app_trouble": ("telemetry", "error", 14),
    "fee_shock": ("billing", "fee_charged", 35),
}
CUTOFFS = range(90, 246, 14)


def counted(rows, source, kind, since, until, n):
    """Count each customer's rows of a kind in a span of days."""
    found = rows[source].filter((rows[source]["kind"] == kind) & (rows[source]["day"] >= since) & (rows[source]["day"] < until))
    return np.bincount(found["who"].to_numpy(), minlength=n)


def auc(world, rows, issue, sign):
    """Return how well a sign's count ranks who is struck in the 28 days after, over several cutoffs."""
    source, kind, days = sign
    struck, score, n = [], [], len(world.people)
    for day in CUTOFFS:
        active = (world.people.joined < day) & (world.people.left >= day)
        struck.append((counted(rows, *TROUBLES[issue], day + 1, day + 29, n) > 0)[active])
        score.append(counted(rows, source, kind, day - days, day, n)[active])
    return roc_auc_score(np.concatenate(struck), np.concatenate(score))


@pytest.mark.parametrize("issue", TROUBLES)
def test_each_trouble_strikes_one_to_three_customers_in_a_hundred_a_month(world, rows, issue):
    source, kind = TROUBLES[issue]
    strikes = rows[source].filter((rows[source]["kind"] == kind) & (rows[source]["day"] >= 60))
    customer_months = sum(((world.people.joined < day) & (world.people.left >= day)).sum() for day in range(60, 280)) / 30.4375

    assert 0.01 <= len(strikes) / customer_months <= 0.03


@pytest.mark.parametrize("issue", SIGNS)
def test_signs_come_before_the_troubles_that_have_them(world, rows, issue):
    assert auc(world, rows, issue, SIGNS[issue]) > 0.65


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
def test_nothing_foretells_the_sudden_call(world, rows, sign):
    assert auc(world, rows, "sudden_call", sign) == pytest.approx(0.5, abs=0.02)


def test_who_is_in_trouble_leaves_more_often(world, rows):
    suspended = rows["billing"].filter((rows["billing"]["kind"] == "service_suspended") & (rows["billing"]["day"] < 90))
    gone = world.people.left[suspended["who"].unique().to_numpy()] <= 270

    assert gone.mean() > 2 * (world.people.left[world.people.joined < 0] <= 270).mean()
