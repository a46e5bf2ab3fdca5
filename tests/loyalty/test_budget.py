"""A day's budget goes to whom it helps most, and a part of the choice stays random for ever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.budget import Terms, choose

EFFECTS = st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=200)


def keys(n):
    return [f"issue/customer-{at}/2026-01-31" for at in range(n)]


@given(EFFECTS, st.floats(0, 100))
def test_what_is_not_left_to_chance_stays_within_the_budget_and_pays(effects, budget):
    effect = np.array(effects)
    choice = choose(effect, effect, keys(len(effect)), Terms(budget=budget, cost=2.0, worth=50.0))
    ranked = choice.chosen & ~choice.explored
    assert ranked.sum() * 2.0 <= budget + 1e-6
    assert (choice.net[ranked] > 0).all()
    assert ((choice.chance >= 0) & (choice.chance <= 1)).all()


@given(EFFECTS)
def test_the_same_units_are_chosen_again(effects):
    effect, terms = np.array(effects), Terms(budget=20.0, cost=2.0, worth=50.0)
    again = [choose(effect, effect, keys(len(effect)), terms).chosen for _ in range(2)]
    assert (again[0] == again[1]).all()


def test_of_many_the_best_are_chosen_and_a_twentieth_is_left_to_chance_at_the_rate_of_the_rest():
    effect = np.linspace(0.5, 0.01, 20_000)
    choice = choose(effect, effect, keys(20_000), Terms(budget=10_000, cost=2.0, worth=500.0))
    best = np.arange(20_000) < 5_000
    assert (choice.chosen[~choice.explored] == best[~choice.explored]).all()
    assert choice.explored.mean() == pytest.approx(0.05, abs=0.006)
    assert choice.chosen[choice.explored].mean() == pytest.approx(0.25, abs=0.05)
    assert choice.chance[:5000] == pytest.approx(0.95 + 0.05 * 0.25)
    assert choice.chance[5000:] == pytest.approx(0.05 * 0.25)


def test_a_choice_nobody_could_learn_from_is_refused():
    with pytest.raises(ValueError, match="At least 0.05"):
        Terms(budget=10, cost=1, worth=1, explored=0.01)
