"""The bench of detection names a goal that is missed, and keeps its JSON keys."""

import numpy as np
import pytest

from bench.detecting.honesty import _rows_refused, _window_refused
from bench.detecting.part import Part
from bench.detecting.quality import judge_runs
from detectors.backtested import OURS
from detectors.rivals import SIMPLE, TUNED


def run(ours_noise, said=1.0, n=4000, seed=0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.5, 1.3, n)
    struck = rng.random(n) < 1 / (1 + np.exp(-odds))
    ours = 1 / (1 + np.exp(-(said * odds + ours_noise * rng.normal(size=n))))
    scores = {OURS: ours, TUNED: odds + 0.1 * rng.normal(size=n), **{name: rng.random(n) for name in SIMPLE}}
    return {"states": ["champion"], "struck": struck, "unit": np.arange(n), "scores": scores, "flag_at": 0.4}


def judged(*runs):
    part = Part("made")
    judge_runs(part, list(runs))
    return part


def test_a_detector_as_good_as_the_truth_misses_nothing():
    part = judged(run(0.0), run(0.0, seed=1))

    assert part.missed == []
    assert set(part.facts) == {"ap", "ap_lightgbm_tuned", "ap_best_simple", "auc", "calibration_slope", "oe_flagged"}
    assert part.facts["calibration_slope"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("made", "goal"), [(run(0.7), "average precision against LightGBM tuned"), (run(0.0, said=2.0), "calibration slope")])
def test_a_goal_that_is_missed_is_named(made, goal):
    assert any(goal in said for said in judged(made).missed)


def test_where_no_detector_could_be_trained_the_figures_are_empty_and_the_reason_is_given():
    made = run(0.0)
    del made["scores"][OURS]
    made |= {"states": ["too_few_troubles"], "flag_at": None}

    part = judged(made)

    assert part.facts["ap"] is None
    assert part.rows[-1][-1] == "not trained: too_few_troubles"


def test_a_feature_that_sees_the_future_is_refused_both_ways():
    assert _window_refused()
    assert _rows_refused()
