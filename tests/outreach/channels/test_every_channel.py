"""What every channel promises; a new file is covered the day it lands."""

import inspect
import logging
import os

import pytest

from core.errors import ConfigError, MissingError
from outreach.channel import Receipt, Status, channel, channels
from outreach.compose import Composer, Recipient
from outreach.playbook import load_playbooks
from tests.outreach.channels.stages import SECRETS, STAGES, UNREACHABLE, unused_port
from tests.outreach.house import DAY, NOW


@pytest.fixture(params=sorted(channels()))
def each(request):
    return channels()[request.param]


def letters(house, n=3, start=0):
    """Return letters to customers who are in the ledger, with their messages."""
    playbook = load_playbooks(house.settings)["payment_failing"]
    composer = Composer(house.settings)
    return [composer.letter(playbook, Recipient(key(i), f"c{i:05d}@example.org", "Änn Example", "de", DAY), now=NOW)
            for i in range(start, start + n)]  # fmt: skip


def key(i):
    return f"{i:032x}"


@pytest.fixture
def stage(each, house, monkeypatch):
    """The other side of the channel, as a function that tells what arrived; its messages are in the ledger."""
    house.crowd(3)
    with house.open.begin() as session:
        from ledger.flags import Flag
        from ledger.messages import Message

        for i, flag in enumerate(session.query(Flag).order_by(Flag.id)):
            session.add(Message(key=key(i), flag_id=flag.id, kind="notice", issue=flag.issue, playbook_version="1", customer_id=flag.customer_id,
                                unit_id=flag.customer_id, channel=each.name, day=DAY, planned_at=NOW, due_at=NOW))
    with STAGES[each.name](house, monkeypatch) as arrived:
        yield arrived


def test_it_is_found_by_its_files_name(each):
    assert channel(each.name) is each
    assert type(each).__module__ == f"outreach.channels.{each.name}"


def test_it_says_whether_it_keeps_our_keys(each):
    assert isinstance(each.keeps_keys, bool)


def test_nothing_in_nothing_out(each, settings, monkeypatch):
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.test")

    assert list(each.send([], settings=settings, now=NOW)) == []
    assert each.holds([], settings=settings) == set()


def test_it_explains_itself(each):
    assert inspect.getdoc(type(each))


def test_every_letter_gets_one_receipt_and_arrives_with_its_values(each, stage, house):
    written = letters(house)
    each.check(house.settings)
    receipts = each.send(written, settings=house.settings, now=NOW)

    assert sorted(receipt.key for receipt in receipts) == [key(i) for i in range(3)]
    assert {receipt.status for receipt in receipts} == {Status.ACCEPTED}, receipts
    assert all(isinstance(receipt, Receipt) and receipt.provider_id for receipt in receipts)
    arrived = stage()
    assert {k: to for k, (to, _) in arrived.items()} == {key(i): f"c{i:05d}@example.org" for i in range(3)}
    for letter in written:
        text = arrived[letter.key][1]
        assert "Guten Tag Änn," in text
        assert letter.values["check_code"] in text
        assert "[%" not in text


def test_what_keeps_keys_takes_each_once_and_knows_what_it_has(each, stage, house):
    written, asked = letters(house), {(key(i), DAY.isoformat()) for i in range(3)}
    each.send(written[:2], settings=house.settings, now=NOW)
    each.send(written[:2], settings=house.settings, now=NOW)

    assert each.holds(asked, settings=house.settings) == ({key(0), key(1)} if each.keeps_keys else set())
    if each.keeps_keys:
        assert len(stage()) == 2


@pytest.mark.parametrize("name", sorted(UNREACHABLE))  # the others' other side is our own folder or ledger
def test_where_nobody_answers_nothing_is_raised_and_nothing_is_lost(name, house, monkeypatch):
    each = channels()[name]
    for secret in SECRETS[name]:
        monkeypatch.setenv(secret, "whsec_" + "c2VjcmV0" * 8)
    if name == "smtp":
        monkeypatch.setenv("SMTP_USER", "lumen")
    house.configure(UNREACHABLE[name].format(port=unused_port()))
    receipts = each.send(letters(house), settings=house.settings, now=NOW)

    assert [receipt.status for receipt in receipts] == [Status.DEFERRED] * 3
    assert all(receipt.reason.startswith("no connection: ") and receipt.retry_at > NOW for receipt in receipts)


def test_without_its_secret_it_says_which_and_how_to_get_it(each, stage, house, monkeypatch):
    for name in SECRETS[each.name]:
        monkeypatch.delenv(name)
        with pytest.raises(MissingError, match=rf"^{name}: "):
            each.check(house.settings)


def test_it_logs_neither_secrets_nor_addresses_nor_names(each, stage, house, caplog):
    caplog.set_level(logging.DEBUG)
    each.send(letters(house), settings=house.settings, now=NOW)

    words = "\n".join(record.getMessage() for record in caplog.records if record.name != "mail.log")  # the test's own mail server
    assert not [name for name in SECRETS[each.name] if os.environ[name] in words]
    assert "@example.org" not in words
    assert "Example" not in words


def test_every_channel_has_a_stage_here():
    assert set(STAGES) == set(channels()), "write the other side of the new channel into stages.py"


def test_a_channel_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match=r"outreach\.channel: channel 'sendgird' does not exist\. Did you mean 'sendgrid'"):
        channel("sendgird")
