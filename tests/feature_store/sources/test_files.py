"""Files of every kind give the same rows, on disk and in an object store; what is missing is said."""

import gzip
import io
from datetime import UTC, datetime

import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from core.errors import ConfigError, SourceError
from feature_store import lake
from feature_store.pull import pull_days
from feature_store.sources.configured import find_source
from feature_store.sources.reader import DAY, FILE, ROW, reader_of

CSV = "id,account,paid_at,amount\n1,007,2026-01-01T10:00:00,9.5\n2,008,2026-01-01T11:00:00,\n"
NDJSON = ('{"id":1,"account":"007","paid_at":"2026-01-01T10:00:00","amount":9.5}\n'
          '{"id":2,"account":"008","paid_at":"2026-01-01T11:00:00","amount":null}\n')  # fmt: skip
BILLING = """
role = "billing"
path = "%s"
customer_id = "account"
event_id = "id"
%s
[[event]]
kind = "paid"
occurred_at = "paid_at"
columns = { amount = "amount" }
"""


def parquet():
    content = io.BytesIO()
    pl.read_csv(io.StringIO(CSV), schema_overrides={"account": pl.String}).write_parquet(content)
    return content.getvalue()


def read(company, first, last):
    source = find_source(company, "billing")
    return reader_of(source, company).read(source, company, first=first, last=last)


@pytest.mark.parametrize(
    ("name", "content", "more"),
    [
        ("{day}.csv", CSV, ""),
        ("{day}.csv.gz", gzip.compress(CSV.encode()), ""),
        ("{day}.tsv", CSV.replace(",", "\t"), ""),
        ("{day}.csv", CSV.replace(",", ";").encode("latin-1"), 'delimiter = ";"\nencoding = "latin-1"'),
        ("{day}.ndjson", NDJSON, ""),
        ("{day}.jsonl.gz", gzip.compress(NDJSON.encode()), ""),
        ("{day}.parquet", parquet(), ""),
        ("{day}.parquet.gz", gzip.compress(parquet()), ""),
        ("{day}.export", CSV, 'format = "csv"'),
        ("{day}/part-*.csv", CSV, ""),
    ],
    ids=["csv", "csv.gz", "tsv", "semicolons", "ndjson", "jsonl.gz", "parquet", "parquet.gz", "stated", "parts"],
)
def test_every_kind_of_file_gives_the_same_events(company, source_file, deliver, on, name, content, more):
    source_file("billing", BILLING % ("{root}/raw/" + name, more))
    deliver(name.replace("{day}", "2026-01-01").replace("*", "1"), content)

    pull_days("billing", first=on(1), last=on(1), settings=company)
    found = lake.scan(company, "billing", before=datetime(2026, 1, 2, tzinfo=UTC))
    found = found.select("event_id", "customer_id", "occurred_at", "amount").sort("event_id").collect()
    assert found.rows() == [
        ("1", "007", datetime(2026, 1, 1, 10, tzinfo=UTC), 9.5),
        ("2", "008", datetime(2026, 1, 1, 11, tzinfo=UTC), None),
    ]


def test_each_row_says_where_it_stood(company, source_file, deliver, on):
    source_file("billing", BILLING % ("{root}/raw/{day}/*.csv", ""))
    for day in (1, 2):
        for part in "ab":
            deliver(f"2026-01-0{day}/{part}.csv", CSV)

    rows = read(company, on(1), on(2))
    assert rows[ROW].to_list() == [1, 2] * 4
    assert rows[DAY].to_list() == [on(1)] * 4 + [on(2)] * 4
    assert [name[-16:] for name in rows[FILE].unique().sort()] == [f"2026-01-0{d}/{p}.csv" for d in (1, 2) for p in "ab"]


def test_a_day_without_a_file_is_an_error_unless_it_may_be_missing(company, source_file, deliver, on):
    source_file("billing", BILLING % ("{root}/raw/{day}.csv", ""))
    deliver("2026-01-01.csv", CSV)
    with pytest.raises(SourceError, match=r"billing 2026-01-02: no file at .*2026-01-02\.csv.*may_be_missing = true"):
        read(company, on(1), on(2))

    source_file("billing", BILLING % ("{root}/raw/{day}.csv", "may_be_missing = true"))
    assert read(company, on(1), on(2)).height == 2


def test_a_column_that_is_not_there_names_the_nearest(company, source_file, deliver, on):
    source_file("billing", (BILLING % ("{root}/raw/{day}.csv", "")).replace('"account"', '"acount"'))
    deliver("2026-01-01.csv", CSV)

    with pytest.raises(ConfigError, match=r"billing\.toml: 2026-01-01\.csv: column 'acount' .* Did you mean 'account'\?"):
        read(company, on(1), on(1))


@pytest.mark.parametrize(("name", "content"), [("{day}.parquet", "no parquet"), ("{day}.csv.gz", "no gzip")])
def test_a_broken_file_is_named(company, source_file, deliver, on, name, content):
    source_file("billing", BILLING % ("{root}/raw/" + name, ""))
    deliver(name.replace("{day}", "2026-01-01"), content)

    with pytest.raises(SourceError, match=r"2026-01-01\.\w+(\.gz)?: it cannot be read as"):
        read(company, on(1), on(1))


def test_the_environment_may_say_where_files_lie(company, source_file, deliver, on, monkeypatch):
    source_file("billing", BILLING % ("${BILLING_EXPORT}/{day}.csv", ""))
    deliver("2026-01-01.csv", CSV)
    with pytest.raises(ConfigError, match="the environment variable BILLING_EXPORT is not set"):
        read(company, on(1), on(1))

    monkeypatch.setenv("BILLING_EXPORT", str(company.root / "raw"))
    assert read(company, on(1), on(1)).height == 2


@pytest.fixture(scope="module")
def s3_server():
    """A real server that speaks S3 over HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A client of the server and an empty bucket `exports`; the environment points everybody there."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="exports")
    return client


@pytest.mark.parametrize("path", ["s3://exports/billing/{day}.csv.gz", "s3://exports/billing/{day}*.gz"])
def test_files_in_an_object_store_are_read_over_http(company, source_file, on, bucket, path):
    bucket.put_object(Bucket="exports", Key="billing/2026-01-01.csv.gz", Body=gzip.compress(CSV.encode()))
    source_file("billing", BILLING % (path, ""))

    assert read(company, on(1), on(1))["account"].to_list() == ["007", "008"]


def test_an_object_store_tells_when_a_file_has_changed(company, source_file, bucket):
    source_file("billing", BILLING % ("s3://exports/billing.csv", "history_until = 2026-02-01"))
    signatures = []
    for content in (CSV, CSV, CSV.replace("9.5", "8.5")):
        bucket.put_object(Bucket="exports", Key="billing.csv", Body=content.encode())
        source = find_source(company, "billing")
        signatures.append(reader_of(source, company).signature(source, company))

    assert signatures[0] == signatures[1] != signatures[2]


def test_the_lake_itself_may_lie_in_an_object_store(company, source_file, on, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    elsewhere = company.model_copy(update={"storage": company.storage.model_copy(update={"root": "s3://exports/store"})})
    elsewhere._folder = company.folder
    source_file("billing", BILLING % ("{root}/raw/{day}.csv", "quarantine_at_most = 0.5"))
    bucket.put_object(Bucket="exports", Key="store/raw/2026-01-01.csv", Body=f"{CSV},x,2026-01-01,1\n".encode())

    for _ in range(2):
        report = pull_days("billing", first=on(1), last=on(1), settings=elsewhere)
    lake.close_days(elsewhere, on(1), on(1))
    found = lake.scan(elsewhere, "billing", before=datetime(2026, 1, 2, tzinfo=UTC)).collect()
    assert (report.kept, report.quarantined, sorted(found["event_id"])) == (2, 1, ["1", "2"])
    assert lake.last_closed(elsewhere) == on(1)
