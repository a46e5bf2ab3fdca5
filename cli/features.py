"""`beforehand features`: compute the vectors of a day, look the features up, see how their numbers move, drop old ones."""

from datetime import date
from typing import Annotated, Any

import typer

from cli.options import Day, day_or_yesterday, to_day
from cli.voice import VOICE, configured
from core.clock import last_whole_day, now
from core.errors import ConfigError, MissingError, unknown_name
from core.settings import Settings

WHAT = ("build", "list", "show", "stats", "prune")


def features(
    what: Annotated[str, typer.Argument(help="build | list | show NAME | stats | prune")] = "build",
    name: Annotated[str | None, typer.Argument(help="The feature to show.")] = None,
    day: Day = None,
) -> None:
    """Compute every customer's features as of a day and keep them; list and show features; see how their numbers move."""
    settings = configured()
    if what == "build":
        _build(settings, day_or_yesterday(day))
    elif what == "list":
        _list(settings, day_or_yesterday(day))
    elif what == "show":
        _show(settings, name, day_or_yesterday(day))
    elif what == "stats":
        _stats(settings, to_day(day))
    elif what == "prune":
        _prune(settings)
    else:
        raise ConfigError(unknown_name("features", "action", what, WHAT))


def _build(settings: Settings, as_of: date) -> None:
    from feature_store.build import build_day, vectors

    path = build_day(day=as_of, settings=settings)
    frame = vectors(settings, as_of)
    facts = {"day": as_of, "customers": frame.height, "features": frame.width - 2, "path": path}
    VOICE.result(facts, [f"{as_of}: {frame.height:,} customers x {frame.width - 2} features in {path}."])


def _frozen(settings: Settings, as_of: date) -> Any:
    from feature_store.feature_set import in_use

    found = in_use(settings, as_of)
    if found is None:
        raise MissingError("features: no feature set is frozen yet. `beforehand features build` draws the first one.")
    return found


def _users(settings: Settings) -> dict[str, list[str]]:
    from detectors.uses import uses
    from ledger.database import sessions

    with sessions(settings)() as session:
        return uses(settings, session)


def _list(settings: Settings, as_of: date) -> None:
    from feature_store.catalogue import entry

    frozen, users = _frozen(settings, as_of), _users(settings)
    entries = [{**entry(f).as_dict(), "used_by": users.get(f.name, [])} for f in frozen.features]
    rows = [[e["name"], e["description"], _window(e), e["how"], len(e["used_by"]) or "-"] for e in entries]
    VOICE.table(f"{len(rows)} features of set {frozen.version}", ["feature", "<number> ...", "window", "how", "used by"], rows)
    VOICE.result({"version": frozen.version, "frozen_on": frozen.frozen_on, "features": entries})


def _show(settings: Settings, name: str | None, as_of: date) -> None:
    from feature_store.catalogue import entry
    from feature_store.feature import declaration

    frozen = _frozen(settings, as_of)
    if name is None:
        raise ConfigError("features show: which one? `beforehand features list` names them.")
    feature = frozen.named(name, "features show")
    facts = {**entry(feature).as_dict(), "declaration": declaration(feature), "used_by": _users(settings).get(name, [])}
    moved = [m for m in _moved(settings, frozen, None)[1] if m["name"] == name]
    facts |= {"numbers": moved[0] if moved else None}
    VOICE.result(facts, [
        f"{name}: <number> {facts['description']}.",
        f"  from     {', '.join(facts['sources'])}, {_window(facts)}; {facts['how']}",
        f"  absence  {'missing' if feature.empty is None else f'counts as {feature.empty:g}'}",
        f"  numbers  {_said(moved[0]) if moved else 'no vectors are kept yet'}",
        f"  used by  {', '.join(facts['used_by']) or 'nobody yet'}",
    ])  # fmt: skip


def _stats(settings: Settings, day: date | None) -> None:
    frozen = _frozen(settings, day or last_whole_day(now()))
    newest, moved = _moved(settings, frozen, day)
    if newest is None:
        raise MissingError("features stats: no vectors are kept yet. `beforehand features build` computes a day's.")
    rows = [[m["name"], _share(m["null_rate_in_training"]), _share(m["null_rate"]), _number(m["delta"]), m["drift"]] for m in moved]
    order = {"large": 0, "medium": 1, "small": 2, "none": 3, "too few": 4}
    rows.sort(key=lambda row: order[row[4]])
    VOICE.table(f"Features as of {newest}, against the days trained on", ["feature", "missing then", "missing now", "moved", "drift"], rows)
    VOICE.result({"day": newest, "version": frozen.version, "features": moved})


def _moved(settings: Settings, frozen: Any, day: date | None) -> tuple[date | None, list[dict[str, Any]]]:
    """Return the newest kept day (or `day`) and how the numbers moved since the days before the set was frozen."""
    from feature_store.catalogue import moved, stored_days

    days = [d for d in stored_days(settings, frozen) if day is None or d <= day]
    if not days:
        return None, []
    return days[-1], moved(settings, frozen, days[-1], [d for d in days[:-1] if d < frozen.frozen_on])


def _prune(settings: Settings) -> None:
    from detectors.uses import prune_vectors

    gone = prune_vectors(now=now(), settings=settings)
    kept = settings.features.keep_days
    said = f"{len(gone)} days' vectors older than {kept} days removed." if kept else "features.keep_days is 0: all vectors stay."
    VOICE.result({"keep_days": kept, "removed": gone}, [said])


def _window(facts: dict[str, Any]) -> str:
    return "all that is known" if facts["window_days"] is None else f"{facts['window_days']} days"


def _said(m: dict[str, Any]) -> str:
    return f"{m['n']:,} customers, {_share(m['null_rate'])} missing; drift since training: {m['drift']}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
