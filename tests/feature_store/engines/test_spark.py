"""A cluster gives what one machine gives: integers equal, other numbers to one part in a thousand million."""

import shutil
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.errors import MissingError
from feature_store import lake, tables
from feature_store.as_of import compute, windows
from feature_store.engines import spark
from feature_store.roster import roster
from tests.feature_store.engines.cluster import standalone
from tests.feature_store.histories import (
    AT_MIDNIGHT,
    DAY,
    EVERY_SHAPE,
    MOMENTS,
    SCHEMA,
    STARTED,
    T,
    distinct_versions,
    event,
    features_of,
)

CLUSTER = [pytest.mark.slow, pytest.mark.needs("java", "spark"), pytest.mark.timeout(900)]
SOURCE = 'role = "billing"\npath = "x/{day}.csv"\ncustomer_id = "c"\nevent_id = "i"\n[[event]]\nkind = "paid"\noccurred_at = "t"\n'
SMALL = {
    "spark.sql.shuffle.partitions": "2", "spark.sql.files.minPartitionNum": "2", "spark.executor.memory": "512m",
    "spark.ui.showConsoleProgress": "false", "spark.sql.codegen.wholeStage": "false", "spark.sql.adaptive.enabled": "false",
}  # fmt: skip


def with_spark(company, **features):
    return company.model_copy(update={"features": company.features.model_copy(update={"engine": "spark", **features})})


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    with standalone(tmp_path_factory.mktemp("spark")) as address:
        yield address


@pytest.fixture
def on_cluster(company, source_file, master):
    source_file("s", SOURCE)
    company = with_spark(company, master=master, spark=SMALL)
    company._folder = company.root.parent / "config"
    return company


def lay(company, events):
    """Write versions of events into the lake, a pull a day of recording; return the rewritten table's live and dead files."""
    rows = pl.DataFrame(distinct_versions(events), schema=SCHEMA, orient="row").sort("recorded_at", "event_id")
    rows = rows.with_columns(stated_at=pl.col("recorded_at"), batch=pl.col("recorded_at").dt.date())
    for (day,), of_day in rows.group_by("batch", maintain_order=True):
        lake.add(company, "s", of_day, first=day, last=day)
        lake.add(company, "s", of_day.with_columns(cents=pl.col("cents") + 1), first=day, last=day)  # pulled again: rewritten
    return tables.live_files(tables.place(company, "s"))


def both_ways(company, features, moment):
    session = spark.cluster(company)
    there = pl.DataFrame(spark.vectors(company, features, moment, ["s"], session).toArrow()).sort("customer_id")
    frames = {s: lake.scan(company, s, before=moment, since=moment - d * DAY if d else None) for s, d in windows(features).items()}
    return there, compute(features, frames, moment, roster(company, ["s"], moment))


def assert_same(there, here):
    assert there["customer_id"].to_list() == here["customer_id"].to_list()
    for name in here.columns[1:]:
        for n, (one, other) in enumerate(zip(there[name], here[name], strict=True)):
            same = one == other if other is None or float(other).is_integer() else one == pytest.approx(other, rel=1e-9)
            assert same, (name, here["customer_id"][n], one, other)


class Test:
    pytestmark = CLUSTER

    def test_every_kind_of_measure_is_the_same_on_a_cluster_after_a_partition_was_rewritten(self, on_cluster):
        events = [
            (n, "abcd"[n % 4], ("failed", "paid", "refund")[n % 3], T - timedelta(hours=4 * n + 1 + (n % 7)),
             T - timedelta(hours=4 * n + 1 + (n % 7)) + timedelta(hours=n % 30), n % 23 == 5, n % 9 - 3, ("pro", "basic", None)[n % 3],
             (0.1, 0.7, None, 7.5)[n % 4], T + n * DAY)
            for n in range(80)
        ]  # fmt: skip
        late = [(n, e[1], e[2], e[3], T - DAY / 2 + timedelta(minutes=n), n == 7, 5, *e[7:]) for n, e in enumerate(events[:20])]
        files = lay(on_cluster, [*events, *late])
        folder = tables.place(on_cluster, "s")

        there, here = both_ways(on_cluster, features_of(EVERY_SHAPE), T)

        assert len(list(on_cluster.root.glob("lake/s/**/*.parquet"))) > files.height, f"nothing was rewritten in {folder}"
        assert_same(there, here)
        for n, what in enumerate(EVERY_SHAPE):
            print(f"{type(what).__name__:8} {getattr(what, 'aggregate', ''):14} cluster {there[f'f{n}'].to_list()} here {here[f'f{n}'].to_list()}")  # noqa: T201

    @settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.generate],
              suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
    @given(st.lists(event(), min_size=8, max_size=40), st.sampled_from(MOMENTS))
    def test_random_histories_come_out_the_same(self, on_cluster, events, moment):
        shutil.rmtree(on_cluster.root, ignore_errors=True)
        lay(on_cluster, [*events, *AT_MIDNIGHT, *STARTED])

        assert_same(*both_ways(on_cluster, features_of(EVERY_SHAPE), moment))


@pytest.mark.needs("spark")
def test_a_machine_without_java_says_so(company, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(MissingError, match=r'settings.toml: features.engine is "spark", and there is no Java. Install Java 17'):
        spark.cluster(with_spark(company))


def test_a_machine_without_the_extra_says_so(company, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark.errors.exceptions.base", None)

    with pytest.raises(MissingError, match="pyspark is not installed. make setup WITH=spark"):
        spark.cluster(with_spark(company))
