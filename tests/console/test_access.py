"""Every door of the console says who may pass; each is tried by every role and by nobody."""

import re

import pytest
from fastapi import APIRouter, FastAPI

from console.access import access_of, check, routes
from console.app import create_app
from core.errors import ConfigError
from ledger.people import ROLES, may
from tests.console.house import add_people, browser, csrf_of

CLOSED = {"role", "scope"}


def addresses(settings):
    """Yield (method, path with its parameters filled in, access) of every route."""
    for route in routes(create_app(settings)):
        path = re.sub(r"\{[^}]*(?:day|date)[^}]*\}", "2026-01-31", route.path)
        path = re.sub(r"\{[^}]*\}", "1", path)
        for method in sorted(route.methods - {"HEAD"}):
            yield method, path, access_of(route)


def test_every_route_says_who_may_use_it(settings):
    assert all(access for _, _, access in addresses(settings))


def test_a_route_that_does_not_say_stops_the_application():
    app, router = FastAPI(), APIRouter()
    router.get("/forgotten")(lambda: None)
    app.include_router(router)
    with pytest.raises(ConfigError, match="/forgotten does not say who may use it"):
        check(app)


def test_nobody_passes_a_closed_door(settings):
    with browser(settings) as client:
        for method, path, access in addresses(settings):
            if access.partition(":")[0] in CLOSED:
                client.app.state.limits.__init__()  # what is asked here is the door, not how often one may knock
                answer = client.request(method, path)
                to_sign_in = answer.status_code == 303 and "/sign-in" in answer.headers["location"]
                assert to_sign_in or answer.status_code == 401, (method, path, answer.status_code)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_passes_its_own_doors_and_no_higher_one(settings, role):
    add_people(settings)
    with browser(settings, role) as client:
        headers = {"X-CSRF-Token": csrf_of(client)}
        tried = [each for each in addresses(settings) if each[2].startswith("role:") and each[1] != "/sign-out"]
        for method, path, access in tried:
            answer = client.request(method, path, headers=headers)
            refused = answer.status_code == 403 and "This needs the role" in answer.text
            assert refused is not may(role, access.partition(":")[2]), (method, path, answer.status_code)
            assert answer.status_code < 500, (method, path, answer.text)


@pytest.mark.parametrize("role", ["admin"])
def test_nothing_is_changed_without_the_sign_ins_own_mark(settings, role):
    add_people(settings)
    with browser(settings, role) as client:
        for method, path, access in addresses(settings):
            if access.startswith("role:") and method != "GET":
                answer = client.request(method, path)
                assert answer.status_code == 403, (method, path)
                assert "not ours" in answer.text


def test_every_page_forbids_scripts_of_others_and_frames_of_others(settings):
    with browser(settings) as client:
        headers = client.get("/sign-in").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
