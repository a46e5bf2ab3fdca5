"""Screenshots: two letters, and every page a customer or a colleague may see, as pictures in var/screenshots to be looked at.

`python -m bench.screenshots [FOLDER]` makes small companies, each in a ledger of its own, serves their consoles, and photographs
them in Chromium: on a phone and a desk, light and dark.
"""

import argparse
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import uvicorn
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import insert, select

from bench.operating import operate
from bench.scene import scene
from console.app import create_app
from console.sign_in import HASHER
from core import clock
from core.errors import MissingError
from core.settings import Settings, load_settings
from ledger.cohorts import Cohort
from ledger.customers import Customer
from ledger.database import forget, sessions
from ledger.flags import Flag
from ledger.messages import Message
from ledger.people import add_person, by_email, known_person
from ledger.server import hold
from outreach.compose import Composer, Recipient
from outreach.keyed_hash import check_code
from outreach.links import LASTS, PAGES, Links
from outreach.plan import message_key
from outreach.playbook import load_playbooks

CONFIG = Path(__file__).resolve().parents[1] / "config"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
TALLEST = 9_000  # pixels
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LETTERS = (("payment_failing", "en"), ("app_trouble", "de"))
EMAIL, PASSWORD = "ada@lumen.example", "four plain words in a row"


def main(words: Sequence[str] | None = None) -> None:
    """Photograph letters, customers' pages and the console of made companies; `--played CONFIG` a played company's console too."""
    ask = argparse.ArgumentParser(prog="bench.screenshots", description=main.__doc__)
    ask.add_argument("folder", nargs="?", type=Path, default=Path("var/screenshots"))
    ask.add_argument("--played", type=Path, metavar="CONFIG", help="the configuration folder of a company that was played or runs")
    asked = ask.parse_args(words)
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for of in (_customers_side, _a_morning, _in_operation):
            with tempfile.TemporaryDirectory(prefix="beforehand-shots-") as root, company(Path(root)) as settings:
                of(browser, asked.folder, settings)
        if asked.played:
            _played(browser, asked.folder, load_settings(asked.played))
        browser.close()
    taken = len(list(asked.folder.glob("*.png")))
    sys.stdout.write(f"{taken} pictures in {asked.folder}\n")


def _customers_side(browser: Browser, folder: Path, settings: Settings) -> None:
    """Take the letters, what customers see, the sign-in, and a console with nothing in it."""
    messages = people_and_messages(settings)
    for name, page in _letters(settings).items():
        _every_way(browser, folder, name, page)
    with served(settings) as address:
        for name, path in _pages(settings, messages).items():
            _every_way(browser, folder, name, f"{address}{path}")


def _a_morning(browser: Browser, folder: Path, settings: Settings) -> None:
    """Take what a reviewer sees in the morning: what was missed, what waits, and one cohort."""
    _let_in(settings)
    day = scene(settings, now=clock.now())
    _console(browser, folder, settings, {"today": "/", "cohorts": "/cohorts", "cohort": f"/cohorts/payment_failing/{day}", "customers": "/customers",
                                         "customer": "/customers/c000001"})  # fmt: skip


def _in_operation(browser: Browser, folder: Path, settings: Settings) -> None:
    """Take what those see who run it."""
    _let_in(settings)
    operate(settings)
    _console(browser, folder, settings, {
        "playbooks": "/playbooks", "playbook": "/playbooks/payment_failing", "shadow": "/playbooks/card_running_out/shadow", "data": "/data",
        "model": "/data/models/app_trouble", "quarantine": "/data/quarantine/billing", "admin": "/admin", "acts": "/admin/acts",
        "loyalty-empty": "/loyalty"})  # fmt: skip


def _played(browser: Browser, folder: Path, settings: Settings) -> None:
    """Take every page of a company that has a past; the photographer is let in for that long alone."""
    _let_in(settings)
    with sessions(settings).begin() as session:
        cohort = session.execute(select(Cohort.issue, Cohort.day).where(~Cohort.replay).order_by(Cohort.day.desc(), Cohort.size.desc()).limit(1)).one()
        told = session.scalar(select(Message.customer_id).where(Message.state == "delivered").order_by(Message.id.desc()).limit(1))
    issues = sorted(load_playbooks(settings))
    paths = {"played-today": "/", "played-cohorts": "/cohorts", "played-cohort": f"/cohorts/{cohort.issue}/{cohort.day}", "played-loyalty": "/loyalty",
             "played-data": "/data", **{f"played-loyalty-{issue}": f"/loyalty/{issue}" for issue in issues},
             **({"played-customer": f"/customers/{told}"} if told else {})}  # fmt: skip
    try:
        _console(browser, folder, settings, paths)
    finally:
        with sessions(settings).begin() as session:
            known_person(session, EMAIL).disabled_at = clock.now()


def _let_in(settings: Settings) -> None:
    with sessions(settings).begin() as session:
        person = by_email(session, EMAIL) or add_person(session, email=EMAIL, name="Ada Byron", role="admin", now=clock.now())
        person.password_hash, person.disabled_at = HASHER.hash(PASSWORD), None


def _console(browser: Browser, folder: Path, settings: Settings, paths: dict[str, str]) -> None:
    """Take pages of the console, signed in once."""
    with served(settings) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/sign-in")
        page.fill("#email", EMAIL)
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.wait_for_load_state()
        known = context.storage_state()
        context.close()
        for name, path in paths.items():
            _every_way(browser, folder, name, f"{address}{path}", known)


@contextmanager
def company(root: Path) -> Iterator[Settings]:
    """Make a company with the example's configuration and a ledger of its own, until the block ends."""
    shutil.copytree(CONFIG, root / "config")
    path = root / "config" / "settings.toml"
    path.write_text(path.read_text().replace('root = "var"', f'root = "{root / "var"}"'))
    settings = load_settings(root / "config")
    with hold(root / "pg") as server:
        os.environ["DATABASE_URL"] = server.url
        try:
            yield settings
        finally:
            forget(os.environ.pop("DATABASE_URL"))


def people_and_messages(settings: Settings) -> dict[str, Message]:
    """Write an approver, a cohort that waits, and one customer a letter who was written to; return messages by language."""
    now, day = clock.now(), date.today() - timedelta(days=1)  # noqa: DTZ011
    found = {}
    with sessions(settings).begin() as session:
        add_person(session, email=EMAIL, name="Ada Byron", role="approver", now=now).password_hash = HASHER.hash(PASSWORD)
        playbooks = load_playbooks(settings)
        for n, (issue, language) in enumerate(LETTERS):
            customer = {"customer_id": f"c{n}", "unit_id": f"c{n}", "name": "Zoë Müller", "address": f"zoe{n}@example.org",
                        "phone": "+49 40 555 0142", "language": language, "time_zone": "Europe/Berlin", "country": "DE",
                        "consent": True, "updated_at": now}  # fmt: skip
            session.execute(insert(Customer), [customer])
            session.add(Cohort(issue=issue, day=day, size=180, expected_precision=0.41, state="waiting", trimmed=[], replay=False, created_at=now))
            flag = Flag(customer_id=f"c{n}", issue=issue, day=day, probability=0.4, days_until=9.0, reasons=["a payment failed"], evidence={},
                        detector="rule", replay=False, state="open", created_at=now)  # fmt: skip
            session.add(flag)
            session.flush()
            found[language] = Message(key=message_key(settings, issue=issue, customer_id=f"c{n}", day=day, kind="notice"),
                                      flag_id=flag.id, kind="notice", issue=issue,
                                      playbook_version=playbooks[issue].version,
                                      customer_id=f"c{n}", unit_id=f"c{n}", channel="mailbox", day=day, state="accepted", reasons=[],
                                      planned_at=now, due_at=now, claimed_at=now, fence=1)  # fmt: skip
            session.add(found[language])
    return found


def _letters(settings: Settings) -> dict[str, str]:
    """Return each letter as an HTML page."""
    composer, playbooks = Composer(settings), load_playbooks(settings)
    return {f"letter-{issue}-{language}": composer.letter(playbooks[issue], Recipient(
        "0123456789abcdef" * 2, "zoe@example.org", "Zoë Müller", language, date(2026, 3, 31)), now=clock.now()).html
        for issue, language in LETTERS}  # fmt: skip


def _pages(settings: Settings, messages: dict[str, Message]) -> dict[str, str]:
    links, now = Links(settings), clock.now()
    pages = {"sign-in": "/sign-in", "check": f"{PAGES}/check", "closed": f"{PAGES}/stop/x"}
    for language, message in messages.items():
        for purpose in LASTS:
            pages[f"{purpose}-{language}"] = f"{PAGES}/{purpose}/{links.token(purpose, message.key, now)}"
        pages[f"answer-call_me-{language}"] = f"{PAGES}/answer/{links.token('answer', message.key, now)}/call_me"
        pages[f"checked-{language}"] = f"{PAGES}/check#{check_code(settings, message.key)}"
    return pages


def _every_way(browser: Browser, folder: Path, name: str, what: str, known: Any = None) -> None:
    """Take a page (its address, or its HTML) on a phone and a desk, light and dark; say when it is wider than the screen."""
    for size, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            context: Any = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, storage_state=known)
            page = context.new_page()
            _open(page, what)
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
                sys.stdout.write(f"{name} {size}: wider than the screen\n")
            tall = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": min(max(tall, height), TALLEST)})  # what is out of sight is not painted in frames
            page.wait_for_timeout(200)
            page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
            context.close()


def _open(page: Any, what: str) -> None:
    """Open a page; a code behind # is filled in, and what is loaded late (frames, htmx) is waited for."""
    if not what.startswith("http"):
        page.set_content(what)
        return
    address, _, code = what.partition("#")
    page.goto(address)
    if code:
        page.fill("#code", code)
        page.click("main button")
    for frame in page.query_selector_all("iframe"):
        if frame.is_visible():
            frame.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    page.evaluate("window.scrollTo(0, 0)")


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve the console until the block ends; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(settings)
    app.state.limits.count = lambda *_: None  # the photographer may knock often
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def chromium() -> str:
    """Return where Debian's Chromium lies. Raise MissingError where it is not installed."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        raise MissingError("chromium: it is not installed. Install Debian's chromium.")
    return found


if __name__ == "__main__":
    main()
