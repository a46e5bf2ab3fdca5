"""What people said of flags, as labels with a source: believed only as far as it makes a detector better.

`not_trouble`: the customer as they were that day, without trouble. `already_known`: while the flag lived, the customer was in
the middle of it, and teaches nothing. A detector is taught with them and without, and what it was taught with them stays
only if it is better beyond noise on days that neither saw.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import moment_after
from core.settings import Settings
from detectors.better import difference
from detectors.detector import Detector, Examples, Model, Numbers, numbers_of, unit_code
from detectors.examples import Vectors
from detectors.intervened import contact_units, shared_units
from detectors.issue import Issue
from ledger.flags import Flag
from ledger.labels import Label

FEWEST = 20               # words of people; fewer cannot show that they help
WEIGHTS = (1.0, 5.0)      # how many customers one word may stand for; the better of those that help is kept


@dataclass(frozen=True)
class Opinions:
    """The customers people called no trouble, as they were, and when whose trouble was known already."""

    features: tuple[str, ...]
    numbers: Numbers
    unit: NDArray[np.int64]
    known: pl.DataFrame              # unit, first, last

    def __len__(self) -> int:
        """Return how many words of people there are."""
        return len(self.unit) + self.known.height

    def added_to(self, train: Examples, weight: float) -> Examples:
        """Return the examples without those known already, and with those called no trouble at a weight each."""
        days = pl.Series(train.cutoffs, dtype=pl.Date).gather(train.cutoff)
        rows = pl.DataFrame({"unit": train.unit, "on": days}).with_row_index("n")
        during = rows.join(self.known, on="unit").filter(pl.col("on").is_between("first", "last"))["n"].unique()
        left = np.ones(len(train.struck), dtype=bool)
        left[during.to_numpy()] = False
        rest, n = train.of(left), len(self.unit)
        at = [self.features.index(name) for name in train.features]
        return replace(
            rest,
            numbers=np.concatenate([rest.numbers, self.numbers[:, at]]),
            struck=np.concatenate([rest.struck, np.zeros(n, dtype=bool)]),
            lag_days=np.concatenate([rest.lag_days, np.full(n, np.nan)]),
            weight=np.concatenate([rest.weight, np.full(n, weight)]),
            cutoff=np.concatenate([rest.cutoff, np.zeros(n, dtype=np.int64)]),
            unit=np.concatenate([rest.unit, self.unit]),
        )


def opinions(settings: Settings, session: Session, issue: Issue, vectors: Vectors, *, day: date) -> Opinions:
    """Read what people had said of an issue's flags by the end of a day."""
    asked = select(Flag.customer_id, Flag.day, Label.label).join(Label, Label.flag_id == Flag.id)
    here = (Flag.issue == issue.name, Label.said_at < moment_after(day), Flag.day <= day)
    said = pl.DataFrame(session.execute(asked.where(*here).order_by(Flag.day, Flag.customer_id)).all(), orient="row",
                        schema={"customer_id": pl.String, "day": pl.Date, "label": pl.String})  # fmt: skip
    shared = shared_units(session)
    said = said.with_columns(unit=pl.Series(unit_code(contact_units(said["customer_id"], shared))))
    no_trouble = said.filter(pl.col("label") == "not_trouble")
    rows = [vectors(on).join(no_trouble.filter(pl.col("day") == on).select("customer_id", "unit"), on="customer_id")
            for on in no_trouble["day"].unique().sort()]  # fmt: skip
    frame = pl.concat(rows) if rows else pl.DataFrame({"unit": []}, schema={"unit": pl.Int64})
    features = tuple(name for name in frame.columns if name not in ("customer_id", "as_of", "unit"))
    lifetime = timedelta(days=issue.lifetime_days)
    known = said.filter(pl.col("label") == "already_known").select("unit", first=pl.col("day") - lifetime,
                                                                   last=pl.col("day") + lifetime)  # fmt: skip
    numbers = numbers_of(frame, features) if features else np.zeros((0, 0), dtype=np.float32)
    return Opinions(features, numbers, frame["unit"].to_numpy(), known)


def taught(
    kind: Detector, issue: Issue, said: Opinions, train: Examples, calibrate: Examples, judged: Examples
) -> tuple[Model, dict[str, Any]]:  # fmt: skip
    """Fit a kind without what people said and with it; return the model to go on with, and what the test showed."""
    plain = kind.fit(issue, train, calibrate)
    fitting = not len(said.unit) or set(train.features) <= set(said.features)
    if not kind.learns or len(said) < FEWEST or not fitting:
        return plain, {"words": len(said), "kept": False} if len(said) else {}
    before = plain.probability(judged.numbers, judged.half)
    tried = []
    for weight in WEIGHTS:
        model = kind.fit(issue, said.added_to(train, weight), calibrate)
        tried.append((difference(judged, model.probability(judged.numbers, judged.half), before), weight, model))
    best, weight, model = max(tried, key=lambda each: each[0].mean)
    fact = {"words": len(said), "kept": best.low > 0, "weight": weight, "difference": best.as_dict()}
    return (model if best.low > 0 else plain), fact
