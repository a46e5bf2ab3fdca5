"""Another system reads the flags, a page after the other, and never learns which arm a customer is in."""

from datetime import date, timedelta

import pytest
from sqlalchemy import insert

from core import clock
from ledger.flags import Flag

DAY = date(2026, 3, 31)


@pytest.fixture
def flags(session):
    """Seven flags of two issues on two days, one closed, one of a replayed day."""
    rows = [
        {"customer_id": f"c{n}", "issue": ("payment_failing", "fee_shock")[n % 2], "day": DAY - timedelta(days=n // 4), "probability": 0.3,
         "days_until": 6.5, "reasons": [f"{n} payments failed"], "evidence": {"failed_payments_30d": n}, "detector": "d",
         "replay": n == 6, "state": "struck" if n == 5 else "open", "created_at": clock.now()}
        for n in range(7)
    ]  # fmt: skip
    ids = list(session.scalars(insert(Flag).returning(Flag.id), rows))
    session.commit()
    return ids


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [flag["id"] for flag in answer.json()["flags"]]


def test_flags_are_chosen_by_issue_day_and_state(caller, flags):
    assert ids(caller.get("/api/v1/flags")) == flags[:6]  # a replayed day was never acted on
    assert ids(caller.get("/api/v1/flags?issue=fee_shock")) == [flags[1], flags[3], flags[5]]
    assert ids(caller.get(f"/api/v1/flags?day={DAY - timedelta(days=1)}")) == [flags[4], flags[5]]
    assert ids(caller.get("/api/v1/flags?issue=fee_shock&state=struck")) == [flags[5]]


def test_pages_follow_each_other_until_there_are_no_more(caller, flags):
    seen, after = [], 0
    while after is not None:
        page = caller.get(f"/api/v1/flags?limit=2&after={after}")
        seen.append(ids(page))
        after = page.json()["next"]
    assert seen == [flags[0:2], flags[2:4], flags[4:6]]


def test_one_flag_says_why_and_nothing_of_arms(caller, flags):
    found = caller.get(f"/api/v1/flags/{flags[2]}").json()
    assert (found["reasons"], found["evidence"]) == (["2 payments failed"], {"failed_payments_30d": 2})
    described = str(caller.get("/api/openapi.json").json()["components"]["schemas"]["FlagWithReasons"]["properties"].keys())
    assert "arm" not in described
    assert "assignment" not in described


def test_a_flag_that_is_not_there_says_where_to_look(caller):
    answer = caller.get("/api/v1/flags/77")
    assert answer.status_code == 404
    assert "no flag 77" in answer.json()["detail"]


@pytest.mark.parametrize(("wrong", "field"), [("day=31.3.2026", "day"), ("state=closed", "state"), ("limit=501", "limit"), ("after=x", "after")])
def test_a_wrong_question_names_what_is_wrong_with_it(caller, wrong, field):
    answer = caller.get(f"/api/v1/flags?{wrong}")
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == [field]


def test_a_token_for_something_else_reads_no_flags(make_caller):
    assert make_caller("desk", ["contacts:write"]).get("/api/v1/flags").status_code == 403
