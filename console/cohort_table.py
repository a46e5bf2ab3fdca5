"""A cohort's customers as a table: what is asked for in the address, found by one indexed query, paged by key."""

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    all_,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from ledger.cohorts import Cohort
from ledger.flags import Flag
from ledger.messages import Message

PAGE = 50
FACETS = 12
FAR = 1e9  # days: where nobody can say when it hurts, it comes last
SORTS: dict[str, Any] = {
    "probability": Flag.probability, "days_until": func.coalesce(Flag.days_until, FAR), "customer": Flag.customer_id,
}  # fmt: skip
SHOWN = ("in", "out", "all")


@dataclass(frozen=True)
class Wish:
    """Which rows are asked for, in which order, and after which one."""

    q: str = ""                     # in the reasons, or a customer's id
    low: float | None = None        # probability in percent
    high: float | None = None
    reason: str = ""                # exactly this one among the reasons
    trait: str = ""                 # a feature among the evidence
    shown: str = "all"              # in | out | all
    sort: str = "-probability"
    after: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out by it."""
        return bool(self.q or self.reason or self.trait) or self.low is not None or self.high is not None

    @property
    def column(self) -> Any:
        """What it is sorted by."""
        return SORTS[self.sort.removeprefix("-")]


def wish_of(request: Request, form: Any = None) -> Wish:
    """Read the wish from the address, or from a form that repeats it. Raise 422 in words where it makes no sense."""
    given = request.query_params if form is None else form
    said = {name: str(given.get(name, "")).replace("\0", "").strip()[:400] for name in ("q", "reason", "trait", "shown", "sort", "after")}
    sort, shown = said["sort"] or "-probability", said["shown"] or "all"
    if sort.removeprefix("-") not in SORTS or shown not in SHOWN:
        raise HTTPException(422, f"sort: by {', '.join(SORTS)}; shown: {', '.join(SHOWN)}; got {sort!r} and {shown!r}.")
    low, high = (_percent(name, str(given.get(name, ""))) for name in ("low", "high"))
    return Wish(said["q"], low, high, said["reason"], said["trait"], shown, sort, said["after"])


def rows(session: Session, cohort: Cohort, wish: Wish, *, limit: int | None = PAGE) -> tuple[list[Row[Any]], str | None]:
    """Return the rows of one page, and the key after which the next one begins (None: there is none)."""
    down = wish.sort.startswith("-")
    order = [each.desc() if down else each.asc() for each in (wish.column, Flag.id)]
    asked = _columns(cohort, wish).where(*conditions(cohort, wish)).order_by(*order)
    if wish.after:
        after, here = _after(wish), tuple_(wish.column, Flag.id)
        asked = asked.where(here < after if down else here > after)
    found = list(session.execute(asked if limit is None else asked.limit(limit + 1)))
    if limit is None or len(found) <= limit:
        return found, None
    return found[:limit], f"{found[limit - 1].key}~{found[limit - 1].id}"


def numbers(session: Session, cohort: Cohort, wish: Wish) -> list[int]:
    """Return the numbers of all flags that fit, on every page."""
    return list(session.scalars(select(Flag.id).where(*conditions(cohort, wish)).order_by(Flag.id)))


def count(session: Session, cohort: Cohort, wish: Wish) -> int:
    """Return how many flags fit."""
    return session.scalar(select(func.count()).select_from(Flag).where(*conditions(cohort, wish))) or 0


def conditions(cohort: Cohort, wish: Wish) -> list[ColumnElement[bool]]:
    """Return what the wish asks of a flag."""
    asked: list[ColumnElement[bool]] = [Flag.issue == cohort.issue, Flag.day == cohort.day]
    if wish.q:
        asked.append(or_(Flag.customer_id == wish.q, cast(Flag.reasons, String).icontains(wish.q, autoescape=True)))
    if wish.low is not None:
        asked.append(Flag.probability >= wish.low / 100)
    if wish.high is not None:
        asked.append(Flag.probability <= wish.high / 100)
    if wish.reason:
        asked.append(Flag.reasons.contains([wish.reason]))
    if wish.trait:
        asked.append(Flag.evidence.has_key(wish.trait))
    if wish.shown != "all":
        out = literal(list(cohort.trimmed), ARRAY(Integer))
        asked.append(Flag.id == any_(out) if wish.shown == "out" else Flag.id != all_(out))
    return asked


def facets(session: Session, cohort: Cohort) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return the commonest first reasons and the features behind the reasons, each with how many customers."""
    here = (Flag.issue == cohort.issue, Flag.day == cohort.day)
    first, n = Flag.reasons[0].as_string(), func.count()
    reasons = select(first, n).where(*here, func.jsonb_array_length(Flag.reasons) > 0).group_by(first).order_by(n.desc(), first)
    each = select(func.jsonb_object_keys(Flag.evidence).label("key")).where(*here).subquery()
    traits = select(each.c.key, n).group_by(each.c.key).order_by(n.desc(), each.c.key)
    said = [(str(reason), int(n)) for reason, n in session.execute(reasons.limit(FACETS))]
    return said, [(str(name), int(n)) for name, n in session.execute(traits.limit(FACETS))]


def _columns(cohort: Cohort, wish: Wish) -> Select[Any]:
    """Return what is shown of a flag; what became of its message only once nobody can trim any more."""
    shown = select(Flag.id, Flag.customer_id, Flag.probability, Flag.days_until, Flag.reasons, Flag.evidence, Flag.state,
                   wish.column.label("key"))  # fmt: skip
    if cohort.planned_at is None:
        return shown
    notice = (Message.flag_id == Flag.id) & (Message.kind == "notice")
    return shown.add_columns(Message.state.label("message"), Message.reasons.label("message_reasons")).outerjoin(Message, notice)


def _after(wish: Wish) -> Any:
    value, _, number = wish.after.rpartition("~")
    try:
        key = value if wish.sort.removeprefix("-") == "customer" else float(value)
        place = int(number)
        if not 0 < place < 2**31:
            raise ValueError
        return tuple_(literal(key), literal(place))
    except ValueError as error:
        raise HTTPException(422, f"after: no row ends with {wish.after!r}. Start from the first page.") from error


def _percent(name: str, text: str) -> float | None:
    try:
        value = float(text.replace(",", ".").rstrip("% ")) if text.strip() else None
    except ValueError as error:
        raise HTTPException(422, f"{name}: a percentage from 0 to 100, got {text!r}.") from error
    if value is not None and not 0 <= value <= 100:
        raise HTTPException(422, f"{name}: a percentage from 0 to 100, got {text!r}.")
    return value
