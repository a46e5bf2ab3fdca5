"""The files of config/sources, read and checked: what is wrong is said in the words of the file."""

import os
import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from zoneinfo import available_timezones

from core.errors import ConfigError, unknown_name
from core.settings import Settings
from core.strict import load_toml
from feature_store.sources.source import OURS, Event, Source, suffix_of


def load_sources(settings: Settings) -> dict[str, Source]:
    """Return every source of the configuration by name. Raise ConfigError that names file, key and fix."""
    files = sorted((settings.folder / "sources").glob("*.toml"))
    return {file.stem: _load(file, settings.company.currency, file.stat().st_mtime_ns) for file in files}


def find_source(settings: Settings, name: str) -> Source:
    """Return the source called `name`, or raise ConfigError with the nearest one."""
    sources = load_sources(settings)
    if name not in sources:
        raise ConfigError(unknown_name(settings.folder / "sources", "source", name, sources))
    return sources[name]


def fill(template: str, settings: Settings, day: date | None = None) -> str:
    """Return a path with {root}, {config}, {day} and ${ENVIRONMENT} filled in."""
    for variable in re.findall(r"\$\{(\w+)\}", template):
        if variable not in os.environ:
            raise ConfigError(f"{template}: the environment variable {variable} is not set. Set it to the data's place.")
        template = template.replace(f"${{{variable}}}", os.environ[variable])
    names = {"{root}": str(settings.root), "{config}": str(settings.folder), "{day}": day.isoformat() if day else "{day}"}
    for name, value in names.items():
        template = template.replace(name, value)
    return template


@lru_cache(maxsize=256)
def _load(file: Path, currency: str, changed: int) -> Source:
    source = load_toml(file, Source, name=file.stem)
    for problem in _problems(source, currency):
        raise ConfigError(f"{file}: {problem}")
    return source


def _problems(source: Source, currency: str) -> list[str]:
    """Say what is wrong beyond the shape of single keys, in the words of the file."""
    found = [*_reading_problems(source)]
    if not source.events and source.contact_details is None:
        found.append("it maps nothing. Add an [[event]] block, or [contact_details].")
    if source.time_zone not in available_timezones():
        found.append(unknown_name("time_zone", "zone", source.time_zone, available_timezones())[:200])
    given = source.currency and source.currency.constant
    if given and given != currency:
        found.append(f"currency is {given!r} and the company's is {currency!r}. Amounts are never mixed: convert first.")
    for number, event in enumerate(source.events):
        found += [f"[[event]] {number + 1}: {problem}" for problem in _event_problems(source, event)]
    suffixes = [suffix_of(source, number) for number in range(len(source.events))]
    if len(set(suffixes)) < len(suffixes):
        found.append(f"two [[event]] blocks would give one event_id (suffixes {suffixes}). Give each its own `suffix`.")
    return found


def _reading_problems(source: Source) -> list[str]:
    found = []
    if source.whole and source.history_until is None:
        found.append("history_until is missing. It is read whole at each pull: say until which day its own times are "
                     "believed, for instance history_until = 2026-01-01.")  # fmt: skip
    if source.contact_details and not (source.contact_details.customer_id or source.customer_id):
        found.append("[contact_details] has no customer_id. Name the column that holds it.")
    found += [f"[[lookup]] {lookup.key}: give either path or query."
              for lookup in source.lookups if (lookup.path is None) == (lookup.query is None)]  # fmt: skip
    return found


def _event_problems(source: Source, event: Event) -> list[str]:
    found = [f"{name} is one of our own columns. Choose another name." for name in (*event.columns, *event.constants)
             if name in OURS]  # fmt: skip
    if not (event.customer_id or source.customer_id):
        found.append("customer_id is missing. Name the column that holds it.")
    if (event.kind.constant is None) == (event.kind.column is None):
        found.append('kind must be a word, or { column = "..." }.')
    if not event.occurred_at and not event.valid_from and source.role != "customers":
        found.append("occurred_at is missing. Name the column that says when it became true.")
    if not (event.event_id or source.event_id) and source.role != "customers":
        found.append("event_id is missing. Name the column, or the columns that together are unique.")
    used = {value.column for value in event.columns.values()}
    found += [f"column {name!r} is listed in `ignore` and used." for name in sorted(used & set(source.ignore))]
    return found + _undated_problems(source, event, used)


def _undated_problems(source: Source, event: Event, used: set[str]) -> list[str]:
    """Refuse what may hold today's state: undated attributes, and columns brought in by a lookup."""
    undated = used if source.role == "customers" and event.valid_from is None else set()
    looked_up = {column for lookup in source.lookups for column in lookup.value} & used
    return [
        f"{name!r} has no date of its own, so it may hold today's state and leak it into the past. Give valid_from (the "
        f"row's values hold from then on), or say static = [{name!r}] if it never changes, or drop it."
        for name in sorted((undated | looked_up) - set(source.static))
    ]
