"""Who uses which feature: the issues whose conditions name it, and the models that learned from it; what they need kept."""

import json
from collections import defaultdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import last_whole_day
from core.settings import Settings, current
from detectors.champion import IN_USE
from detectors.issue import load_issues
from detectors.watching import kinds_of
from feature_store.retention import Needed, prune
from ledger.database import sessions
from ledger.flags import Flag
from ledger.models import Model

KEPT = (*IN_USE, "challenger")


def uses(settings: Settings, session: Session) -> dict[str, list[str]]:
    """Return feature -> "issue NAME" and "model SHA of ISSUE", of the issues configured and the models in use."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, issue in load_issues(settings).items():
        looked_at = (feature for kind in kinds_of(settings, issue).values() for each in kind.looks_at().values() for feature in each)
        for feature in dict.fromkeys([*(c.feature for c in issue.exposed_when), *looked_at]):
            found[feature].append(f"issue {name}")
    for model in session.scalars(select(Model).where(Model.state.in_(KEPT)).order_by(Model.issue, Model.sha)):
        card = settings.root.joinpath("models", model.sha, "card.json")
        for feature in json.loads(card.read_text())["features"] if card.exists() else ():
            found[feature["name"]].append(f"model {model.sha} of {model.issue}")
    return found


def needed(session: Session) -> Needed:
    """Return which vectors must stay: of days with an open flag, and all a kept model could have learned from."""
    days = session.scalars(select(Flag.day).where(Flag.state == "open").distinct())
    trained = session.execute(select(Model.feature_set, Model.trained_on).where(Model.state.in_(KEPT)))
    return Needed(frozenset(days), tuple((version, day) for version, day in trained))


def prune_vectors(*, now: datetime, settings: Settings | None = None) -> list[str]:
    """Remove the vectors older than [features] keep_days that no flag and no model needs; return their paths."""
    settings = settings or current()
    with sessions(settings)() as session:
        return prune(settings, today=last_whole_day(now), needed=needed(session))
