"""The console in Airflow's own navigation: a real Airflow is started with the plugin, and photographed in Chromium.

`python -m bench.inside_airflow [FOLDER]` needs a minute; the picture goes to var/screenshots/inside-airflow.png.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import FrameLocator, Page, sync_playwright

from bench.operating import operate
from bench.screenshots import PASSWORD, chromium, company
from cli.live import scheduler_for
from cli.scheduler import Scheduler
from console.sign_in import HASHER
from core.clock import last_whole_day, now
from core.settings import Settings
from ledger.database import sessions
from ledger.people import add_person


def main(folder: Path) -> None:
    """Take the pictures: the console in its frame, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="beforehand-airflow-") as root, company(Path(root)) as settings:
        with sessions(settings).begin() as session:
            ada = add_person(session, email="ada@lumen.example", name="Ada Byron", role="approver", now=now())
            ada.password_hash = HASHER.hash(PASSWORD)
        operate(settings)
        with airflow(settings) as scheduler, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            context = browser.new_context(viewport={"width": 1360, "height": 860})
            page = context.new_page()
            page.set_default_timeout(120_000)  # a busy machine answers late
            into_airflow(page, scheduler)
            sign_in(console_in(page), "ada@lumen.example")
            console_in(page).get_by_role("link", name="Data and models").click()
            console_in(page).get_by_role("heading", name="Data and models").wait_for()
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / "inside-airflow.png")
            browser.close()
    sys.stdout.write(f"{folder / 'inside-airflow.png'}\n")


@contextmanager
def airflow(settings: Settings) -> Iterator[Scheduler]:
    """Start what `beforehand up` starts, and wait until it answers."""
    with scheduler_for(settings, last_whole_day(now())) as scheduler:
        scheduler.wait_until(lambda: bool(scheduler.get("/api/v2/plugins")), seconds=300, what="its API")
        yield scheduler


def into_airflow(page: Page, scheduler: Scheduler) -> None:
    """Sign in to Airflow as its admin and open the console from the navigation."""
    page.goto(scheduler.url)
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(scheduler.password())
    page.locator("button[type=submit]").click()
    page.get_by_role("link", name="Console").click()


def console_in(page: Page) -> FrameLocator:
    """Return the frame in which Airflow shows the console."""
    return page.frame_locator("iframe[title=Console]")


def sign_in(console: Any, email: str) -> None:
    """Sign in to the console itself: Airflow vouches for nobody here."""
    console.locator("#email").fill(email)
    console.locator("#password").fill(PASSWORD)
    console.locator("main button").click()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var/screenshots"))
