"""What the loyalty pages show of an issue: its promise, a tile per horizon, checks, alarms and forecasts, straight from the ledger.

Nothing is worked out here: readings, pictures and forecasts were written when the day was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import add_months
from core.settings import Settings
from ledger.assignments import Assignment
from ledger.brakes import open_brakes
from ledger.forecasts import latest_forecasts
from ledger.looks import Look
from ledger.measures import Measure
from ledger.readings import DESIGNS, newest_revisions
from ledger.shares import Share
from loyalty.advice import Advice, advice
from loyalty.album import curve, main_rows, picture
from loyalty.integrity import doubts
from loyalty.outcomes import OUTCOMES
from loyalty.readable import POOLED
from loyalty.row import HOURS
from loyalty.units import HORIZONS_MONTHS
from loyalty.wording import ARMS_SAID, NAMES, after, measured, sentence, verdict

PICTURES = {"effects": "Effect by horizon, with its 95 % interval", "retention": "Still there, by months since the draw",
            "looks": "Effect as known day by day, with the band that holds on all days at once",
            "months": "Effect at the promised horizon, by month of the draw"}  # fmt: skip
HEADLINES = {"better": "better", "worse": "worse", "unclear": "no difference seen", "not_yet": "Not yet", "unreadable": "Cannot be read"}
LOOKS = 15
HORIZONS = (HOURS, *HORIZONS_MONTHS)
READ = (*OUTCOMES, *(name for name in NAMES if name not in OUTCOMES))  # what surveys ask stands last
Row = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """One issue's main readings and what follows from them."""

    issue: str
    outcome: str
    design: str
    promised: Row | None         # the reading that the playbook is judged by
    tiles: list[Row]             # one a horizon
    advice: Advice
    brakes: list[Row]


def judged(session: Session, settings: Settings, issues: Sequence[str]) -> list[Judged]:
    """Return every issue's pooled main readings with the advice that follows, in the issues' order."""
    rows = newest_revisions(session, issues=issues, months=[POOLED], horizons=HORIZONS, outcomes=READ)
    brakes = [{"issue": each.issue, "kind": each.kind, "reason": each.reason, "at": each.at} for each in open_brakes(session)]
    found = []
    for issue in issues:
        pooled = in_order([row for row in rows if row["issue"] == issue])
        if pooled:
            found.append(_judged(settings, issue, pooled, [each for each in brakes if each["issue"] in (issue, None)]))
    return found


def in_order(rows: list[Row]) -> list[Row]:
    """Return readings as they are printed: the promised outcome first, breakdowns beneath what they are of."""
    return sorted(rows, key=lambda row: (not row["detail"]["primary"], READ.index(row["outcome"]), DESIGNS.index(row["design"]), row["month"], row["horizon_months"]))


def promise(session: Session, issue: str) -> list[Measure]:
    """Return the frozen measures of an issue, the one in force first."""
    return list(session.scalars(select(Measure).where(Measure.issue == issue).order_by(Measure.frozen_at.desc(), Measure.version)))


def share_changes(session: Session, issue: str) -> list[Share]:
    """Return how the share of held out units was changed, newest first."""
    return list(session.scalars(select(Share).where(Share.issue == issue).order_by(Share.from_day.desc(), Share.id.desc()).limit(20)))


def forecasts(session: Session, issue: str, outcome: str) -> list[Row]:
    """Return the newest forecasts of the promised outcome; one that was withheld says why."""
    return [{"horizon_months": each.horizon_months, "state": each.state, "why": each.why, "months": each.months, "effect": each.effect,
             "low": each.low, "high": each.high, "n": each.n_contact + each.n_hold_out, "made_in": each.made_in,
             "checked_on": each.detail.get("mature_months")}
            for each in latest_forecasts(session, issue) if each.outcome == outcome]  # fmt: skip


def newest_looks(session: Session, issue: str) -> list[Look]:
    """Return the newest looks at an issue."""
    return list(session.scalars(select(Look).where(Look.issue == issue).order_by(Look.day.desc(), Look.outcome).limit(LOOKS)))


def pictures(settings: Settings, issue: str) -> list[tuple[str, str, Markup]]:
    """Return (name, what it shows, SVG) of the pictures that are drawn; our own SVG, no one else's text."""
    drawn = ((name, words, picture(settings, issue, name)) for name, words in PICTURES.items())
    return [(name, words, Markup(svg)) for name, words, svg in drawn if svg]


def retention(settings: Settings, issue: str) -> list[Row]:
    """Return both arms' shares by week, the table behind the picture."""
    weeks: dict[int, Row] = {}
    for row in curve(settings, issue):
        weeks.setdefault(row["weeks"], {"weeks": row["weeks"]})[row["arm"]] = (row["still_there"], row["at_risk"])
    return [weeks[week] for week in sorted(weeks)]


def first_reading(session: Session, settings: Settings, today: date) -> tuple[date, bool]:
    """Return the day on which the first one-month reading can appear, and whether anybody has been drawn yet.

    A month is read as a whole: when its last unit had its month, and the days to settle have passed.
    """
    drawn = select(Assignment.assigned_at).where(Assignment.mode.in_(("pilot", "live"))).order_by(Assignment.id).limit(1)
    first = session.scalar(drawn)
    began = first.date() if first else today
    month_ends = add_months(began.replace(day=1), 1) - timedelta(days=1)
    return add_months(month_ends, HORIZONS_MONTHS[0]) + timedelta(days=settings.loyalty.settle_days), first is not None


def _judged(settings: Settings, issue: str, pooled: list[Row], brakes: list[Row]) -> Judged:
    tiles = [tile(settings, row) for row in main_rows(pooled)]
    promised = next((row for row in tiles if row["promised"]), None)
    harm = next((each["reason"] for each in brakes if each["kind"] == "harm"), None)
    return Judged(issue, tiles[0]["outcome"], tiles[0]["design"], promised, tiles, advice(promised, harm=harm), brakes)


def tile(settings: Settings, row: Row) -> Row:
    """Return a reading with its verdict in a word and in a sentence, what speaks against it, and who passed the gate."""
    detail = row["detail"]
    passed = next((each for each in detail.get("stages") or [] if each["stage"] == "eligible"), None)
    return row | {"verdict": verdict(row), "headline": HEADLINES[verdict(row)], "says": sentence(settings, row), "doubts": doubts(detail),
                  "after": after(row), "arms": ARMS_SAID[row["design"]], "measured": measured(row),
                  "passed": passed, "promised": detail["promised"], "smallest": detail.get("smallest_effect"),
                  "shares": detail.get("shares") or [], "from_day": _day(detail.get("readable_from")),
                  "versions": [each | {end: _day(each[end]) for end in ("first", "last")} for each in detail.get("versions") or []]}  # fmt: skip


def _day(iso: str | None) -> date | None:
    return None if iso is None else date.fromisoformat(iso)
