"""What a measure is: one aggregate of one source's rows per customer, over a window that ends at the as-of moment.

A measure says *what* of *which rows* over *which window*, never how: every engine gives the same number.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from core.errors import ConfigError, LookaheadError, unknown_name
from feature_store.formula import Formula, formula_named

Aggregate = Literal[
    "count", "sum", "mean", "min", "max", "last", "distinct_days", "recency", "tenure",
    "slope", "volatility", "mean_gap", "gap_variation", "until", "unfinished", "category", "formula",
]  # fmt: skip
OF_A_COLUMN = {"sum", "mean", "min", "max", "last", "slope", "volatility", "until", "category"}
WITH_OR_WITHOUT_COLUMN = {"slope"}
ZERO_WHEN_NO_ROW = {"count", "sum", "distinct_days", "unfinished"}  # inside a ratio or trend, where nothing adds up to nothing
WITHOUT_WINDOW = {"last", "recency", "tenure", "until", "category"}
SINCE_AN_ANCHOR = {"count", "sum", "mean", "min", "max", "distinct_days", "volatility"}
HOURS_A_DAY = 24


@dataclass(frozen=True)
class Measure:
    """One aggregate of one source's rows per customer, over the `window_days` before the as-of moment.

    `kind` narrows the rows to one kind, `other_than` to every kind but those. Without `window_days` all known rows
    count (attributes). A day is 24 hours back from the moment, except in `distinct_days`, which counts days in UTC.

    - `recency`: days, with their fraction, since the newest row; `tenure`: since the first event of the source that was
      ever recorded about the customer (see feature_store.roster).
    - `last`: the newest value; with `equals`, 1 where it is that text, else 0. `category`: the newest text, for `Peer`.
    - `until`: days from the moment to the date in the newest value of `column`, as known at the time; below 0: it passed.
    - `slope`: change a day of the daily total of `column` (without one: of the daily count), by least squares over all
      days of the window. `volatility`: standard deviation (n - 1) of the column's values, from two values on.
    - `mean_gap`: mean days between one row and the next, from two rows on. `gap_variation`: standard deviation (n - 1) of
      those gaps divided by their mean, from three rows on; 0 is clockwork, about 1 is chance.
    - `unfinished`: rows of `kind` older than `usual_hours` that no row of kind `finish` followed within `usual_hours`.
    - `formula`: a free Narwhals expression over the window's rows; exact, slower than the rest.

    With `since`, a recency of any source, only rows from that newest row on count: what was used since the fee was charged.
    Missing where the anchor is, and where no row has come since.
    """

    source: str
    aggregate: Aggregate
    window_days: int | None = None
    column: str | None = None
    kind: str | None = None
    other_than: tuple[str, ...] = ()
    equals: str | None = None
    finish: str | None = None
    usual_hours: float | None = None
    formula: Formula | None = None
    since: "Measure | None" = None

    def __post_init__(self) -> None:
        """Refuse what cannot be computed, and any window that reaches past the as-of moment."""
        where = f"Measure of {self.source}"
        if self.aggregate not in get_args(Aggregate):
            raise ConfigError(unknown_name(where, "aggregate", self.aggregate, get_args(Aggregate)))
        if self.window_days is not None and self.window_days < 1:
            raise LookaheadError(f"{where}: window_days is {self.window_days}. A window lies before the as-of moment.")
        if self.usual_hours is not None and self.usual_hours <= 0:
            raise LookaheadError(f"{where}: usual_hours is {self.usual_hours}. The usual time has passed before the as-of moment.")
        for problem in self._problems():
            raise ConfigError(f"{where}: {self.aggregate} {problem}.")

    def _problems(self) -> list[str]:
        found = []
        if self.window_days is None and self.aggregate not in WITHOUT_WINDOW:
            found.append("needs window_days")
        if self.aggregate not in WITH_OR_WITHOUT_COLUMN and (self.column is None) == (self.aggregate in OF_A_COLUMN):
            found.append("needs a column" if self.column is None else f"takes no column, got {self.column!r}")
        journey = (self.kind, self.finish, self.usual_hours)
        if self.aggregate == "unfinished" and None in journey:
            found.append("needs kind (what starts it), finish (what ends it) and usual_hours")
        if self.finish is not None and self.finish == self.kind:
            found.append(f"starts and ends with {self.kind!r}. Name two kinds")
        if self.aggregate == "slope" and self.window_days == 1:
            found.append("needs a window of 2 days or more")
        if self.aggregate == "unfinished" and self.usual_hours and self.usual_hours >= HOURS_A_DAY * (self.window_days or 0):
            found.append(f"has a window of {self.window_days} days and usual_hours {self.usual_hours:g}. Make the window longer")
        if self.aggregate != "unfinished" and (self.finish, self.usual_hours) != (None, None):
            found.append("takes neither finish nor usual_hours")
        if self.equals is not None and self.aggregate != "last":
            found.append(f"takes no equals, got {self.equals!r}")
        if (self.aggregate == "formula") != (self.formula is not None):
            found.append("needs a formula" if self.formula is None else "takes no formula")
        return found + (self._problems_of(self.since) if self.since else [])

    def _problems_of(self, anchor: "Measure") -> list[str]:
        found = []
        if self.aggregate not in SINCE_AN_ANCHOR:
            found.append(f"takes no since. Known: {', '.join(sorted(SINCE_AN_ANCHOR))}")
        if anchor.aggregate != "recency" or anchor.since is not None:
            found.append(f"is since a {anchor.aggregate}. Give a recency of plain rows")
        if not anchor.window_days or anchor.window_days > (self.window_days or 0):
            found.append(f"has a window of {self.window_days} days, since one of {anchor.window_days}. Make it as long as the anchor's")
        return found


LATER_FIELDS = {"finish", "usual_hours", "formula", "since"}  # left out of a declaration where they say nothing, as before they were


def as_plain(measure: Measure) -> dict[str, Any]:
    """Return a measure as plain JSON values; one that uses no later field reads as it always did."""
    plain = {f.name: getattr(measure, f.name) for f in fields(measure)}
    plain = {name: value for name, value in plain.items() if name not in LATER_FIELDS or value is not None}
    plain |= {"formula": measure.formula.as_plain()} if measure.formula else {}
    return plain | ({"since": as_plain(measure.since)} if measure.since else {})


def from_plain(stored: dict[str, Any]) -> Measure:
    """Return the measure `as_plain` was made from. Raise ConfigError where a formula's code is not the stored one."""
    formula = formula_named(**stored["formula"]) if stored.get("formula") else None
    since = from_plain(stored["since"]) if stored.get("since") else None
    return Measure(**{**stored, "other_than": tuple(stored["other_than"]), "formula": formula, "since": since})
