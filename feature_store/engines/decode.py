"""The lake's files as plain arrays, the next ones decoded while the last is added up."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from upath import UPath

from core.clock import microseconds
from feature_store.engines import kernels
from feature_store.engines.bands import Rows
from feature_store.engines.wanted import Wanted
from feature_store.fingerprints import fingerprint
from feature_store.look import STATS_STEP, Look

AHEAD = 2  # files decoded while one is added up
SIEVE_BITS = 1 << 20


@dataclass
class Decoder:
    """Reads what the wanted measures need from files of a look, leaving out rows of events that have several."""

    look: Look
    wanted: Wanted

    def __post_init__(self) -> None:
        """Note which events to leave out."""
        self._corrected = self.look.corrected_hashes()
        self._sieve = np.zeros(SIEVE_BITS // 8, dtype=np.uint8)
        low = self._corrected & (SIEVE_BITS - 1)
        np.bitwise_or.at(self._sieve, low >> 3, np.left_shift(1, low & 7).astype(np.uint8))

    @property
    def whole_numbers(self) -> frozenset[str]:
        """The wanted columns that hold integers."""
        kinds = self.look.kinds
        return frozenset(c for c in self.wanted.columns if kinds[c].is_integer() or kinds[c] == pl.Boolean)

    def ahead(self, files: Iterable[dict[str, Any]], before: datetime) -> Iterator[Rows]:
        """Yield the rows of each file that were known before a moment, decoding some files ahead."""
        with ThreadPoolExecutor(AHEAD) as threads:
            coming = deque()  # type: ignore[var-annotated]
            for file in files:
                coming.append(threads.submit(self.rows, file, before))
                if len(coming) > AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def rows(self, file: dict[str, Any], before: datetime) -> Rows:
        """Return the rows of one file (its path and bounds) that were known before a moment."""
        cut = file["max.recorded_at"] >= before - STATS_STEP
        also = (["recorded_at"] if cut else []) + (["deleted"] if file["max.deleted"] else [])
        also += ["event_hash"] if len(self._corrected) else []
        table = self._table(file["path"], also)
        rows, left_out = self.from_table(table), np.zeros(len(table), dtype=np.bool_)
        if cut:
            left_out |= _numbers(table["recorded_at"])[0] >= microseconds(before)
        if file["max.deleted"]:
            left_out |= _numbers(table["deleted"])[0].astype(bool)
        if len(self._corrected):
            found = np.empty(len(table), dtype=np.bool_)
            kernels.among(_numbers(table["event_hash"])[0], self._sieve, self._corrected, found)
            left_out |= found
        return rows.only(~left_out) if left_out.any() else rows

    def _table(self, path: str, also: list[str]) -> pa.Table:
        columns = ["customer_hash", "occurred_at", *self.wanted.columns, *also]
        columns += ["kind"] if self.wanted.kinds else []
        with _opened(path) as file:
            there = set(file.schema_arrow.names)
            if "customer_hash" not in there:
                columns.append("customer_id")
            table = file.read(columns=[c for c in dict.fromkeys(columns) if c in there], use_threads=False)
        if "customer_hash" not in there:  # written before rows carried it
            ids = pl.Series(table["customer_id"].combine_chunks())
            table = table.append_column("customer_hash", pa.array(fingerprint(ids).to_numpy()))
        for column in self.wanted.columns:
            if column not in there:
                table = table.append_column(column, pa.nulls(len(table), pa.int64()))
        return table

    def from_frame(self, frame: pl.DataFrame) -> Rows:
        """Return rows of a frame that has the lake's columns."""
        columns = list(dict.fromkeys(["occurred_at", "kind", *self.wanted.columns]))
        return self.from_table(frame.select(*columns, fingerprint(frame["customer_id"]).alias("customer_hash")).to_arrow())

    def from_table(self, table: pa.Table) -> Rows:
        """Return the rows of an Arrow table as plain arrays."""
        kind = self._kind(table["kind"]) if self.wanted.kinds else np.zeros(len(table), dtype=np.uint8)
        whole = self.whole_numbers
        numbers = {c: _numbers(table[c], np.int64 if c in whole else np.float64) for c in self.wanted.columns}
        return Rows(_numbers(table["customer_hash"])[0], kind, _numbers(table["occurred_at"])[0], numbers)

    def _kind(self, column: pa.ChunkedArray) -> NDArray[np.uint8]:
        """Return each row's kind as a number; no kind counts among the rest."""
        if not len(column):
            return np.zeros(0, dtype=np.uint8)
        parts = []
        for chunk in column.chunks:
            words = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
            code = np.append(self.wanted.code(words.dictionary.to_pylist()), len(self.wanted.kinds)).astype(np.uint8)
            parts.append(code[words.indices.fill_null(len(code) - 1).to_numpy(zero_copy_only=False)])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _numbers(column: pa.ChunkedArray, kind: Any = None) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return a column's numbers, and where it has one (None: everywhere); not-a-number counts as none."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", array.type.tz)).view(pa.int64())
    there = None
    if array.null_count:
        there = array.is_valid().to_numpy(zero_copy_only=False)
        array = array.fill_null(False if pa.types.is_boolean(array.type) else 0)
    numbers = array.to_numpy(zero_copy_only=False)
    numbers = numbers if kind is None else numbers.astype(kind, copy=False)
    if numbers.dtype.kind == "f":
        real = ~np.isnan(numbers)
        if not real.all():
            there = real if there is None else there & real
    return numbers, there


def _opened(path: str) -> pq.ParquetFile:
    source = UPath(path).open("rb") if "://" in path else path
    return pq.ParquetFile(source, read_dictionary=["kind"])
