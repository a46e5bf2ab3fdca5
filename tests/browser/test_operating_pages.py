"""The pages about playbooks, data, models and people in a real browser: readable by everybody, usable by keys alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from bench.screenshots import PASSWORD, served
from feature_store import release
from ledger.database import sessions
from outreach.kill_switch import is_paused
from tests.browser.test_pages import RULES, browser  # noqa: F401 - one browser for all tests of a file
from tests.console.pages.conftest import operated, operating  # noqa: F401 - one past for all tests of this process

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def site(operating):  # noqa: F811
    """(settings, address, paths) of a console that is served for real, with a past."""
    settings, _ = operating
    day = release.days(settings, "billing")[0]
    paths = ["/playbooks", "/playbooks/fee_shock", "/playbooks/card_running_out/shadow", "/data", "/data/models/app_trouble", "/data/quarantine/billing",
             f"/data/quarantine/billing/{day}", "/admin", "/admin/acts?act=approve"]  # fmt: skip
    with served(settings) as address:
        yield settings, address, paths


def signed_in(browser, address, role="admin", **view):  # noqa: F811
    page = browser.new_context(reduced_motion="reduce", **view).new_page()
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"{address}/sign-in")
    page.fill("#email", f"{role}@lumen.example")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    return page


def look(page):
    found = [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in Axe().run(page, options=RULES).response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return found + (["wider than the screen"] if wide else []) + page.complaints


@pytest.mark.parametrize("view", [
    pytest.param({"viewport": {"width": 390, "height": 844}, "color_scheme": "light"}),
    pytest.param({"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}, marks=pytest.mark.slow),
    pytest.param({"viewport": {"width": 640, "height": 450}, "color_scheme": "light"}, marks=pytest.mark.slow),  # 1280 pixels at 200 %
], ids=["phone, light", "desk, dark", "twice as large"])  # fmt: skip
def test_every_page_can_be_read_by_everybody(site, browser, view):  # noqa: F811
    _, address, paths = site
    page = signed_in(browser, address, **view)
    for path in paths:
        page.goto(f"{address}{path}")
        page.wait_for_load_state("networkidle")
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert look(page) == [], path
    page.context.close()


def test_the_switch_is_thrown_by_keys_alone(site, browser):  # noqa: F811
    settings, address, _ = site
    page = signed_in(browser, address, viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/admin")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "pause-note":
            break
    page.keyboard.type("The provider is down")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing is planned, done or sent.").wait_for()
    with sessions(settings)() as session:
        assert is_paused(session, settings)
    page.context.close()


def test_an_approver_takes_a_mode_back_by_keys_and_sees_who_did_it(site, browser):  # noqa: F811
    _, address, _ = site
    page = signed_in(browser, address, role="approver", viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/playbooks/app_trouble")
    page.locator("input[name=mode][value=live]").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.keyboard.type("Wait for the fix")
    page.keyboard.press("Enter")
    page.get_by_text("live → pilot, approver@lumen.example: “Wait for the fix”").wait_for()
    assert page.locator(".ladder li.here h3").inner_text().lower().startswith("pilot")
    page.context.close()


def test_a_letter_is_seen_in_its_frame(site, browser):  # noqa: F811
    _, address, _ = site
    page = signed_in(browser, address, viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/playbooks/payment_failing")
    page.locator("iframe.letter").first.scroll_into_view_if_needed()
    page.frame_locator("iframe.letter >> nth=0").get_by_text("Hello Alex").wait_for()
    assert page.complaints == []
    page.context.close()
