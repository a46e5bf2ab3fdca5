"""The truth is one strict file."""

import pytest

from core.errors import ConfigError
from simulator.leaving import times
from simulator.truth import TRUTH, load_truth


def test_the_frozen_truth_has_a_helpful_a_useless_and_a_harmful_message():
    effects = {name: issue.hazard_times for name, issue in load_truth().effects.items()}

    assert effects == {"payment_failing": 0.6, "app_trouble": 1.0, "fee_shock": 1.6, "sudden_call": 1.0}


def test_an_unknown_key_is_named_with_the_nearest_valid_one(tmp_path):
    file = tmp_path / "truth.toml"
    file.write_text(TRUTH.read_text().replace("fades_days", "fade_days"))

    with pytest.raises(ConfigError, match=r"truth\.toml: key 'message\.fade.*days'"):
        load_truth(file)


@pytest.mark.parametrize("hazard_times", [0.6, 1.0, 1.6])
def test_about_a_third_of_an_effect_is_gone_after_a_year(hazard_times):
    fades = load_truth().message.fades_days
    first, year = (1 - times(days, hazard_times, fades) for days in (0.0, 365.0))

    assert first == pytest.approx(1 - hazard_times)
    assert year == pytest.approx(0.65 * first, rel=0.01)
