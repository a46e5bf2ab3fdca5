"""Pace: so many messages an hour as people are free to answer for, and so many a day as a new domain may send."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.settings import Settings
from outreach.gate.candidate import Candidate
from outreach.local_time import company_zone

HOUR = timedelta(hours=1)


@dataclass
class Pace:
    """How many messages each hour and each day (the company's) has taken; held-out ones count as what is expected of them."""

    settings: Settings
    now: datetime
    hours: defaultdict[datetime, float] = field(default_factory=lambda: defaultdict(float))
    days: defaultdict[date, float] = field(default_factory=lambda: defaultdict(float))

    def __post_init__(self) -> None:
        """Note whether there is any limit at all."""
        self.zone = company_zone(self.settings)
        self.limited = bool(self.settings.outreach.pace.answers_by_hour or self.settings.outreach.warm_up.since)

    def hour_limit(self, moment: datetime) -> float:
        """Return how many messages the hour around `moment` can take."""
        pace = self.settings.outreach.pace
        if not pace.answers_by_hour:
            return float("inf")
        return pace.answers_by_hour[moment.astimezone(self.zone).hour] / pace.contacts_per_message

    def day_limit(self, day: date) -> float:
        """Return how many messages a new domain may send on a day of its ramp."""
        ramp = self.settings.outreach.warm_up
        if ramp.since is None:
            return float("inf")
        grown = ramp.first_day * ramp.times_a_day ** min(max((day - ramp.since).days, 0), 1000)
        return float("inf") if grown >= ramp.until else int(grown)

    def hour_with_room(self, moment: datetime) -> datetime:
        """Return the first instant from `moment` on whose hour has room; looking no further than a score is fresh."""
        while self.hours[self._hour(moment)] + 1 > self.hour_limit(moment) and self._worth_a_look(moment):
            moment = self._hour(moment) + HOUR
        return moment

    def day_with_room(self, moment: datetime) -> datetime:
        """Return the first instant from `moment` on whose day has room; looking no further than a score is fresh."""
        while self.days[self._day(moment)] + 1 > self.day_limit(self._day(moment)) and self._worth_a_look(moment):
            moment = self._next_day(moment)
        return moment

    def take(self, moment: datetime, messages: float = 1.0) -> None:
        """Count a message, or the share of one that is expected before its arm is drawn."""
        if self.limited:
            self.hours[self._hour(moment)] += messages
            self.days[self._day(moment)] += messages

    def _worth_a_look(self, moment: datetime) -> bool:
        return moment < self.now + timedelta(days=self.settings.outreach.fresh_days + 1)

    def _hour(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(minute=0, second=0, microsecond=0).astimezone(self.now.tzinfo)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _next_day(self, moment: datetime) -> datetime:
        tomorrow = moment.astimezone(self.zone).replace(hour=12) + timedelta(days=1)
        return tomorrow.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(self.now.tzinfo)


def read_pace(
    session: Session, candidates: Sequence[Candidate], settings: Settings, *, now: datetime, counting: Iterable[str]
) -> Pace:
    """Return the pace with the messages counted that go out, or would have, from this day on; the candidates' own left out."""
    pace = Pace(settings, now)
    if not pace.limited:
        return pace
    mine = {(candidate.flag_id, candidate.kind) for candidate in candidates}
    since = now.astimezone(pace.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for flag_id, kind, moment, share in session.execute(TAKEN, {"since": since, "states": [str(state) for state in counting]}):
        if (flag_id, kind) not in mine:
            pace.take(moment, 1.0 - share)
    return pace


# A message counts in the hour in which it was taken up. Before the draw both arms count as the share that is contacted.
TAKEN = text("""
    SELECT m.flag_id, m.kind, COALESCE(m.claimed_at, m.due_at) AS moment,
           CASE WHEN m.state IN ('planned', 'approved', 'held_out') THEN COALESCE(a.share, 0) ELSE 0 END AS share
    FROM messages m
    LEFT JOIN LATERAL (
        SELECT share FROM assignments WHERE scope = m.issue AND unit_id = m.unit_id ORDER BY epoch DESC LIMIT 1
    ) a ON true
    WHERE COALESCE(m.claimed_at, m.due_at) >= :since AND m.state = ANY(CAST(:states AS text[]))
""")
