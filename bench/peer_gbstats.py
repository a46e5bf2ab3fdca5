"""Run by the Python of environment("gbstats"): read experiments as JSON, print what gbstats and lifelines make of them."""

import json
import sys
from typing import Any


def main() -> None:
    """Answer every experiment of the list on standard input, in its order."""
    answers = [_survival(asked) if asked["kind"] == "stay" else _test(asked) for asked in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)


def _test(asked: dict) -> dict:
    from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
    from gbstats.models.statistics import compute_theta

    a, b = (_statistic(asked["kind"], asked[arm]) for arm in ("hold_out", "contact"))
    if asked["kind"] == "cut":
        theta = compute_theta(a, b)
        for statistic in (a, b):
            statistic.theta = 0 if theta is None else theta
    if asked["kind"] == "daily":
        config = SequentialConfig(difference_type="absolute", sequential_tuning_parameter=asked["planned"])
        found = SequentialTwoSidedTTest(a, b, config).compute_result()
    else:
        found = TwoSidedTTest(a, b, FrequentistConfig(difference_type="absolute")).compute_result()
    return {"effect": found.expected, "low": found.ci[0], "high": found.ci[1], "p_value": found.p_value}


def _statistic(kind: str, rows: dict) -> Any:
    from gbstats.models.statistics import RatioStatistic, RegressionAdjustedStatistic, SampleMeanStatistic

    def mean(values: list) -> Any:
        return SampleMeanStatistic(n=len(values), sum=sum(values), sum_squares=sum(v * v for v in values))

    y = rows["y"]
    if kind in ("mean", "daily"):
        return mean(y)
    other = rows["x"]
    products = sum(a * b for a, b in zip(y, other, strict=True))
    if kind == "cut":
        return RegressionAdjustedStatistic(n=len(y), post_statistic=mean(y), pre_statistic=mean(other),
                                           post_pre_sum_of_products=products, theta=0)  # fmt: skip
    return RatioStatistic(n=len(y), m_statistic=mean(y), d_statistic=mean(other), m_d_sum_of_products=products)


def _survival(asked: dict) -> dict:
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    curve = KaplanMeierFitter().fit(asked["days"], asked["left"])
    return {"days": float(restricted_mean_survival_time(curve, t=asked["until"]))}


if __name__ == "__main__":
    main()
