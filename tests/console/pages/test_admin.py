"""What admins do: people, the switch, keys; and the trail in which every act stands."""

import csv
import io
import re

import pytest
from sqlalchemy import select

from core import clock
from ledger.acts import Act
from ledger.api_tokens import token_in_force
from ledger.brakes import open_brakes
from ledger.database import sessions
from ledger.people import by_email
from outreach.kill_switch import is_paused
from tests.console.house import PASSWORD, browser, csrf_of

SECRET = re.compile(r'<p class="secret"><code>([^<]+)</code>')


@pytest.fixture
def admin(operating):
    """A browser in which an admin is signed in, that adds the mark of its sign-in to what it posts."""
    settings, _ = operating
    with browser(settings, "admin") as client:
        client.settings, mark = settings, csrf_of(client)
        client.say = lambda path, **fields: client.post(path, data={"csrf": mark} | fields)
        yield client


def number(client, email):
    with sessions(client.settings)() as session:
        return by_email(session, email).id


def trail(client, act):
    with sessions(client.settings)() as session:
        return [(row.actor, row.subject) for row in session.scalars(select(Act).where(Act.act == act).order_by(Act.id.desc()))]


def test_somebody_new_chooses_a_password_by_a_link_shown_once_and_signs_in_with_their_role(admin):
    page = admin.say("/admin/people", email="Kay@Lumen.example", name="Kay", role="reviewer")
    link = SECRET.search(page.text).group(1)
    assert link not in admin.get("/admin").text
    with browser(admin.settings) as client:
        answer = client.post(link, data={"password": PASSWORD, "again": PASSWORD})
        assert answer.status_code == 303
        assert "Kay, reviewer" in client.get("/").text
    assert trail(admin, "people add")[0] == ("admin@lumen.example", "person kay@lumen.example")


def test_a_changed_role_and_a_disabled_person_sign_in_anew_or_not_at_all(admin):
    viewer = number(admin, "viewer@lumen.example")
    with browser(admin.settings, "viewer") as client:
        assert client.get("/playbooks").status_code == 200
        assert admin.say(f"/admin/people/{viewer}/role", role="approver").status_code == 303
        assert client.get("/playbooks").status_code == 303
    assert admin.say(f"/admin/people/{viewer}/disable").status_code == 303
    assert admin.say(f"/admin/people/{viewer}/link").status_code == 409
    with browser(admin.settings) as client:
        assert client.post("/sign-in", data={"email": "viewer@lumen.example", "password": PASSWORD}).status_code == 401
    assert trail(admin, "people disable")[0] == ("admin@lumen.example", "person viewer@lumen.example")


def test_the_only_admin_stays_one(admin):
    me = number(admin, "admin@lumen.example")
    for path, fields in ((f"/admin/people/{me}/disable", {}), (f"/admin/people/{me}/role", {"role": "viewer"})):
        answer = admin.say(path, **fields)
        assert answer.status_code == 409
        assert "the only admin" in answer.text


def test_the_switch_stops_everything_at_once_and_lets_it_go_on(admin):
    assert admin.say("/admin/pause", note=" ").status_code == 422
    assert admin.say("/admin/pause", note="The provider is down").status_code == 303
    with sessions(admin.settings)() as session:
        assert is_paused(session, admin.settings)
    assert "Nothing is planned, done or sent" in admin.get("/admin").text
    assert admin.say("/admin/resume", note="It is back").status_code == 303
    with sessions(admin.settings)() as session:
        assert not is_paused(session, admin.settings)
        assert [brake.issue for brake in open_brakes(session)] == ["fee_shock"]  # pulled by rule: stays
    assert trail(admin, "pause") == trail(admin, "resume") == [("admin@lumen.example", "outreach")]


def test_a_brake_is_let_go_once_and_the_second_to_try_is_told_so(admin):
    with sessions(admin.settings)() as session:
        brake = open_brakes(session)[0].id
    answers = [admin.say(f"/admin/brakes/{brake}/lift", note="Addresses are cleaned") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 409]
    assert "somebody else let it go" in answers[1].text
    assert trail(admin, "lift") == [("admin@lumen.example", f"brake {brake}")]


def test_a_key_is_shown_once_works_and_is_revoked(admin):
    page = admin.say("/admin/tokens", name="billing", scope=["flags:read", "holdout:read"], days="30")
    secret = SECRET.search(page.text).group(1)
    assert secret not in admin.get("/admin").text
    with sessions(admin.settings).begin() as session:
        token = token_in_force(session, secret, now=clock.now())
        assert (token.name, token.made_by, token.scopes) == ("billing", "admin@lumen.example", ["flags:read", "holdout:read"])
    assert admin.say(f"/admin/tokens/{token.id}/revoke").status_code == 303
    with sessions(admin.settings).begin() as session:
        assert token_in_force(session, secret, now=clock.now()) is None
    assert admin.say("/admin/tokens", name="billing", scope="flags:read").status_code == 409  # a name is used once
    assert admin.say("/admin/tokens", name="x", scope="everything").status_code == 422


@pytest.mark.parametrize("path", ["/admin/people/999999/role", "/admin/people/99999999999/link", "/admin/tokens/999999/revoke", "/admin/brakes/999999/lift"])
def test_what_is_not_there_is_refused_in_words(admin, path):
    assert admin.say(path, role="viewer", note="x").status_code in (404, 409, 422)


def test_the_trail_is_walked_to_its_end_narrowed_and_taken_home(admin):
    seen, where = [], "/admin/acts"
    while where:
        page = admin.get(where).text
        seen += re.findall(r"<td><time datetime", page)
        where = page.partition('class="button second" href="')[2].partition('"')[0].replace("&amp;", "&")
    with sessions(admin.settings)() as session:
        total = len(session.scalars(select(Act.id)).all())
    assert len(seen) == total > 100
    rows = list(csv.DictReader(io.StringIO(admin.get("/admin/acts?act=trim&as=csv").text)))
    assert {row["act"] for row in rows} == {"trim"}
    assert len(admin.get("/admin/acts?subject=playbook+fee&actor=ada@lumen.example").text.split("<td><time")) == 2
    assert "No act fits" in admin.get("/admin/acts?until=2001-01-01").text
    assert admin.get("/admin/acts?since=yesterday").status_code == 422
    assert admin.get("/admin/acts?subject=%00").status_code == 200


def test_the_limits_say_where_they_are_changed(admin):
    assert "[outreach] quiet_from, quiet_until" in admin.get("/admin").text
