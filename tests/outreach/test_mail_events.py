"""Mail that reaches us: a person's reply on the flag it answers, or a report that moves its message."""

from sqlalchemy import select

from ledger.contacts import Contact
from ledger.customers import Customer
from ledger.outcomes import Outcome
from outreach.events import hear_events
from tests.outreach.heard import suppressed
from tests.outreach.house import NOW


def reply(house, key, **more):
    headers = {"From": "Ann <c00000@example.org>", "To": "help@lumen.example", "Subject": "Re: a note", "Message-ID": "<r1@example.org>",
               "In-Reply-To": f"<{key}@lumen.example>"} | {name.replace("_", "-"): value for name, value in more.items() if name != "text"}
    head = "".join(f"{name}: {value}\n" for name, value in headers.items() if value is not None)
    folder = house.settings.place("replies")
    (folder / f"{len(list(folder.glob('*')))}.eml").write_text(f"{head}\n{more.get('text', 'Thank you, it works now.')}\n")
    return hear_events(now=NOW, settings=house.settings)


def contacts(house):
    with house.open() as session:
        return list(session.scalars(select(Contact).order_by(Contact.id)))


def test_a_reply_reaches_a_person_on_the_flag_it_answers(sent):
    first = sent.message("c00000")
    assert reply(sent, first.key) == {"replies": 1}
    (contact,) = contacts(sent)

    assert (contact.kind, contact.customer_id, contact.message_id, contact.flag_id) == ("reply", "c00000", first.id, first.flag_id)
    assert (contact.text, contact.handled_at, contact.note) == ("Thank you, it works now.", None, None)
    with sent.open() as session:
        assert session.scalar(select(Outcome.kind).where(Outcome.message_id == first.id)) == "replied"
    assert reply(sent, first.key) == {}, "the same mail twice is one contact"


def test_a_reply_that_names_no_message_is_found_by_its_sender(sent):
    reply(sent, "", In_Reply_To=None)

    assert contacts(sent)[0].message_id == sent.message("c00000").id


def test_a_reply_of_a_stranger_is_kept_without_a_customer(sent):
    reply(sent, "", In_Reply_To=None, From="x@elsewhere.example")

    assert (contacts(sent)[0].customer_id, contacts(sent)[0].message_id) == (None, None)


def test_a_reply_from_another_address_says_so(sent):
    reply(sent, sent.message("c00000").key, From="x@elsewhere.example")

    assert contacts(sent)[0].note == "It came from an address that is not the customer's."


def test_a_wish_to_stop_is_seen_by_a_person_and_opts_nobody_out_by_itself(sent):
    reply(sent, sent.message("c00000").key, text="Please STOP writing to me.")

    assert contacts(sent)[0].kind == "stop"
    assert suppressed(sent) == set()


def test_an_out_of_office_note_is_neither_a_reply_nor_an_opt_out(sent):
    assert reply(sent, sent.message("c00000").key, Auto_Submitted="auto-replied", text="I am away. Unsubscribe from nothing.") == {}
    assert contacts(sent) == []
    assert sent.count(Outcome) == 0
    assert suppressed(sent) == set()


def test_mail_that_was_read_is_put_away(sent):
    reply(sent, sent.message("c00000").key)

    assert [path.name for path in (sent.settings.root / "replies").glob("*.eml")] == []
    assert len(list((sent.settings.root / "replies" / "read").glob("*.eml"))) == 1


def test_a_bounce_that_comes_by_mail_settles_its_message_and_suppresses_the_address(sent):
    key = sent.message("c00000").key
    report = (
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n'
        "From: MAILER-DAEMON@mx.example\nSubject: failure\nMIME-Version: 1.0\n\n--b\nContent-Type: text/plain\n\nsorry\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        "Final-Recipient: rfc822; c00000@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <{key}@lumen.example>\nSubject: x\n\n--b--\n"
    )
    folder = sent.settings.place("replies")
    (folder / "bounce.eml").write_text(report)

    assert hear_events(now=NOW, settings=sent.settings) == {"events": 1}
    assert sent.message("c00000").state == "bounced"
    assert suppressed(sent) == {("c00000@example.org", "hard_bounce")}
    assert contacts(sent) == []


def test_customers_without_an_address_are_not_taken_for_a_reply_without_a_sender(sent):
    sent.change(Customer, {"customer_id": "c00001"}, address="")
    reply(sent, "", In_Reply_To=None, From="")

    assert contacts(sent)[0].customer_id is None
