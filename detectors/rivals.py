"""What a user would pick instead: simple orders of the customers, logistic regression, LightGBM plain and tuned.

Each gives a score per customer and day, larger is sooner; all see what the detector saw, and learn from the same rows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from core.settings import Settings
from detectors import lightgbm
from detectors.detector import Examples, Numbers, Probabilities
from detectors.issue import Issue
from detectors.trouble import events, strikes
from detectors.tuning import choose

SIMPLE = ("most recent trouble first", "most frequent first", "last value", "logistic regression")
PLAIN, TUNED = "LightGBM untuned", "LightGBM tuned"
LOOK_BACK_DAYS = 365
ROWS_FOR_LOGISTIC = 30_000


@dataclass(frozen=True)
class Learners:
    """The rivals that learn, fitted to the detector's own rows."""

    logistic: Any
    plain: Any
    tuned: Any

    def scores(self, numbers: Numbers) -> dict[str, Probabilities]:
        """Return each one's score of every row."""
        return {SIMPLE[3]: self.logistic.decision_function(numbers), PLAIN: lightgbm.GROWER.odds(self.plain, numbers),
                TUNED: lightgbm.GROWER.odds(self.tuned, numbers)}  # fmt: skip


def learn(train: Examples, calibrate: Examples) -> Learners:
    """Fit each to all rows; the tuned one tries the same shapes on the same folds as the detector does."""
    known = train.and_also(calibrate)
    shape, *_ = choose(lightgbm.GROWER, train if (train.struck.any() and not train.struck.all()) else known)
    tuned = lightgbm.GROWER.grow(known.numbers, known.struck, known.weight, shape)
    return Learners(_logistic(known), lightgbm.untuned(known.numbers, known.struck, known.weight), tuned)


def _logistic(known: Examples) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.arange(len(known.struck))
    if len(rows) > ROWS_FOR_LOGISTIC:
        rows = np.sort(np.random.default_rng(0).choice(rows, ROWS_FOR_LOGISTIC, replace=False))
    made = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(),
                         LogisticRegression(C=0.1, max_iter=300))  # fmt: skip
    return made.fit(known.numbers[rows], known.struck[rows], logisticregression__sample_weight=known.weight[rows])


def simple_scores(settings: Settings, issue: Issue, customers: pl.Series, moment: datetime) -> dict[str, Probabilities]:
    """Return the orders that need no learning, from the events the trouble is made of.

    Where the trouble is a silence its events are good news, so the order turns round: the longest silent come first.
    """
    since = moment - timedelta(days=LOOK_BACK_DAYS)
    seen = events(settings, issue, since=since, before=moment).group_by("customer_id").agg(
        last=pl.col("occurred_at").max(), number=pl.len())  # fmt: skip
    window = timedelta(days=issue.gap_days + issue.horizon_days)
    struck = strikes(settings, issue, after=moment - window, before=moment, known_before=moment)
    rows = customers.to_frame("customer_id").join(seen, on="customer_id", how="left", maintain_order="left").select(
        days=(pl.lit(moment) - pl.col("last")).dt.total_seconds().fill_null(LOOK_BACK_DAYS * 86_400) / 86_400,
        number=pl.col("number").fill_null(0), struck=pl.col("customer_id").is_in(struck["customer_id"].unique().implode()))  # fmt: skip
    sign = -1.0 if issue.trouble.absent_for_days else 1.0
    recent, often = -rows["days"].to_numpy() * sign, rows["number"].to_numpy() * sign
    return dict(zip(SIMPLE, (recent, often, rows["struck"].to_numpy().astype(float)), strict=False))
