"""Old vectors go after a stated time, and never those a live flag or a kept model needs."""

from datetime import date, timedelta

import pytest

from feature_store.retention import Needed, prune

TODAY = date(2026, 4, 1)


@pytest.fixture
def kept(company):
    """Vectors of ten old days in two feature sets; what remains of them, as (set, days ago)."""
    for version in ("old", "new"):
        for ago in range(1, 11):
            file = company.root / "vectors" / version / f"{TODAY - timedelta(days=10 * ago)}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"vectors")
    (company.root / "vectors" / "sets").mkdir()
    (company.root / "vectors" / "sets" / "old.json").write_text("{}")

    def keeping(days):
        return company.model_copy(update={"features": company.features.model_copy(update={"keep_days": days})})

    keeping.left = lambda: {(p.parent.name, (TODAY - date.fromisoformat(p.stem)).days) for p in company.root.glob("vectors/*/*.parquet")}
    return keeping


def test_without_a_stated_time_everything_stays(kept):
    assert prune(kept(0), today=TODAY, needed=Needed()) == []
    assert len(kept.left()) == 20


def test_what_is_older_goes_in_every_feature_set_and_definitions_stay(kept):
    gone = prune(kept(30), today=TODAY, needed=Needed())

    assert len(gone) == 14
    assert kept.left() == {(version, ago) for version in ("old", "new") for ago in (10, 20, 30)}
    assert (kept(30).root / "vectors" / "sets" / "old.json").exists()


def test_what_a_live_flag_or_a_kept_model_needs_stays(kept):
    needed = Needed(days={TODAY - timedelta(days=60)}, trained=(("new", TODAY - timedelta(days=80)),))

    prune(kept(30), today=TODAY, needed=needed)

    recent = {(version, ago) for version in ("old", "new") for ago in (10, 20, 30, 60)}
    assert kept.left() == recent | {("new", 80), ("new", 90), ("new", 100)}
