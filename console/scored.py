"""What was known of one customer when they were last scored, by source and in words, beside four weeks before."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from core.settings import Settings
from feature_store.feature import OF_A_COLUMN, Feature, Measure, describe, measures
from feature_store.one_customer import newest_day, numbers_of, weeks_before

WEEKS = 4
WINDOW_DAYS = 28     # of a count over several windows, this one is shown
LINES_AT_MOST = 12   # a source


@dataclass(frozen=True)
class Line:
    """One number: what it is, how much it is now, and how much it was."""

    what: str
    now: float | None
    before: float | None
    cents: bool


@dataclass(frozen=True)
class Scored:
    """The newest scored day, and each source's numbers; none where the customer was not known then."""

    day: date
    before: date | None          # None where that day's vectors were not kept
    sources: dict[str, list[Line]] | None


def scored(settings: Settings, customer_id: str) -> Scored | None:
    """Return what was known of a customer at the newest scoring; None before the first one."""
    newest = newest_day(settings)
    if newest is None:
        return None
    day, frozen = newest
    shown = [feature for feature in frozen.features if _is_shown(feature)]
    names = [feature.name for feature in shown]
    now = numbers_of(settings, customer_id, day, frozen, names)
    earlier = weeks_before(day, WEEKS)
    before = numbers_of(settings, customer_id, earlier, frozen, names) if now else None
    if now is None:
        return Scored(day, None, None)
    sources: dict[str, list[Line]] = defaultdict(list)
    for feature in shown:
        line = Line(_sentence(feature), now[feature.name], before[feature.name] if before else None, _is_money(feature))
        if line.now or line.before:
            sources[measures(feature)[0].source].append(line)
    return Scored(day, earlier if before else None, {name: lines[:LINES_AT_MOST] for name, lines in sources.items()})


def _is_shown(feature: Feature) -> bool:
    """Whether a number says something to a person by itself: a plain measure, over four weeks or without a window."""
    measure = feature.measure
    return isinstance(measure, Measure) and measure.window_days in (None, WINDOW_DAYS)


def _is_money(feature: Feature) -> bool:
    measure = feature.measure
    return isinstance(measure, Measure) and measure.aggregate in OF_A_COLUMN and (measure.column or "").endswith("_cents")


def _sentence(feature: Feature) -> str:
    words = describe(feature)
    return words[:1].upper() + words[1:]
