"""Read CSV, NDJSON and Parquet files, plain or gzipped, on disk or in an object store."""

import gzip
import hashlib
import io
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from upath import UPath

from core.clock import days
from core.errors import ConfigError, MissingError, SourceError, unknown_name
from core.settings import Settings
from feature_store.sources.configured import fill
from feature_store.sources.reader import joined, placed
from feature_store.sources.source import Lookup, Source, columns_used
from feature_store.tables import is_local

_ENDINGS = {".csv": "csv", ".tsv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}
_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class Files:
    """The reader of files."""

    name: str = "files"

    def check(self, source: Source) -> list[str]:
        """Ask for a path."""
        wrong = [key for key in ("url", "url_env", "query", "table", "cursor") if getattr(source, key) is not None]
        found = [] if source.path else ['path is missing. Say where the files are, e.g. "{root}/raw/{day}.csv".']
        return found + [f'{key} is of no use to reader = "files". Remove it, or say reader = "sql".' for key in wrong]

    def read(self, source: Source, settings: Settings, *, first: date, last: date) -> pl.DataFrame:
        """Return the rows of each day's files; of a source without {day}, all rows, pulled for the last day."""
        wanted = days(first, last) if source.by_day else [last]
        parts = []
        for day in wanted:
            for file in _files(source, settings, day):
                rows = read_file(file, source)
                _check_columns(rows, file, source, settings)
                parts.append(placed(rows, str(file), day))
        return joined(parts, source.name)

    def table(self, source: Source, settings: Settings, lookup: Lookup) -> pl.DataFrame:
        """Return the rows of a lookup's files."""
        if lookup.path is None:
            raise ConfigError(f'{source.name}: [[lookup]] {lookup.key}: `query` needs reader = "sql". Give a path.')
        return lookup_table(source, settings, lookup)

    def signature(self, source: Source, settings: Settings) -> str | None:
        """Return a digest of every file's name, size and time of change."""
        paths = [file for template in _templates(source) for file in matching(fill(template, settings))]
        return hashlib.sha256("\n".join(map(_stamp, paths)).encode()).hexdigest()


READER = Files()


def lookup_table(source: Source, settings: Settings, lookup: Lookup) -> pl.DataFrame:
    """Return the rows of the files a lookup names. Raise SourceError when there are none."""
    files = matching(fill(str(lookup.path), settings))
    if not files:
        raise SourceError(f"{source.name}: [[lookup]] {lookup.key}: no file at {fill(str(lookup.path), settings)}.")
    return joined([read_file(file, source) for file in files], source.name)


def matching(path: str) -> list[UPath]:
    """Return the files at a path or glob, sorted. Raise SourceError when the place does not answer."""
    try:
        return _matching(path)
    except ImportError as error:
        raise MissingError(f"{path}: {error}. Install the file system's package (s3fs for s3://, gcsfs for gs://).") from error
    except Exception as error:  # every object store fails in classes of its own
        raise SourceError(f"{path}: it cannot be reached: {error}. Check the address and the access.") from error


def _matching(path: str) -> list[UPath]:
    place = _place(path)
    if not _GLOB & set(path):
        return [place] if place.exists() else []
    fixed = next(n for n, part in enumerate(place.parts) if _GLOB & set(part))
    root = UPath(*place.parts[:fixed]) if is_local(place) else _place(path[: path.index(place.parts[fixed])])
    return sorted(root.glob("/".join(place.parts[fixed:])), key=str) if root.exists() else []


def _place(path: str) -> UPath:
    """Return a path whose file system remembers no listings: what arrived a minute ago must be seen."""
    return UPath(path, use_listings_cache=False) if "://" in path else UPath(path)


def read_file(file: UPath, source: Source) -> pl.DataFrame:
    """Return a file's rows; a CSV's columns stay text until they are mapped. Raise SourceError when it cannot be read."""
    endings = [ending.lower() for ending in file.suffixes]
    kind: str | None = source.format or next((_ENDINGS[ending] for ending in reversed(endings) if ending in _ENDINGS), None)
    if kind is None:
        raise SourceError(f"{file}: what kind of file it is cannot be told. Say format = csv, ndjson or parquet.")
    try:
        content = _content(file, gzipped=endings[-1:] == [".gz"])
        return _PARSE[kind](content, source, "\t" if ".tsv" in endings else source.delimiter)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError, EOFError) as error:
        raise SourceError(f"{file}: it cannot be read as {kind}: {error}.") from error


def _files(source: Source, settings: Settings, day: date) -> list[UPath]:
    path = fill(str(source.path), settings, day)
    found = matching(path)
    if not found and not source.may_be_missing:
        raise SourceError(f"{source.name} {day}: no file at {path}. Deliver it, or say may_be_missing = true in "
                          f"{settings.folder / 'sources' / source.name}.toml if a day without a file is a day without facts.")  # fmt: skip
    return found


def _check_columns(rows: pl.DataFrame, file: UPath, source: Source, settings: Settings) -> None:
    for column in sorted(columns_used(source) - set(rows.columns)):
        where = f"{settings.folder / 'sources' / source.name}.toml: {file.name}"
        raise ConfigError(unknown_name(where, "column", column, rows.columns))


def _content(file: UPath, *, gzipped: bool) -> Any:
    if gzipped:
        return io.BytesIO(gzip.decompress(file.read_bytes()))
    return str(file) if is_local(file) else io.BytesIO(file.read_bytes())


def _csv(content: Any, source: Source, delimiter: str) -> pl.DataFrame:
    if source.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        raw = content.read() if isinstance(content, io.BytesIO) else UPath(content).read_bytes()
        content = io.BytesIO(raw.decode(source.encoding).encode())
    return pl.read_csv(content, infer_schema=False, separator=delimiter, null_values=list(source.null_values),
                       raise_if_empty=False, glob=False)  # fmt: skip


def _ndjson(content: Any, source: Source, delimiter: str) -> pl.DataFrame:
    raw = content.read() if isinstance(content, io.BytesIO) else UPath(content).read_bytes()
    text = raw.decode(source.encoding).encode()
    return pl.read_ndjson(io.BytesIO(text), infer_schema_length=None) if text.strip() else pl.DataFrame()


def _parquet(content: Any, source: Source, delimiter: str) -> pl.DataFrame:
    return pl.read_parquet(content, hive_partitioning=False, glob=False)


_PARSE = {"csv": _csv, "ndjson": _ndjson, "parquet": _parquet}


def _templates(source: Source) -> list[str]:
    return [path for path in (source.path, *(lookup.path for lookup in source.lookups)) if path]


def _stamp(file: UPath) -> str:
    if is_local(file):
        found = file.stat()
        return f"{file} {found.st_size} {found.st_mtime_ns}"
    told = file.fs.info(file.path)
    return f"{file} {told.get('size')} {told.get('ETag') or told.get('etag') or told.get('LastModified')}"
