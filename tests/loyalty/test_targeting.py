"""Who is helped is told from later weeks; without proof, risk stays first."""

import numpy as np

from bench.loyalty_targeting import world
from loyalty.policy import judge, verdict, walk
from loyalty.targeting import learn, score


def test_an_effect_unrelated_to_risk_is_found_and_worth_more_than_risk_first():
    past, _ = world(np.random.default_rng(1), 24_000, "unrelated")
    verdict = judge(past, share=0.3)
    assert verdict.better
    assert verdict.qini > verdict.qini_of_risk
    new, effect = world(np.random.default_rng(2), 10_000, "unrelated")
    expected = learn(past)(new.known)
    assert effect[expected > np.quantile(expected, 0.7)].mean() > 1.5 * effect.mean()


def test_where_risk_tells_who_is_helped_risk_stays_first():
    past, _ = world(np.random.default_rng(3), 12_000, "proportional")
    verdict = judge(past, share=0.3)
    assert not verdict.better
    assert "risk first stays" in verdict.said


def test_the_scores_have_the_true_effect_as_their_mean_whatever_the_share():
    past, effect = world(np.random.default_rng(4), 12_000, "proportional")
    scores = score(past.of(past.week % 2 == 0), past.of(past.week % 2 == 1))
    error = scores.std() / np.sqrt(len(scores))
    assert abs(scores.mean() - effect[past.week % 2 == 0].mean()) < 3 * error


def test_a_little_experience_says_nothing():
    past, _ = world(np.random.default_rng(5), 1000, "none")
    assert judge(past, share=0.3) is None


def test_what_was_judged_in_a_week_stays_as_it_was_when_more_weeks_come():
    past, _ = world(np.random.default_rng(6), 12_000, "none")
    early, late = walk(past.of(past.week < 15)), walk(past).until(14)
    assert np.array_equal(early.gain, late.gain)
    assert np.array_equal(early.by_benefit, late.by_benefit)


def test_the_bound_is_wider_than_that_of_a_single_look_and_narrows_with_units():
    judged = walk(world(np.random.default_rng(7), 12_000, "none")[0])
    half, whole = verdict(judged.until(14), share=0.3), verdict(judged, share=0.3)
    single = 1.645 / np.sqrt(whole.units) * np.where(judged.by_benefit < 0.3, judged.gain, 0.0).std()
    assert (whole.high - whole.low) / 2 > single
    assert whole.high - whole.low < half.high - half.low


def test_a_judgement_needs_enough_of_both_arms():
    past, _ = world(np.random.default_rng(8), 12_000, "none")
    nearly_all = past.of(past.contact | (np.arange(len(past)) % 200 == 0))
    assert judge(nearly_all, share=0.3) is None
