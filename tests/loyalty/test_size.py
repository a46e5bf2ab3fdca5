"""How many units a reading needs, and what a number of units can see."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.power import tt_ind_solve_power

from loyalty.size import power_of, sd_of_moved_rate, sd_of_rate, smallest_effect, units_needed


@pytest.mark.parametrize(("effect", "share"), [(0.5, 0.5), (0.1, 0.5), (0.2, 0.1), (0.05, 0.02)])
def test_sizes_are_those_of_statsmodels(effect, share):
    size = units_needed(sd=1.0, effect=effect, share=share)
    contacted = tt_ind_solve_power(effect_size=effect, alpha=0.05, power=0.8, ratio=share / (1 - share))
    assert size.contact == pytest.approx(contacted, rel=0.002, abs=1)
    assert size.hold_out == pytest.approx(contacted * share / (1 - share), rel=0.002, abs=1)


def test_the_published_trial_needs_what_was_published():
    """Leaving 17.2 % against 15.3 % with a tenth held out: about 3,200 held out and 29,000 contacted."""
    size = units_needed(sd=sd_of_rate(0.1625), effect=0.019, share=0.1)
    assert size.hold_out == pytest.approx(3_290, abs=60)
    assert size.contact == pytest.approx(29_600, abs=500)


@given(st.floats(0.01, 1.0), st.floats(0.05, 0.95), st.floats(0.1, 100.0))
def test_the_needed_units_have_the_power_they_were_asked_for(effect, share, sd):
    size = units_needed(sd=sd, effect=effect * sd, share=share)
    close = 0.05 if min(size.contact, size.hold_out) < 100 else 0.01  # a unit more or less counts in a small arm
    assert power_of(size, sd=sd, effect=effect * sd) == pytest.approx(0.8, abs=close)
    if size.units > 2_000:
        assert smallest_effect(size, sd=sd) == pytest.approx(effect * sd, rel=0.01)


@pytest.mark.parametrize(("share", "effect"), [(0.0, 0.1), (1.0, 0.1), (0.5, 0.0)])
def test_what_compares_nothing_is_refused(share, effect):
    with pytest.raises(ValueError, match="compare nothing"):
        units_needed(sd=1.0, effect=effect, share=share)


@given(st.floats(0.7, 0.95), st.sampled_from([0.5, 0.3, 0.1]))
def test_harm_to_a_high_rate_is_seen_as_often_as_promised_though_it_spreads_more(stays, share):
    size = units_needed(sd=sd_of_rate(stays), effect=0.04, share=share, sd_contacted=sd_of_moved_rate(stays, 0.04))
    se = math.hypot(sd_of_rate(stays - 0.04) / math.sqrt(size.contact), sd_of_rate(stays) / math.sqrt(size.hold_out))
    assert norm.sf(norm.isf(0.025) - 0.04 / se) == pytest.approx(0.8, abs=0.01)
