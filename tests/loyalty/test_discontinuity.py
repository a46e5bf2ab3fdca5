"""The jump at a threshold is found, covered as claimed, and refused where too few lie near."""

import numpy as np
import pytest

from loyalty.discontinuity import jump_at


def world(seed, *, units=3_000, jump=0.0, bend=1.0):
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 3, units)
    return score, bend * (score - 0.5) ** 2 + score + jump * (score >= 0.4) + draw.normal(0, 0.3, units)


@pytest.mark.parametrize("bend", [0.0, 4.0])
def test_the_interval_covers_a_known_jump_though_the_curve_bends(bend):
    found = [jump_at(*world(seed, jump=0.2, bend=bend), 0.4) for seed in range(400)]
    covered = np.mean([each.low <= 0.2 <= each.high for each in found])
    assert covered >= 0.92
    assert np.mean([each.corrected for each in found]) == pytest.approx(0.2, abs=0.01)


def test_too_few_near_the_threshold_is_said():
    score, value = world(1, units=200)
    assert "too few near the threshold" in jump_at(score, value, 0.95)


def test_scores_pushed_over_the_threshold_show():
    score, value = world(2)
    pushed = np.where((score > 0.36) & (score < 0.4), 0.4 + (0.4 - score), score)
    assert jump_at(pushed, value, 0.4).crowding_p < 0.001 < jump_at(score, value, 0.4).crowding_p


def test_a_yes_or_no_without_a_jump_is_covered_and_a_sloping_density_is_no_crowd():
    found = []
    for seed in range(300):
        draw = np.random.default_rng(seed)
        score = draw.exponential(0.1, 3_000)
        found.append(jump_at(score, (draw.random(3_000) < 0.2 + 0.4 * score).astype(float), 0.1))
    assert np.mean([each.low <= 0 <= each.high for each in found]) >= 0.91
    assert np.mean([each.crowding_p < 0.05 for each in found]) <= 0.08
