"""Which detectors watch an issue, tuned as its file says, and what they see beside the vectors."""

from collections.abc import Iterable
from datetime import date

import polars as pl

import detectors
from core.clock import moment_after
from core.errors import ConfigError, unknown_name
from core.registry import discover
from core.settings import Settings
from detectors.detector import Detector
from detectors.issue import Issue, load_issues
from feature_store import lake
from feature_store.defaults import hand_made
from feature_store.drawing import draw
from feature_store.feature_set import in_use
from feature_store.shape import shape
from feature_store.sources.configured import load_sources


def kinds_of(settings: Settings, issue: Issue) -> dict[str, Detector]:
    """Return the kinds of detector that watch an issue, in the file's order, with their parameters."""
    known, file = discover(detectors, "DETECTOR"), settings.folder / "issues" / f"{issue.name}.toml"
    return {name: known[name].tuned(f"{file}: {name}", stated) for name, stated in issue.watching.items()}


def with_signs(settings: Settings, kinds: Iterable[Detector], vectors: pl.DataFrame) -> pl.DataFrame:
    """Return the vectors of one day with the columns that the kinds look up by themselves, as known at its end."""
    if vectors.is_empty():
        return vectors
    for kind in kinds:
        signs = kind.signs(settings, moment_after(vectors["as_of"][0]))
        if signs is not None:
            vectors = vectors.join(signs, on="customer_id", how="left", maintain_order="left")
    return vectors


def check_features(settings: Settings, issue: Issue, features: list[str]) -> None:
    """Raise ConfigError, naming file, key and the nearest feature, for a condition on one that does not exist."""
    file = settings.folder / "issues" / f"{issue.name}.toml"
    for number, condition in enumerate(issue.exposed_when):
        condition.check(f"{file}: at_risk[{number}]", features)
    for name, kind in kinds_of(settings, issue).items():
        place = f"detectors.{name}" if name in issue.detectors else name
        for key, wanted in kind.looks_at().items():
            for number, feature in enumerate(wanted):
                at = f"{key}[{number}]" if isinstance(kind.get_params()[key], tuple) else key
                if feature not in features:
                    raise ConfigError(unknown_name(f"{file}: {place}.{at}", "feature", feature, features))


def check_all_features(settings: Settings) -> int:
    """Check every issue's conditions before any day is worked on; return against how many features, 0 where none is known.

    Against the features in use, else against those that the data pulled so far would give.
    """
    closed = lake.last_closed(settings)
    features = _features(settings, closed) if closed else []
    for issue in load_issues(settings).values() if features else ():
        check_features(settings, issue, features)
    return len(features)


def _features(settings: Settings, closed: date) -> list[str]:
    frozen = in_use(settings, closed)
    if frozen is not None:
        return frozen.names
    shapes = [shape(settings, source, closed) for _, source in sorted(load_sources(settings).items())]
    by_hand, _ = hand_made({each.source: each for each in shapes})
    return [feature.name for feature in (*by_hand, *draw(shapes, settings.features))]
