"""A version is named only when its errors rose beyond chance, however many versions are looked at."""

import numpy as np
import polars as pl
import pytest

from core.errors import ConfigError
from detectors.release import DETECTOR, OWN, TIMES, rose


def seen(rates, uses=2000, seed=0):
    """Uses and errors of versions "0", "1", ... with so many errors a use."""
    rng, parts = np.random.default_rng(seed), []
    for version, rate in enumerate(rates):
        errors = rng.poisson(uses * rate)
        parts.append(pl.DataFrame({"version": str(version), "is_error": [True] * errors + [False] * uses}))
    return pl.concat(parts)


def test_the_version_whose_errors_rose_is_named_with_its_rate_beside_the_others():
    found = rose(seen([0.02, 0.02, 0.08]), 0.05).to_dicts()

    assert [f["version"] for f in found] == ["2"]
    assert found[0]["errors_per_100"] == pytest.approx(8, abs=2)
    assert found[0]["elsewhere_per_100"] == pytest.approx(2, abs=0.7)
    assert found[0][TIMES] == pytest.approx(4, abs=1.5)


def test_of_many_versions_without_a_difference_hardly_ever_one_is_named():
    named = [rose(seen([0.02] * 20, seed=seed), 0.05).height for seed in range(60)]

    assert np.mean(np.array(named) > 0) < 0.12


def test_a_single_version_has_nothing_to_be_held_against():
    assert rose(seen([0.9]), 0.05).is_empty()


def test_the_signs_are_what_was_known_at_the_moment(world, on_day):
    calm = [(f"a{n}", "session", on_day(30 + n % 9), {"version": "1"}) for n in range(300)]
    bad = [(f"b{n % 40}", "error" if n % 2 else "session", on_day(30 + n % 9), {"version": "2"}) for n in range(400)]
    later = [("a0", "session", on_day(39.5), {"version": "2"})]
    world.source("app", calm + bad + later, role="telemetry")

    kind = DETECTOR.tuned("i.toml", {"source": "app"})
    then, after = (kind.signs(world.settings, on_day(day)).sort("customer_id") for day in (39, 41))

    assert then.filter(pl.col("customer_id") == "a0").select(TIMES, OWN, "release__version").row(0) == (1.0, 0.0, "1")
    assert then.filter(pl.col("customer_id") == "b1").select(OWN, "release__version").row(0) == (10.0, "2")
    assert (then.filter(pl.col("customer_id").str.starts_with("b"))[TIMES] > 10).all()
    assert after.filter(pl.col("customer_id") == "a0")["release__version"].to_list() == ["2"]
    said = kind.untrained(None).said(then.filter(pl.col("customer_id") == "b1").row(0, named=True))
    assert "version 2 fails" in said[0]
    assert said[0].endswith("100.0 errors for 100 uses against 0.2; this customer met 10 of them")


def test_a_version_column_that_does_not_exist_is_named_with_the_nearest(world, on_day):
    world.source("app", [("a", "session", on_day(1), {"app_version": "1"})], role="telemetry")

    with pytest.raises(ConfigError, match="column of app 'version' does not exist. Did you mean 'app_version'"):
        DETECTOR.tuned("i.toml", {"source": "app"}).signs(world.settings, on_day(2))


def test_versions_read_as_decimal_numbers_are_refused_because_two_of_them_would_be_one(world, on_day):
    world.source("app", [("a", "session", on_day(1), {"version": 3.1})], role="telemetry")

    with pytest.raises(ConfigError, match=r"'version' was read as decimal numbers, in which 3.1 and 3.10 are one"):
        DETECTOR.tuned("i.toml", {"source": "app"}).signs(world.settings, on_day(3))
