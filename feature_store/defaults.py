"""Feature sets as they are drawn: the default features of every source, and those written by hand on top.

The list is frozen, so vectors of all days mean the same.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import date

import feature_store.features
from core.errors import ConfigError, unknown_name
from core.registry import discover
from core.settings import Settings
from feature_store.drawing import draw
from feature_store.feature import Feature, measures
from feature_store.feature_set import FeatureSet, make_set, store
from feature_store.shape import Shape, shape
from feature_store.sources.configured import load_sources

log = logging.getLogger(__name__)


def freeze(settings: Settings, day: date, keep: Sequence[Feature] | None = None) -> FeatureSet:
    """Draw the features as of `day`, keep them under their version and use them from that day on."""
    return store(settings, drawn_as_of(settings, day, keep))


def drawn_as_of(settings: Settings, day: date, keep: Sequence[Feature] | None = None) -> FeatureSet:
    """Return the features as they are drawn as of `day`.

    `keep` are the hand-made ones (default: every file of feature_store/features whose source is configured); they
    come on top of the limit, and a default feature of the same name gives way.
    """
    shapes = [shape(settings, source, day) for _, source in sorted(load_sources(settings).items())]
    notes: list[str] = []
    if keep is None:
        keep, notes = hand_made({s.source: s for s in shapes})
    drawn = draw(shapes, settings.features)
    features = [*keep, *(f for f in drawn if f.name not in {k.name for k in keep})]
    if not features:
        raise ConfigError(f"{settings.folder / 'sources'}: no source gave a feature. Add a source, or pull its first days.")
    for note in notes:
        log.info(note)
    return make_set(features, frozen_on=day, notes=notes)


def hand_made(
    shapes: Mapping[str, Shape], written: Mapping[str, Feature] | None = None
) -> tuple[list[Feature], list[str]]:
    """Return the features `written` by hand whose sources are configured, and a note for each one left out.

    Raise ConfigError, naming the file and the nearest column, for one about a column its source does not have.
    """
    found, notes = [], []
    written = discover(feature_store.features, "FEATURE") if written is None else written
    for name, feature in written.items():
        where = f"feature_store/features/{name}.py"
        absent = sorted({m.source for m in measures(feature)} - {s for s in shapes if shapes[s].seen})
        if absent:
            why = "holds no rows yet" if absent[0] in shapes else "is not configured"
            notes.append(f"{where}: left out, because source {absent[0]!r} {why}.")
            continue
        for measure in measures(feature):
            columns = shapes[measure.source].columns
            if measure.column is not None and measure.column not in columns:
                raise ConfigError(unknown_name(where, f"column of {measure.source}", measure.column, columns))
        found.append(feature)
    return found, notes
