"""From a kind of trouble that was missed to an issue's file: a draft that takes effect only under its proper name."""

from datetime import date, timedelta
from pathlib import Path

from core.clock import moment_after
from core.errors import ConfigError, unknown_name
from core.settings import Settings
from core.strict import load_toml
from detectors.issue import Issue, load_issues
from detectors.trouble import events
from feature_store.sources.configured import load_sources

LOOKED_AT_DAYS = 91
TEXT = '''# A draft, from what was missed until {day}: {n} in {looked} days. Rename it to {name}.toml to let a detector learn it.
description  = "{words}"
detector     = "learned"
gap_days     = 1                    # it must be at least so far off for a message to be of use
horizon_days = 28
capacity     = {capacity}{pad}# flags a day that a person could stand behind
at_risk      = []                   # who can meet it at all, such as ["customers__status__is_active == 1"]

[trouble]
event = "{event}"
'''


def write_draft(settings: Settings, event: str, *, day: date) -> Path:
    """Write config/issues/<name>.toml.draft for a "source.kind" and return its path; one that is there is replaced.

    Raise ConfigError for a kind that no source has, and where an issue of that name is there already.
    """
    name = event.rpartition(".")[2]
    folder = settings.folder / "issues"
    if (folder / f"{name}.toml").exists():
        raise ConfigError(f"{folder / name}.toml: this issue is there already, got a draft of {event!r}. "
                          f"Known: {', '.join(load_issues(settings))}.")  # fmt: skip
    n = _seen(settings, event, day)
    capacity = str(max(1, round(n / LOOKED_AT_DAYS)))
    path = folder / f"{name}.toml.draft"
    text = TEXT.format(day=day, n=n, looked=LOOKED_AT_DAYS, name=name, words=f"The customer is about to meet: {name.replace('_', ' ')}",
                       capacity=capacity, pad=" " * (21 - len(capacity)), event=event)  # fmt: skip
    path.write_text(text, encoding="utf-8")
    return path


def load_draft(path: Path) -> Issue:
    """Return the issue a draft describes."""
    return load_toml(path, Issue, name=path.name.partition(".")[0])


def _seen(settings: Settings, event: str, day: date) -> int:
    """Return how often an event came in the last quarter. Raise ConfigError when no source has it."""
    source, _, kind = event.partition(".")
    sources = load_sources(settings)
    if source not in sources or not kind:
        raise ConfigError(unknown_name("missed --draft", "source", source, sources))
    moment = moment_after(day)
    wanted = Issue(name=kind, description="", horizon_days=1, capacity=1, trouble={"event": event})  # type: ignore[arg-type]
    n = events(settings, wanted, since=moment - timedelta(days=LOOKED_AT_DAYS), before=moment).height
    if not n:
        raise ConfigError(f"missed --draft: {event!r} did not occur in the {LOOKED_AT_DAYS} days until {day}, got 0 events. "
                          "`beforehand missed` lists what did.")  # fmt: skip
    return n
