"""Who is helped is told from later weeks; without proof, risk stays first."""

import numpy as np

from bench.loyalty_targeting import world
from loyalty.targeting import judge, learn, score


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
