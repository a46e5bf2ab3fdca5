"""What a person types about modes, brakes, holdouts, actions and gestures, and what the command says."""

import json
import sys

import pytest

from cli.app import main
from cli.voice import VOICE
from outreach.plan import plan_day
from tests.outreach.house import DAY, NOW, House

AMENDS = ('[gesture]\nwhat = "credit"\nhook = "file"\ncents = 500\nauthority_cents = 1000\nfour_eyes_above_cents = 5000\n'
          'budget_cents_a_month = 20000\n[action]\nwhat = "retry"\nhook = "file"\ntests = "the message"\n')  # fmt: skip


@pytest.fixture
def house(settings):
    """A company whose playbook nobody approved yet."""
    made = House(settings)
    made.playbook("fee_shock", approved=None, more=AMENDS)
    return made


@pytest.fixture
def call(house, monkeypatch, capsys):
    """Call the command; return its status and what it said."""

    def run(*words):
        monkeypatch.setattr(VOICE, "as_json", False)
        monkeypatch.setattr(sys, "argv", ["beforehand", "--config", str(house.settings.folder), *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    return run


def test_modes_are_listed_with_what_holds_them_back_and_raised_by_name(call):
    status, said = call("mode")
    assert status == 0
    assert "fee_shock: its file says live, approved is shadow, so it runs as shadow." in said

    assert "fee_shock: 0 flags on 0 days" in call("mode", "fee_shock")[1]
    assert "got no name" in call("mode", "fee_shock", "live")[1]
    assert "fee_shock may now go as far as live, by Mia." in call("mode", "fee_shock", "live", "--as", "Mia")[1]
    assert "Every playbook runs as its file says." in call("mode")[1]


def test_a_wrong_issue_or_mode_names_the_nearest(call):
    said = "mode: playbook 'fee_shok' does not exist. Did you mean 'fee_shock'? Known: fee_shock, payment_failing."
    assert call("mode", "fee_shok") == (2, f"beforehand: {said}\n")
    assert "mode 'lve' does not exist. Did you mean 'live'?" in call("mode", "fee_shock", "lve", "--as", "Mia")[1]


def test_a_brake_is_pulled_listed_and_lifted(call):
    assert "No brake is on." in call("brake")[1]
    assert call("brake", "--pull", "fee_shock")[0] == 2
    assert "about fee_shock" in call("brake", "--pull", "fee_shock", "--why", "wrong words", "--as", "Mia")[1]
    assert "Mia: wrong words" in call("brake")[1]
    assert "is let go" in call("brake", "--lift", "1", "--as", "Ines")[1]
    assert call("brake", "--lift", "1", "--as", "Ines")[0] == 1


def test_whether_a_customer_is_held_out_and_that_somebody_called_them(call, house):
    house.crowd(20)
    plan_day(day=DAY, now=NOW, settings=house.settings)
    out = house.messages(state="held_out")[0].customer_id
    told = house.messages(state="planned")[0].customer_id

    assert f"{out} is held out (payment_failing until 2027-09-30): leave them alone." in call("heldout", out, "--day", str(DAY))[1]
    assert f"{told} is not held out." in call("heldout", told, "--day", str(DAY))[1]
    said = call("heldout", out, "--contacted", "called", "--as", "Otto", "--json")[1]
    assert json.loads(said)["contaminated"] == 1


def test_actions_are_done_and_gestures_wait_for_another_person(call):
    assert "Acting: nothing was due." in call("act")[1]
    assert "500 cents is granted" in call("gesture", "fee_shock", "ann", "--because", "charged twice", "--mistake", "--as", "Otto")[1]
    assert "Acting: 1 done." in call("act")[1]
    assert "waits (over authority)" in call("gesture", "fee_shock", "bob", "--because", "a bad month", "--cents", "2000", "--as", "Otto")[1]
    assert "Gestures that wait" in call("gesture")[1]
    waits = json.loads(call("status", "--json")[1])["figures"]["waiting"]["gestures"]
    assert [(g["gesture"], g["cents"], g["why"], g["asked_by"]) for g in waits] == [(2, 2000, "over_authority", "Otto")]
    assert "Gestures that wait for somebody's word" in call("status")[1]
    assert "Gesture 2 is granted." in call("gesture", "--approve", "2", "--as", "Mia")[1]


def test_erasing_needs_a_name_and_says_what_is_gone(call, house):
    house.customers("ann")
    house.flags("ann")
    assert call("erase", "ann")[0] == 1
    assert "in the ledger" in call("erase", "ann", "--as", "Mia")[1]
