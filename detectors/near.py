"""Near misses: by how much a flag was above what it took that day, and who was missed by the least.

Just above and just below, customers are nearly alike, so what nobody may be held out from can be read there.
"""

from datetime import date

from sqlalchemy.orm import Session

from detectors.choose import Chosen, Seen
from detectors.issue import Issue
from ledger.bulk import copy_once
from ledger.near_misses import NearMiss, nearly_flagged

COLUMNS = ("customer_id", "issue", "day", "probability", "margin")


def keep_near_misses(session: Session, issue: Issue, day: date, chosen: Chosen, seen: Seen, *, most: int) -> int:
    """Keep the `most` customers who were nearly flagged and were not kept before; return how many are new."""
    kept = nearly_flagged(session, issue.name, day)
    ids = seen.rows["customer_id"].to_list()
    near = [place for place in chosen.near(most + len(kept)) if ids[place] not in kept][:most]
    rows = [(ids[place], issue.name, day, float(chosen.best[place]), float(chosen.margin[place])) for place in near]
    return copy_once(session, NearMiss, COLUMNS, rows, key=COLUMNS[:3]) if rows else 0


def margin_of(chosen: Chosen, place: int) -> float | None:
    """Return by how much a flagged customer was above what it took; None where a rule flagged them, which knows no more or less."""
    margin = float(chosen.margin[place])
    return margin if margin >= 0 else None
