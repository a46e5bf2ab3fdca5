"""Why a page is slow: its slowest statement, and how the database goes about it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy import event


@dataclass
class Statement:
    """One statement as it was sent, with its parameters, and its milliseconds."""

    text: str
    parameters: Any
    took_ms: float = 0


def slowest(engine: sa.Engine, open_page: Callable[[], httpx.Response]) -> tuple[list[Statement], float]:
    """Open a page in this process; return its statements, the slowest first, and its milliseconds altogether."""
    with _listening(engine) as heard:
        began = time.perf_counter()
        open_page()
        whole_ms = 1000 * (time.perf_counter() - began)
    return sorted(heard, key=lambda each: -each.took_ms), whole_ms


def plan(engine: sa.Engine, statement: Statement) -> str:
    """Return EXPLAIN (ANALYZE, BUFFERS) of a statement; what it writes is taken back."""
    with engine.connect() as connection:
        lines = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement.text}", statement.parameters).scalars().all()
        connection.rollback()
    return "\n".join(lines)


@contextmanager
def _listening(engine: sa.Engine) -> Iterator[list[Statement]]:
    heard: list[Statement] = []
    running: dict[int, float] = {}

    def before(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        running[id(cursor)] = time.perf_counter()

    def after(connection: Any, cursor: Any, statement: str, parameters: Mapping[str, Any], context: Any, many: bool) -> None:
        heard.append(Statement(statement, parameters, 1000 * (time.perf_counter() - running.pop(id(cursor)))))

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
