"""Customers on a version whose error rate rose: versions are held against each other, false discoveries controlled."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from detectors.cases import NOWHERE, Cases, Cells, counted, restored, unknown
from detectors.detector import Detector, Examples, Model, Numbers, Probabilities
from detectors.issue import Issue
from feature_store import lake

TIMES, OWN = "release__error_times", "release__own_errors"
SIGNS = (TIMES, OWN)
CELLS = 3  # own errors on a version that fails more: none, one, several


@dataclass(frozen=True)
class Release(Model):
    """How often trouble came to customers on a version whose errors rose, by how many errors they met themselves."""

    features: tuple[str, ...]
    cases: Cases

    def cells(self, numbers: Numbers) -> Cells:
        """Return how many errors a customer on a failing version met (0, 1, 2 or more), or nowhere."""
        times, own = numbers[:, self.features.index(TIMES)], numbers[:, self.features.index(OWN)]
        return np.where(times > 1, np.clip(np.nan_to_num(own), 0, CELLS - 1).astype(np.int64), NOWHERE)

    def probability(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return how often trouble followed there."""
        return self.cases.probability(self.cells(numbers))

    def speaks_of(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return who is on a version that fails more."""
        return self.cells(numbers) != NOWHERE

    def moved_by(self, numbers: Numbers, half: NDArray[np.int64]) -> Probabilities:
        """Return 1 for both signs: the version has to fail more, and it is told by own errors how much it hurts."""
        return np.ones(numbers.shape)

    def said(self, customer: Mapping[str, Any]) -> list[str]:
        """Name the version, its error rate beside the others', and the customer's own errors."""
        own = int(customer[OWN] or 0)
        met = f"; this customer met {own} of them" if own else ""
        rate, other = customer["release__errors_per_100"], customer["release__elsewhere_per_100"]
        times = f"version {customer['release__version']} fails {customer[TIMES]:.1f} times as often as the others"
        return [f"{times}: {rate:.1f} errors for 100 uses against {other:.1f}{met}"]

    @property
    def proven(self) -> bool:
        """Whether enough customers were on failing versions to know how often it hurts."""
        return self.cases.proven

    def parts(self) -> dict[str, Any]:
        """Return the past cases."""
        return {"cases": self.cases.parts()}


class Releases(Detector):
    """The kind of detector that watches versions.

    `source`: events with the column `version`; `error` and `use`: their kinds; `days`: how far back errors and uses are
    counted; `false_discoveries`: the expected share of versions named wrongly (Benjamini and Hochberg 1995).
    """

    name = "release"
    learns = False

    def __init__(  # noqa: D107
        self, source: str = "", version: str = "version", error: str = "error", use: str = "session",
        days: Annotated[int, Field(ge=1, le=90)] = 14,
        false_discoveries: Annotated[float, Field(gt=0, lt=0.5)] = 0.05,
    ):  # fmt: skip
        self.source = source
        self.version = version
        self.error = error
        self.use = use
        self.days = days
        self.false_discoveries = false_discoveries

    def check(self, where: str, issue: Issue) -> None:
        """Refuse a detector that was not told where the versions stand."""
        if not self.source:
            raise ConfigError(f"{where}: source is missing. Name the source whose events carry a version.")

    def signs(self, settings: Settings, moment: datetime) -> pl.DataFrame:
        """Return each customer's version, whether its errors rose and by how much, and their own errors, as known then."""
        rows = lake.scan(settings, self.source, before=moment, since=moment - timedelta(days=self.days))
        columns, where = rows.collect_schema(), f"{settings.folder / 'issues'}: detectors.release.version"
        if self.version not in columns:
            raise ConfigError(unknown_name(where, f"column of {self.source}", self.version, columns.names()))
        if columns[self.version].is_float():
            raise ConfigError(f"{where}: {self.version!r} was read as decimal numbers, in which 3.1 and 3.10 are one version. "
                              f'Say type = "text" of it in sources/{self.source}.toml, before its first day is pulled.')  # fmt: skip
        wanted = rows.filter(pl.col(self.version).is_not_null(), pl.col("kind").is_in([self.error, self.use]))
        seen = wanted.select("customer_id", "occurred_at", version=pl.col(self.version).cast(pl.String),
                             is_error=pl.col("kind") == self.error).collect()  # fmt: skip
        risen = rose(seen, self.false_discoveries)
        latest = seen.sort("occurred_at").group_by("customer_id", maintain_order=True).agg(
            pl.col("version").last(), pl.col("is_error").sum().alias(OWN))  # fmt: skip
        joined = latest.join(risen, on="version", how="left")
        return joined.select("customer_id", pl.col(TIMES).cast(pl.Float64).fill_null(1.0), pl.col(OWN).cast(pl.Float64),
                             release__version="version", release__errors_per_100="errors_per_100",
                             release__elsewhere_per_100="elsewhere_per_100")  # fmt: skip

    def fit(self, issue: Issue, train: Examples, calibrate: Examples) -> Release:
        """Return how often trouble came on all past days."""
        at = [train.features.index(name) for name in SIGNS]
        model = Release(SIGNS, unknown(CELLS))
        return Release(SIGNS, counted([(model.cells(e.numbers[:, at]), e) for e in (train, calibrate)], CELLS))

    def untrained(self, issue: Issue) -> Release:
        """Return the detector without past cases."""
        return Release(SIGNS, unknown(CELLS))

    def restore(self, features: tuple[str, ...], parts: dict[str, Any]) -> Release:
        """Return the model of stored parts."""
        return Release(features, restored(parts["cases"]))


def rose(seen: pl.DataFrame, false_discoveries: float) -> pl.DataFrame:
    """Return the versions whose error rate is above that of the other versions together, beyond chance.

    `seen` has version and is_error, a row an error or a use. Given how many errors there were in all, those of one version
    are binomial with its share of the uses (the exact conditional test of two Poisson rates, Przyborowski and Wilenski
    1940); versions are tested at once, with false discoveries controlled. Columns: version, release__error_times,
    errors_per_100, elsewhere_per_100.
    """
    from scipy.stats import binom, false_discovery_control

    each = seen.group_by("version").agg(errors=pl.col("is_error").sum(), uses=(~pl.col("is_error")).sum())
    each = each.filter(pl.col("uses") > 0).sort("version")
    errors, uses = each["errors"].to_numpy().astype(float), each["uses"].to_numpy().astype(float)
    other_errors, other_uses = errors.sum() - errors, uses.sum() - uses
    if each.height < 2:
        return each.clear().select("version", **dict.fromkeys((TIMES, "errors_per_100", "elsewhere_per_100"), pl.lit(0.0)))
    p = false_discovery_control(binom.sf(errors - 1, errors.sum(), uses / uses.sum()))
    here, elsewhere = 100 * errors / uses, 100 * (other_errors + 0.5) / other_uses
    found = each.select("version").with_columns(
        pl.Series(TIMES, here / elsewhere), pl.Series("errors_per_100", here), pl.Series("elsewhere_per_100", elsewhere))
    return found.filter(pl.Series(p <= false_discoveries) & (pl.col(TIMES) > 1))


DETECTOR = Releases()
