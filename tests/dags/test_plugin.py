"""The console inside a real Airflow: in its navigation, behind its own door, at its own addresses below the mount."""

import http.cookiejar
import re
import shutil
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest

from bench.inside_airflow import airflow
from bench.screenshots import PASSWORD
from core.settings import load_settings
from tests.console.house import add_people
from tests.outreach.test_lint import CONFIG

pytestmark = pytest.mark.slow


@pytest.fixture
def mounted(settings, embedded_server, monkeypatch):
    """A running Airflow as `beforehand up` starts it; its address is where the console lies below it."""
    for kind in ("playbooks", "issues", "sources"):
        shutil.copytree(CONFIG / kind, settings.folder / kind, dirs_exist_ok=True)
    monkeypatch.setenv("AIRFLOW_DATABASE_URL", embedded_server.airflow_url)
    opened = load_settings(settings.folder)
    add_people(opened)
    with airflow(opened) as scheduler:
        yield scheduler


class Stay(urllib.request.HTTPRedirectHandler):
    """Show a redirect instead of following it."""

    def redirect_request(self, *_):
        return None


def client():
    return urllib.request.build_opener(Stay, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def ask(opener, url, **form):
    request = urllib.request.Request(url, data=urlencode(form).encode() if form else None)
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def test_the_console_is_in_airflows_navigation_behind_its_own_door(mounted):
    console = f"{mounted.url}/beforehand"
    views = [view for plugin in mounted.get("/api/v2/plugins")["plugins"] for view in plugin["external_views"]]
    assert [(view["name"], view["href"], view["destination"]) for view in views] == [("Console", "/beforehand/", "nav")]
    assert mounted.get("/api/v2/plugins/importErrors")["import_errors"] == []

    nobody = client()
    for path in ("/", "/playbooks", "/data", "/admin"):
        status, headers, _ = ask(nobody, f"{console}{path}")
        assert status == 303
        assert headers["location"] == f"/beforehand/sign-in?to=/beforehand{path}"
    status, headers, page = ask(nobody, f"{console}/sign-in")
    assert status == 200
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert ask(nobody, f"{mounted.url}{re.search('href=.(/beforehand/static/console.css)', page).group(1)}")[0] == 200
    assert ask(nobody, f"{console}/admin/pause", note="I am nobody")[0] == 401

    ann = client()
    status, headers, _ = ask(ann, f"{console}/sign-in", email="viewer@lumen.example", password=PASSWORD, to="/beforehand/data")
    assert (status, headers["location"]) == (303, "/beforehand/data")
    status, _, page = ask(ann, f"{console}/data")
    assert status == 200
    assert 'href="/beforehand/playbooks"' in page
    assert ask(ann, f"{console}/admin")[0] == 403
    assert ask(ann, f"{mounted.url}/api/v2/dags")[0] == 401  # who is signed in here is nobody there


def test_it_asks_airflow_as_the_user_who_is_signed_in_there(mounted):
    console, ann = f"{mounted.url}/beforehand", client()
    ask(ann, f"{console}/sign-in", email="viewer@lumen.example", password=PASSWORD, to="/beforehand/data")
    ann.addheaders = [("HX-Request", "true")]
    assert "Sign in to Airflow" in ask(ann, f"{console}/data/airflow")[2]
    mounted.wait_until(mounted.is_ready, seconds=300, what="its DAGs")
    cookies = next(each for each in ann.handlers if hasattr(each, "cookiejar")).cookiejar
    token = mounted._sign_in()
    ann.addheaders += [("Cookie", "; ".join([f"_token={token}", *(f"{each.name}={each.value}" for each in cookies)]))]
    page = ask(ann, f"{console}/data/airflow")[2]
    assert "reach out" in page
    assert "none yet" in page
