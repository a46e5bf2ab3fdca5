"""The gate: find bad rows, tell them from a check that broke, and stop a bad day before anyone acts on it.

Expectations about rows (a value not empty, in a set, between bounds) send the rows that fail to quarantine; more of them
than the source allows stop the pull. Expectations about the table (how many rows, a mean) are asked of each day pulled
and stop the pull when they fail. Great Expectations evaluates all of them; what it needs is built once in a process.
"""

import os
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
_NEVER_EMPTY = ("customer_id", "kind", "occurred_at", "event_id")
_FUTURE = "occurred_at lies after recorded_at: it is from the future"
_MACHINES: dict[str, tuple[str, "_Machine"]] = {}


@dataclass(frozen=True)
class _Machine:
    """What Great Expectations needs to check one source."""

    batches: Any
    about_rows: Any
    about_days: Any
    columns: tuple[str, ...]


def check_rows(source: Source, settings: Settings, events: pl.DataFrame, *, day: date) -> pl.Series:
    """Return why each event is bad, empty where it is good; `day` is the last one pulled.

    Raise CheckBrokeError when an expectation could not be evaluated, ConfigError when it does not exist.
    """
    machine = _machine(source, settings)
    result = _validate(source, machine, machine.about_rows, _as_checked(machine, events))
    keep(settings, source.name, day, result)
    return _reasons(result, events.height)


def check_days(source: Source, settings: Settings, events: pl.DataFrame, wanted: Sequence[date]) -> None:
    """Raise GateError when an expectation about the table fails for one of the days pulled (`wanted`)."""
    machine = _machine(source, settings)
    if machine.about_days is None:
        return
    for day in wanted:
        frame = _as_checked(machine, events.filter(pl.col("batch") == day))
        result = _validate(source, machine, machine.about_days, frame)
        keep(settings, source.name, day, result)
        failed = [one for one in result.results if not one.success]
        if failed:
            said = "; ".join(f"{_name(one)} does not hold, observed {one.result.get('observed_value')}" for one in failed)
            raise GateError(f"{source.name} {day}: {said}, among {frame.height:,} events. Nothing of this pull entered the "
                            "lake. Mend the source or the [[expect]] entry, pull again.")  # fmt: skip


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


def _as_checked(machine: _Machine, events: pl.DataFrame) -> pl.DataFrame:
    """Return the columns that are looked at, and each event's position; what may lie in the future is not compared."""
    frame = events.with_columns(recorded_at=pl.when(~pl.col("future")).then("recorded_at"))
    empty = [pl.lit(None, dtype=pl.Float64).alias(name) for name in machine.columns if name not in frame.columns]
    return frame.with_columns(empty).select(machine.columns)


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
    wanted = [_expectation(source, settings, n, entry) for n, entry in enumerate(source.expect)]
    about_rows = [*_always(source, settings), *(one for one in wanted if isinstance(one, of_rows))]
    about_days = [one for one in wanted if not isinstance(one, of_rows)]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas(source.name).add_dataframe_asset("pull")
    suites = [
        context.suites.add(gx.ExpectationSuite(name=f"{source.name}_{name}", expectations=made)) if made else None
        for name, made in (("rows", about_rows), ("days", about_days))
    ]
    return _Machine(asset.add_batch_definition_whole_dataframe("all"), *suites, _columns(about_rows + about_days))


def _always(source: Source, settings: Settings) -> list[Any]:
    """Return what holds for every source, whatever its file says."""
    import great_expectations.expectations as gxe

    never_empty = [*_NEVER_EMPTY, *(["currency"] if source.currency and source.currency.column else [])]
    found: list[Any] = [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in never_empty]
    found.append(gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="recorded_at", column_B="occurred_at", or_equal=True, ignore_row_if="either_value_is_missing"))  # fmt: skip
    if "currency" in never_empty:
        found.append(gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=[settings.company.currency]))
    return found


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
    batch = machine.batches.get_batch({"dataframe": frame.to_pandas()})
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


def _reasons(result: Any, n: int) -> pl.Series:
    """Return for each row the first expectation it fails."""
    reasons: dict[int, str] = {}
    for one in result.results:
        if not one.success:
            for position in one.result["unexpected_index_list"]:
                reasons.setdefault(position, _in_words(one))
    rows = pl.Series(list(reasons), dtype=pl.Int64)
    found = pl.repeat(None, n, dtype=pl.String, eager=True).alias("reason")
    return found.scatter(rows, pl.Series(list(reasons.values()), dtype=pl.String)) if reasons else found


def _in_words(one: Any) -> str:
    kind, given = one.expectation_config.type, one.expectation_config.kwargs
    if kind == "expect_column_values_to_not_be_null":
        return f"{given['column']} is empty"
    if kind == "expect_column_pair_values_a_to_be_greater_than_b" and given["column_A"] == "recorded_at":
        return _FUTURE
    if given.get("column") == "currency":
        return f"currency is not {' or '.join(given['value_set'])}"
    return f"breaks {_name(one)}"


def _name(one: Any) -> str:
    """Return an expectation as a person wrote it: its type and what it was given."""
    given = {k: v for k, v in one.expectation_config.kwargs.items() if k != "batch_id" and v is not None}
    kind = "".join(part.capitalize() for part in one.expectation_config.type.split("_"))
    return f"{kind}({', '.join(f'{k}={v!r}' for k, v in given.items())})"
