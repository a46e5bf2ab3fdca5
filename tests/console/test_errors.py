"""What cannot be kept is said to whoever sent it, and nothing is written."""

from sqlalchemy import select

from ledger.acts import Act
from tests.console.house import add_people, browser, csrf_of


def test_a_character_that_cannot_be_kept_is_a_sentence_and_no_failure(settings, session):
    add_people(settings)
    with browser(settings, "admin") as client:
        answer = client.post("/admin/people", data={"csrf": csrf_of(client), "email": "a\0b@lumen.example", "name": "A\0", "role": "viewer"})

    assert answer.status_code == 422
    assert "cannot be kept" in answer.text
    assert session.scalars(select(Act)).all() == []
