"""`beforehand models`: what was trained, what is in use and why; go back to the one before."""

import json
from typing import Annotated, Any

import typer
from sqlalchemy import select

from cli.voice import VOICE, configured
from core.clock import now
from core.errors import ConfigError, unknown_name
from core.settings import Settings

ACTS = ("list", "show", "rollback")


def models(
    act: Annotated[str, typer.Argument(help="list | show | rollback")] = "list",
    issue: Annotated[str | None, typer.Argument(help="The issue; `list` takes all without it.")] = None,
    detector: Annotated[str | None, typer.Option(help="The kind of detector, where several watch the issue.")] = None,
    actor: Annotated[str, typer.Option("--as", help="Who decides; goes into the audit trail.")] = "operator",
) -> None:
    """List the trained models, show the one in use of an issue, or roll it back to the one in use before it."""
    settings = configured()
    if act not in ACTS:
        raise ConfigError(unknown_name("models", "act", act, ACTS))
    if act == "list":
        _list(_rows(settings, issue, detector))
        return
    if issue is None:
        raise ConfigError(f"models {act}: the issue is missing, got nothing. Write `beforehand models {act} ISSUE`.")
    if act == "show":
        _show(settings, _rows(settings, issue, detector), issue)
        return
    from detectors.rollback import rollback

    out, back = rollback(settings, issue, detector=detector, by=actor, now=now())
    VOICE.result({"issue": issue, "out": out, "in": back}, [f"{issue}: {out} is out of use for good, {back} is in use again."])


def _rows(settings: Settings, issue: str | None, detector: str | None) -> list[dict[str, Any]]:
    """Return the models as plain values, the newest first within an issue."""
    from ledger.database import sessions
    from ledger.models import Model

    asked = select(Model).order_by(Model.issue, Model.detector, Model.trained_on.desc(), Model.sha)
    asked = asked.where(Model.issue == issue) if issue else asked
    asked = asked.where(Model.detector == detector) if detector else asked
    with sessions(settings)() as session:
        names = [column.key for column in Model.__table__.columns]
        return [{name: getattr(row, name) for name in names} for row in session.scalars(asked)]


def _list(rows: list[dict[str, Any]]) -> None:
    VOICE.table(
        "Models", ["issue", "detector", "model", "state", "learned as of", "judged", "skill (95 %)", "why"],
        [[r["issue"], r["detector"], r["sha"], r["state"].replace("_", " "), r["trained_on"], r["judged_on"] or "-",
          _skill(r["scores"]), r["why"] or "-"] for r in rows],
    )  # fmt: skip
    none = ["No model yet. `beforehand train` teaches the issues' detectors."]
    VOICE.result({"models": rows}, ["`beforehand models show ISSUE` tells more of the one in use."] if rows else none)


def _show(settings: Settings, rows: list[dict[str, Any]], issue: str) -> None:
    from detectors.models import card_of

    used = [row for row in rows if row["state"] in ("champion", "unproven")] or rows[:1]
    if not used:
        raise ConfigError(unknown_name("models show", "model of issue", issue, []))
    shown = [{**row, "card": card_of(settings, row["sha"]) or {}} for row in used]
    for row in shown:
        VOICE.table(f"{row['issue']}: {row['detector']} {row['sha']}", ["what", ""], _facts(row))
    VOICE.result({"models": shown}, [])


def _facts(row: dict[str, Any]) -> list[list[Any]]:
    """Return what a person wants to know of one model, a line each."""
    card, scores = row["card"], row["scores"]
    return [
        ["state", f"{row['state'].replace('_', ' ')}: {row['why'] or '-'}"],
        ["in use since", row["promoted_on"] or "-"],
        ["learned as of", f"{row['trained_on']}, from {card.get('rows', 0):,} rows; judged on {', '.join(card.get('cutoffs', []))}"],
        ["features", f"{len(card.get('features', []))} of set {row['feature_set']}"],
        ["skill", _skill(scores)],
        ["average precision", f"{scores.get('average_precision', 0):.3f}, base rate {scores.get('base_rate', 0):.3f}"],
        ["flags from", f"{row['flag_at']:.3f}, set by {scores.get('set_by', '-')}"],
        ["libraries", json.dumps(card.get("libraries", {}))],
        ["golden rows", len(card.get("golden", {}).get("rows", []))],
    ]


def _skill(scores: dict[str, Any]) -> str:
    if scores.get("skill") is None:
        return "-"
    return f"{scores['skill']:+.3f} ({scores['skill_low']:+.3f} to {scores['skill_high']:+.3f})"
