"""Every answer says how long it took here."""

from console.timing import server_ms
from tests.console.house import browser


def test_a_page_and_a_refusal_say_how_many_milliseconds_they_took(settings):
    with browser(settings) as client:
        for path in ("/sign-in", "/", "/api/v1/flags", "/nowhere"):
            assert 0 < server_ms(client.get(path).headers["server-timing"]) < 60_000
