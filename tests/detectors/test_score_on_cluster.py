"""On a real cluster a whole day is built by the workers, kept, and scored where it lies: the same as on one machine."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from detectors.cases import Cases
from detectors.detector import numbers_of, unit_code
from detectors.intervened import contact_units
from detectors.models import store
from detectors.rule import DETECTOR, RuleModel
from detectors.score_spark import probabilities
from feature_store import bookkeeping, build
from feature_store.feature_set import make_set
from feature_store.feature_set import store as keep
from tests.feature_store.conftest import company, source_file  # noqa: F401
from tests.feature_store.engines.test_spark import lay, master, on_cluster  # noqa: F401
from tests.feature_store.histories import DAY, EVERY_SHAPE, T, features_of

pytestmark = [pytest.mark.operation, pytest.mark.needs("java", "spark"), pytest.mark.timeout(1800)]
SHARED = pl.DataFrame({"customer_id": ["b"], "unit_id": ["household"]})
RULE = RuleModel(("f0",), ("f0 >= 2",), Cases((0.6,), 0.1, 50))


def test_a_day_is_built_by_the_workers_and_scored_where_it_lies(on_cluster):  # noqa: F811
    lay(on_cluster, [(n, "abcdefg"[n % 7 if n % 3 else 0], "paid", T - timedelta(hours=5 * n + 1), T - timedelta(hours=5 * n), False, n, "pro", 0.5, T)
                     for n in range(40)])  # fmt: skip
    as_of = (T - DAY).date()
    said = {"source": "s", "first": as_of, "last": as_of, "again": False, "read": 40, "kept": 40, "quarantined": 0, "dropped": "{}", "signature": ""}
    bookkeeping.record_pull(on_cluster, said)
    bookkeeping.close_days(on_cluster, as_of, as_of)
    frozen = keep(on_cluster, make_set(features_of(EVERY_SHAPE), frozen_on=as_of, notes=[]))

    path = build.build_day(day=as_of, settings=on_cluster)
    there = build.read(path)
    here = one_machine(on_cluster, frozen, as_of)
    sha = store(on_cluster, RULE, {"issue": "i", "detector": "rule", "lags": []}, frozen, np.array([[0.0], [3.0]], dtype=np.float32))
    scored = probabilities(on_cluster, sha, RULE.features, DETECTOR, path=path, shared=SHARED).sort("customer_id")

    assert list(build.UPath(path).glob("part-*.parquet")), "the workers wrote no folder of files"
    assert there["customer_id"].to_list() == here["customer_id"].to_list() == scored["customer_id"].to_list()
    for name in frozen.names:
        assert there[name].is_null().equals(here[name].is_null()), name
        assert there[name].fill_null(-1).to_list() == pytest.approx(here[name].fill_null(-1).to_list(), rel=1e-6), name
    half = unit_code(contact_units(here["customer_id"], SHARED)) & 1
    assert np.array_equal(scored["probability"].to_numpy(), RULE.probability(numbers_of(here, RULE.features), half))
    assert build.vectors(on_cluster, as_of).equals(there), "what was built is used as it is"


def one_machine(settings, frozen, as_of):
    """The same day by the default engine, written elsewhere."""
    alone = settings.model_copy(update={"features": settings.features.model_copy(update={"engine": "polars"})})
    alone._folder = settings.folder
    built = build._path(settings, as_of, frozen)
    aside = built.rename(built.with_name("aside"))
    try:
        return build.vectors(alone, as_of)
    finally:
        built.unlink()
        aside.rename(built)
