"""A brake is pulled once, stops its issue or everything, and only a person lets it go."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.brakes import Brake, lift, open_brakes, pull_brake

NOW = datetime(2026, 4, 1, 10, tzinfo=UTC)


def pull(session, issue="payment_failing", kind="size", reason="900 flags, usually 40", now=NOW):
    return pull_brake(session, issue=issue, kind=kind, reason=reason, now=now)


@pytest.mark.parametrize("issue", ["payment_failing", None])
def test_pulling_an_open_brake_again_keeps_its_first_reason(session, issue):
    first = pull(session, issue)

    assert pull(session, issue, reason="another", now=NOW + timedelta(days=1)) == first
    assert [(b.id, b.reason, b.at) for b in open_brakes(session)] == [(first, "900 flags, usually 40", NOW)]


def test_an_issue_is_stopped_by_its_own_brakes_and_by_those_on_everything(session):
    own, others, everything = pull(session), pull(session, "fee_shock"), pull(session, None, "mismatch")

    assert [b.id for b in open_brakes(session, "payment_failing")] == [own, everything]
    assert [b.id for b in open_brakes(session, "app_trouble")] == [everything]
    assert [b.id for b in open_brakes(session)] == [own, others, everything]


def test_a_lifted_brake_says_who_lifted_it_and_can_be_pulled_anew(session):
    first = pull(session)

    assert lift(session, first, by="Ines", now=NOW + timedelta(hours=1))
    assert not lift(session, first, by="Otto", now=NOW + timedelta(hours=2))
    assert open_brakes(session) == []
    lifted = session.get(Brake, first, populate_existing=True)
    assert (lifted.lifted_by, lifted.lifted_at) == ("Ines", NOW + timedelta(hours=1))
    assert pull(session) != first
