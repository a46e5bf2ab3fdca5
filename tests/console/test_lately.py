"""What takes long is counted once a minute, by one of those who ask."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from console.lately import GOOD_FOR, Lately

NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)


def test_it_is_counted_once_however_many_ask_and_anew_after_a_minute():
    lately, calls = Lately(), []

    def count():
        calls.append(1)
        return len(calls)

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: lately.counted("a", count, now=NOW), range(40)))
    assert found == {(NOW, 1)}
    assert lately.counted("b", count, now=NOW) == (NOW, 2)
    assert lately.counted("a", count, now=NOW + GOOD_FOR - timedelta(seconds=1)) == (NOW, 1)
    assert lately.counted("a", count, now=NOW + GOOD_FOR) == (NOW + GOOD_FOR, 3)
