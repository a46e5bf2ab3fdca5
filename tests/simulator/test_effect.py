"""The truth that is told is the truth that was planted: worlds of one seed with and without messages differ by it."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from core.clock import add_months
from simulator.effect import true_effects
from simulator.oracle import stages
from tests.simulator.conftest import CUSTOMERS, FIRST, make, morning

TOLD_ON = 56
SIX_MONTHS = (add_months(morning(TOLD_ON).date(), 6) - FIRST).days


def everybody(issue, *, arm="contact"):
    """Assign every starting customer one morning."""
    ids = [f"c{n:06d}" for n in range(CUSTOMERS)]
    return pl.DataFrame({"customer_id": ids}).with_columns(
        issue=pl.lit(issue), arm=pl.lit(arm), at=pl.lit(morning(TOLD_ON)), live=pl.lit(True))


def messages(units, state="accepted"):
    return units.select("customer_id", "issue", "at", state=pl.lit(state))


def pooled(frame, issue, months=6):
    return frame.filter(pl.col("issue") == issue, pl.col("month") == "pooled", pl.col("horizon_months") == months).row(0, named=True)


def power(with_message, without, n_per_arm):
    """Return the power of a two-sided test at 5 % to tell two shares apart."""
    error = np.sqrt((with_message * (1 - with_message) + without * (1 - without)) / n_per_arm)
    return norm.cdf(abs(with_message - without) / error - norm.ppf(0.975))


THIRDS = {"payment_failing": (0, 1), "fee_shock": (1, -1), "app_trouble": (2, 0)}      # which third, sign of the effect


def third(issue):
    return everybody(issue)[THIRDS[issue][0] :: 3]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The same world, but that a third of the customers was told about each issue."""
    said = pl.concat([messages(third(issue)) for issue in THIRDS])
    return make(tmp_path_factory.mktemp("told"), contacts=said, days=SIX_MONTHS)


@pytest.mark.parametrize("issue", THIRDS)
def test_two_worlds_of_one_seed_differ_by_the_known_effect(world, told, issue):
    units = third(issue)
    who = world.rows_of(units["customer_id"])
    start = world.people.left[who] >= TOLD_ON
    stayed = [(company.people.left[who] >= SIX_MONTHS) & start for company in (told, world)]

    known = pooled(true_effects(told, units, messages(units), told.last), issue)

    pairs = stayed[0].astype(float) - stayed[1]          # both worlds drew the same luck, so the difference is sharp
    assert np.sign(known["effect"]) == THIRDS[issue][1]
    assert pairs.mean() == pytest.approx(known["effect"], abs=4 * np.sqrt(pairs.var() / len(who)) + 1e-12)
    error = np.sqrt(stayed[1].mean() * (1 - stayed[1].mean()) / len(who))
    assert stayed[0].mean() == pytest.approx(known["retained_with"], abs=4 * error)
    assert stayed[1].mean() == pytest.approx(known["retained_without"], abs=4 * error)


def test_both_arms_tell_the_same_truth(world):
    contacted, held = everybody("fee_shock"), everybody("fee_shock", arm="hold_out")
    nothing = messages(held).head(0)

    told = pooled(true_effects(world, contacted, messages(contacted), world.last), "fee_shock")
    held_back = pooled(true_effects(world, held, messages(held, "held_out"), world.last), "fee_shock")
    unrecorded = pooled(true_effects(world, held, nothing, world.last), "fee_shock")

    assert told["effect"] == pytest.approx(held_back["effect"]) == pytest.approx(unrecorded["effect"])


def test_who_was_drawn_but_never_told_was_not_changed(world):
    drawn = everybody("fee_shock")
    shadow = everybody("fee_shock", arm="hold_out").with_columns(live=pl.lit(False))

    for units in (drawn, shadow):
        assert pooled(true_effects(world, units, messages(units).head(0), world.last), "fee_shock")["effect"] == 0


def test_another_issues_message_changes_the_truth_on_both_sides(world):
    units = everybody("fee_shock")
    alone = pooled(true_effects(world, units, messages(units), world.last), "fee_shock")
    also = pl.concat([messages(units), messages(everybody("payment_failing"))])

    both = pooled(true_effects(world, units, also, world.last), "fee_shock")

    assert both["retained_without"] > alone["retained_without"]
    assert abs(both["effect"]) < abs(alone["effect"])


def test_a_month_of_assignment_has_a_row_of_its_own_and_a_horizon_to_come_has_none(world):
    units = everybody("fee_shock")

    found = true_effects(world, units, messages(units), world.last)

    assert set(found["month"]) == {"2025-03", "pooled"}
    assert set(found["horizon_months"]) == {1, 6}
    assert found["n"].unique().to_list() == [CUSTOMERS]


@pytest.mark.parametrize("issue", ["payment_failing", "fee_shock"])
def test_a_detector_right_two_times_in_five_gives_the_demo_power_at_six_months(world, issue):
    """The demo assigns about 50 customers a week for two years: 1,500 in each arm is a cautious count of distinct ones."""
    signs = pl.read_parquet(world.folder / "truth" / "week-0008.parquet")
    active = (world.people.joined < TOLD_ON) & (world.people.left >= TOLD_ON)
    strikes = np.flatnonzero((signs[f"{issue}_days"].to_numpy() >= 0)[: len(signs)] & active[: len(signs)])
    rng = np.random.default_rng(3)
    mistaken = rng.choice(np.flatnonzero(active[: len(signs)]), size=len(strikes) * 3 // 2, replace=False)
    flagged = pl.DataFrame({"customer_id": [f"c{n:06d}" for n in (*strikes, *mistaken)]}).unique(maintain_order=True)
    units = everybody(issue).join(flagged, on="customer_id", how="semi")

    known = pooled(true_effects(world, units, messages(units), world.last), issue)

    assert power(known["retained_with"], known["retained_without"], 1500) >= 0.8


def test_signs_are_told_as_they_stood_when_the_week_began(world):
    now = stages(world.days_written, world.people, world.truth)

    assert set(now["payment_failing"]) == {0, 1, 2}
    assert (now["payment_failing"][now["payment_failing_days"] >= 0] == 2).all()
