"""A console with people of every role, asked as a browser would."""

import re
from contextlib import contextmanager
from datetime import timedelta

from fastapi.testclient import TestClient

from console.app import create_app
from console.sign_in import HASHER
from core import clock
from ledger.database import sessions
from ledger.people import ROLES, add_person

PASSWORD = "four plain words in a row"
HASH = HASHER.hash(PASSWORD)
CSRF = re.compile(r'"X-CSRF-Token": "([^"]+)"')


def add_people(settings):
    """Add one person of each role, `<role>@lumen.example`, all with the same password."""
    with sessions(settings).begin() as session:
        for role in ROLES:
            add_person(session, email=f"{role}@lumen.example", name=role.title(), role=role, now=clock.now()).password_hash = HASH


@contextmanager
def browser(settings, role=None):
    """A browser at the console; signed in where a role is named."""
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8090", follow_redirects=False) as client:
        if role:
            answer = client.post("/sign-in", data={"email": f"{role}@lumen.example", "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        yield client


def csrf_of(client):
    """The mark that forms of this sign-in carry."""
    return CSRF.search(client.get("/").text).group(1)


def days(n):
    return timedelta(days=n)
