"""Tables as files: what a page shows, as CSV or Parquet, at the page's own address with `?as=csv` or `?as=parquet`.

CSV opens in spreadsheets, which run a cell that begins like a formula: such text is written with an apostrophe before it
(OWASP, CSV injection).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from io import BytesIO
from typing import Any

import polars as pl
from fastapi import HTTPException, Request
from fastapi.responses import Response

from core.errors import unknown_name

KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
FORMULA = r"^([\s]*[=+\-@|%]|[\t\r\n])"


def wanted(request: Request) -> str | None:
    """Return "csv" or "parquet" where the address asks for a file, else None. Raise a 404 that names the kinds otherwise."""
    kind = request.query_params.get("as")
    if kind is not None and kind not in KINDS:
        raise HTTPException(404, unknown_name("?as=", "kind of file", kind, KINDS))
    return kind


def exported(rows: Sequence[Mapping[str, Any]] | pl.DataFrame, name: str, kind: str) -> Response:
    """Return rows as a file called `<name>.<kind>`; lists and objects within a row become JSON text."""
    table = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame([_flat(row) for row in rows], infer_schema_length=None)
    into = BytesIO()
    if kind == "parquet":
        table.write_parquet(into)
    else:
        safe(table).write_csv(into)
    return Response(into.getvalue(), media_type=KINDS[kind],
                    headers={"content-disposition": f'attachment; filename="{name}.{kind}"'})  # fmt: skip


def safe(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with an apostrophe before every text that a spreadsheet would run; column names too."""
    text = pl.col(pl.String, pl.Categorical, pl.Enum).cast(pl.String)
    marked = table.with_columns(pl.when(text.str.contains(FORMULA)).then("'" + text).otherwise(text).name.keep())
    return marked.rename({name: f"'{name}" for name in table.columns if pl.Series([name]).str.contains(FORMULA)[0]})


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value.total_seconds() if isinstance(value, timedelta) else value
