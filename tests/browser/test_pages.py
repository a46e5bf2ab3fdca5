"""Pages in a real browser: no script or style is refused by the policy, nothing stands in a reader's way, keys are enough."""

import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from sqlalchemy import select

from bench.screenshots import PASSWORD, people_and_messages, served
from core.settings import load_settings
from ledger.database import sessions
from ledger.suppressions import Suppression
from outreach.links import LASTS, PAGES, Links
from tests.outreach.conftest import database_url, outreach_ledger  # noqa: F401 - one emptied ledger for all tests of this file
from tests.outreach.test_lint import CONFIG

pytestmark = pytest.mark.needs("chromium")
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def site(settings):
    """(settings, address, messages by language) of a console that is served for real."""
    shutil.copytree(CONFIG / "playbooks", settings.folder / "playbooks", dirs_exist_ok=True)
    opened = load_settings(settings.folder)
    messages = people_and_messages(opened)
    with served(opened) as address:
        yield opened, address, messages


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    opened = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce").new_page()
    opened.complaints = []
    opened.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    yield opened
    opened.context.close()


def look(page):
    """What a reader would trip over on the page that is open."""
    found = [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in Axe().run(page, options=RULES).response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return found + (["wider than a phone"] if wide else []) + page.complaints


def link(site, purpose, language="en"):
    settings, address, messages = site
    from core import clock

    return f"{address}{PAGES}/{purpose}/{Links(settings).token(purpose, messages[language].key, clock.now())}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_a_customer_can_be_read_by_everybody(site, page, scheme):
    page.emulate_media(color_scheme=scheme)
    _, address, _ = site
    for where in (*(link(site, purpose) for purpose in LASTS), f"{link(site, 'answer')}/call_me", f"{address}{PAGES}/check"):
        page.goto(where)
        assert look(page) == [], where


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_signing_in_and_the_first_page_can_be_used_by_everybody(site, page, scheme):
    page.emulate_media(color_scheme=scheme)
    _, address, _ = site
    page.goto(f"{address}/")
    assert page.url.startswith(f"{address}/sign-in")
    assert look(page) == []
    page.keyboard.type("ada@lumen.example")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    assert look(page) == []
    page.click("text=Sign out")
    page.wait_for_url(re.compile("/sign-in"))


def test_a_customer_stops_messages_with_the_keyboard_alone(site, page):
    settings, _, _ = site
    page.goto(link(site, "stop", "de"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Ab jetzt schreiben wir Ihnen nicht mehr")
    with sessions(settings)() as session:
        assert {row.topic for row in session.scalars(select(Suppression))} == {"service notices"}


def test_a_customer_checks_a_code_they_typed(site, page):
    from outreach.keyed_hash import check_code

    settings, address, messages = site
    page.goto(f"{address}{PAGES}/check")
    page.fill("#code", check_code(settings, messages["en"].key).lower().replace("-", " "))
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Yes, we sent a message with this code.")
    assert "Everything stays switched on" in page.inner_text("main")
    assert look(page) == []
