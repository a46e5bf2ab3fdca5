"""The gate: find bad rows, tell them from a check that broke, and stop a bad day before anyone acts on it.

Expectations about rows (a value not empty, in a set, between bounds) send the rows that fail to quarantine; more of them
than the source allows stop the pull. Expectations about the table (how many rows, a mean) are asked of each day pulled
and stop the pull when they fail. Great Expectations evaluates all of them; what it needs is built once in a process.

Each evaluation costs it some 10 ms however few the rows. So what must hold for every source is put into one column,
`fault`, that must be empty, and row counts of many days are one column of counts, that must lie within the bounds.
"""

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from core.errors import CheckBrokeError, ConfigError, GateError, unknown_name
from core.settings import Settings
from feature_store.data_docs import build_docs, keep
from feature_store.sources.source import Expect, Source

__all__ = ["build_docs", "check_days", "check_rows", "check_share"]

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # nothing about a company's data leaves its machines
# It imports PySpark where that is installed, and its word about pandas is not for whoever pulls a day.
warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
_NEVER_EMPTY = ("customer_id", "kind", "occurred_at", "event_id")
_ROW_COUNT = "ExpectTableRowCountToBeBetween"
_MACHINES: dict[str, tuple[str, "_Machine"]] = {}


@dataclass(frozen=True)
class _Machine:
    """What Great Expectations needs to check one source: a suite about rows, one about days' counts, one about days."""

    batches: Any
    about_rows: Any
    about_counts: Any
    about_days: Any
    columns: tuple[str, ...]


def check_rows(source: Source, settings: Settings, events: pl.DataFrame, *, day: date) -> pl.Series:
    """Return why each event is bad, empty where it is good; `day` is the last one pulled.

    Raise CheckBrokeError when an expectation could not be evaluated, ConfigError when it does not exist.
    """
    if not events.height:
        return pl.Series("reason", [], dtype=pl.String)
    machine = _machine(source, settings)
    checked = _with_empty(events, machine.columns).with_columns(_fault(source, settings))
    result = _validate(source, machine, machine.about_rows, checked.select("fault", *machine.columns))
    keep(settings, source.name, day, result)
    return _reasons(result, checked["fault"])


def check_days(source: Source, settings: Settings, events: pl.DataFrame, wanted: Sequence[date]) -> None:
    """Raise GateError when an expectation about the table fails for one of the days pulled (`wanted`)."""
    if not source.expect:
        return
    machine = _machine(source, settings)
    counts = pl.DataFrame({"batch": wanted}).join(events.group_by("batch").len("events"), on="batch", how="left")
    if machine.about_counts is not None:
        result = _validate(source, machine, machine.about_counts, counts.select(pl.col("events").fill_null(0)))
        keep(settings, source.name, wanted[-1], result)
        for one in result.results:
            if not one.success:
                worst = one.result["unexpected_index_list"][0]
                _stop(source, wanted[worst], _name(one, _ROW_COUNT), one.result["unexpected_list"][0])
    for day in wanted if machine.about_days is not None else ():
        frame = _with_empty(events.filter(pl.col("batch") == day), machine.columns).select("kind", *machine.columns)
        result = _validate(source, machine, machine.about_days, frame.select(sorted(set(frame.columns))))
        failed = [one for one in result.results if not one.success]
        if failed or day == wanted[-1]:
            keep(settings, source.name, day, result)
        for one in failed:
            _stop(source, day, _name(one), one.result.get("observed_value"))


def _stop(source: Source, day: date, expectation: str, observed: Any) -> None:
    raise GateError(f"{source.name} {day}: {expectation} does not hold, observed {observed}. Nothing of this pull entered "
                    "the lake. Mend the source or the [[expect]] entry, pull again.")  # fmt: skip


def check_share(source: Source, reasons: pl.Series, *, of: int, when: str) -> None:
    """Raise GateError when more rows are bad (`reasons`, one each) than the source allows of its `of` events."""
    bad = len(reasons)
    if bad <= source.quarantine_at_most * of:
        return
    common = reasons.value_counts(sort=True, name="n").head(3)
    raise GateError(
        f"{source.name} {when}: {bad:,} of {of:,} events are bad, {bad / of:.1%}, and at most "
        f"{source.quarantine_at_most:.1%} may be: {'; '.join(f'{n:,} x {reason}' for reason, n in common.iter_rows())}. "
        f"Nothing of this pull entered the lake. Look into quarantine/{source.name}, mend the source or its expectations, pull again."
    )


def _fault(source: Source, settings: Settings) -> pl.Expr:
    """Return what is wrong with a row whatever its source's file says; nothing where all is well."""
    faults = [pl.when(pl.col(name).is_null()).then(pl.lit(f"{name} is empty")) for name in _NEVER_EMPTY]
    future = ~pl.col("future") & (pl.col("occurred_at") > pl.col("recorded_at"))
    faults.append(pl.when(future).then(pl.lit("occurred_at lies after recorded_at: it is from the future")))
    if source.currency and source.currency.column:
        ours = settings.company.currency
        faults.append(pl.when(pl.col("currency").is_null()).then(pl.lit("currency is empty")))
        faults.append(pl.when(pl.col("currency") != ours).then(pl.format("currency is {}, not " + ours, "currency")))
    return pl.coalesce(faults).alias("fault")


def _with_empty(events: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """Add the columns that are looked at and were empty so far."""
    return events.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in columns if name not in events.columns)


def _machine(source: Source, settings: Settings) -> _Machine:
    told = f"{source.model_dump_json()} {settings.company.currency}"
    if source.name not in _MACHINES or _MACHINES[source.name][0] != told:
        _MACHINES[source.name] = (told, _build(source, settings))
    return _MACHINES[source.name][1]


def _build(source: Source, settings: Settings) -> _Machine:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations import expectation as kinds

    of_rows = (kinds.ColumnMapExpectation, kinds.ColumnPairMapExpectation, kinds.MulticolumnMapExpectation)
    made = [_expectation(source, settings, n, entry) for n, entry in enumerate(source.expect)]
    fault = gx.expectations.ExpectColumnValuesToBeNull(column="fault")
    counts = [gx.expectations.ExpectColumnValuesToBeBetween(column="events", **entry.arguments)
              for entry in source.expect if entry.type == _ROW_COUNT]  # fmt: skip
    days = [one for one in made if not isinstance(one, of_rows) and type(one).__name__ != _ROW_COUNT]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas(source.name).add_dataframe_asset("pull")
    rows, day_counts, whole_days = (
        context.suites.add(gx.ExpectationSuite(name=f"{source.name}_{name}", expectations=wanted)) if wanted else None
        for name, wanted in (
            ("rows", [fault, *(one for one in made if isinstance(one, of_rows))]), ("counts", counts), ("days", days)
        )
    )  # fmt: skip
    batches = asset.add_batch_definition_whole_dataframe("all")
    return _Machine(batches, rows, day_counts, whole_days, _columns(made))


def _expectation(source: Source, settings: Settings, number: int, entry: Expect) -> Any:
    import great_expectations.expectations as gxe

    where = f"{settings.folder / 'sources' / source.name}.toml: [[expect]] {number + 1}"
    known = [name for name in dir(gxe) if name.startswith("Expect") and name != "Expectation"]
    if entry.type not in known:
        raise ConfigError(unknown_name(where, "expectation", entry.type, known))
    try:
        made = getattr(gxe, entry.type)(**entry.arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {entry.type}: {' '.join(str(error).split())}. Mend its arguments.") from error
    ours = {"event_id", "customer_id", "kind", "occurred_at", "recorded_at", "currency", "deleted"}
    ours |= {name for event in source.events for name in (*event.columns, *event.constants)}
    for name in _columns([made]):
        if name not in ours:
            raise ConfigError(unknown_name(where, "column", name, ours))
    return made


def _columns(expectations: Iterable[Any]) -> tuple[str, ...]:
    """Return the columns some expectations look at."""
    found: list[str] = []
    for one in expectations:
        given = one.dict()
        found += [given.get(key) for key in ("column", "column_A", "column_B")] + list(given.get("column_list") or [])
        found += list(given.get("column_set") or [])
    return tuple(sorted({name for name in found if name}))


def _validate(source: Source, machine: _Machine, suite: Any, frame: pl.DataFrame) -> Any:
    """Return what Great Expectations found. Raise CheckBrokeError when it could not look."""
    batch = machine.batches.get_batch({"dataframe": frame.to_pandas()})  # its index is the rows' positions
    result = batch.validate(suite, result_format={"result_format": "COMPLETE"})
    for one in result.results:
        broke = _exception(one.exception_info)
        if broke:
            raise CheckBrokeError(f"{source.name}: {_name(one)} could not be evaluated: {broke}. This says nothing about the "
                                  "data: mend the [[expect]] entry or the column it looks at.")  # fmt: skip
    return result


def _exception(info: dict[str, Any]) -> str | None:
    """Return what went wrong inside an expectation; its report is flat, or one for each metric."""
    reports = [info] if "raised_exception" in info else list(info.values())
    return next((str(report["exception_message"]) for report in reports if report["raised_exception"]), None)


def _reasons(result: Any, faults: pl.Series) -> pl.Series:
    """Return for each row its fault, else the first expectation it fails."""
    reasons: dict[int, str] = {}
    for one in result.results:
        if not one.success and one.expectation_config.kwargs.get("column") != "fault":
            for position in one.result["unexpected_index_list"]:
                reasons.setdefault(position, f"breaks {_name(one)}")
    rows = pl.Series(list(reasons), dtype=pl.Int64)
    broken = pl.repeat(None, len(faults), dtype=pl.String, eager=True)
    broken = broken.scatter(rows, pl.Series(list(reasons.values()), dtype=pl.String)) if reasons else broken
    return faults.zip_with(faults.is_not_null(), broken).alias("reason")


def _name(one: Any, kind: str = "") -> str:
    """Return an expectation as a person wrote it: its type and what it was given."""
    hidden = {"batch_id", "column"} if kind else {"batch_id"}
    given = {k: v for k, v in one.expectation_config.kwargs.items() if k not in hidden and v is not None}
    kind = kind or "".join(part.capitalize() for part in one.expectation_config.type.split("_"))
    return f"{kind}({', '.join(f'{k}={v!r}' for k, v in given.items())})"
