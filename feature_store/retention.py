"""How long vectors are kept: [features] keep_days, but never less than what a flag or a model still needs."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from core.settings import Settings
from feature_store.tables import is_local


@dataclass(frozen=True)
class Needed:
    """What must stay: days whose flags are live, in every feature set, and feature sets whose training days a model needs."""

    days: Collection[date] = ()
    trained: tuple[tuple[str, date], ...] = ()  # (feature set, as of which day its model was trained)

    def keeps(self, version: str, day: date) -> bool:
        """Whether a day's vectors in a feature set must stay."""
        return day in self.days or any(version == kept and day <= trained_on for kept, trained_on in self.trained)


def prune(settings: Settings, *, today: date, needed: Needed) -> list[str]:
    """Remove vectors older than keep_days that nothing needs; return their paths. With keep_days 0 nothing goes."""
    if not settings.features.keep_days:
        return []
    oldest = today - timedelta(days=settings.features.keep_days)
    gone = []
    for path in sorted(settings.root.joinpath("vectors").glob("*/????-??-??.parquet"), key=str):
        day = date.fromisoformat(path.name.removesuffix(".parquet"))
        if day < oldest and not needed.keeps(path.parent.name, day):
            _remove(path)
            gone.append(str(path))
    return gone


def _remove(path: object) -> None:
    if is_local(path) and path.is_dir():  # type: ignore[arg-type, attr-defined]
        shutil.rmtree(str(path))
    elif path.is_dir():  # type: ignore[attr-defined]
        path.rmdir(recursive=True)  # type: ignore[attr-defined]
    else:
        path.unlink()  # type: ignore[attr-defined]
