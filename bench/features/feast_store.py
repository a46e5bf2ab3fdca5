"""Feast beside us: its historical features from rows that we computed for it, one a week and customer with any event.

Feast joins rows as of a moment and aggregates nothing, so it is given the sixty numbers ready-made, for the twelve weekly
days and only of customers with an event in the 90 days before: the least it can be given. Runs in an environment of its own.
"""

import json
import os
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

MEMORY_LIMIT = 14 << 30
TTL = timedelta(days=6)
STORES = {"feast": "file", "feast_duckdb": "duckdb", "feast_twelve": "file"}


def prepare(home: Path) -> None:
    """Write the rows that Feast gets, unless they are there."""
    import polars as pl

    from bench.features import contenders
    from bench.features.declared import CUTOFFS
    from core.settings import load_settings

    path = home / "feast" / "rows.parquet"
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    task = contenders.Task(load_settings(home / "config"), pl.read_parquet(home / "roster.parquet"))
    parts = []
    for day, vectors in zip(CUTOFFS, contenders.computed(task, list(CUTOFFS)), strict=True):
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        some = vectors.filter((pl.col("u_count_90") > 0) | (pl.col("i_count_90") > 0))
        parts.append(some.with_columns(event_timestamp=pl.lit(at)))
    pl.concat(parts).write_parquet(path)


def main() -> None:
    """Fetch the features of everyone as of the last day and write them; or those of all twelve days, to time them alone."""
    import pandas as pd
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
    from feast.types import Float32

    name, home, result = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    rows = pd.read_parquet(home / "feast" / "rows.parquet", columns=["event_timestamp"])
    columns = [c for c in pd.read_parquet(home / "feast" / "rows.parquet").columns if c not in ("customer_id", "event_timestamp")]
    registry = home / "feast" / f"{name}.db"
    registry.unlink(missing_ok=True)
    store = FeatureStore(config=RepoConfig(project="bench", provider="local", registry=str(registry), online_store=None,
                                           offline_store={"type": STORES[name]}, entity_key_serialization_version=3))  # fmt: skip
    source = FileSource(name="rows", path=str(home / "feast" / "rows.parquet"), timestamp_field="event_timestamp")
    customer = Entity(name="customer", join_keys=["customer_id"])
    fields = [Field(name=c, dtype=Float32) for c in columns]
    view = FeatureView(name="vectors", entities=[customer], ttl=TTL, schema=fields, source=source)
    store.apply([customer, view])
    asked = pd.read_parquet(home / "roster.parquet", columns=["customer_id"])
    if name == "feast_twelve":
        asked = asked.merge(rows["event_timestamp"].drop_duplicates().to_frame(), how="cross")
    else:
        asked["event_timestamp"] = rows["event_timestamp"].max()
    cpu, began = time.process_time(), time.perf_counter()
    found = store.get_historical_features(entity_df=asked, features=[f"vectors:{c}" for c in columns]).to_df()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if name != "feast_twelve":
        found[["customer_id", *columns]].to_parquet(result)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak}))  # noqa: T201


if __name__ == "__main__":
    os.environ["FEAST_USAGE"] = "False"
    main()
