"""Feature sets: the frozen list of features that vectors are built from, one version a list."""

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from core.storage import write_whole
from feature_store.feature import Feature, declaration, definitions_hash, from_declaration


@dataclass(frozen=True)
class FeatureSet:
    """Features frozen on a day; `version` is the hash of their declarations, `notes` say what was left out and why."""

    version: str
    frozen_on: date
    features: tuple[Feature, ...]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The features' names, in the order of the vectors' columns."""
        return [f.name for f in self.features]

    def named(self, name: str, where: object) -> Feature:
        """Return one feature; raise ConfigError that starts with `where` and offers the nearest name."""
        found = {f.name: f for f in self.features}
        if name not in found:
            raise ConfigError(unknown_name(where, "feature", name, found))
        return found[name]


def make_set(features: list[Feature], *, frozen_on: date, notes: list[str]) -> FeatureSet:
    """Return `features` as a set with its version."""
    return FeatureSet(definitions_hash(features), frozen_on, tuple(features), tuple(notes))


def store(settings: Settings, frozen: FeatureSet) -> FeatureSet:
    """Keep a set as sets/<version>.json and as the one in use from its day on; a set already there stays as it is."""
    keep(settings, frozen)
    _use_from(settings, frozen.frozen_on, frozen.version)
    return frozen


def keep(settings: Settings, frozen: FeatureSet) -> FeatureSet:
    """Keep a set as sets/<version>.json without using it."""
    path = settings.place("vectors", "sets") / f"{frozen.version}.json"
    if not path.exists():
        listed = [{**declaration(f), "description": f.description} for f in frozen.features]
        content = {"version": frozen.version, "frozen_on": str(frozen.frozen_on), "notes": frozen.notes, "features": listed}
        write_whole(path, json.dumps(content, indent=1).encode())
    return frozen


def _use_from(settings: Settings, day: date, version: str) -> None:
    entries = _in_use(settings)
    before = [e for e in entries if e[0] < str(day)]
    if (before and before[-1][1] == version) or [str(day), version] in entries:
        return
    entries = sorted([e for e in entries if e[0] != str(day)] + [[str(day), version]])
    write_whole(settings.place("vectors", "sets") / "current.json", json.dumps(entries).encode())


def _in_use(settings: Settings) -> list[list[str]]:
    """Return [[from this day on, version], ...], oldest first."""
    path = settings.place("vectors", "sets") / "current.json"
    return json.loads(path.read_text()) if path.exists() else []


def in_use(settings: Settings, day: date) -> FeatureSet | None:
    """Return the set in use on `day`: the last one frozen by then, or the first ever for an earlier day."""
    entries = _in_use(settings)
    by_then = [version for since, version in entries if since <= str(day)]
    version = by_then[-1] if by_then else entries[0][1] if entries else None
    return None if version is None else load(settings, version)


def load(settings: Settings, version: str) -> FeatureSet:
    """Return the frozen set of that version."""
    return _parsed((settings.place("vectors", "sets") / f"{version}.json").read_text())


@lru_cache(maxsize=16)
def _parsed(text: str) -> FeatureSet:
    stored = json.loads(text)
    features = tuple(from_declaration(f) for f in stored["features"])
    return FeatureSet(stored["version"], date.fromisoformat(stored["frozen_on"]), features, tuple(stored["notes"]))
