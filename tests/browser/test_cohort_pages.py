"""Today, Cohorts and a Cohort in a real browser: readable by everybody, and decided about with the keyboard alone."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from bench.scene import WAITING, scene
from bench.screenshots import PASSWORD, served
from console.sign_in import HASHER
from core import clock
from core.settings import load_settings
from ledger.cohorts import Cohort
from ledger.database import sessions
from ledger.people import add_person
from tests.browser.test_pages import CHROMIUM, look
from tests.outreach.conftest import database_url, outreach_ledger  # noqa: F401 - one emptied ledger for all tests of this file
from tests.outreach.test_lint import CONFIG

pytestmark = pytest.mark.needs("chromium")
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


@pytest.fixture
def site(settings):
    """(settings, address, the cohort's path) of a console that is served for real, on an ordinary morning."""
    for kind in ("playbooks", "issues", "sources"):
        shutil.copytree(CONFIG / kind, settings.folder / kind, dirs_exist_ok=True)
    opened = load_settings(settings.folder)
    with sessions(opened).begin() as session:
        ada = add_person(session, email="ada@lumen.example", name="Ada Byron", role="approver", now=clock.now())
        ada.password_hash = HASHER.hash(PASSWORD)
    day = scene(opened, now=clock.now())
    with served(opened) as address:
        yield opened, address, f"/cohorts/{WAITING[0]}/{day}"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, site):
    """A page that is signed in, at a phone's width."""
    opened = browser.new_context(viewport=SIZES["phone"], reduced_motion="reduce").new_page()
    opened.set_default_timeout(120_000)  # a machine at work may keep a page waiting
    opened.complaints = []
    opened.on("console", lambda said: opened.complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.goto(f"{site[1]}/sign-in")
    opened.fill("#email", "ada@lumen.example")
    opened.fill("#password", PASSWORD)
    opened.press("#password", "Enter")
    opened.wait_for_url(f"{site[1]}/")
    yield opened
    opened.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_can_be_read_by_everybody(site, page, scheme):
    _, address, path = site
    page.emulate_media(color_scheme=scheme)
    for size in SIZES.values():
        page.set_viewport_size(size)
        for where in ("/", "/cohorts", path, f"{path}?shown=out", path.replace(WAITING[0], "app_trouble")):
            page.goto(f"{address}{where}")
            assert look(page) == [], (where, size)
    page.set_viewport_size({"width": 640, "height": 450})  # a desk's screen at twice the size
    page.goto(f"{address}{path}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_cohort_is_trimmed_and_approved_with_the_keyboard_alone(site, page):
    settings, address, path = site
    page.goto(f"{address}/cohorts")
    page.keyboard.press("j")
    while page.evaluate("document.activeElement.getAttribute('href')") != path:
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}{path}")
    _tab_to(page, "input[name=low]")
    page.keyboard.type("80")
    page.keyboard.press("Enter")
    page.wait_for_url("**/*low=80*")
    _tab_to(page, "td input[type=checkbox]")
    page.keyboard.press("Space")
    with page.expect_navigation():
        _tab_to(page, "button[name=which]")
        page.keyboard.press("Enter")
    assert "taken out" in page.inner_text("table.top")
    page.goto(f"{address}{path}")
    _tab_to(page, "#note")
    page.keyboard.type("The card network was down.")
    with page.expect_navigation():
        _tab_to(page, "button[formaction$='/approve']")
        page.keyboard.press("Enter")
    page.wait_for_selector("text=The next run of send takes it up")
    assert page.complaints == []
    with sessions(settings)() as session:
        found = session.query(Cohort).filter_by(issue=WAITING[0], state="approved", decided_by="ada@lumen.example").one()
        assert (found.note, len(found.trimmed)) == ("The card network was down.", 1)


def test_the_letter_stands_in_its_frame(site, page):
    _, address, path = site
    page.goto(f"{address}{path}")
    frame = page.frame_locator("iframe").first
    assert "Hello Ann" in frame.locator("body").inner_text()
    assert page.complaints == []


def _tab_to(page, selector):
    """Press Tab until the first element that fits has the focus, from where one is."""
    for _ in range(300):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard.")
