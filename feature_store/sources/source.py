"""config/sources/<source>.toml: where facts come from, what they mean to us, what a good day of them looks like."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.strict import Strict

ROLES = ("telemetry", "billing", "contacts", "purchases", "customers")
OURS = ("event_id", "customer_id", "kind", "occurred_at", "recorded_at", "recorded_on", "batch", "deleted",
        "event_hash", "content_hash", "currency")  # fmt: skip
NAME = r"^[a-z][a-z0-9_]*$"
Scalar = bool | int | float | str


class Value(Strict):
    """One column of ours from one of theirs; `scale` multiplies (100: euros to cents), `type` settles what it is."""

    column: str
    scale: float | None = None
    type: Literal["integer", "number", "text", "boolean", "time"] | None = None


class Constant(Strict):
    """A word that is the same for every row, or the column it stands in."""

    constant: str | None = None
    column: str | None = None


class Condition(Strict):
    """What a column must look like; every key given must hold."""

    any_of: tuple[Scalar, ...] | None = None
    none_of: tuple[Scalar, ...] | None = None
    present: bool | None = None
    at_least: float | None = None
    at_most: float | None = None
    not_before: str | None = None  # a time column this one must not lie before


def _value(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


def _constant(given: Any) -> Any:
    return {"constant": given} if isinstance(given, str) else given


def _condition(given: Any) -> Any:
    if isinstance(given, dict):
        return given
    return {"any_of": given if isinstance(given, list) else [given]}


def _columns(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


Name = Annotated[str, Field(pattern=NAME)]
Values = dict[Name, Annotated[Value, BeforeValidator(_value)]]
Conditions = dict[str, Annotated[Condition, BeforeValidator(_condition)]]
Columns = Annotated[tuple[str, ...], BeforeValidator(_columns)]


class Event(Strict):
    """One kind of fact a row may give, with its own times and only the columns known then."""

    kind: Annotated[Constant, BeforeValidator(_constant)]
    occurred_at: str | None = None
    valid_from: str | None = None
    recorded_at: str | None = None
    customer_id: str | None = None
    event_id: Columns | None = None
    suffix: str | None = None
    when: Conditions = Field(default_factory=dict)
    deleted: Conditions = Field(default_factory=dict)
    columns: Values = Field(default_factory=dict)
    constants: dict[Name, Scalar] = Field(default_factory=dict)
    future: bool = False


class Lookup(Strict):
    """Another table through which a row reaches its customer, or a fact that never changes."""

    path: str | None = None
    query: str | None = None
    key: str
    match: str | None = None
    value: Columns


class Expect(BaseModel):
    """One Great Expectations entry: its `type` and that expectation's own arguments."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments handed to the expectation as they stand in the file."""
        return dict(self.model_extra or {})


class ContactDetails(Strict):
    """Which columns say how a customer is reached; they go to the ledger and never into the lake."""

    customer_id: str | None = None
    unit_id: str | None = None
    name: str | None = None
    address: str | None = None
    phone: str | None = None
    language: str | None = None
    time_zone: str | None = None
    country: str | None = None
    consent: bool | str | None = None   # a column, or the same answer for everybody in this source
    changed_at: str | None = None

    @property
    def mapped(self) -> dict[str, str]:
        """Ours -> theirs, for the details this source knows."""
        return {ours: theirs for ours, theirs in self if isinstance(theirs, str) and ours != "changed_at"}


class Source(Strict):
    """One source: everything in its file, and the name, which is the file's."""

    name: Name
    role: Literal["telemetry", "billing", "contacts", "purchases", "customers"]
    reader: str = "files"
    description: str = ""

    path: str | None = None
    format: Literal["csv", "ndjson", "parquet"] | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)
    may_be_missing: bool = False

    url: str | None = None
    url_env: str | None = None
    query: str | None = None
    table: str | None = None
    cursor: str | None = None
    overlap_days: int = Field(default=0, ge=0)
    batch_rows: int = Field(default=50_000, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)

    history_until: date | None = None
    time_zone: str = "UTC"
    date_formats: tuple[str, ...] = ()
    currency: Annotated[Constant, BeforeValidator(_constant)] | None = None
    quarantine_at_most: float = Field(default=0.01, ge=0, le=1)
    static: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    customer_id: str | None = None
    event_id: Columns | None = None
    recorded_at: str | None = None
    deleted: Conditions = Field(default_factory=dict)
    events: tuple[Event, ...] = Field(default=(), alias="event")
    lookups: tuple[Lookup, ...] = Field(default=(), alias="lookup")
    expect: tuple[Expect, ...] = ()
    contact_details: ContactDetails | None = None

    @property
    def by_day(self) -> bool:
        """Whether every day has files of its own."""
        return "{day}" in (self.path or "")

    @property
    def whole(self) -> bool:
        """Whether every pull reads everything there is: neither files by day nor a cursor."""
        return not self.by_day and self.cursor is None


def suffix_of(source: Source, number: int) -> str:
    """Return what makes the ids of one block distinct; the first block keeps the plain id."""
    event = source.events[number]
    return event.suffix or ("" if number == 0 else event.kind.constant or event.occurred_at or str(number))


def columns_used(source: Source) -> set[str]:
    """Return the columns a source's rows must have; what lookups bring is not among them."""
    from_lookups = {column for lookup in source.lookups for column in lookup.value}
    used = {source.cursor, source.currency.column if source.currency else None, *source.deleted, *map(_key, source.lookups)}
    details = source.contact_details.mapped.values() if source.contact_details else ()
    used |= {column for text in details for column in in_braces(text)}
    used |= {source.contact_details.changed_at if source.contact_details else None}
    for event in source.events:
        customer, recorded = event.customer_id or source.customer_id, event.recorded_at or source.recorded_at
        used |= {event.kind.column, event.occurred_at, event.valid_from, customer, recorded}
        used |= {*(event.event_id or source.event_id or ()), *event.when, *event.deleted}
        used |= {value.column for value in event.columns.values()}
        used |= {condition.not_before for condition in event.when.values()}
    return {column for column in used if column} - from_lookups


def in_braces(text: str) -> list[str]:
    """Return the columns a text names in braces; a text without braces is a column itself."""
    return re.findall(r"\{([^{}]+)\}", text) or [text]


def _key(lookup: Lookup) -> str:
    return lookup.key
