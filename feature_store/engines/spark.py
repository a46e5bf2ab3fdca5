"""The engine for a cluster: the same plans on Spark, which reads the lake's live files and never its folders.

The workers must reach the lake and the vectors under the same addresses as this process, and have this package's Python.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Any

import narwhals as nw
from upath import UPath

from core.clock import microseconds
from core.errors import MissingError
from core.settings import Settings
from feature_store import lake, tables
from feature_store.arithmetic import finished, names_of
from feature_store.as_of import windows
from feature_store.engines.narwhals import anchor_name, measured
from feature_store.engines.prepared import MICROSECONDS_A_DAY, in_microseconds
from feature_store.feature import Feature, measures
from feature_store.look import Look

DEFAULTS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.filterPushdown": "true",
    "spark.ui.enabled": "false",
}


def cluster(settings: Settings) -> Any:
    """Return the session on [features] master, made once a process. Raise MissingError that says what is not installed."""
    try:
        from pyspark.errors.exceptions.base import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingError(f'{settings.folder / "settings.toml"}: features.engine is "spark", and pyspark is not installed. '
                           "make setup WITH=spark") from error  # fmt: skip
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        raise MissingError(f'{settings.folder / "settings.toml"}: features.engine is "spark", and there is no Java. Install '
                           "Java 17 or newer (Debian: default-jre-headless), or set JAVA_HOME.")  # fmt: skip
    given: dict[str, Any] = {**DEFAULTS, "spark.pyspark.python": sys.executable, **settings.features.spark}
    builder = SparkSession.builder.appName("beforehand").master(settings.features.master)
    if "//127.0.0.1" in settings.features.master or settings.features.master.startswith("local"):
        given |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    # A session made here asks the environment alone with which Python the workers run our functions.
    os.environ.setdefault("PYSPARK_PYTHON", given["spark.pyspark.python"])
    try:
        return builder.config(map=given).getOrCreate()
    except (PySparkException, OSError) as error:
        raise MissingError(f"features.master {settings.features.master}: no Spark session: {str(error).splitlines()[0]}. "
                           "Is the master up, and may this machine reach it?") from error  # fmt: skip


def vectors(settings: Settings, features: Iterable[Feature], moment: datetime, sources: Iterable[str], session: Any) -> Any:
    """Return a Spark frame, one row per customer known at `moment`: customer_id, then each feature as a 64-bit number."""
    features = list(features)
    names = names_of(m for f in features for m in measures(f))
    wide = _roster(settings, sources, moment, session)
    since = [(nw.lit(microseconds(moment)) - nw.col(f"first {m.source}")).cast(nw.Float64) / MICROSECONDS_A_DAY
             for m in names if m.aggregate == "tenure"]  # fmt: skip
    tenure = [e.alias(names[m]) for e, m in zip(since, (m for m in names if m.aggregate == "tenure"), strict=True)]
    table = nw.from_native(wide).with_columns(*tenure) if tenure else nw.from_native(wide)
    of_rows = {m: name for m, name in names.items() if m.aggregate != "tenure"}
    plain = {m: name for m, name in of_rows.items() if m.since is None}
    for now in (plain, {m: name for m, name in of_rows.items() if m.since is not None}):  # an anchor before what begins there
        ages = table.select("customer_id", *(nw.col(plain[a]).alias(anchor_name(a)) for a in {m.since for m in now if m.since}))
        for source, days in windows(features).items():
            wanted = {m: name for m, name in now.items() if m.source == source}
            look = lake.look(settings, source, before=moment, since=None if days is None else moment - timedelta(days=days))
            if look is None:
                table = table.with_columns(*(nw.lit(None, nw.String if m.aggregate == "category" else nw.Float64).alias(n)
                                             for m, n in wanted.items()))  # fmt: skip
            elif wanted:
                for part in measured(known(settings, source, look, session), wanted, moment, ages.to_native()):
                    table = table.join(part, on="customer_id", how="left")
    return finished(table, features, names).to_native()


def known(settings: Settings, source: str, look: Look, session: Any) -> Any:
    """Return the rows `look` says were known, read from the files it names."""
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    read = lambda paths: _read(settings, source, paths, session)
    within = ~f.col("deleted") & (f.col("occurred_at") < look.before)
    within = within if look.since is None else within & (f.col("occurred_at") >= look.since)
    single = read(look.files["path"].to_list()).filter((f.col("recorded_at") < look.before) & within)
    if not look.corrected.height:
        return single.select(*look.shown)
    several = f.broadcast(session.createDataFrame(look.corrected.to_arrow()))
    versions = read(look.known["path"].to_list()).join(several, "event_hash", "left_semi").filter(f.col("recorded_at") < look.before)
    newest_first = Window.partitionBy("event_id").orderBy(f.col("recorded_at").desc(), f.col("batch").desc())
    newest = versions.withColumn("nth", f.row_number().over(newest_first)).filter((f.col("nth") == 1) & within)
    return single.join(several, "event_hash", "left_anti").select(*look.shown).unionByName(newest.select(*look.shown))


def _read(settings: Settings, source: str, paths: list[str], session: Any) -> Any:
    """Read some of a table's files with the table's own schema: columns that came later are empty in older files."""
    from pyspark.sql.types import StructType

    uri = tables.place(settings, source)
    table = tables.open_table(uri)
    assert table is not None
    schema = StructType.fromJson(json.loads(table.schema().to_json()))
    if not paths:
        return session.createDataFrame([], schema)
    return session.read.schema(schema).option("basePath", uri).parquet(*paths)


def _roster(settings: Settings, sources: Iterable[str], moment: datetime, session: Any) -> Any:
    """Return everyone ever recorded and not only deleted before the moment, and per source when their first event occurred."""
    from pyspark.sql import functions as f

    found = []
    for source in sources:
        files = tables.live_files(tables.place(settings, source))
        if files.height:
            rows = _read(settings, source, files["path"].to_list(), session).filter(
                ~f.col("deleted") & (f.col("recorded_at") < moment) & (f.col("occurred_at") < moment))  # fmt: skip
            rows = in_microseconds(rows.select("customer_id", "occurred_at"), ["occurred_at"])
            found.append(rows.groupBy("customer_id").agg(f.min("occurred_at").alias(f"first {source}")))
    return reduce(lambda all_, one: all_.join(one, "customer_id", "full_outer"), found)


def write(frame: Any, names: list[str], day: date, path: UPath) -> None:
    """Let the workers write vectors in the customers' order beside `path`, then put the whole folder in its place."""
    from pyspark.sql import functions as f

    beside = path.with_name(f"writing-{path.name}")
    numbers = (f.col(name).cast("float") for name in names)
    frame.orderBy("customer_id").select("customer_id", f.lit(day).alias("as_of"), *numbers).write.mode("overwrite").parquet(
        os.path.abspath(str(beside)) if tables.is_local(beside) else str(beside))  # fmt: skip
    beside.rename(path)
