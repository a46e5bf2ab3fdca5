"""Roll a model back: the one in use is never used again, the one that was in use before it is."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import ConfigError, LedgerError, unknown_name
from core.settings import Settings
from detectors import models
from detectors.champion import IN_USE
from detectors.issue import load_issues
from detectors.watching import kinds_of
from feature_store import lake
from feature_store.feature_set import in_use
from ledger.acts import Act
from ledger.database import sessions
from ledger.models import Model


def rollback(settings: Settings, issue: str, *, detector: str | None = None, by: str, now: datetime) -> tuple[str, str]:
    """Take an issue's model out of use for good and put its predecessor in; return the two shas, out and in.

    Raise ConfigError for an unknown issue or detector, LedgerError when there is no predecessor, ModelError when it no
    longer fits the features.
    """
    issues = load_issues(settings)
    if issue not in issues:
        raise ConfigError(unknown_name("models rollback", "issue", issue, issues))
    kinds = kinds_of(settings, issues[issue])
    name = detector or next(iter(kinds))
    if name not in kinds:
        raise ConfigError(unknown_name(f"models rollback {issue}", "detector", name, kinds))
    with sessions(settings).begin() as session:
        out, back = _newest(session, issue, name, IN_USE), _newest(session, issue, name, ("retired",))
        if out is None or back is None:
            missing = "no model in use" if out is None else "no model that was in use before"
            raise LedgerError(f"models rollback {issue}: {name} has {missing}, got nothing to go back to. "
                              "`beforehand models list` shows what there is.")  # fmt: skip
        closed = lake.last_closed(settings)
        frozen = in_use(settings, closed) if closed else None
        if frozen is not None:
            models.load(settings, back.sha, kinds[name], frozen)
        session.execute(update(Model).where(Model.sha == out.sha).values(state="rolled_back", why=f"taken out of use by {by}"))
        again = {"state": "champion", "promoted_on": now.date(), "why": f"put back into use by {by}"}
        session.execute(update(Model).where(Model.sha == back.sha).values(**again))
        session.add(Act(actor=by, act="rollback", subject=f"model {issue} {name}", at=now,
                        detail={"out": out.sha, "in": back.sha}))  # fmt: skip
        return out.sha, back.sha


def _newest(session: Session, issue: str, detector: str, states: tuple[str, ...]) -> Model | None:
    """Return the model of these states that came into use last."""
    mine = (Model.issue == issue, Model.detector == detector, Model.state.in_(states), Model.promoted_on.is_not(None))
    return session.scalars(select(Model).where(*mine).order_by(Model.promoted_on.desc(), Model.sha).limit(1)).first()
