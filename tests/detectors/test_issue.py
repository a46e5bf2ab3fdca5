"""An issue's file that loads can run; one that cannot names file, key and fix."""

import pytest

from core.errors import ConfigError
from detectors.issue import load_issues
from detectors.watching import check_features

GOOD = """
description = "Service is lost because payments fail."
gap_days = 1
horizon_days = 14
capacity = 3
at_risk = ["billing__count_90d >= 1"]
[trouble]
event = "billing.service_lost"
"""
SOURCE = """
role = "billing"
path = "x/{day}.csv"
customer_id = "c"
event_id = "i"
[[event]]
kind = "service_lost"
occurred_at = "t"
[[event]]
kind = "payment_failed"
occurred_at = "t"
"""


@pytest.fixture
def load(company):
    """Load one issue from its text."""
    (company.folder / "sources" / "billing.toml").write_text(SOURCE)

    def from_text(text):
        (company.folder / "issues" / "cut_off.toml").write_text(text)
        return load_issues(company)["cut_off"]

    return from_text


def test_a_good_issue_loads_and_fills_in_what_follows(load):
    issue = load(GOOD)

    assert (issue.name, issue.detector, issue.lifetime_days, issue.rest_days) == ("cut_off", "learned", 15, 14)
    assert issue.trouble.events == ("billing.service_lost",)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("horizon_days", "horizon_day", "'horizon_day' does not exist. Did you mean 'horizon_days'"),
        ("capacity = 3", "capacity = 0", "capacity: Input should be greater than 0, got 0"),
        ("billing__count_90d >= 1", "billing__count_90d => 1", r"at_risk: .*Write 'feature >= number'"),
        ('"billing.service_lost"', '"biling.service_lost"', "trouble: source 'biling' does not exist. Did you mean 'billing'"),
        ('"billing.service_lost"', '"billing.service_lots"', "event 'billing.service_lots' does not exist. Did you mean 'billing.s"),
        ('"billing.service_lost"', '"billing"', 'event \'billing\' has no kind. Write "source.kind"'),
        ('event = "billing.service_lost"', "absent_for_days = 9", "give exactly one of: .*do not fit together: absent_for_days"),
        ("capacity = 3", 'capacity = 3\ndetector = "lerned"', "detector: detector 'lerned' does not exist. Did you mean 'learned'"),
        ("capacity = 3", 'capacity = 3\ndetector = "rule"', r"detector is 'rule' and \[rule\] is missing. Add a \[rule\]"),
    ],
)
def test_a_wrong_issue_names_its_file_and_the_fix(load, company, old, new, says):
    with pytest.raises(ConfigError, match=says) as caught:
        load(GOOD.replace(old, new))

    assert str(caught.value).startswith(str(company.folder / "issues" / "cut_off.toml"))


def test_a_condition_on_a_feature_that_does_not_exist_names_key_and_nearest(load, company):
    issue = load(GOOD.replace("count_90d", "cuont_90d"))

    with pytest.raises(ConfigError, match=r"cut_off.toml: at_risk\[0\]: feature 'billing__cuont_90d' .* 'billing__count_90d'"):
        check_features(company, issue, ["billing__count_90d", "billing__tenure_days"])


@pytest.mark.parametrize(
    ("trouble", "events"),
    [
        ('any_of = ["billing.service_lost", "billing.payment_failed"]', ("billing.service_lost", "billing.payment_failed")),
        ('absent_for_days = 30\nsource = "billing"', ("billing",)),
        ('count_at_least = 3\nevent = "billing.payment_failed"\nwithin_days = 10', ("billing.payment_failed",)),
    ],
)
def test_trouble_has_four_forms(load, trouble, events):
    assert load(GOOD.replace('event = "billing.service_lost"', trouble)).trouble.events == events


def test_telling_pays_above_the_probability_where_what_is_saved_outweighs_the_cost(load):
    issue = load(GOOD + "[value]\ncontact_cost = 1\nneedless_cost = 1\nsaved = 7\n")

    assert issue.value.break_even == 0.25
